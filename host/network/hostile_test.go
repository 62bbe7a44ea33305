// SPDX-License-Identifier: Apache-2.0

//go:build unix

package network_test

import (
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/network"
	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

func TestGarbageClosesTheDoor(t *testing.T) {
	for name, message := range map[string]string{
		"one byte":              "x",
		"text":                  "\x01\x01NNECT example.com:443 HTTP/1.1\r\n\r\n",
		"wrong length":          "\x01\x01\x00\x00\x00\x01\x01\xbb\x05example.com",
		"port 0":                "\x01\x01\x00\x00\x00\x01\x00\x00\x0bexample.com",
		"longer than a message": strings.Repeat("x", door.MaxMessage+1),
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, network.Options{}, "example.com:443")
			conn := w.mustDial("example.com", 443)
			w.send([]byte(message))
			w.mustBreak(door.ErrMalformed)
			closedSoon(t, conn)
			if d := w.Denials(); len(d) != 1 || d[0].Address != "" || !strings.Contains(d[0].Reason, "malformed") {
				t.Errorf("Denials = %+v", d)
			}
		})
	}
}

func TestAnotherVersionIsAnsweredAndTheDoorStaysOpen(t *testing.T) {
	w := newWorld(t, network.Options{}, "example.com:443")
	w.send([]byte("\x09\x01\x00\x00\x00\x2awhatever comes"))
	reply, _ := w.answer()
	if reply.ID != 42 || reply.Status != door.Unsupported || !strings.Contains(reply.Text, "speaks version 1") {
		t.Errorf("reply %+v", reply)
	}
	roundTrip(t, w.mustDial("example.com", 443), "hello")
}

func TestDescriptorsInRequestsAreDroppedAndCloseTheDoor(t *testing.T) {
	w := newWorld(t, network.Options{}, "example.com:443")
	message, _ := door.Request{ID: 1, Host: "example.com", Port: 443}.Append(nil)
	r, pipe, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	err = w.plugin.Write(t.Context(), message, pipe)
	_ = pipe.Close()
	if err != nil {
		t.Fatal(err)
	}
	w.mustBreak(door.ErrDescriptors)
	// Nobody has the pipe any more: not the queue, and not the host.
	_ = r.SetReadDeadline(time.Now().Add(time.Minute))
	if _, err := io.ReadAll(r); err != nil {
		t.Errorf("the descriptor lives on: %v", err)
	}
}

// Descriptors sent into a connection vanish; the bytes beside them pass.
func TestDescriptorsInConnectionsAreDropped(t *testing.T) {
	w := newWorld(t, network.Options{}, "example.com:443")
	conn := w.mustDial("example.com", 443)
	before := openDescriptors()
	for range 50 {
		if _, _, err := conn.WriteMsgUnix([]byte("x"), syscall.UnixRights(0, 1, 2), nil); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.ReadFull(conn, make([]byte, 50)); err != nil {
		t.Fatal(err)
	}
	if after := openDescriptors(); after > before {
		t.Errorf("%d descriptors are open, %d were", after, before)
	}
}

// A plugin that does not read replies must not hold the host up, nor may its
// unread connections pile up.
func TestRepliesThatNobodyReads(t *testing.T) {
	for name, host := range map[string]string{"of refusals": "not.granted.example", "with connections": "example.com"} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, network.Options{ReplyTimeout: 100 * time.Millisecond, DialsPerSecond: 1e6, MaxConnections: 4}, "example.com:443")
			message, _ := door.Request{ID: 1, Host: host, Port: 443}.Append(nil)
			var err error
			for err == nil {
				err = w.plugin.Write(t.Context(), message, nil)
			}
			w.mustBreak(network.ErrUnread)
		})
	}
}

func TestThousandsOfRequestsGetAtMostTheirShare(t *testing.T) {
	w := newWorld(t, network.Options{DialsPerSecond: 1e6, MaxConnections: 8}, "example.com:443")
	before := openDescriptors()
	go func() {
		message, _ := door.Request{ID: 1, Host: "example.com", Port: 443}.Append(nil)
		for range 1000 {
			if w.plugin.Write(context.Background(), message, nil) != nil {
				return
			}
		}
	}()
	connected, busy := 0, 0
	for range 1000 {
		switch reply, _ := w.answer(); reply.Status {
		case door.Connected:
			connected++
		case door.Busy:
			busy++
		}
	}
	if connected != 8 || busy != 992 {
		t.Errorf("%d connections, %d refused; want 8 and 992", connected, busy)
	}
	// Here: the plugin's end, ours, the TCP connection and the server's end of it.
	if grown := openDescriptors() - before; grown > 8*4 {
		t.Errorf("%d descriptors for 8 connections", grown)
	}
	if d := w.Denials(); len(d) != 1 || d[0].Status != door.Busy || d[0].Count != 992 {
		t.Errorf("Denials = %+v", d)
	}
}

