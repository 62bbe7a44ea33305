// SPDX-License-Identifier: Apache-2.0

//go:build unix

package network_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/network"
	sdk "github.com/bulkhead-ml/bulkhead/sdk/network"
	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

// public is an address to which names may lead. Nothing is ever sent to it: the
// fake dialer leads to local servers.
const public = "93.184.216.34"

// names is a resolver by heart. It counts what it is asked.
type names struct {
	mu    sync.Mutex
	known map[string][]string
	asked []string
}

func (n *names) LookupNetIP(_ context.Context, _, host string) ([]netip.Addr, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.asked = append(n.asked, host)
	var out []netip.Addr
	for _, a := range n.known[host] {
		out = append(out, netip.MustParseAddr(a))
	}
	if out == nil {
		return nil, &net.DNSError{Err: "no such host", Name: host, Server: "10.9.8.7:53", IsNotFound: true}
	}
	return out, nil
}

func (n *names) questions() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return append([]string(nil), n.asked...)
}

func (n *names) set(host string, addrs ...string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.known[host] = addrs
}

// wires is a dialer that leads from addresses to local servers. An address
// without a server refuses, one with an empty name never answers.
type wires struct {
	mu     sync.Mutex
	lead   map[string]string
	dialed []string
}

func (w *wires) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	w.mu.Lock()
	w.dialed = append(w.dialed, address)
	server, ok := w.lead[address]
	w.mu.Unlock()
	switch {
	case !ok:
		return nil, &net.OpError{Op: "dial", Net: network, Err: syscall.ECONNREFUSED}
	case server == "":
		<-ctx.Done()
		return nil, ctx.Err()
	}
	var d net.Dialer
	return d.DialContext(ctx, network, server)
}

func (w *wires) set(address, server string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.lead[address] = server
}

func (w *wires) cut(address string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.lead, address)
}

func (w *wires) targets() []string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]string(nil), w.dialed...)
}

// world is a door with a plugin's end in the test's hand.
type world struct {
	*network.Door
	t      *testing.T
	names  *names
	wires  *wires
	plugin *door.Conn
	served chan error
	lastID uint32
}

// newWorld opens a door for grants. example.com leads to an echo server.
func newWorld(t *testing.T, o network.Options, grants ...string) *world {
	t.Helper()
	leakFree(t)
	w := &world{t: t, names: &names{known: map[string][]string{}}, wires: &wires{lead: map[string]string{}}, served: make(chan error, 1)}
	w.names.set("example.com.", public)
	w.wires.set(public+":443", echo(t))
	if o.Resolver == nil {
		o.Resolver = w.names
	}
	o.Dialer = w.wires
	w.Door = open(t, o, grants...)
	var err error
	if w.plugin, err = door.NewConn(w.Child()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = w.plugin.Close() })
	go func() { w.served <- w.Serve(context.Background()) }()
	return w
}

func open(t testing.TB, o network.Options, grants ...string) *network.Door {
	t.Helper()
	var rules []sdk.Rule
	for _, g := range grants {
		rule, err := sdk.ParseRule(g)
		if err != nil {
			t.Fatal(err)
		}
		rules = append(rules, rule)
	}
	d, err := network.Open(rules, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// ask sends a request and returns its id.
func (w *world) ask(host string, port uint16) uint32 {
	w.t.Helper()
	w.lastID++
	message, err := door.Request{ID: w.lastID, Host: host, Port: port}.Append(nil)
	if err != nil {
		w.t.Fatal(err)
	}
	w.send(message)
	return w.lastID
}

func (w *world) send(message []byte) {
	w.t.Helper()
	if err := w.plugin.Write(w.t.Context(), message, nil); err != nil {
		w.t.Fatal(err)
	}
}

// answer reads one reply and the connection that it may carry.
func (w *world) answer() (door.Reply, *net.UnixConn) {
	w.t.Helper()
	buf := make([]byte, door.MaxMessage)
	n, file, err := w.plugin.ReadFile(buf)
	if err != nil {
		w.t.Fatal(err)
	}
	reply, err := door.ParseReply(buf[:n])
	if err != nil {
		w.t.Fatal(err)
	}
	if (file != nil) != (reply.Status == door.Connected) {
		w.t.Fatalf("reply %+v with descriptor %v", reply, file)
	}
	if file == nil {
		return reply, nil
	}
	defer file.Close()
	conn, err := net.FileConn(file)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = conn.Close() })
	_ = conn.SetDeadline(time.Now().Add(2 * time.Minute))
	return reply, conn.(*net.UnixConn)
}

