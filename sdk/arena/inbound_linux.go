// SPDX-License-Identifier: Apache-2.0

package arena

import (
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// inbound is what the goroutine that receives works with. It is used again for
// each message: receiving one makes no garbage.
type inbound struct {
	buf     [MessageBytes + 1]byte // a longer message is none
	control [24]byte               // for one descriptor
	room    int                    // of control, that may be used
	began   time.Time              // of this wait
	slept   bool                   // this wait may sleep
	soon    bool                   // the one before was short

	n, controls, flags int
	errno              syscall.Errno
}

// ready receives, and reports whether it need not wait.
func (in *inbound) ready(fd uintptr) bool {
	for {
		in.recvmsg(fd)
		if in.errno == 0 || !again(in.errno) {
			return in.errno != unix.EAGAIN
		}
	}
}

// recvmsg is unix.Recvmsg, which makes several objects for each message.
func (in *inbound) recvmsg(fd uintptr) {
	part := unix.Iovec{Base: &in.buf[0]}
	part.SetLen(len(in.buf))
	header := unix.Msghdr{Iov: &part}
	header.SetIovlen(1)
	if in.room > 0 {
		header.Control = &in.control[0]
		header.SetControllen(in.room)
	}
	// The socket does not block, so the scheduler need not be told.
	n, _, errno := unix.RawSyscall(unix.SYS_RECVMSG, fd, uintptr(unsafe.Pointer(&header)), unix.MSG_CMSG_CLOEXEC)
	runtime.KeepAlive(in)
	in.n, in.errno, in.controls, in.flags = int(n), errno, int(header.Controllen), int(header.Flags)
}

// again reports whether another try tells more: an end that was closed before it
// had read everything resets the other one once, and what it sent comes after
// that.
func again(err error) bool { return errors.Is(err, unix.EINTR) || errors.Is(err, unix.ECONNRESET) }

// message is the one that was received. The end of the connection is io.EOF.
func (in *inbound) message() (Message, error) {
	if in.n == 0 {
		return Message{}, io.EOF
	}
	return Decode(in.buf[:in.n])
}

// file takes the descriptor out of the control data. When there is more than one,
// all are closed.
func (in *inbound) file() (*os.File, error) {
	if in.controls == 0 && in.flags&unix.MSG_CTRUNC == 0 {
		return nil, nil
	}
	return only(in.control[:in.controls], in.flags)
}

func only(control []byte, flags int) (*os.File, error) {
	messages, err := unix.ParseSocketControlMessage(control)
	var files []*os.File
	for _, m := range messages {
		fds, _ := unix.ParseUnixRights(&m)
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "received"))
		}
	}
	if err == nil && len(files) <= 1 && flags&unix.MSG_CTRUNC == 0 {
		return append(files, nil)[0], nil
	}
	for _, f := range files {
		_ = f.Close()
	}
	return nil, errors.Join(fmt.Errorf("%w: %d descriptors beside it", ErrMessage, len(files)), err)
}

func closed(file *os.File) error {
	if file == nil {
		return nil
	}
	return file.Close()
}
