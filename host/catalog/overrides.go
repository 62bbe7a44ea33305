// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// maxOverrides bounds the file of overrides, in bytes.
const maxOverrides = 4 << 20

// Overrides are those of one project, in a file of the user's own: a project from
// somebody else brings none along.
type Overrides struct {
	file    string
	project string
}

// overridesFile is what stands there.
type overridesFile struct {
	Project   string     `json:"project"` // "" for those where there is no configuration
	Overrides []Override `json:"overrides"`
}

// OverridesOf are those of the project in a directory; "" are those that hold where
// there is no configuration. Nothing is read or made yet.
func OverridesOf(project string) (*Overrides, error) {
	dir, err := durable.StateDir("dev", "BULKHEAD_DEV_DIR")
	if err != nil {
		return nil, err
	}
	if project != "" {
		if project, err = filepath.EvalSymlinks(project); err != nil {
			return nil, fmt.Errorf("no project: %w", err)
		}
	}
	sum := sha256.Sum256([]byte("bulkhead dev 1\n" + project))
	return &Overrides{file: filepath.Join(dir, hex.EncodeToString(sum[:16])+".json"), project: project}, nil
}

// File is where they stand.
func (o *Overrides) File() string { return o.file }

// List returns them in the order of their names; none where nobody made any.
func (o *Overrides) List() ([]Override, error) {
	data, err := durable.ReadFile(o.file, maxOverrides)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return o.parse(data)
}

func (o *Overrides) parse(data []byte) ([]Override, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var f overridesFile
	err := dec.Decode(&f)
	if err == nil {
		err = f.check()
	}
	if err != nil {
		return nil, fmt.Errorf("%s is not what `bulkhead plugin dev` wrote (%w); remove it to be without overrides", o.file, err)
	}
	return f.Overrides, nil
}

func (f overridesFile) check() error {
	for _, o := range f.Overrides {
		if !nameForm().MatchString(o.Name) || !filepath.IsAbs(o.Path) {
			return fmt.Errorf("override %q of %q", o.Name, o.Path)
		}
	}
	return nil
}

// Set adds an override, or replaces the one of that name.
func (o *Overrides) Set(next Override) error {
	if !nameForm().MatchString(next.Name) {
		return fmt.Errorf("plugin name %q: use lower-case letters, digits and dashes", next.Name)
	}
	return o.change(func(list []Override) []Override {
		return append(slices.DeleteFunc(list, func(have Override) bool { return have.Name == next.Name }), next)
	})
}

// Remove takes one back, and reports whether there was one.
func (o *Overrides) Remove(name string) (found bool, err error) {
	err = o.change(func(list []Override) []Override {
		kept := slices.DeleteFunc(slices.Clone(list), func(have Override) bool { return have.Name == name })
		found = len(kept) < len(list)
		return kept
	})
	return found, err
}

// change rewrites the file, while no other host does.
func (o *Overrides) change(edit func([]Override) []Override) error {
	if err := durable.MakeDir(filepath.Dir(o.file)); err != nil {
		return err
	}
	lock, err := durable.Acquire(o.file + ".lock")
	if err != nil {
		return err
	}
	defer func() { _ = lock.Release() }()
	list, err := o.List()
	if err != nil {
		return err
	}
	list = edit(list)
	if len(list) == 0 {
		if err := os.Remove(o.file); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		return nil
	}
	slices.SortFunc(list, func(a, b Override) int { return cmp.Compare(a.Name, b.Name) })
	data, err := json.MarshalIndent(overridesFile{o.project, list}, "", "  ")
	if err != nil {
		return err
	}
	return durable.Replace(o.file, append(data, '\n'), nil)
}
