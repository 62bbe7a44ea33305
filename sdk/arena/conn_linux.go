// SPDX-License-Identifier: Apache-2.0

package arena

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Conn is one end of a data socket or a lane. One goroutine at a time may
// receive, and any number may send.
type Conn struct {
	file *os.File
	raw  syscall.RawConn

	in   inbound               // of the goroutine that receives
	look func(fd uintptr) bool // receives into it
}

// Pair makes the two ends of a socket: one for this process, and one that another
// process can inherit or be sent.
func Pair() (*Conn, *os.File, error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, fmt.Errorf("making a pair of sockets: %w", err)
	}
	theirs := os.NewFile(uintptr(fds[1]), "data socket")
	ours, err := newConn(fds[0])
	if err != nil {
		return nil, nil, errors.Join(err, theirs.Close())
	}
	return ours, theirs, nil
}

// NewConn makes an end from a descriptor that was inherited or received. It
// takes over file, which is closed in any case.
func NewConn(file *os.File) (*Conn, error) {
	defer file.Close()
	kind, err := unix.GetsockoptInt(int(file.Fd()), unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_SEQPACKET {
		return nil, errors.Join(errors.New("a descriptor that is no data socket"), err)
	}
	fd, err := unix.FcntlInt(file.Fd(), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, err
	}
	return newConn(fd)
}

func newConn(fd int) (*Conn, error) {
	if err := unix.SetNonblock(fd, true); err != nil {
		return nil, errors.Join(err, unix.Close(fd))
	}
	file := os.NewFile(uintptr(fd), "data socket")
	raw, err := file.SyscallConn()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	c := &Conn{file: file, raw: raw}
	c.look = c.await
	return c, nil
}

// Send sends a message. It waits for room.
func (c *Conn) Send(m Message) error {
	var buf [MessageBytes]byte
	m.Encode(&buf)
	_, err := c.file.Write(buf[:])
	return err
}

// SendFile sends a message with a descriptor, which stays the caller's.
func (c *Conn) SendFile(m Message, file *os.File) error {
	var buf [MessageBytes]byte
	m.Encode(&buf)
	passed, err := file.SyscallConn()
	if err != nil {
		return err
	}
	var sent error
	// Control keeps the file open and, unlike Fd, leaves its mode alone.
	err = passed.Control(func(fd uintptr) {
		rights := unix.UnixRights(int(fd))
		sent = c.write(func(socket uintptr) error {
			return unix.Sendmsg(int(socket), buf[:], rights, nil, unix.MSG_NOSIGNAL)
		})
	})
	return errors.Join(err, sent)
}

// write calls f until it need not wait.
func (c *Conn) write(f func(uintptr) error) (err error) {
	waited := c.raw.Write(func(fd uintptr) bool {
		for {
			if err = f(fd); !errors.Is(err, unix.EINTR) {
				return !errors.Is(err, unix.EAGAIN)
			}
		}
	})
	if waited != nil {
		return waited
	}
	return err
}

// Receive receives a message. Descriptors that come with it are dropped by the
// kernel. The end of the connection is io.EOF.
func (c *Conn) Receive() (Message, error) {
	if err := c.receive(0); err != nil {
		return Message{}, err
	}
	return c.in.message()
}

// ReceiveFile receives a message and the descriptor that came with it, nil for
// none. More than one is an error.
func (c *Conn) ReceiveFile() (Message, *os.File, error) {
	if err := c.receive(len(c.in.control)); err != nil {
		return Message{}, nil, err
	}
	file, err := c.in.file()
	if err != nil {
		return Message{}, nil, err
	}
	m, err := c.in.message()
	if err != nil {
		return m, nil, errors.Join(err, closed(file))
	}
	return m, file, nil
}

// receive waits for a message with so much room for control data.
func (c *Conn) receive(room int) error {
	c.in.room, c.in.slept = room, false
	if err := c.raw.Read(c.look); err != nil {
		return err
	}
	if c.in.errno != 0 {
		return c.in.errno
	}
	return nil
}

// Receiving looks for a message again and again for a short while before it
// sleeps, when the one before came soon: waking up takes longer than most answers
// do. A look in vain costs a processor that others might use.
const (
	patience = 100 * time.Microsecond
	soon     = 2 * patience // for a message that was slept for
)

// await looks for a message, and reports whether it need not wait any longer.
func (c *Conn) await(fd uintptr) bool {
	switch {
	case c.in.ready(fd):
		if c.in.slept {
			c.in.soon = time.Since(c.in.began) < soon
		}
		return true
	case c.in.slept:
		return false
	}
	c.in.began, c.in.slept = time.Now(), true
	return c.in.soon && c.watch(fd)
}

// watch is await without sleep.
func (c *Conn) watch(fd uintptr) bool {
	for time.Since(c.in.began) < patience {
		runtime.Gosched()
		if c.in.ready(fd) {
			return true
		}
	}
	c.in.soon = false
	return false
}

// Poll receives a message that is there already, also after the deadline. It is
// false when there is none, or none any more.
func (c *Conn) Poll() (m Message, ok bool, err error) {
	var buf [MessageBytes + 1]byte
	n := 0
	cause := c.raw.Control(func(fd uintptr) {
		for n, _, err = unix.Recvfrom(int(fd), buf[:], unix.MSG_DONTWAIT); again(err); {
			n, _, err = unix.Recvfrom(int(fd), buf[:], unix.MSG_DONTWAIT)
		}
	})
	if cause != nil || err != nil || n == 0 {
		return m, false, nil
	}
	m, err = Decode(buf[:n])
	return m, err == nil, err
}

// SetDeadline makes waiting end at a time; the zero time ends no waiting.
func (c *Conn) SetDeadline(t time.Time) error { return c.file.SetDeadline(t) }

// SetReadDeadline makes receiving end at a time; see SetDeadline.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.file.SetReadDeadline(t) }

// Close closes this end.
func (c *Conn) Close() error { return c.file.Close() }
