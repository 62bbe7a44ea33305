// SPDX-License-Identifier: Apache-2.0

//go:build unix

package door_test

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

	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

// transports are the types of socket that a door may be.
var transports = map[string]int{"stream": syscall.SOCK_STREAM}

func eachTransport(t *testing.T, test func(t *testing.T, a, b *door.Conn)) {
	for name, kind := range transports {
		t.Run(name, func(t *testing.T) {
			a, b := conns(t, kind)
			test(t, a, b)
		})
	}
}

func conns(t *testing.T, kind int) (a, b *door.Conn) {
	t.Helper()
	fileA, fileB := files(t, kind)
	return conn(t, fileA), conn(t, fileB)
}

func conn(t *testing.T, f *os.File) *door.Conn {
	t.Helper()
	c, err := door.NewConn(f)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

func files(t *testing.T, kind int) (a, b *os.File) {
	t.Helper()
	fds, err := syscall.Socketpair(syscall.AF_UNIX, kind, 0)
	if err != nil {
		t.Fatal(err)
	}
	a, b = os.NewFile(uintptr(fds[0]), "a"), os.NewFile(uintptr(fds[1]), "b")
	t.Cleanup(func() { _, _ = a.Close(), b.Close() })
	return a, b
}

func TestMessagesKeepTheirBounds(t *testing.T) {
	eachTransport(t, func(t *testing.T, a, b *door.Conn) {
		want := []string{"x", strings.Repeat("y", door.MaxMessage), "z"}
		for _, m := range want {
			if err := a.Write(t.Context(), []byte(m), nil); err != nil {
				t.Fatal(err)
			}
		}
		buf := make([]byte, door.MaxMessage)
		for _, m := range want {
			if n, err := b.Read(buf); err != nil || string(buf[:n]) != m {
				t.Fatalf("read %d bytes, %v, want %d", n, err, len(m))
			}
		}
		_ = a.Close()
		if _, err := b.Read(buf); !errors.Is(err, io.EOF) {
			t.Errorf("after the end: %v", err)
		}
	})
}

func TestADescriptorTravelsWithItsMessage(t *testing.T) {
	eachTransport(t, func(t *testing.T, a, b *door.Conn) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		for _, f := range []*os.File{nil, w, nil} {
			if err := a.Write(t.Context(), []byte("message"), f); err != nil {
				t.Fatal(err)
			}
		}
		_ = w.Close()
		buf := make([]byte, door.MaxMessage)
		var got *os.File
		for i := range 3 {
			n, f, err := b.ReadFile(buf)
			if err != nil || string(buf[:n]) != "message" || (f != nil) != (i == 1) {
				t.Fatalf("message %d: %q, %v, %v", i, buf[:n], f, err)
			}
			if f != nil {
				got = f
			}
		}
		_, _ = io.WriteString(got, "through")
		_ = got.Close()
		if text, err := io.ReadAll(r); err != nil || string(text) != "through" {
			t.Errorf("the pipe gave %q, %v", text, err)
		}
	})
}

func TestReadTakesNoDescriptors(t *testing.T) {
	eachTransport(t, func(t *testing.T, a, b *door.Conn) {
		before := openDescriptors(t)
		if err := a.Write(t.Context(), []byte("gift"), os.Stdin); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Read(make([]byte, door.MaxMessage)); !errors.Is(err, door.ErrDescriptors) {
			t.Errorf("error %v, want ErrDescriptors", err)
		}
		if after := openDescriptors(t); after != before {
			t.Errorf("%d descriptors are open, %d were", after, before)
		}
	})
}

// openDescriptors counts those below 256.
func openDescriptors(t *testing.T) int {
	t.Helper()
	n := 0
	var st syscall.Stat_t
	for fd := range 256 {
		if syscall.Fstat(fd, &st) == nil {
			n++
		}
	}
	return n
}

func TestMessagesThatDoNotFitAreMalformed(t *testing.T) {
	eachTransport(t, func(t *testing.T, a, b *door.Conn) {
		if err := a.Write(t.Context(), make([]byte, 100), nil); err != nil {
			t.Fatal(err)
		}
		if _, err := b.Read(make([]byte, 99)); !errors.Is(err, door.ErrMalformed) {
			t.Errorf("error %v, want ErrMalformed", err)
		}
	})
}

func TestAnEmptyMessageIsTheEnd(t *testing.T) {
	eachTransport(t, func(t *testing.T, a, b *door.Conn) {
		if err := a.Write(t.Context(), nil, nil); err != nil {
			t.Skip(err)
		}
		if n, err := b.Read(make([]byte, 9)); !errors.Is(err, io.EOF) {
			t.Errorf("read %d, %v", n, err)
		}
	})
}

func TestWritesWaitNoLongerThanTheirContext(t *testing.T) {
	eachTransport(t, func(t *testing.T, a, b *door.Conn) {
		cause := errors.New("waited enough")
		ctx, cancel := context.WithTimeoutCause(t.Context(), 50*time.Millisecond, cause)
		defer cancel()
		var err error
		for err == nil { // nobody reads
			err = a.Write(ctx, make([]byte, door.MaxMessage), nil)
		}
		if !errors.Is(err, cause) {
			t.Fatalf("error %v, want the context's cause", err)
		}
		if err := a.Write(ctx, []byte("late"), nil); !errors.Is(err, cause) {
			t.Errorf("a write after the end: %v", err)
		}
	})
}

func TestAStreamThatEndsInAMessage(t *testing.T) {
	fileA, fileB := files(t, syscall.SOCK_STREAM)
	b := conn(t, fileB)
	_, _ = fileA.WriteString("\x00\x05abc")
	_ = fileA.Close()
	if _, err := b.Read(make([]byte, 9)); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("error %v", err)
	}
}

func TestOtherDescriptorsAreNoDoor(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if _, err := door.NewConn(r); err == nil {
		t.Error("a pipe became a door")
	}
	dgram, _ := files(t, syscall.SOCK_DGRAM)
	if _, err := door.NewConn(dgram); err == nil {
		t.Error("a datagram socket became a door")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Skip(err)
	}
	defer listener.Close()
	conn, err := net.Dial("tcp", listener.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	tcp, err := conn.(*net.TCPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := door.NewConn(tcp); err == nil {
		t.Error("a TCP socket became a door")
	}
}