// dial asks and reads the answer to it.
func (w *world) dial(host string, port uint16) (door.Reply, *net.UnixConn) {
	w.t.Helper()
	id := w.ask(host, port)
	reply, conn := w.answer()
	if reply.ID != id {
		w.t.Fatalf("reply to %d, asked %d", reply.ID, id)
	}
	return reply, conn
}

func (w *world) mustDial(host string, port uint16) *net.UnixConn {
	w.t.Helper()
	reply, conn := w.dial(host, port)
	if conn == nil {
		w.t.Fatalf("%s:%d: %s: %s", host, port, reply.Status, reply.Text)
	}
	return conn
}

// ended waits for Serve.
func (w *world) ended() error {
	w.t.Helper()
	select {
	case err := <-w.served:
		return err
	case <-time.After(time.Minute):
		w.t.Fatal("Serve did not end")
		return nil
	}
}

// mustBreak waits for Serve to blame the plugin.
func (w *world) mustBreak(cause error) {
	w.t.Helper()
	err := w.ended()
	if _, ok := errors.AsType[*network.ProtocolError](err); !ok || !errors.Is(err, cause) {
		w.t.Fatalf("Serve returned %v, want a protocol error for %v", err, cause)
	}
}

// echo serves connections by returning what comes, and the end after the end.
func echo(t *testing.T) string {
	return server(t, func(c *net.TCPConn) {
		// Without its methods for splice, whose pipes stay open for later use.
		_, _ = io.Copy(struct{ io.Writer }{c}, struct{ io.Reader }{c})
		_ = c.CloseWrite()
	})
}

// server serves each connection with handle until the test ends.
func server(t testing.TB, handle func(*net.TCPConn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	var open sync.Map
	work.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			open.Store(c, true)
			work.Go(func() { defer c.Close(); handle(c.(*net.TCPConn)); open.Delete(c) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		open.Range(func(c, _ any) bool { _ = c.(net.Conn).Close(); return true })
		work.Wait()
	})
	return l.Addr().String()
}

// leakFree makes the test fail if, after its other clean-up, more goroutines or
// descriptors are there than before.
func leakFree(t *testing.T) {
	t.Helper()
	if l, err := net.Listen("tcp", "127.0.0.1:0"); err == nil {
		_ = l.Close() // the poller has descriptors of its own from now on
	}
	goroutines, fds := runtime.NumGoroutine(), openDescriptors()
	t.Cleanup(func() {
		var g, f int
		for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); {
			if g, f = runtime.NumGoroutine(), openDescriptors(); g <= goroutines && f <= fds {
				return
			}
			time.Sleep(10 * time.Millisecond)
		}
		buf := make([]byte, 1<<16)
		t.Errorf("%d goroutines and %d descriptors, before %d and %d\n%s", g, f, goroutines, fds, buf[:runtime.Stack(buf, true)])
	})
}

func openDescriptors() int {
	n := 0
	var st syscall.Stat_t
	for fd := range 512 {
		if syscall.Fstat(fd, &st) == nil {
			n++
		}
	}
	return n
}

// roundTrip sends text and wants it back.
func roundTrip(t *testing.T, c net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(c, text); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, len(text))
	if _, err := io.ReadFull(c, buf); err != nil || string(buf) != text {
		t.Fatalf("came back: %q, %v, want %q", buf, err, text)
	}
}

// closedSoon wants the far end of c to end it.
func closedSoon(t *testing.T, c net.Conn) {
	t.Helper()
	_ = c.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.Copy(io.Discard, c); errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatal("the connection stays open")
	}
}
