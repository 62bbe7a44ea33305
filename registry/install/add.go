// SPDX-License-Identifier: Apache-2.0

package install

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Steps that Add passes, in their order, besides those of package durable.
const (
	StepStage      = "making the staging directory"
	StepUnpack     = "unpacking the archive"
	StepQuarantine = "moving the changed entry to quarantine"
	StepVerdict    = "recording the verdict"
)

// Add installs the archive at a path as the entry that the registry's word
// promises, and returns its directory. An entry that is there is checked as Quick
// does and left as it is; a changed one is a *TamperedError. An archive that is
// another than promised is a *MismatchError, a wrong one an *archive.RefusedError.
// Several hosts may add the same at once. The archive stays where it is.
func (s *Store) Add(ctx context.Context, archivePath string, promised release.Platform) (dir string, err error) {
	return s.add(ctx, archivePath, promised, false)
}

// Repair is Add that moves a changed entry to quarantine and installs it again. A
// host that runs the changed one keeps running it.
func (s *Store) Repair(ctx context.Context, archivePath string, promised release.Platform) (dir string, err error) {
	return s.add(ctx, archivePath, promised, true)
}

func (s *Store) add(ctx context.Context, archivePath string, promised release.Platform, repair bool) (string, error) {
	name, err := entryName(promised.H1)
	if err != nil {
		return "", err
	}
	l, err := s.lockEntry(ctx, name)
	if err != nil {
		return "", fmt.Errorf("installing %s: %w", archivePath, err)
	}
	defer func() { _ = l.Release() }()
	present, err := s.present(ctx, promised.H1, name, repair)
	if err == nil && !present {
		err = s.place(ctx, name, archivePath, promised)
	}
	if err != nil {
		return "", fmt.Errorf("installing %s: %w", archivePath, err)
	}
	s.touch(name)
	return s.entry(name), nil
}

// touch notes that somebody wants an entry now, so that it is not collected
// before he has switched to it.
func (s *Store) touch(name string) {
	now := s.now()
	_ = os.Chtimes(s.path(lockDir, name), now, now) // it has just been made, and is young anyway
}

// present reports whether the entry is there and as it should be.
func (s *Store) present(ctx context.Context, h1, name string, repair bool) (bool, error) {
	if _, err := s.Dir(h1); err != nil {
		if _, ok := errors.AsType[*MissingError](err); ok {
			return false, nil
		}
		if !repair {
			return false, err
		}
		return false, s.quarantine(name)
	}
	err := s.quick(ctx, h1, name)
	if _, ok := errors.AsType[*TamperedError](err); ok && repair {
		return false, s.quarantine(name)
	}
	return err == nil, err
}

// quarantine moves an entry aside for somebody to look at.
func (s *Store) quarantine(name string) error {
	if err := s.fail(StepQuarantine); err != nil {
		return err
	}
	if err := durable.MakeDir(s.path(quarantineDir)); err != nil {
		return err
	}
	return s.move(s.entry(name), s.path(quarantineDir, name+"-"+strconv.FormatInt(s.now().UnixNano(), 10)))
}

// move renames an entry. A read-only directory cannot get another parent.
func (s *Store) move(from, to string) error {
	if info, err := os.Lstat(from); err == nil && info.IsDir() {
		if err := os.Chmod(from, 0o755); err != nil {
			return err
		}
	}
	if err := durable.Rename(from, to, s.Fail); err != nil {
		return err
	}
	return durable.SyncDir(filepath.Dir(from))
}

// place unpacks an archive and makes it the entry.
func (s *Store) place(ctx context.Context, name, archivePath string, promised release.Platform) error {
	stage, err := s.stage()
	if err != nil {
		return err
	}
	defer stage.remove()
	if err := s.fail(StepUnpack); err != nil {
		return err
	}
	u, err := unpack(ctx, archivePath, stage.dir, promised)
	if err != nil {
		return err
	}
	if err := durable.MakeDir(s.path(storeDir)); err != nil {
		return err
	}
	if err := durable.Rename(stage.dir, s.entry(name), s.Fail); err != nil {
		return err
	}
	return s.settle(name, u)
}

// settle makes the new entry read-only and records what its files are like. It is
// complete without that, so a disk that has no room for it is no failure.
func (s *Store) settle(name string, u *archive.Unpacked) error {
	if err := os.Chmod(s.entry(name), 0o555); err != nil {
		return err
	}
	if err := s.fail(StepVerdict); err != nil {
		return err
	}
	v, err := look(s.entry(name), s.now())
	if err != nil {
		return err
	}
	for i, item := range v.items {
		v.items[i].sum = u.Files[item.name]
	}
	s.saveVerdict(name, v)
	return nil
}

// unpack compares an archive with what was promised while it unpacks it.
func unpack(ctx context.Context, path, dir string, promised release.Platform) (*archive.Unpacked, error) {
	f, err := durable.OpenRegular(path, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if info.Size() != promised.Bytes {
		return nil, &MismatchError{Archive: path, What: "number of bytes", Want: strconv.FormatInt(promised.Bytes, 10), Got: strconv.FormatInt(info.Size(), 10)}
	}
	h := sha256.New()
	u, err := archive.Unpack(ctx, io.TeeReader(f, h), dir, archive.Limits{Bytes: promised.Bytes, Unpacked: promised.Unpacked})
	if err != nil {
		return nil, err
	}
	return u, compare(path, promised, release.Platform{H1: u.H1, Executable: u.Manifest.Digest, Archive: fmt.Sprintf("sha256:%x", h.Sum(nil))})
}

func compare(path string, want, got release.Platform) error {
	for _, field := range []struct{ what, want, got string }{
		{"SHA-256", want.Archive, got.Archive},
		{"digest h1", want.H1, got.H1},
		{"executable", want.Executable, got.Executable},
	} {
		if field.want != field.got {
			return &MismatchError{Archive: path, What: field.what, Want: field.want, Got: field.got}
		}
	}
	return nil
}

// stage is a directory to be, in staging, with a lock that says that somebody is
// at work on it.
type stage struct {
	dir  string
	lock *durable.Lock
}

const (
	stagePrefix = "unpack-"
	lockSuffix  = ".lock"
)

func (s *Store) stage() (*stage, error) {
	if err := s.fail(StepStage); err != nil {
		return nil, err
	}
	if err := durable.MakeDir(s.path(stagingDir)); err != nil {
		return nil, err
	}
	dir := s.path(stagingDir, stagePrefix+rand.Text())
	l, err := durable.TryAcquire(dir + lockSuffix)
	return &stage{dir: dir, lock: l}, err
}

// remove takes away what is left of it.
func (st *stage) remove() {
	_ = archive.Remove(st.dir) // what stays is swept by a collection
	_ = st.lock.Release()
	_ = os.Remove(st.dir + lockSuffix)
}
