// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// Run is the record of a run that goes on. It may be used by several goroutines.
type Run struct {
	store *Store
	dir   string
	began time.Time

	mu     sync.Mutex
	record Record // its nodes are on disk only
	nodes  *os.File
	live   *durable.Lock
	ended  bool
}

// ID of the run.
func (r *Run) ID() string { return r.record.ID }

// Node notes what a node is, or what became of it. The last call for a name
// counts, so it must be complete.
func (r *Run) Node(n Node) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return ErrEnded
	}
	if err := r.append(n); err != nil {
		return fmt.Errorf("recording run %s: %w", r.record.ID, err)
	}
	return nil
}

// append writes a line for each node, all at once. Lines that could not be
// written as a whole are closed, so that the next one is not lost with them.
func (r *Run) append(nodes ...Node) error {
	var lines []byte
	for _, n := range nodes {
		n.Calls = listed(n.Calls)
		line, err := encode(n)
		if err != nil {
			return fmt.Errorf("node %s: %w", n.Name, err)
		}
		lines = append(lines, line...)
	}
	if err := r.failing("writing nodes"); err != nil {
		return err
	}
	if k, err := r.nodes.Write(lines); err != nil {
		if k > 0 {
			_, _ = r.nodes.Write([]byte{'\n'}) // readers count the torn line
		}
		return err
	}
	return nil
}

// Edit changes the record, such as to add a source whose digest is known now, and
// brings it to disk. Nodes go through Node; the id and the status stay.
func (r *Run) Edit(change func(*Record)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return ErrEnded
	}
	r.change(change)
	if err := r.save(); err != nil {
		return fmt.Errorf("recording run %s: %w", r.record.ID, err)
	}
	return nil
}

func (r *Run) change(change func(*Record)) {
	if change == nil {
		return
	}
	id, status := r.record.ID, r.record.Status
	change(&r.record)
	r.record.ID, r.record.Status, r.record.Nodes = id, status, nil
}

// End closes the record. The changes are made first, as by Edit. After an error
// the run stands as interrupted.
func (r *Run) End(status Status, reason string, changes ...func(*Record)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended {
		return ErrEnded
	}
	r.ended = true
	defer r.close()
	for _, c := range changes {
		r.change(c)
	}
	now := r.store.now()
	r.record.Status, r.record.Reason = status, reason
	r.record.EndedAt, r.record.Wall = now.UTC().Round(0), now.Sub(r.began)
	if err := r.save(); err != nil {
		return fmt.Errorf("closing the record of run %s: %w", r.record.ID, err)
	}
	return nil
}

// save brings the lines of the nodes to disk, then the record.
func (r *Run) save() error {
	if err := r.failing("syncing the nodes"); err != nil {
		return err
	}
	if err := r.nodes.Sync(); err != nil {
		return err
	}
	r.record.lists()
	data, err := encode(r.record)
	if err != nil {
		return err
	}
	return durable.Replace(filepath.Join(r.dir, recordName), data, r.store.fail)
}

func (r *Run) failing(step string) error {
	if r.store.fail == nil {
		return nil
	}
	return r.store.fail(step)
}

// close gives the lock back: from now on the run has ended, one way or the other.
func (r *Run) close() {
	var errs []error
	if r.nodes != nil {
		errs = append(errs, r.nodes.Close())
	}
	if r.live != nil {
		errs = append(errs, r.live.Release())
	}
	_ = errors.Join(errs...) // what counts was synced before
	r.nodes, r.live = nil, nil
}
