// SPDX-License-Identifier: Apache-2.0

//go:build unix

package door

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
)

// NewConn makes an end of a door from its socket. It takes over file, which is
// closed in any case.
func NewConn(file *os.File) (*Conn, error) {
	defer file.Close()
	generic, err := net.FileConn(file)
	if err != nil {
		return nil, fmt.Errorf("descriptor is not a socket: %w", err)
	}
	sock, ok := generic.(*net.UnixConn)
	if !ok || sock.LocalAddr().Network() == "unixgram" {
		_ = generic.Close()
		return nil, fmt.Errorf("descriptor is a socket of the kind %q, not a door", generic.LocalAddr().Network())
	}
	return newConn(sock), nil
}

// Read reads one message into buf, which should have MaxMessage bytes. A longer
// message is ErrMalformed, one with descriptors ErrDescriptors. The end of the
// door, and an empty message, is io.EOF.
func (c *Conn) Read(buf []byte) (int, error) {
	// Without room for control data the kernel drops descriptors before they
	// become any of this process.
	return c.receive(buf, nil, func([]byte) {})
}

// ReadFile is Read for messages that may carry one descriptor. Whatever came
// beside an error has been closed.
func (c *Conn) ReadFile(buf []byte) (int, *os.File, error) {
	var files []*os.File
	control := make([]byte, syscall.CmsgSpace(4))
	n, err := c.receive(buf, control, func(control []byte) { files = append(files, filesIn(control)...) })
	if err == nil && len(files) <= 1 {
		return n, append(files, nil)[0], nil
	}
	for _, f := range files {
		_ = f.Close()
	}
	return n, nil, errors.Join(err, tooMany(files))
}

func tooMany(files []*os.File) error {
	if len(files) > 1 {
		return ErrDescriptors
	}
	return nil
}

// filesIn takes the descriptors out of control data.
func filesIn(control []byte) []*os.File {
	messages, err := syscall.ParseSocketControlMessage(control)
	if err != nil {
		return nil
	}
	var files []*os.File
	for _, m := range messages {
		fds, err := syscall.ParseUnixRights(&m)
		if err != nil {
			continue
		}
		for _, fd := range fds {
			files = append(files, os.NewFile(uintptr(fd), "connection"))
		}
	}
	return files
}

// receive reads one message and hands over the control data that came with it.
func (c *Conn) receive(buf, control []byte, took func([]byte)) (int, error) {
	if !c.framed {
		return c.receiveSome(buf, control, took)
	}
	var header [2]byte
	if err := c.receiveAll(header[:], control, took); err != nil {
		return 0, err
	}
	n := int(binary.BigEndian.Uint16(header[:]))
	if n == 0 {
		return 0, io.EOF
	}
	if n > len(buf) {
		return 0, fmt.Errorf("%w: %d bytes", ErrMalformed, n)
	}
	return n, c.receiveAll(buf[:n], control, took)
}

// receiveAll fills buf from a stream.
func (c *Conn) receiveAll(buf, control []byte, took func([]byte)) error {
	for at := 0; at < len(buf); {
		n, err := c.receiveSome(buf[at:], control, took)
		at += n
		switch {
		case errors.Is(err, io.EOF) && at > 0:
			return io.ErrUnexpectedEOF
		case err != nil:
			return err
		}
	}
	return nil
}

// receiveSome is one recvmsg.
func (c *Conn) receiveSome(buf, control []byte, took func([]byte)) (int, error) {
	n, controlN, flags, _, err := c.sock.ReadMsgUnix(buf, control)
	if err != nil {
		return n, err
	}
	took(control[:controlN])
	switch {
	case flags&syscall.MSG_CTRUNC != 0:
		return n, ErrDescriptors
	case flags&syscall.MSG_TRUNC != 0:
		return n, fmt.Errorf("%w: more than %d bytes", ErrMalformed, len(buf))
	}
	return n, nil
}

// send writes one message.
func (c *Conn) send(message []byte, file *os.File) error {
	if c.framed {
		message = append(binary.BigEndian.AppendUint16(nil, uint16(len(message))), message...)
	}
	var control []byte
	if file != nil {
		control = syscall.UnixRights(int(file.Fd()))
	}
	n, _, err := c.sock.WriteMsgUnix(message, control, nil)
	if err == nil && n < len(message) {
		_, err = c.sock.Write(message[n:])
	}
	if err != nil && n > 0 {
		_ = c.Close()
	}
	return err
}
