// SPDX-License-Identifier: Apache-2.0

package network

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"github.com/bulkhead-ml/bulkhead/sdk/network/door"
)

// client shares one door among all who dial.
type client struct {
	conn *door.Conn

	mu      sync.Mutex
	last    uint32
	waiting map[uint32]chan<- answer
	ended   error // why no more replies come
}

// answer is a reply with the connection that came with it, or the door's end.
type answer struct {
	reply door.Reply
	file  *os.File
	err   error
}

func newClient(conn *door.Conn) *client {
	c := &client{conn: conn, waiting: map[uint32]chan<- answer{}}
	go c.read()
	return c
}

func (c *client) dial(ctx context.Context, address, host string, port uint16) (net.Conn, error) {
	answers := make(chan answer, 1)
	id, err := c.enlist(answers)
	if err != nil {
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	if err := c.ask(ctx, door.Request{ID: id, Host: host, Port: port}); err != nil {
		c.forget(id, answers)
		return nil, fmt.Errorf("dial %s: %w", address, err)
	}
	select {
	case a := <-answers:
		return a.connection(address)
	case <-ctx.Done():
		c.forget(id, answers)
		return nil, fmt.Errorf("dial %s: %w", address, context.Cause(ctx))
	}
}

// ask sends a request.
func (c *client) ask(ctx context.Context, r door.Request) error {
	message, err := r.Append(nil)
	if err != nil {
		return err
	}
	err = c.conn.Write(ctx, message, nil)
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w: %w", ErrDoorClosed, err)
	}
	return err
}

// enlist finds an id that is not in use.
func (c *client) enlist(answers chan<- answer) (uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ended != nil {
		return 0, c.ended
	}
	for c.last++; c.waiting[c.last] != nil; c.last++ {
	}
	c.waiting[c.last] = answers
	return c.last, nil
}

// forget gives a request up, with the connection that may have come already.
func (c *client) forget(id uint32, answers <-chan answer) {
	c.mu.Lock()
	delete(c.waiting, id)
	c.mu.Unlock()
	select {
	case a := <-answers:
		a.discard()
	default:
	}
}

// read hands each reply to who waits for it, until the door ends.
func (c *client) read() {
	buf := make([]byte, door.MaxMessage)
	for {
		n, file, err := c.conn.ReadFile(buf)
		if err == nil {
			err = c.deliver(buf[:n], file)
		}
		if err != nil {
			c.end(err)
			return
		}
	}
}

func (c *client) deliver(message []byte, file *os.File) error {
	reply, err := door.ParseReply(message)
	a := answer{reply: reply, file: file}
	if err != nil {
		a.discard()
		return err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if waiting := c.waiting[reply.ID]; waiting != nil {
		delete(c.waiting, reply.ID)
		waiting <- a
		return nil
	}
	a.discard()
	return nil
}

// end tells all who wait.
func (c *client) end(err error) {
	_ = c.conn.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ended = ErrDoorClosed
	if !errors.Is(err, io.EOF) {
		c.ended = fmt.Errorf("%w: %w", ErrDoorClosed, err)
	}
	for id, waiting := range c.waiting {
		delete(c.waiting, id)
		waiting <- answer{err: c.ended}
	}
}

func (a answer) discard() {
	if a.file != nil {
		_ = a.file.Close()
	}
}

// connection is what an answer means to who asked for address.
func (a answer) connection(address string) (net.Conn, error) {
	defer a.discard()
	switch {
	case a.err != nil:
		return nil, fmt.Errorf("dial %s: %w", address, a.err)
	case a.reply.Status != door.Connected:
		return nil, refusal(address, a.reply)
	case a.file == nil:
		return nil, fmt.Errorf("dial %s: %w: the host sent no connection", address, door.ErrMalformed)
	}
	generic, err := net.FileConn(a.file)
	if err != nil {
		return nil, fmt.Errorf("dial %s: taking over the connection: %w", address, err)
	}
	sock, ok := generic.(*net.UnixConn)
	if !ok {
		_ = generic.Close()
		return nil, fmt.Errorf("dial %s: %w: the host sent another kind of descriptor", address, door.ErrMalformed)
	}
	return &Conn{sock, place(address)}, nil
}
