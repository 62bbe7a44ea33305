// SPDX-License-Identifier: Apache-2.0

package repo_test

import (
	"context"
	"errors"
	"io"
	"path/filepath"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf/tuftest"
)

var errDisk = errors.New("input/output error")

// failing is a place for a registry where one access fails, as when a disk is full
// or a network breaks. What is written then is cut short and not kept.
type failing struct {
	*tuftest.Files
	left int // accesses that go well before the one that fails; below 0 all do
	hit  bool
}

func (f *failing) access() error {
	f.left--
	if f.left == -1 {
		f.hit = true
		return errDisk
	}
	return nil
}

// Open is that of files.Source.
func (f *failing) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, files.Info, error) {
	if err := f.access(); err != nil {
		return nil, files.Info{}, err
	}
	return f.Files.Open(ctx, name, offset)
}

// Put is that of files.Store.
func (f *failing) Put(ctx context.Context, name string, data io.Reader) error {
	if err := f.access(); err != nil {
		return err
	}
	return f.Files.Put(ctx, name, data)
}

// TestFaultAtEveryAccess has each read and each write of each change fail in turn.
// The change says so; a client sees the registry before or after, an audit finds no
// fault, and the change can be made again.
func TestFaultAtEveryAccess(t *testing.T) {
	for name, c := range changes {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			base, sub := beforeChange(t)
			submission := filepath.Join(t.TempDir(), "submission")
			must(t, sub.Save(submission))
			memory := tuftest.NewFiles()
			for file, data := range tree(t, base.dir) {
				memory.Set(file, data)
			}
			accesses := 0
			for faultAt(t, base, memory.Clone(), submission, c, accesses) {
				accesses++
			}
			if accesses < 5 {
				t.Errorf("there were only %d accesses", accesses)
			}
		})
	}
}

// faultAt makes a change whose access n fails, and reports whether there was one.
func faultAt(t *testing.T, base *registry, memory *tuftest.Files, submission string, c change, n int) bool {
	t.Helper()
	store, state := &failing{Files: memory, left: -1}, t.TempDir()
	r := &registry{t: t, store: store, keys: base.keys, created: base.created, now: start}
	if got, err := r.seen(state); got != c.old || err != nil {
		t.Fatalf("before: %q, %v", got, err)
	}
	store.left = n
	err := c.make(r, submission)
	store.left = -1
	if store.hit != (err != nil) || err != nil && !errors.Is(err, errDisk) {
		t.Errorf("access %d failed: %v, and the change says: %v", n, store.hit, err)
	}
	if got, err := r.seen(state); got != c.old && got != c.new || err != nil {
		t.Errorf("access %d: a client sees %q, %v; want %q or %q", n, got, err, c.old, c.new)
	}
	if report := r.verify(); !report.Sound() {
		t.Errorf("access %d: %+v", n, report.Problems)
	}
	if !store.hit {
		return false
	}
	if err := c.make(r, submission); err != nil {
		t.Errorf("access %d: making the change again: %v", n, err)
	}
	if got, err := r.seen(state); got != c.new || err != nil {
		t.Errorf("access %d, made again: a client sees %q, %v; want %q", n, got, err, c.new)
	}
	return true
}
