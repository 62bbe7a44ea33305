// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

const (
	// DirVariable is the environment variable that names another directory for
	// the runs, by an absolute path.
	DirVariable = "BULKHEAD_RUNS_DIR"
	// DefaultKeep is how many runs a store keeps.
	DefaultKeep = 200

	lockName   = "lock"
	recordName = "record.json"
	nodesName  = "nodes.jsonl"
	liveName   = "live"
	gonePrefix = ".gone-"

	maxRecord = 64 << 20 // bytes of record.json that are read
	maxNodes  = 1 << 30  // bytes of nodes.jsonl that are read
)

// DefaultDir is where the runs of this user are; see package durable.
func DefaultDir() (string, error) { return durable.StateDir("runs", DirVariable) }

// Options of a store.
type Options struct {
	// Keep is how many runs stay; 0 is DefaultKeep.
	Keep int
}

// Store is a directory of runs. It may be used by several goroutines, and by
// several hosts at once.
type Store struct {
	dir  string
	keep int
	now  func() time.Time
	fail durable.Fail
}

// Open returns the store in a directory, which is made by the first Begin.
func Open(dir string, o Options) *Store {
	if o.Keep <= 0 {
		o.Keep = DefaultKeep
	}
	return &Store{dir: dir, keep: o.Keep, now: time.Now}
}

// Dir is the directory of the store.
func (s *Store) Dir() string { return s.dir }

// NewID makes the id of a run.
func NewID() string {
	var b [idLength / 2]byte
	_, _ = rand.Read(b[:]) // it never fails
	return hex.EncodeToString(b[:])
}

// Begin opens the record of a run that begins now, and removes runs that are too
// old. ID, StartedAt, Host.OS, Host.Arch and Host.PID are filled in when they are
// empty. The caller must End the run.
func (s *Store) Begin(r Record) (*Run, error) {
	s.fill(&r)
	if !isID(r.ID) {
		return nil, &RefError{Ref: r.ID}
	}
	run := &Run{store: s, dir: filepath.Join(s.dir, r.ID), record: r, began: s.now()}
	if err := run.open(); err != nil {
		return nil, fmt.Errorf("opening the record of run %s in %s: %w", r.ID, s.dir, err)
	}
	s.tidy()
	return run, nil
}

func (s *Store) fill(r *Record) {
	if r.ID == "" {
		r.ID = NewID()
	}
	if r.StartedAt.IsZero() {
		r.StartedAt = s.now()
	}
	r.SchemaVersion, r.Status, r.StartedAt = SchemaVersion, Running, r.StartedAt.UTC().Round(0)
	if r.Host.OS == "" {
		r.Host.OS, r.Host.Arch = runtime.GOOS, runtime.GOARCH
	}
	if r.Host.PID == 0 {
		r.Host.PID = os.Getpid()
	}
	r.lists()
}

// open makes the directory of a run. The record comes last, because the run is
// there when it is.
func (r *Run) open() (err error) {
	if err := durable.MakeDir(r.store.dir); err != nil {
		return err
	}
	if err := os.Mkdir(r.dir, 0o700); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			r.close()
			_ = os.RemoveAll(r.dir) // the run never was
		}
	}()
	if r.live, err = durable.TryAcquire(filepath.Join(r.dir, liveName)); err != nil {
		return err
	}
	if r.nodes, err = durable.OpenRegular(filepath.Join(r.dir, nodesName), os.O_WRONLY|os.O_CREATE|os.O_APPEND); err != nil {
		return err
	}
	if err := r.append(r.record.Nodes...); err != nil {
		return err
	}
	r.record.Nodes = nil
	if err := r.save(); err != nil {
		return err
	}
	return durable.SyncDir(r.store.dir)
}

// encode writes a value as one line, as it is: no character is escaped that need
// not be.
func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	err := enc.Encode(v)
	return b.Bytes(), err
}

// locked runs fn while no other host removes runs.
func (s *Store) locked(fn func() error) error {
	l, err := durable.Acquire(filepath.Join(s.dir, lockName))
	if err != nil {
		return err
	}
	return errors.Join(fn(), l.Release())
}
