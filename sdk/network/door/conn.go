// SPDX-License-Identifier: Apache-2.0

package door

import (
	"context"
	"errors"
	"net"
	"os"
	"sync"
	"time"
)

// ErrDescriptors means that the peer sent descriptors where the protocol has
// none. They were not taken.
var ErrDescriptors = errors.New("descriptors came with a message that carries none")

// Conn is one end of a door. One goroutine may read while others write.
type Conn struct {
	sock    *net.UnixConn
	framed  bool          // SOCK_STREAM: a length stands before each message
	writing chan struct{} // holds a token while somebody writes
	closed  sync.Once
}

// newConn wraps a connected AF_UNIX socket.
func newConn(sock *net.UnixConn) *Conn {
	return &Conn{
		sock:    sock,
		framed:  sock.LocalAddr().Network() == "unix",
		writing: make(chan struct{}, 1),
	}
}

// Close ends the door. Reads and writes in progress return.
func (c *Conn) Close() error {
	err := net.ErrClosed
	c.closed.Do(func() { err = c.sock.Close() })
	return err
}

// Write sends one message, with a descriptor if file is not nil, which stays the
// caller's. It waits for room and for other writers until ctx ends. After an
// error in the middle of a message the door is closed.
func (c *Conn) Write(ctx context.Context, message []byte, file *os.File) error {
	select {
	case c.writing <- struct{}{}:
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	defer func() { <-c.writing }()
	expire := c.expireWith(ctx)
	err := c.send(message, file)
	expire()
	if errors.Is(err, os.ErrDeadlineExceeded) && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}

// expireWith makes writes fail once ctx ends. The function that it returns puts
// things back, after any expiry in progress.
func (c *Conn) expireWith(ctx context.Context) func() {
	expired := make(chan struct{})
	stop := context.AfterFunc(ctx, func() {
		defer close(expired)
		_ = c.sock.SetWriteDeadline(time.Unix(1, 0))
	})
	return func() {
		if !stop() {
			<-expired
			_ = c.sock.SetWriteDeadline(time.Time{})
		}
	}
}