func TestThePluginGoesInTheMiddleOfADial(t *testing.T) {
	w := newWorld(t, network.Options{DialTimeout: time.Hour}, "silent.example:443")
	w.names.set("silent.example.", "93.184.216.35")
	w.wires.set("93.184.216.35:443", "")
	w.ask("silent.example", 443)
	for len(w.wires.targets()) == 0 {
		time.Sleep(time.Millisecond)
	}
	_ = w.plugin.Close()
	if err := w.ended(); err != nil {
		t.Errorf("Serve returned %v", err)
	}
}

func TestAQuietConnectionEnds(t *testing.T) {
	for idle := 150 * time.Millisecond; idle < time.Minute; idle *= 2 {
		w := newWorld(t, network.Options{IdleTimeout: idle}, "example.com:443")
		quiet, busy := w.mustDial("example.com", 443), w.mustDial("example.com", 443)
		_ = quiet.SetReadDeadline(time.Now().Add(time.Minute))
		pause, err := chat(busy, idle)
		if _, err := quiet.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("the quiet one: %v", err)
		}
		if err == nil {
			return
		}
		if pause < idle/2 {
			t.Fatalf("one that talks every %v: %v", pause, err)
		}
		// This machine was too busy to talk; once more, with more time for it.
	}
	t.Error("the one that talks was closed")
}

// chat talks for twice the time after which a quiet connection ends, and says what
// its longest pause was.
func chat(c net.Conn, idle time.Duration) (pause time.Duration, err error) {
	const text = "still talking"
	said := time.Now()
	for end := said.Add(2 * idle); time.Now().Before(end); time.Sleep(idle / 5) {
		_, err = io.WriteString(c, text)
		if err == nil {
			_, err = io.ReadFull(c, make([]byte, len(text)))
		}
		now := time.Now()
		pause, said = max(pause, now.Sub(said)), now
		if err != nil {
			break
		}
	}
	return pause, err
}

// A far end that takes no bytes holds a connection no longer than a silent one.
func TestAFarEndThatDoesNotRead(t *testing.T) {
	w := newWorld(t, network.Options{IdleTimeout: 150 * time.Millisecond}, "example.com:443")
	release := make(chan struct{})
	defer close(release)
	w.wires.set(public+":443", server(t, func(*net.TCPConn) { <-release }))
	conn := w.mustDial("example.com", 443)
	began := time.Now()
	for {
		if _, err := conn.Write(make([]byte, 64<<10)); err != nil {
			break
		}
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it took %v to end", took)
	}
}

func TestABrokenFarEndEndsTheConnection(t *testing.T) {
	w := newWorld(t, network.Options{}, "example.com:443")
	w.wires.set(public+":443", server(t, func(c *net.TCPConn) {
		_, _ = io.ReadFull(c, make([]byte, 1))
		_ = c.SetLinger(0) // reset
	}))
	conn := w.mustDial("example.com", 443)
	_, _ = conn.Write([]byte("x"))
	closedSoon(t, conn)
	if _, err := conn.Write([]byte("y")); err == nil {
		t.Error("a write after the end of both directions succeeded")
	}
}

func TestEitherEndMayFinishFirst(t *testing.T) {
	w := newWorld(t, network.Options{}, "example.com:443")
	heard := make(chan string, 1)
	w.wires.set(public+":443", server(t, func(c *net.TCPConn) {
		_, _ = io.WriteString(c, "first")
		_ = c.CloseWrite()
		rest, _ := io.ReadAll(struct{ io.Reader }{c})
		heard <- string(rest)
	}))
	conn := w.mustDial("example.com", 443)
	if text, err := io.ReadAll(conn); err != nil || string(text) != "first" {
		t.Fatalf("read %q, %v", text, err)
	}
	if _, err := io.WriteString(conn, "after your end"); err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	if got := <-heard; got != "after your end" {
		t.Errorf("the server read %q", got)
	}
}

// FuzzDoor sends what a hostile plugin may and wants the host to stand. The
// messages are cut out of data: a byte with the length, then the bytes.
func FuzzDoor(f *testing.F) {
	granted, _ := door.Request{ID: 1, Host: "example.com", Port: 443}.Append([]byte{20})
	f.Add(granted)
	f.Add(append(granted, granted...))
	f.Add([]byte("\x0e\x01\x01\x00\x00\x00\x01\x00\x50\x05\xff\x00\xc3\x28."))
	f.Add([]byte("\x06\x02\x01\x00\x00\x00\x01\x03abc"))
	f.Fuzz(func(t *testing.T, data []byte) {
		w := newWorld(t, network.Options{DialsPerSecond: 1e9, MaxConnections: 2}, "example.com:443")
		go func() { // replies
			for {
				_, file, err := w.plugin.ReadFile(make([]byte, door.MaxMessage))
				if err != nil {
					return
				}
				_ = file.Close()
			}
		}()
		for len(data) > 0 {
			n := min(int(data[0]), len(data)-1)
			if w.plugin.Write(t.Context(), data[1:1+n], nil) != nil {
				break
			}
			data = data[1+n:]
		}
		_ = w.plugin.Close()
		if err := w.ended(); err != nil {
			if _, ok := errors.AsType[*network.ProtocolError](err); !ok {
				t.Fatalf("Serve returned %v", err)
			}
		}
	})
}
