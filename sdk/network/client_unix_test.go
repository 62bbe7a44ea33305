// SPDX-License-Identifier: Apache-2.0

//go:build unix

package network

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

// host is the far end of a door, played by the test.
type host struct {
	*door.Conn
	t *testing.T
}

// newHost makes a client and the host that it talks to.
func newHost(t *testing.T) (*client, host) {
	t.Helper()
	ours, theirs := pair(t)
	plugin, err := door.NewConn(ours)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := door.NewConn(theirs)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = plugin.Close(), conn.Close() })
	return newClient(plugin), host{conn, t}
}

func pair(t *testing.T) (a, b *os.File) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b = os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

func (h host) request() door.Request {
	h.t.Helper()
	buf := make([]byte, door.MaxMessage)
	n, err := h.Read(buf)
	if err != nil {
		h.t.Fatal(err)
	}
	r, err := door.ParseRequest(buf[:n])
	if err != nil {
		h.t.Fatal(err)
	}
	return r
}

func (h host) reply(r door.Reply, f *os.File) {
	h.t.Helper()
	if err := h.Write(h.t.Context(), r.Append(nil), f); err != nil {
		h.t.Fatal(err)
	}
}

type result struct {
	conn net.Conn
	err  error
}

// dialing starts a dial.
func dialing(ctx context.Context, c *client, address string) <-chan result {
	done := make(chan result, 1)
	go func() {
		name, port, _ := split(address)
		conn, err := c.dial(ctx, address, name, port)
		done <- result{conn, err}
	}()
	return done
}

func TestRepliesFindTheirRequestsInAnyOrder(t *testing.T) {
	c, h := newHost(t)
	results := map[string]<-chan result{}
	requests := map[string]uint32{}
	for _, name := range []string{"a", "b", "c"} {
		results[name] = dialing(t.Context(), c, name+":1")
	}
	for range 3 {
		r := h.request()
		requests[r.Host] = r.ID
	}
	for _, name := range []string{"c", "a", "b"} {
		ours, theirs := pair(t)
		h.reply(door.Reply{ID: requests[name]}, theirs)
		_ = theirs.Close()
		r := <-results[name]
		if r.err != nil {
			t.Fatal(r.err)
		}
		_, _ = io.WriteString(r.conn, name)
		_ = r.conn.Close()
		if got, err := io.ReadAll(ours); err != nil || string(got) != name {
			t.Errorf("the connection of %s carries %q, %v", name, got, err)
		}
	}
}

// A connection that comes after its dial was given up is closed.
func TestLateConnectionsAreClosed(t *testing.T) {
	c, h := newHost(t)
	ctx, cancel := context.WithCancel(t.Context())
	done := dialing(ctx, c, "a:1")
	id := h.request().ID
	cancel()
	if r := <-done; !errors.Is(r.err, context.Canceled) {
		t.Fatal(r.err)
	}
	ours, theirs := pair(t)
	h.reply(door.Reply{ID: id}, theirs)
	_ = theirs.Close()
	ended := make(chan error, 1)
	go func() { _, err := io.ReadAll(ours); ended <- err }()
	select {
	case <-ended:
	case <-time.After(time.Minute):
		t.Fatal("somebody holds the connection")
	}
}

func TestTheEndOfTheDoorEndsAllDials(t *testing.T) {
	for name, end := range map[string]func(host){
		"closed":  func(h host) { _ = h.Close() },
		"garbage": func(h host) { _ = h.Write(h.t.Context(), []byte("garbage"), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			c, h := newHost(t)
			waiting := []<-chan result{dialing(t.Context(), c, "a:1"), dialing(t.Context(), c, "b:1")}
			h.request()
			h.request()
			end(h)
			waiting = append(waiting, dialing(t.Context(), c, "c:1"))
			for _, done := range waiting {
				if r := <-done; !errors.Is(r.err, ErrDoorClosed) {
					t.Errorf("a dial ended with %v", r.err)
				}
			}
			if r := <-dialing(t.Context(), c, "d:1"); !errors.Is(r.err, ErrDoorClosed) {
				t.Errorf("a later dial ended with %v", r.err)
			}
		})
	}
}

func TestAHostThatSendsNoConnection(t *testing.T) {
	c, h := newHost(t)
	done := dialing(t.Context(), c, "a:1")
	h.reply(door.Reply{ID: h.request().ID}, nil)
	if r := <-done; !errors.Is(r.err, door.ErrMalformed) {
		t.Error(r.err)
	}
	done = dialing(t.Context(), c, "a:1")
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	h.reply(door.Reply{ID: h.request().ID}, w)
	if r := <-done; r.err == nil {
		t.Error("a pipe became a connection")
	}
}

func TestRefusals(t *testing.T) {
	c, h := newHost(t)
	for _, status := range []door.Status{door.NotGranted, door.Forbidden, door.NotFound, door.Unreachable, door.Busy, door.Unsupported} {
		done := dialing(t.Context(), c, "example.com:443")
		h.reply(door.Reply{ID: h.request().ID, Status: status, Text: "because"}, nil)
		r := <-done
		refused, ok := errors.AsType[*RefusedError](r.err)
		switch {
		case (status == door.NotGranted) != errors.Is(r.err, ErrNotGranted), ok == (status == door.NotGranted):
			t.Errorf("%s gave %v", status, r.err)
		case ok && (refused.Status != status || refused.Reason != "because" || !strings.Contains(r.err.Error(), status.String())):
			t.Errorf("%s gave %+v", status, refused)
		case ok && refused.Temporary() != (status == door.Busy || status == door.Unreachable):
			t.Errorf("%s: temporary is %v", status, refused.Temporary())
		}
	}
}

// Requests that the host does not read wait, but no longer than their context.
func TestADialThatCannotBeSent(t *testing.T) {
	c, _ := newHost(t)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	var waiting []<-chan result
	for range 2000 {
		waiting = append(waiting, dialing(ctx, c, strings.Repeat("a", 250)+":1"))
	}
	for _, done := range waiting {
		if r := <-done; !errors.Is(r.err, context.DeadlineExceeded) && !errors.Is(r.err, ErrDoorClosed) {
			t.Fatal(r.err)
		}
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) != 0 {
		t.Errorf("%d requests are remembered", len(c.waiting))
	}
}

func TestDescriptorsThatAreNoDoor(t *testing.T) {
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	fd, err := syscall.Dup(int(file.Fd()))
	_ = file.Close()
	if err != nil {
		t.Fatal(err)
	}
	for _, number := range []string{"", "x", "-1", "0", "2", "99999999999", "1000", strconv.Itoa(fd)} {
		if c, err := openDoor(number); !errors.Is(err, ErrNoDoor) {
			t.Errorf("%s=%q gave %v, %v", door.EnvFD, number, c, err)
		}
	}
}

func TestConnectionsHaveTwoDirections(t *testing.T) {
	ours, theirs := pair(t)
	conn, err := answer{file: theirs}.connection("example.com:443")
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.(interface{ CloseWrite() error }).CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if rest, err := io.ReadAll(ours); err != nil || len(rest) != 0 {
		t.Errorf("read %q, %v", rest, err)
	}
	_, _ = ours.WriteString("back")
	_ = ours.Close()
	if text, err := io.ReadAll(conn); err != nil || string(text) != "back" {
		t.Errorf("read %q, %v", text, err)
	}
	if a := conn.RemoteAddr(); a.Network() != "tcp" || a.String() != "example.com:443" {
		t.Errorf("remote address %s %s", a.Network(), a)
	}
}
