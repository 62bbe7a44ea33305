// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
)

// maxProbation bounds the file of a probation, in bytes.
const maxProbation = 1 << 20

// probation is a new version that is watched.
type probation struct {
	Version int `json:"version"` // of this format: 1
	// Before is the generation to go back to, Lock the digest of the lock file that
	// is watched.
	Before  int      `json:"before"`
	Lock    string   `json:"lock"`
	Plugins []string `json:"plugins"`
	Why     string   `json:"why"`
	Left    int      `json:"left"`   // runs to go
	Budget  int      `json:"budget"` // failures that are survived
	// Failures are the reasons that counted against it.
	Failures []string `json:"failures,omitempty"`
	// Open are runs that began and did not end, by process.
	Open []openRun `json:"open,omitempty"`
	// Deaths are hosts that died in a run.
	Deaths int `json:"deaths"`
}

// openRun is a run that began.
type openRun struct {
	Run string `json:"run"`
	PID int    `json:"pid"`
}

// digestOf is the digest of a lock file in its normal form.
func digestOf(f *lock.File) string {
	text, err := f.Encode()
	if err != nil {
		return ""
	}
	return fmt.Sprintf("sha256:%x", sha256.Sum256(text))
}

// watch is the probation of one scope, on disk.
type watch struct {
	scope *install.Scope
	dir   string
}

func openWatch(scope *install.Scope) (*watch, error) {
	dir, err := scope.Dir()
	return &watch{scope, dir}, err
}

func (w *watch) file() string { return filepath.Join(w.dir, "probation.json") }

// begin puts a change on probation.
func (w *watch) begin(p probation) error {
	return w.change(func(*probation) (*probation, error) { return &p, nil })
}

// load reads the probation of the current lock file; nil when there is none, which
// is the case for one of a switch that never came.
func (w *watch) load() (*probation, error) {
	data, err := durable.ReadFile(w.file(), maxProbation)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var p probation
	if err := json.Unmarshal(data, &p); err != nil || p.Version != 1 {
		return nil, fmt.Errorf("%s is not a probation that this version reads; remove it to promote what is installed", w.file())
	}
	now, _, err := w.scope.Current()
	if err != nil || digestOf(now) != p.Lock {
		return nil, err
	}
	return &p, nil
}

// change rewrites the probation under a lock; nil removes it.
func (w *watch) change(edit func(*probation) (*probation, error)) error {
	if err := durable.MakeDir(w.dir); err != nil {
		return err
	}
	held, err := durable.Acquire(filepath.Join(w.dir, "probation.lock"))
	if err != nil {
		return err
	}
	defer held.Release()
	before, err := w.load()
	if err != nil {
		return err
	}
	after, err := edit(before)
	switch {
	case err != nil:
		return err
	case after == nil:
		return ignoreMissing(os.Remove(w.file()))
	}
	after.Version = 1
	data, err := json.Marshal(after)
	if err != nil {
		return err
	}
	return durable.Replace(w.file(), data, nil)
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// watches reports whether the probation is about one of the plugins.
func (p *probation) watches(ids []string) bool {
	return p != nil && slices.ContainsFunc(ids, func(id string) bool { return slices.Contains(p.Plugins, id) })
}
