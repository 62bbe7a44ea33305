// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
)

// oldSuffix names the previous run while a system without an atomic exchange
// of directories is between its two renames.
const oldSuffix = ".bulkhead-old"

// commit replaces a directory by a new one.
type commit struct {
	target string // absolute
	fail   func(step string) error
	// twoRenames makes do without the exchange, for tests.
	twoRenames bool
}

// run makes the new directory with fill, and puts it in place.
func (c *commit) run(fill func(dir string) error) error {
	if err := Recover(c.target); err != nil {
		return err
	}
	if err := ours(c.target); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return &SaveError{c.target, "looking at what is there", err}
	}
	parent := filepath.Dir(c.target)
	if err := os.MkdirAll(parent, 0o755); err != nil {
		return &SaveError{c.target, "making its parent", err}
	}
	temp, err := os.MkdirTemp(parent, "."+filepath.Base(c.target)+".new-")
	if err != nil {
		return &SaveError{c.target, "making a directory beside it", err}
	}
	// After an exchange this is the old run; after a failure, the unfinished one.
	defer func() { _ = os.RemoveAll(temp) }()
	if err := c.fillAndSync(temp, fill); err != nil {
		return &SaveError{c.target, "writing", err}
	}
	if err := c.place(temp); err != nil {
		return &SaveError{c.target, "putting the new run in place", err}
	}
	return nil
}

func (c *commit) fillAndSync(temp string, fill func(dir string) error) error {
	if err := fill(temp); err != nil {
		return err
	}
	if err := os.Chmod(temp, 0o755); err != nil {
		return err
	}
	if err := c.fail("syncing the new directory"); err != nil {
		return err
	}
	return syncDir(temp)
}

// place puts temp where target is.
func (c *commit) place(temp string) error {
	if err := c.fail("placing"); err != nil {
		return err
	}
	if err := c.swap(temp); err != nil {
		return err
	}
	if err := c.fail("syncing the parent"); err != nil {
		return err
	}
	return syncDir(filepath.Dir(c.target))
}

func (c *commit) swap(temp string) error {
	if _, err := os.Lstat(c.target); errors.Is(err, fs.ErrNotExist) {
		return os.Rename(temp, c.target)
	}
	if !c.twoRenames {
		if err := exchange(temp, c.target); !errors.Is(err, errors.ErrUnsupported) {
			return err
		}
	}
	return c.rename(temp)
}

// rename replaces target in two steps; between them the old run stands beside
// it, where Recover finds it.
func (c *commit) rename(temp string) error {
	old := oldName(c.target)
	if err := os.Rename(c.target, old); err != nil {
		return err
	}
	if err := c.fail("between the renames"); err != nil {
		return errors.Join(err, os.Rename(old, c.target))
	}
	if err := os.Rename(temp, c.target); err != nil {
		return errors.Join(err, os.Rename(old, c.target))
	}
	return os.RemoveAll(old)
}

func oldName(target string) string {
	return filepath.Join(filepath.Dir(target), "."+filepath.Base(target)+oldSuffix)
}

// Recover puts right a save that was interrupted between two renames: the
// previous run comes back, or goes when the new one is in place. It does
// nothing on a directory whose saves were not interrupted.
func Recover(dir string) error {
	target, err := filepath.Abs(dir)
	if err != nil {
		return &SaveError{dir, "its path", err}
	}
	old := oldName(target)
	if _, err := os.Lstat(old); err != nil {
		return nil // no save was interrupted there
	}
	if _, err := os.Lstat(target); errors.Is(err, fs.ErrNotExist) {
		err = os.Rename(old, target)
		if err != nil {
			return &SaveError{target, "recovering the previous run", err}
		}
		return nil
	}
	if err := os.RemoveAll(old); err != nil {
		return &SaveError{target, "removing the previous run", err}
	}
	return nil
}
