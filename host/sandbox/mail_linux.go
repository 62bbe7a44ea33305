// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// The letters of the socket between the host and a launch. The first two carry a
// descriptor; the others come from a shim and carry two 32-bit numbers.
const (
	letterDirectory = 'd' // the private directory
	letterListener  = 'l' // the listener of the filter
	letterNote      = 'n' // an offset, and the errno that was noted there
	letterReady     = 'r' // cellReached is set
	letterFailure   = 'f' // the op that ended the program, and the errno
)

// mail is what a launch sent before the program ran.
type mail struct {
	directory *os.File
	listener  *os.File
	notes     map[operand]unix.Errno
	ready     bool
	failed    int // -1 without a failure
	errno     unix.Errno
	lost      error // why nothing more could be read, nil at the end
}

// socketPair returns a pair that keeps messages apart and ends with exec.
func socketPair() (pair [2]*os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_SEQPACKET|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return pair, err
	}
	for i, name := range []string{"launch (host)", "launch (program)"} {
		pair[i] = os.NewFile(uintptr(fds[i]), name)
	}
	return pair, nil
}

// readMail reads until the other side has executed the program or ended. Our own
// copy of the other end must be closed.
func readMail(socket *os.File) *mail {
	m := &mail{notes: map[operand]unix.Errno{}, failed: -1}
	text, control := make([]byte, 16), make([]byte, unix.CmsgSpace(4))
	for {
		n, cn, _, _, err := unix.Recvmsg(int(socket.Fd()), text, control, unix.MSG_CMSG_CLOEXEC)
		if err == unix.EINTR {
			continue
		}
		if err != nil || n == 0 {
			m.lost = err
			return m
		}
		m.take(text[:n], control[:cn])
	}
}

// take sorts one message.
func (m *mail) take(text, control []byte) {
	switch text[0] {
	case letterDirectory:
		m.directory = attached(control, "private directory")
	case letterListener:
		m.listener = attached(control, "seccomp listener")
	case letterReady:
		m.ready = true
	case letterNote:
		if at, errno, ok := numbers(text); ok {
			m.notes[operand(at)] = unix.Errno(errno)
		}
	case letterFailure:
		if at, errno, ok := numbers(text); ok {
			m.failed, m.errno = int(at), unix.Errno(errno)
		}
	}
}

func numbers(text []byte) (a, b uint32, ok bool) {
	if len(text) != 9 {
		return 0, 0, false
	}
	return binary.NativeEndian.Uint32(text[1:]), binary.NativeEndian.Uint32(text[5:]), true
}

// attached is the descriptor that came with a message, nil without one.
func attached(control []byte, name string) *os.File {
	messages, err := unix.ParseSocketControlMessage(control)
	if err != nil || len(messages) == 0 {
		return nil
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) == 0 {
		return nil
	}
	return os.NewFile(uintptr(fds[0]), name)
}

// discard closes what came.
func (m *mail) discard() {
	for _, f := range []*os.File{m.directory, m.listener} {
		if f != nil {
			_ = f.Close()
		}
	}
}
