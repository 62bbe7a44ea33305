// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package arena

import (
	"errors"
	"os"
	"time"
)

// Conn is one end of a data socket or a lane.
type Conn struct{}

// Pair fails with errors.ErrUnsupported.
func Pair() (*Conn, *os.File, error) { return nil, nil, errors.ErrUnsupported }

// NewConn closes file and fails with errors.ErrUnsupported.
func NewConn(file *os.File) (*Conn, error) {
	return nil, errors.Join(errors.ErrUnsupported, file.Close())
}

// Send fails with errors.ErrUnsupported.
func (*Conn) Send(Message) error { return errors.ErrUnsupported }

// SendFile fails with errors.ErrUnsupported.
func (*Conn) SendFile(Message, *os.File) error { return errors.ErrUnsupported }

// Receive fails with errors.ErrUnsupported.
func (*Conn) Receive() (Message, error) { return Message{}, errors.ErrUnsupported }

// Poll fails with errors.ErrUnsupported.
func (*Conn) Poll() (Message, bool, error) { return Message{}, false, errors.ErrUnsupported }

// ReceiveFile fails with errors.ErrUnsupported.
func (*Conn) ReceiveFile() (Message, *os.File, error) { return Message{}, nil, errors.ErrUnsupported }

// SetDeadline fails with errors.ErrUnsupported.
func (*Conn) SetDeadline(time.Time) error { return errors.ErrUnsupported }

// SetReadDeadline fails with errors.ErrUnsupported.
func (*Conn) SetReadDeadline(time.Time) error { return errors.ErrUnsupported }

// Close does nothing.
func (*Conn) Close() error { return nil }
