// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
)

const (
	probationFile = "probation.json"
	// maxProbation bounds the file, in bytes, and maxGroups how many switches it
	// remembers.
	maxProbation = 4 << 20
	maxGroups    = 32
	// forgotten is how long a probation is kept that is not in force: its switch may
	// be to come.
	forgotten = time.Hour
	// failForgotten is where record.fail stands when nothing is on probation any more.
	failForgotten = "removing the record of probations"
)

// record is the probations of one scope, on disk.
type record struct {
	scope *install.Scope
	fail  durable.Fail
}

// recordFile is probation.json.
type recordFile struct {
	Version    int          `json:"version"` // 1
	Probations []*probation `json:"probations"`
}

// exists costs one look and writes nothing.
func (r record) exists() bool {
	_, err := os.Lstat(r.scope.File(probationFile))
	return err == nil
}

// read returns all probations, also those that are not in force.
func (r record) read() ([]*probation, error) {
	name := r.scope.File(probationFile)
	data, err := durable.ReadFile(name, maxProbation)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading what is on probation: %w", err)
	}
	var f recordFile
	if err := json.Unmarshal(data, &f); err != nil || f.Version != 1 || slices.Contains(f.Probations, nil) {
		return nil, fmt.Errorf("%s is not a record of probations that this version reads; remove it to keep what is installed", name)
	}
	return f.Probations, nil
}

// change rewrites the record under a lock, with the lock file that is in force.
func (r record) change(edit func(list []*probation, now *lock.File) ([]*probation, error)) error {
	if _, err := r.scope.Dir(); err != nil {
		return err
	}
	held, err := durable.Acquire(r.scope.File("probation.lock"))
	if err != nil {
		return err
	}
	defer func() { _ = held.Release() }()
	list, err := r.read()
	if err != nil {
		return err
	}
	now, _, err := r.scope.Current()
	if err != nil {
		return err
	}
	if list, err = edit(list, now); err != nil {
		return err
	}
	return r.write(tidy(list, now, time.Now()))
}

// tidy drops probations of switches that never came, and of versions that are
// gone.
func tidy(list []*probation, now *lock.File, at time.Time) []*probation {
	list = slices.DeleteFunc(list, func(p *probation) bool {
		return len(p.inForce(now)) == 0 && (at.Sub(p.At) > forgotten || p.At.After(at.Add(forgotten)))
	})
	return list[max(0, len(list)-maxGroups):]
}

func (r record) write(list []*probation) error {
	r.sweep(list)
	if len(list) == 0 {
		if r.fail != nil {
			if err := r.fail(failForgotten); err != nil {
				return err
			}
		}
		err := os.Remove(r.scope.File(probationFile))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		return err
	}
	data, err := json.Marshal(recordFile{1, list})
	if err != nil {
		return err
	}
	return durable.Replace(r.scope.File(probationFile), data, r.fail)
}

// Each run that is noted holds a lock on a file of its own, which the system takes
// away when its host dies. The files are made and removed under the record's lock.
const (
	runPrefix = "run-"
	runSuffix = ".lock"
)

func (r record) runFile(run string) string { return r.scope.File(runPrefix + run + runSuffix) }

// alive reports whether the host of a run is there. When in doubt it is.
func (r record) alive(run string) bool {
	held, err := durable.Held(r.runFile(run))
	return held || err != nil
}

// sweep removes the files of runs that nobody holds and nothing names.
func (r record) sweep(list []*probation) {
	open := map[string]bool{}
	for _, p := range list {
		for _, run := range p.Open {
			open[run] = true
		}
	}
	found, _ := filepath.Glob(r.scope.File(runPrefix + "*" + runSuffix)) // what stays is swept another time
	for _, file := range found {
		run := strings.TrimSuffix(strings.TrimPrefix(filepath.Base(file), runPrefix), runSuffix)
		if !open[run] && !r.alive(run) {
			_ = os.Remove(file)
		}
	}
}
