// SPDX-License-Identifier: Apache-2.0

package install

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// KeepGenerations is how many generations of a scope a collection keeps unless it
// is told otherwise.
const KeepGenerations = 10

// How long things are kept that nothing reaches.
const (
	recent        = time.Hour           // an entry whose switch may be to come
	keepGone      = 30 * 24 * time.Hour // a scope without its lock file
	keepChanged   = 30 * 24 * time.Hour // in quarantine
	keepDownloads = 7 * 24 * time.Hour
	abandoned     = time.Hour // staging of a file system without locks
)

// Steps that GC passes, besides those of package durable.
const (
	StepDropRecord = "deleting a generation's record"
	StepDropText   = "deleting a generation"
	StepTrash      = "taking an entry out of the store"
	StepDelete     = "deleting an entry"
)

// Kinds of what a collection looks at.
const (
	KindPlugin     = "plugin"
	KindGeneration = "generation"
	KindScope      = "scope"
	KindQuarantine = "quarantine"
	KindDownload   = "download"
	KindStaging    = "staging"
)

// Item is something that a collection removed or kept.
type Item struct {
	Kind  string `json:"kind"`
	Path  string `json:"path"`
	H1    string `json:"h1,omitempty"`   // of a plugin
	Name  string `json:"name,omitempty"` // of a plugin, with its version: "scaler 1.4.2"; empty when it is not known
	Bytes int64  `json:"bytes"`
	Why   string `json:"why"` // it was kept or removed
}

// Report says what a collection did, or would do.
type Report struct {
	Dry     bool   `json:"dry"`
	Removed []Item `json:"removed"`
	Kept    []Item `json:"kept"`  // plugins, and scopes that are gone
	Bytes   int64  `json:"bytes"` // that are free now
}

func (r *Report) remove(it Item) {
	r.Removed = append(r.Removed, it)
	r.Bytes += it.Bytes
}

// GC removes entries that nothing reaches, and what is old: see the package's
// documentation. Keep is the number of generations of each scope; 0 is
// KeepGenerations. With dry nothing changes and the report says what would. It
// works beside running hosts.
func (s *Store) GC(ctx context.Context, keep int, dry bool) (Report, error) {
	if keep < 0 {
		return Report{}, fmt.Errorf("%d generations cannot be kept; give 1 or more", keep)
	}
	g := &collection{store: s, keep: cmp.Or(keep, KeepGenerations), reached: map[string]string{}}
	g.report = Report{Dry: dry, Removed: []Item{}, Kept: []Item{}}
	if _, err := os.Stat(s.root); errors.Is(err, fs.ErrNotExist) {
		return g.report, nil
	}
	err := g.run(ctx)
	if err != nil {
		err = fmt.Errorf("collecting plugins: %w", err)
	}
	return g.report, err
}

// collection is one run of GC.
type collection struct {
	store   *Store
	keep    int
	reached map[string]string // why an entry is kept, by its name
	report  Report
	trash   []string // what can be deleted
}

func (g *collection) run(ctx context.Context) error {
	if err := g.mark(ctx); err != nil {
		return err
	}
	for _, dir := range g.trash {
		if err := ctx.Err(); err != nil {
			return err // the rest is swept by the next collection
		}
		if err := g.store.fail(StepDelete); err != nil {
			return err
		}
		if err := archive.Remove(dir); err != nil {
			return err
		}
	}
	return g.sweep()
}

// mark finds what is reached and takes all else out of the store, under the lock
// under which pointers change. Deleting takes longer, and comes later.
func (g *collection) mark(ctx context.Context) error {
	l, err := g.store.lockStore(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = l.Release() }()
	if err := g.scopes(); err != nil {
		return err
	}
	names, err := g.store.entries()
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := errors.Join(ctx.Err(), g.entry(name)); err != nil {
			return err
		}
	}
	return nil
}

// entry keeps or removes one entry.
func (g *collection) entry(name string) error {
	it := g.store.describe(name)
	it.Why = g.reached[name]
	if it.Why == "" {
		l, err := durable.TryAcquire(g.store.path(lockDir, name))
		switch {
		case errors.Is(err, durable.ErrLocked):
			it.Why = "another bulkhead is at work on it"
		case err != nil:
			return err
		default:
			defer func() { _ = l.Release() }()
			if it.Why, err = g.wanted(name); err != nil {
				return err
			}
		}
	}
	if it.Why != "" {
		g.report.Kept = append(g.report.Kept, it)
		return nil
	}
	it.Why = "no lock file and no kept generation names it"
	g.report.remove(it)
	return g.take(name)
}

// wanted says who wants an entry that no file names; empty when nobody does. The
// entry's lock is held.
func (g *collection) wanted(name string) (string, error) {
	leased, err := g.store.leased(name, g.report.Dry)
	if err != nil {
		return "", err
	}
	if leased {
		return "a running bulkhead uses it", nil
	}
	info, err := os.Stat(g.store.path(lockDir, name))
	if err != nil {
		return "", err
	}
	added := info.ModTime()
	if entry, err := os.Stat(g.store.entry(name)); err == nil && entry.ModTime().After(added) {
		added = entry.ModTime()
	}
	if g.store.now().Sub(added) < recent {
		return "it was installed within the last hour", nil
	}
	return "", nil
}

// take moves an entry to the trash.
func (g *collection) take(name string) error {
	if g.report.Dry {
		return nil
	}
	s := g.store
	if err := s.fail(StepTrash); err != nil {
		return err
	}
	if err := durable.MakeDir(s.path(stagingDir)); err != nil {
		return err
	}
	to := s.path(stagingDir, trashPrefix+rand.Text())
	if err := s.move(s.entry(name), to); err != nil {
		return err
	}
	g.trash = append(g.trash, to)
	// The verdict, and the lock that is held: both are made anew when needed.
	for _, file := range []string{s.path(verdictDir, name), s.path(leaseDir, name), s.path(lockDir, name)} {
		_ = os.Remove(file)
	}
	return nil
}

// describe says what is known of an entry.
func (s *Store) describe(name string) Item {
	it := Item{Kind: KindPlugin, Path: s.entry(name), H1: h1Of(name), Bytes: sizeOf(s.entry(name))}
	if m, err := manifest.Load(it.Path); err == nil {
		it.Name = m.Name + " " + m.Version
	}
	return it
}

// sizeOf is the number of bytes of all files in a directory, or of a file.
func sizeOf(path string) (bytes int64) {
	_ = filepath.WalkDir(path, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // what cannot be looked at has no size here
		}
		if info, err := d.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}
