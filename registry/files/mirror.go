// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"sync"

	"golang.org/x/sync/errgroup"

	"github.com/bulkhead-ml/bulkhead/internal/scratch"
)

// Bounds of Mirror.
const (
	// MaxMirrored is the most bytes of one file that Mirror copies.
	MaxMirrored = 8 << 30
	parallel    = 4
)

// ChangedError: a file that never changes is at the destination already, with
// other bytes than the source has.
type ChangedError struct{ Source, Store, Name string }

// Error says what happened, where, and what to do about it.
func (e *ChangedError) Error() string {
	return fmt.Sprintf("%s of %s differs from the one in %s, and it is of those that never change; one of the two is of another registry or was tampered with: mirror into an empty place and compare", e.Name, e.Source, e.Store)
}

// Mirror copies files from a source to a store: first those that are Immutable,
// several at once, then the rest one by one in the order of the names. So a reader
// of the store never sees a file that refers to one which is not there, if the
// names end with what refers to all others (the snapshot, the log's checkpoint,
// and timestamp.json last).
//
// A file with a SHA-256 in its name is not read from the source when the store has
// it with these bytes, and must have it when it comes; another file that never
// changes must be the same when it is there already, or is a *ChangedError. Each
// file is in the store whole or not at all. Mirror checks no signature.
//
// It tells progress how far it is, unless that is nil: from one goroutine at a
// time, when a file comes and when it is there.
func Mirror(ctx context.Context, src Source, dst Store, progress func(MirrorProgress), names ...string) (err error) {
	temp, err := scratch.New("mirror")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, temp.Close()) }()
	m := &mirror{src: src, dst: dst, dir: temp.Path, tell: progress, files: len(names)}
	mutable, err := m.immutable(ctx, names)
	for _, name := range mutable {
		if err != nil {
			break
		}
		err = m.copy(ctx, name, filepath.Join(m.dir, "mutable"))
	}
	return err
}

// MirrorProgress is how far Mirror is.
type MirrorProgress struct {
	Progress     // of the file that comes; without bytes when it is there already
	Done     int // files that are at the destination
	Files    int // files in all
}

type mirror struct {
	src   Source
	dst   Store
	dir   string // for what is on its way
	tell  func(MirrorProgress)
	files int // in all

	mu   sync.Mutex // of the rest, and held while tell runs
	done int
}

// say tells of a file, of which done are there now besides those before.
func (m *mirror) say(p Progress, done int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.done += done
	if m.tell != nil {
		m.tell(MirrorProgress{Progress: p, Done: m.done, Files: m.files})
	}
}

// immutable copies the files that never change, and returns the others.
func (m *mirror) immutable(ctx context.Context, names []string) (others []string, err error) {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(parallel)
	for i, name := range names {
		if _, immutable := Immutable(name); !immutable {
			others = append(others, name)
			continue
		}
		group.Go(func() error { return m.copy(ctx, name, filepath.Join(m.dir, strconv.Itoa(i))) })
	}
	return others, group.Wait()
}

// copy brings one file over and tells of it.
func (m *mirror) copy(ctx context.Context, name, temp string) error {
	err := m.bring(ctx, name, temp)
	if err == nil {
		m.say(Progress{Name: name}, 1)
	}
	return err
}

// bring copies one file by way of a temporary one.
func (m *mirror) bring(ctx context.Context, name, temp string) error {
	sum, immutable := Immutable(name)
	there, err := m.sum(ctx, name)
	if err != nil || there != "" && there == sum {
		return err
	}
	if err := Download(ctx, m.src, name, DownloadOptions{
		Path: temp, Max: MaxMirrored, SHA256: sum, Progress: func(p Progress) { m.say(p, 0) },
	}); err != nil {
		return err
	}
	defer os.Remove(temp)
	f, err := os.Open(temp)
	if err != nil {
		return err
	}
	defer f.Close()
	got, _, err := hashOf(ctx, f)
	switch {
	case err != nil || got == there:
		return err
	case there != "" && immutable && sum == "":
		return &ChangedError{m.src.String(), m.dst.String(), name}
	}
	if _, err := f.Seek(0, io.SeekStart); err != nil {
		return err
	}
	return m.dst.Put(ctx, name, f)
}

// sum is the SHA-256 of a file in the store, "" when it is not there.
func (m *mirror) sum(ctx context.Context, name string) (string, error) {
	h := sha256.New()
	r, _, err := m.dst.Open(ctx, name, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return "", nil
	}
	if err != nil {
		return "", err
	}
	defer r.Close()
	_, err = io.Copy(h, r)
	return fmt.Sprintf("%x", h.Sum(nil)), err
}
