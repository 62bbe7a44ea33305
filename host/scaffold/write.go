// SPDX-License-Identifier: Apache-2.0

package scaffold

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
)

// ExistsError means that something stands where a project would be written.
type ExistsError struct{ Path string }

// Error names the file and the way out.
func (e *ExistsError) Error() string {
	return fmt.Sprintf("%s exists already, and nothing is overwritten; name another directory", e.Path)
}

// PlaceError means that a directory cannot hold a project.
type PlaceError struct {
	Path   string
	Reason error
}

// Error names the directory and the way out.
func (e *PlaceError) Error() string {
	return fmt.Sprintf("no project can be made in %s: %v; name a directory that you may write to with --dir", e.Path, e.Reason)
}

// Unwrap is the reason.
func (e *PlaceError) Unwrap() error { return e.Reason }

// errNoDirectory is why a file is no place for a project.
var errNoDirectory = errors.New("it is a file, or lies in one")

// Write writes the files below a directory, which it makes. When one of them
// exists, none is written, and the error is an *ExistsError. What it made before it
// failed it takes away again.
func (p *Project) Write(dir string) error {
	for _, f := range p.Files {
		name := filepath.Join(dir, filepath.FromSlash(f.Name))
		if _, err := os.Lstat(name); err == nil {
			return &ExistsError{name}
		} else if !errors.Is(err, fs.ErrNotExist) {
			return placeError(dir, err)
		}
	}
	var made made
	for _, f := range p.Files {
		if err := made.file(filepath.Join(dir, filepath.FromSlash(f.Name)), f.Data); err != nil {
			made.undo()
			return placeError(dir, err)
		}
	}
	return nil
}

// placeError says of a directory what the system says of a file in it.
func placeError(dir string, err error) error {
	if exists, ok := errors.AsType[*ExistsError](err); ok {
		return exists
	}
	if info, bad := os.Stat(dir); bad == nil && !info.IsDir() {
		return &PlaceError{dir, errNoDirectory}
	}
	if path, ok := errors.AsType[*fs.PathError](err); ok {
		err = path.Err
	}
	return &PlaceError{dir, err}
}

// made is what was made, outermost first.
type made []string

// file makes a file that must be new, whoever else is at work there.
func (m *made) file(name string, data []byte) error {
	if err := m.dir(filepath.Dir(name)); err != nil {
		return err
	}
	f, err := os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o644)
	if errors.Is(err, fs.ErrExist) {
		return &ExistsError{name}
	}
	if err != nil {
		return err
	}
	*m = append(*m, name)
	_, err = f.Write(data)
	return errors.Join(err, f.Close())
}

// dir makes a directory with those that it lies in.
func (m *made) dir(name string) error {
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		return nil
	}
	if parent := filepath.Dir(name); parent != name {
		if err := m.dir(parent); err != nil {
			return err
		}
	}
	err := os.Mkdir(name, 0o755)
	if err == nil {
		*m = append(*m, name)
	}
	if errors.Is(err, fs.ErrExist) {
		if info, bad := os.Stat(name); bad == nil && info.IsDir() {
			return nil // somebody else was faster
		}
	}
	return err
}

// undo takes it away again; a directory with something of somebody else stays.
func (m made) undo() {
	for _, name := range slices.Backward(m) {
		_ = os.Remove(name)
	}
}
