// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"errors"
	"os"
	"sync"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
)

// EnvFD names the variable that tells a plugin the number of its end of a Side.
const EnvFD = arena.EnvFD

// SideOptions bound the memory that a process shares with the host. The zero
// value is fine.
type SideOptions struct {
	// Slots is how many full batches one call may have in each direction. Default 3.
	Slots int
	// MaxBytes bounds the memory of all calls at the same time, as far as it does
	// not belong to a Pool. Calls beyond it use gRPC messages. Default 256 MiB.
	MaxBytes int
}

// Side is the host's end of the data socket of one process, and the memory that
// it shares with that process. A plugin that knows nothing of shared memory costs
// one socket. It is safe for concurrent use.
type Side struct {
	options SideOptions
	conn    *arena.Conn
	child   *os.File

	mu     sync.Mutex
	heard  bool // the plugin was listened to
	talks  bool // it said hello, and listens
	shares bool // it takes lanes, and not only files
	number uint64
	idle   []*lane
	bytes  int // reserved by all lanes
	closed bool
}

// NewSide makes both ends of a data socket. Where there is no shared memory it
// fails with errors.ErrUnsupported, and batches travel in gRPC messages.
func NewSide(o SideOptions) (*Side, error) {
	fill(&o.Slots, 3)
	fill(&o.MaxBytes, 256<<20)
	if !arena.Supported {
		return nil, errors.ErrUnsupported
	}
	conn, child, err := arena.Pair()
	if err != nil {
		return nil, err
	}
	return &Side{options: o, conn: conn, child: child}, nil
}

// Child is the plugin's end, for the plugin to inherit under the number that the
// variable EnvFD tells. Call Started when the plugin has it.
func (s *Side) Child() *os.File { return s.child }

// Started closes the host's copy of the plugin's end.
func (s *Side) Started() { _ = s.child.Close() }

// Close gives back what no call uses. Calls in hand give back theirs at their
// end; the end of the process is theirs, too.
func (s *Side) Close() {
	s.mu.Lock()
	s.closed = true
	idle := s.idle
	s.idle = nil
	s.mu.Unlock()
	for _, l := range idle {
		l.close()
	}
	_ = s.child.Close()
	_ = s.conn.Close()
}

// serves reports whether the plugin said hello, which it did before the host was
// connected to it.
func (s *Side) serves() bool {
	if !s.heard {
		s.heard = true
		m, ok, err := s.conn.Poll()
		s.shares = ok && err == nil && m.Kind == arena.Hello
		s.talks = s.shares || ok && err == nil && m.Kind == arena.HelloFiles
	}
	return s.talks
}

// lane returns a lane for one call; nil when the call has to use messages.
func (s *Side) lane() *lane {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.serves() || !s.shares {
		return nil
	}
	if n := len(s.idle); n > 0 {
		l := s.idle[n-1]
		s.idle = s.idle[:n-1]
		return l
	}
	reserve := 2 * s.options.Slots * slotBytes
	if s.bytes+reserve > s.options.MaxBytes {
		return nil
	}
	l, err := s.open()
	if err != nil {
		s.talks = false
		return nil
	}
	l.reserved = reserve
	s.bytes += reserve
	return l
}

// deafness is how long a plugin may leave its data socket full.
const deafness = time.Second

// tell sends a message on the data socket, with a descriptor if file is not nil. A
// plugin that does not read is not waited for.
func (s *Side) tell(m arena.Message, file *os.File) error {
	if err := s.conn.SetDeadline(time.Now().Add(deafness)); err != nil {
		return err
	}
	if file == nil {
		return s.conn.Send(m)
	}
	return s.conn.SendFile(m, file)
}

// open makes a lane and tells the plugin.
func (s *Side) open() (*lane, error) {
	conn, theirs, err := arena.Pair()
	if err != nil {
		return nil, err
	}
	defer theirs.Close()
	s.number++
	l := &lane{side: s, id: uint32(s.number), conn: conn}
	if err := s.tell(arena.Message{Kind: arena.Lane, Seq: s.number}, theirs); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	return l, nil
}

// give takes a lane back. One that did not come to a regular end is used no more.
func (s *Side) give(l *lane, regular bool) {
	s.mu.Lock()
	if regular && !s.closed {
		s.idle = append(s.idle, l)
		s.mu.Unlock()
		l.forget()
		return
	}
	s.bytes -= l.reserved
	s.mu.Unlock()
	// A plugin that is gone need not be told.
	_ = s.tell(arena.Message{Kind: arena.Drop, Seq: uint64(l.id)}, nil)
	l.close()
}

// file sends a file and returns its number; 0 when the plugin cannot take it.
func (s *Side) file(f *os.File) uint64 {
	if s == nil {
		return 0
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.serves() {
		return 0
	}
	s.number++
	if s.tell(arena.Message{Kind: arena.File, Seq: s.number}, f) != nil {
		s.talks = false
		return 0
	}
	return s.number
}
