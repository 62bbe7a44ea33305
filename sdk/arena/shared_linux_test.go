// SPDX-License-Identifier: Apache-2.0

package arena

import (
	"errors"
	"io"
	"os"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

func make1(t *testing.T, w Writer) *Memory {
	t.Helper()
	m, err := Make(5<<20, w)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// second is another descriptor, as the other side gets one.
func second(t *testing.T, m *Memory) *os.File {
	t.Helper()
	fd, err := unix.FcntlInt(m.File().Fd(), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fd), "again")
}

func TestMemoryIsShared(t *testing.T) {
	for _, w := range []Writer{MakerWrites, ReaderWrites} {
		m := make1(t, w)
		if len(m.Bytes()) != 6<<20 || uintptr(unsafe.Pointer(unsafe.SliceData(m.Bytes())))%hugePage != 0 {
			t.Fatalf("%d bytes at %p", len(m.Bytes()), m.Bytes())
		}
		other, err := Open(second(t, m), 6<<20, w == ReaderWrites)
		if err != nil {
			t.Fatal(err)
		}
		m.Bytes()[5<<20] = 7
		if other.Bytes()[5<<20] != 7 {
			t.Error("it is not shared")
		}
		if w == ReaderWrites {
			other.Bytes()[1] = 9
			if m.Bytes()[1] != 9 {
				t.Error("it is not shared the other way")
			}
		}
		if err := errors.Join(other.Close(), other.Close()); err != nil {
			t.Error(err)
		}
	}
}

// TestReadyKeepsWhatStands: pages are made, and hold what they held.
func TestReadyKeepsWhatStands(t *testing.T) {
	m := make1(t, MakerWrites)
	for i := range m.Bytes() {
		if i%(64<<10) == 0 {
			m.Bytes()[i] = byte(i >> 16)
		}
	}
	for _, n := range []int{1, 100 << 10, 1 << 20, 3 << 20, 6 << 20, 6 << 20} {
		m.Ready(n)
	}
	for i := range m.Bytes() {
		if i%(64<<10) == 0 && m.Bytes()[i] != byte(i>>16) {
			t.Fatalf("byte %d is %d", i, m.Bytes()[i])
		}
	}
}

func TestMemoryThatIsRefused(t *testing.T) {
	plain, err := unix.MemfdCreate("plain", unix.MFD_ALLOW_SEALING|unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	_ = unix.Ftruncate(plain, 2<<20)
	file, err := os.CreateTemp(t.TempDir(), "")
	if err != nil {
		t.Fatal(err)
	}
	_ = file.Truncate(2 << 20)
	sealed, writable := make1(t, MakerWrites), make1(t, ReaderWrites)
	for name, c := range map[string]struct {
		file     *os.File
		size     int
		writable bool
	}{
		"no seals":               {os.NewFile(uintptr(plain), "plain"), 2 << 20, false},
		"a file":                 {file, 2 << 20, false},
		"another size":           {second(t, sealed), 4 << 20, false},
		"no size":                {second(t, sealed), 0, false},
		"writing what is sealed": {second(t, sealed), 6 << 20, true},
		"reading what is not":    {second(t, writable), 6 << 20, false},
	} {
		if m, err := Open(c.file, c.size, c.writable); err == nil {
			t.Errorf("%s: it is mapped", name)
			_ = m.Close()
		}
		if c.file.Close() == nil {
			t.Errorf("%s: the descriptor is left open", name)
		}
	}
	if _, err := Make(0, MakerWrites); err == nil {
		t.Error("nothing is shared")
	}
}

func pair(t *testing.T) (*Conn, *Conn) {
	t.Helper()
	ours, file, err := Pair()
	if err != nil {
		t.Fatal(err)
	}
	theirs, err := NewConn(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = ours.Close(), theirs.Close() })
	return ours, theirs
}

func TestConn(t *testing.T) {
	ours, theirs := pair(t)
	if _, ok, err := theirs.Poll(); ok || err != nil {
		t.Errorf("there is a message: %v", err)
	}
	m := make1(t, MakerWrites)
	if err := errors.Join(ours.Send(Message{Kind: End, Seq: 1}), ours.SendFile(Message{Kind: Input}, m.File()), ours.SendFile(Message{Kind: Input}, m.File()), ours.Send(Message{Kind: End, Seq: 2})); err != nil {
		t.Fatal(err)
	}
	if got, ok, err := theirs.Poll(); !ok || err != nil || got.Seq != 1 {
		t.Errorf("%+v, %v, %v", got, ok, err)
	}
	got, file, err := theirs.ReceiveFile()
	if err != nil || got.Kind != Input || file == nil {
		t.Fatalf("%+v, %v, %v", got, file, err)
	}
	if flags, _ := unix.FcntlInt(file.Fd(), unix.F_GETFD, 0); flags&unix.FD_CLOEXEC == 0 {
		t.Error("programs would inherit what was received")
	}
	_ = file.Close()
	before := descriptors(t)
	if got, err := theirs.Receive(); err != nil || got.Kind != Input { // the descriptor is dropped
		t.Errorf("%+v, %v", got, err)
	}
	if descriptors(t) > before {
		t.Error("a descriptor arrived that nobody asked for")
	}
	if got, file, err := theirs.ReceiveFile(); err != nil || file != nil || got.Seq != 2 {
		t.Errorf("%+v, %v, %v", got, file, err)
	}
	_ = theirs.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
	if _, err := theirs.Receive(); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("after the deadline: %v", err)
	}
	_, _ = theirs.SetDeadline(time.Time{}), ours.Close()
	if _, err := theirs.Receive(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
	if _, _, err := theirs.ReceiveFile(); !errors.Is(err, io.EOF) {
		t.Errorf("after the end: %v", err)
	}
}

func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(entries)
}

// TestForeignMessages: what is no message, or brings too much, is an error and
// leaves nothing open.
func TestForeignMessages(t *testing.T) {
	for name, send := range map[string]func(fd int) error{
		"short": func(fd int) error { return unix.Sendto(fd, []byte("x"), 0, nil) },
		"long":  func(fd int) error { return unix.Sendto(fd, make([]byte, 1000), 0, nil) },
		"two descriptors": func(fd int) error {
			return unix.Sendmsg(fd, make([]byte, MessageBytes), unix.UnixRights(fd, fd), nil, 0)
		},
		"many descriptors": func(fd int) error {
			return unix.Sendmsg(fd, make([]byte, MessageBytes), unix.UnixRights(fd, fd, fd, fd, fd, fd), nil, 0)
		},
		"a descriptor with garbage": func(fd int) error { return unix.Sendmsg(fd, []byte("x"), unix.UnixRights(fd), nil, 0) },
	} {
		ours, theirs := pair(t)
		before := descriptors(t)
		var sent error
		_ = ours.raw.Control(func(fd uintptr) { sent = send(int(fd)) })
		if sent != nil {
			t.Fatal(sent)
		}
		if _, file, err := theirs.ReceiveFile(); err == nil || file != nil {
			t.Errorf("%s: %v, %v", name, file, err)
		}
		if after := descriptors(t); after != before {
			t.Errorf("%s: %d descriptors became %d", name, before, after)
		}
	}
	file, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewConn(file); err == nil {
		t.Error("a file is a data socket")
	}
}
