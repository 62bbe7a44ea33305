// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
	"sync"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
)

// socket is the plugin's end of the data socket. It brings lanes and files,
// which calls ask for by number, before or after they have arrived.
type socket struct {
	conn   *arena.Conn
	listen sync.Once
	own    bool // that of this process, not of a test

	mu      sync.Mutex
	lanes   map[uint32]*lane
	files   map[uint64]*os.File
	changed chan struct{} // closed at the next change
	gone    error
}

// Start says hello to a host that shares memory. Package plugin calls it before
// the plugin greets.
func (s *Service) Start() error {
	text := os.Getenv(arena.EnvFD)
	if text == "" || !arena.Supported || len(s.kernels) == 0 {
		return nil
	}
	fd, err := strconv.ParseUint(text, 10, 31)
	if err != nil {
		return fmt.Errorf("the variable %s is %q, not the number of a descriptor", arena.EnvFD, text)
	}
	err = s.Share(os.NewFile(uintptr(fd), "data socket"))
	if s.socket != nil {
		s.socket.own = true
	}
	return err
}

// Share takes the plugin's end of a data socket, which it closes, in place of the
// one that a plugin process inherits.
func (s *Service) Share(file *os.File) error {
	conn, err := arena.NewConn(file)
	if err != nil {
		return err
	}
	s.socket = &socket{conn: conn, lanes: map[uint32]*lane{}, files: map[uint64]*os.File{}, changed: make(chan struct{})}
	return conn.Send(arena.Message{Kind: arena.Hello})
}

// begin begins to listen. A process that moves batches lives longer than most and
// makes garbage with each, so its collector goes to work earlier than usual: else
// its heap grows with the first thousand of them.
func (s *socket) begin() {
	if s.own {
		debug.SetGCPercent(50)
	}
	go s.run()
}

// run takes what the host sends, until it sends no more.
func (s *socket) run() {
	for {
		m, file, err := s.conn.ReceiveFile()
		if err == nil {
			err = s.take(m, file)
		}
		if err != nil {
			s.end(err)
			return
		}
	}
}

func (s *socket) take(m arena.Message, file *os.File) error {
	switch {
	case m.Kind == arena.Lane && file != nil:
		conn, err := arena.NewConn(file)
		if err != nil {
			return err
		}
		s.change(func() { s.lanes[uint32(m.Seq)] = &lane{conn: conn} })
	case m.Kind == arena.File && file != nil:
		s.change(func() { s.files[m.Seq] = file })
	case m.Kind == arena.Input && file == nil:
		s.change(func() {
			if l := s.lanes[m.Call]; l != nil {
				l.forget(m)
			}
		})
	case m.Kind == arena.Drop && file == nil:
		s.change(func() {
			if l := s.lanes[uint32(m.Seq)]; l != nil {
				delete(s.lanes, uint32(m.Seq))
				l.drop()
			}
		})
	default:
		if file != nil {
			_ = file.Close()
		}
		return fmt.Errorf("a message of kind %d on the data socket", m.Kind)
	}
	return nil
}

func (s *socket) change(f func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f()
	close(s.changed)
	s.changed = make(chan struct{})
}

// end gives back everything that no call has.
func (s *socket) end(err error) {
	s.change(func() {
		s.gone = err
		for _, l := range s.lanes {
			l.drop()
		}
		for _, f := range s.files {
			_ = f.Close()
		}
		clear(s.lanes)
		clear(s.files)
	})
	_ = s.conn.Close()
}

// await waits until find is true.
func (s *socket) await(ctx context.Context, what string, find func() bool) error {
	if s == nil {
		return fmt.Errorf("the host names %s, and gave this process no data socket", what)
	}
	s.listen.Do(s.begin)
	for {
		s.mu.Lock()
		found, changed, gone := find(), s.changed, s.gone
		s.mu.Unlock()
		switch {
		case found:
			return nil
		case gone != nil:
			return fmt.Errorf("waiting for %s: %w", what, gone)
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// lane waits for a lane.
func (s *socket) lane(ctx context.Context, id uint32) (l *lane, err error) {
	err = s.await(ctx, fmt.Sprintf("lane %d", id), func() bool {
		l = s.lanes[id]
		return l != nil
	})
	return l, err
}

// file waits for a file, which is the caller's then.
func (s *socket) file(ctx context.Context, id uint64) (f *os.File, err error) {
	err = s.await(ctx, fmt.Sprintf("file %d", id), func() bool {
		f = s.files[id]
		delete(s.files, id)
		return f != nil
	})
	return f, err
}

// lane is the way of batches of one call at a time, and the memory that the host
// shares for them.
type lane struct {
	conn   *arena.Conn
	output *arena.Memory

	mu      sync.Mutex
	inputs  [8]input
	busy    bool
	dropped bool
}

// input is an arena that the host writes, with a number that it uses once.
type input struct {
	memory *arena.Memory
	number uint64
	used   bool // a batch of this call lay in it
	gone   bool // the host needs it no more
}

// forget gives an input arena up, unless another took its place. The host may
// know of the end of a call before this side has left it.
func (l *lane) forget(m arena.Message) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if m.Index >= uint32(len(l.inputs)) || l.inputs[m.Index].number != m.Seq {
		return
	}
	if i := &l.inputs[m.Index]; l.busy && i.used {
		i.gone = true
	} else {
		i.close()
	}
}

// close unmaps the arena.
func (i *input) close() {
	if i.memory != nil {
		_ = i.memory.Close()
	}
	*i = input{}
}

// enter begins a call.
func (l *lane) enter() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.busy || l.dropped {
		return errors.New("the host names a lane that is in use")
	}
	l.busy = true
	for i := range l.inputs {
		l.inputs[i].used = false
	}
	return nil
}

// leave ends a call.
func (l *lane) leave() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy = false
	for i := range l.inputs {
		if l.inputs[i].gone {
			l.inputs[i].close()
		}
	}
	if l.dropped {
		l.unmap()
	}
}

// drop gives the lane up, when its call has ended.
func (l *lane) drop() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.dropped = true
	_ = l.conn.Close()
	if !l.busy {
		l.unmap()
	}
}

func (l *lane) unmap() {
	for i := range l.inputs {
		l.inputs[i].close()
	}
	if l.output != nil {
		_ = l.output.Close()
		l.output = nil
	}
}
