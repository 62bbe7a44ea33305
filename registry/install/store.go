// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/archive"
)

// Names in a store.
const (
	storeDir      = "store"
	verdictDir    = "store-verdicts"
	stagingDir    = "staging"
	quarantineDir = "quarantine"
	downloadDir   = "downloads"
	lockDir       = "locks"
	leaseDir      = "leases"
	scopeDir      = "scopes"
	userLock      = "user.lock.hcl"
	storeLock     = "store.lock"
)

// Store is a directory of plugins. It is safe for concurrent use, also by several
// processes.
type Store struct {
	root string
	// Fail stands before every step that changes the disk, for tests; nil does
	// nothing.
	Fail durable.Fail
	now  func() time.Time
}

// Open returns the store in a directory, an absolute path. Nothing is made there
// before something is installed.
func Open(root string) *Store { return &Store{root: root, now: time.Now} }

// DefaultRoot is the directory of the user's store: bulkhead in $XDG_DATA_HOME
// (on Windows in LocalAppData), or the absolute path in BULKHEAD_DATA_DIR.
func DefaultRoot() (string, error) { return durable.DataDir("", "BULKHEAD_DATA_DIR") }

// Root is the store's directory.
func (s *Store) Root() string { return s.root }

// Dir is the directory of an entry; a *MissingError when there is none. It says
// nothing about the files in it, see Quick.
func (s *Store) Dir(h1 string) (string, error) {
	name, err := entryName(h1)
	if err != nil {
		return "", err
	}
	info, err := os.Lstat(s.entry(name))
	if errors.Is(err, fs.ErrNotExist) {
		return "", &MissingError{H1s: []string{h1}}
	}
	if err == nil && !info.IsDir() {
		err = &TamperedError{H1: h1, Dir: s.entry(name), Reason: "it is no directory"}
	}
	return s.entry(name), err
}

// Downloads makes and returns the directory for archives that are being fetched.
// What lies there for more than seven days is collected.
func (s *Store) Downloads() (string, error) {
	dir := s.path(downloadDir)
	return dir, durable.MakeDir(dir)
}

// Installed lists the digests h1 of all entries, in order.
func (s *Store) Installed() ([]string, error) {
	names, err := s.entries()
	out := make([]string, len(names))
	for i, name := range names {
		out[i] = h1Of(name)
	}
	return out, err
}

// entries are the names of the entries; others in the directory are passed over.
func (s *Store) entries() ([]string, error) {
	list, err := os.ReadDir(s.path(storeDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("listing the installed plugins: %w", err)
	}
	var out []string
	for _, e := range list {
		if sum, err := hex.DecodeString(e.Name()); err == nil && len(sum) == len(archive.Sum{}) {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// entryName is the name of the entry for a digest.
func entryName(h1 string) (string, error) {
	sum, err := archive.ParseH1(h1)
	return hex.EncodeToString(sum[:]), err
}

func (s *Store) path(parts ...string) string {
	return filepath.Join(append([]string{s.root}, parts...)...)
}

func (s *Store) entry(name string) string { return s.path(storeDir, name) }

func (s *Store) fail(step string) error {
	if s.Fail == nil {
		return nil
	}
	return s.Fail(step)
}

// lockEntry waits for the lock of an entry: a host may be unpacking it.
func (s *Store) lockEntry(ctx context.Context, name string) (*durable.Lock, error) {
	return acquire(ctx, s.path(lockDir), name)
}

// lockStore waits for the lock under which pointers, generations and the set of
// entries change.
func (s *Store) lockStore(ctx context.Context) (*durable.Lock, error) {
	return acquire(ctx, s.root, storeLock)
}

func acquire(ctx context.Context, dir, name string) (*durable.Lock, error) {
	if err := durable.MakeDir(dir); err != nil {
		return nil, err
	}
	for pause := time.Millisecond; ; pause = min(2*pause, 50*time.Millisecond) {
		l, err := durable.TryAcquire(filepath.Join(dir, name))
		if !errors.Is(err, durable.ErrLocked) {
			return l, err
		}
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("waiting for another bulkhead that holds %s: %w", filepath.Join(dir, name), ctx.Err())
		case <-time.After(pause):
		}
	}
}
