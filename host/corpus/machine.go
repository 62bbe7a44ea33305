// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/machinetree"
)

const (
	extension  = ".txtar"
	expectFile = "expect.json"
)

// Machine is one machine of a corpus.
type Machine struct {
	Name    string
	Comment string
	Expect  Expect
	tree    *machinetree.Tree
}

// Load reads the machines of a directory, in order of name: all of them, or
// those named. A wrong archive is a *machinetree.Error with file and line; of
// several wrong ones all are told.
func Load(dir string, names ...string) ([]Machine, error) {
	all, err := Names(dir)
	if err != nil {
		return nil, err
	}
	if len(names) == 0 {
		names = all
	}
	var machines []Machine
	var errs []error
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		if !slices.Contains(all, name) {
			errs = append(errs, fmt.Errorf("%s: no machine %q; `bulkhead corpus list` names them", dir, name))
			continue
		}
		m, err := load(dir, name)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		machines = append(machines, *m)
	}
	return machines, errors.Join(errs...)
}

// Names lists the machines of a directory, sorted.
func Names(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, fmt.Errorf("reading the corpus: %w", err)
	}
	var names []string
	for _, e := range entries {
		if name, ok := strings.CutSuffix(e.Name(), extension); ok && e.Type().IsRegular() {
			names = append(names, name)
		}
	}
	if len(names) == 0 {
		return nil, fmt.Errorf("%s has no machines: a corpus is a directory of NAME%s", dir, extension)
	}
	return names, nil
}

func load(dir, name string) (*Machine, error) {
	m, err := machinetree.Load(os.DirFS(dir), name+extension)
	if err != nil {
		return nil, in(dir, err)
	}
	s, ok := m.Other[expectFile]
	if !ok {
		return nil, in(dir, &machinetree.Error{File: name + extension, Err: errors.New("it has no " + expectFile)})
	}
	for other, s := range m.Other {
		if other != expectFile {
			return nil, in(dir, &machinetree.Error{File: name + extension, Line: s.Line - 1, Err: fmt.Errorf("%q is no recipe; files of the machine begin with root/", other)})
		}
	}
	expect, offset, err := parseExpect(s.Data)
	if err != nil {
		return nil, in(dir, &machinetree.Error{File: name + extension, Line: s.LineOf(err, offset), Err: fmt.Errorf("%s: %w", expectFile, err)})
	}
	return &Machine{Name: name, Comment: m.Comment, Expect: expect, tree: m.Tree}, nil
}

// in names the file of an error as the caller would.
func in(dir string, err error) error {
	var e *machinetree.Error
	if errors.As(err, &e) && e.File != "" && !filepath.IsAbs(e.File) {
		return &machinetree.Error{File: filepath.Join(dir, filepath.FromSlash(e.File)), Line: e.Line, Err: e.Err}
	}
	return err
}

// Unpack writes the machine into a directory, which is made when it is not there
// and must be empty.
func (m *Machine) Unpack(dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	if len(entries) > 0 {
		return fmt.Errorf("%s is not empty; give a new directory", dir)
	}
	return m.tree.Write(dir)
}

// remove deletes an unpacked machine, whatever modes its directories have.
func remove(dir string) error {
	if os.RemoveAll(dir) == nil {
		return nil
	}
	_ = filepath.WalkDir(dir, func(p string, d fs.DirEntry, _ error) error {
		if d != nil && d.IsDir() {
			_ = os.Chmod(p, 0o700) // removal tells what is wrong
		}
		return nil
	})
	return os.RemoveAll(dir)
}
