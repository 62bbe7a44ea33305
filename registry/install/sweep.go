// SPDX-License-Identifier: Apache-2.0

package install

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/archive"
)

// trashPrefix begins the names in staging of what is being deleted.
const trashPrefix = "trash-"

// sweep removes what is old or was left by processes that died.
func (g *collection) sweep() error {
	return errors.Join(g.sweepStaging(), g.sweepOld(quarantineDir, KindQuarantine, keepChanged),
		g.sweepOld(downloadDir, KindDownload, keepDownloads), g.sweepOrphans(verdictDir))
}

// sweepStaging removes what nobody is at work on.
func (g *collection) sweepStaging() error {
	list, err := g.list(stagingDir)
	for _, e := range list {
		path := g.store.path(stagingDir, e.Name())
		switch {
		case strings.HasPrefix(e.Name(), trashPrefix):
			err = errors.Join(err, g.removeOld(stagingDir, e, KindStaging, "it was being deleted"))
		case strings.HasPrefix(e.Name(), stagePrefix) && !strings.HasSuffix(e.Name(), lockSuffix):
			err = errors.Join(err, g.sweepStage(e, path))
		case strings.HasSuffix(e.Name(), lockSuffix):
			err = errors.Join(err, g.sweepLock(path))
		}
	}
	return err
}

// sweepStage removes a directory whose host died while it unpacked.
func (g *collection) sweepStage(e fs.DirEntry, path string) error {
	held, err := durable.Held(path + lockSuffix)
	if held || err != nil {
		return err
	}
	if _, err := os.Lstat(path + lockSuffix); errors.Is(err, fs.ErrNotExist) && g.age(e) < abandoned {
		return nil
	}
	return g.removeOld(stagingDir, e, KindStaging, "the bulkhead that unpacked it is gone")
}

// sweepLock removes the lock of a directory that is not there any more.
func (g *collection) sweepLock(path string) error {
	if _, err := os.Lstat(strings.TrimSuffix(path, lockSuffix)); !errors.Is(err, fs.ErrNotExist) || g.report.Dry {
		return nil
	}
	l, err := durable.TryAcquire(path)
	if errors.Is(err, durable.ErrLocked) {
		return nil
	}
	if err != nil {
		return err
	}
	_ = os.Remove(path) // Windows keeps open files; it is a few bytes
	return l.Release()
}

// sweepOld removes what has been in a directory for too long.
func (g *collection) sweepOld(dir, kind string, keep time.Duration) error {
	list, err := g.list(dir)
	for _, e := range list {
		if g.age(e) > keep {
			err = errors.Join(err, g.removeOld(dir, e, kind, fmt.Sprintf("it is older than %d days", keep/(24*time.Hour))))
		}
	}
	return err
}

// sweepOrphans removes files about entries that are not there, and unfinished ones.
func (g *collection) sweepOrphans(dir string) error {
	list, err := g.list(dir)
	for _, e := range list {
		_, gone := os.Lstat(g.store.entry(e.Name()))
		if !errors.Is(gone, fs.ErrNotExist) || g.age(e) < recent || g.report.Dry {
			continue
		}
		if wrong := os.Remove(g.store.path(dir, e.Name())); !errors.Is(wrong, fs.ErrNotExist) {
			err = errors.Join(err, wrong)
		}
	}
	return err
}

func (g *collection) list(dir string) ([]fs.DirEntry, error) {
	list, err := os.ReadDir(g.store.path(dir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return list, err
}

// age is how long ago an entry of a directory changed last.
func (g *collection) age(e fs.DirEntry) time.Duration {
	info, err := e.Info()
	if err != nil {
		return 0
	}
	return g.store.now().Sub(info.ModTime())
}

func (g *collection) removeOld(dir string, e fs.DirEntry, kind, why string) error {
	path := g.store.path(dir, e.Name())
	g.report.remove(Item{Kind: kind, Path: path, Bytes: sizeOf(path), Why: why})
	if g.report.Dry {
		return nil
	}
	return archive.Remove(path)
}
