// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

var (
	errVanished = errors.New("it is removed as fast as it is made")
	errNotHere  = errors.New("the controllers that leaves need are not to be had here")
)

func alreadyThere(err error) bool { return errors.Is(err, fs.ErrExist) }

// choose decides where leaves are made, and makes BASE/bulkhead there. A tree
// that cannot be used is left out, but one of them must have pids.
func (h *Hierarchy) choose() ([]*place, error) {
	trees, err := h.surveyed()
	if err != nil {
		return nil, err
	}
	owner, err := self()
	if err != nil {
		return nil, &Unavailable{Step: StepFind, Path: h.path("proc/self"), Err: err}
	}
	h.name = owner.name()
	var places []*place
	refused := error(&Unavailable{Step: StepFind, Err: errNone})
	for _, t := range trees {
		p, err := h.chooseIn(t)
		if err == nil {
			places = append(places, p)
		} else if slices.Contains(t.controllers, "pids") {
			refused = err
		}
	}
	hasPids := func(p *place) bool { return slices.Contains(p.controllers, "pids") }
	if !slices.ContainsFunc(places, hasPids) {
		return nil, refused
	}
	return places, nil
}

func (h *Hierarchy) chooseIn(t *hierarchy) (*place, error) {
	if t.version == 2 {
		return h.chooseUnified(t)
	}
	p := &place{version: 1, base: t.own, controllers: t.controllers}
	if err := h.kernel.writable(filepath.Join(t.own, "cgroup.procs")); err != nil {
		return nil, &Unavailable{Step: StepDelegate, Path: t.own, Err: err}
	}
	if err := h.makeTree(p); err != nil {
		return nil, refusal(err)
	}
	return p, nil
}

// refusal tells a directory that may not be changed from other failures.
func refusal(err error) error {
	var u *Unavailable
	if errors.As(err, &u) && errors.Is(err, fs.ErrPermission) || errors.Is(err, unix.EROFS) {
		return &Unavailable{Step: StepDelegate, Path: u.Path, Err: u.Err}
	}
	return err
}

// chooseUnified tries the own group and then its ancestors. The nearest refusal
// is the one that the user can do something about.
func (h *Hierarchy) chooseUnified(t *hierarchy) (*place, error) {
	var nearest error
	for dir := t.own; ; dir = filepath.Dir(dir) {
		p, err := h.tryUnified(t, dir)
		if err == nil {
			return p, nil
		}
		if nearest == nil {
			nearest = err
		}
		if dir == t.top || dir == "/" {
			return nil, nearest
		}
		if file := bounded(dir); file != "" {
			return nil, &Unavailable{Step: StepBounded, Path: file, Err: dodging(nearest)}
		}
	}
}

// dodging is the reason not to go up: that the group itself was of no use, and
// that those above it are out of bounds.
func dodging(nearest error) error {
	if u, ok := errors.AsType[*Unavailable](nearest); ok {
		nearest = u.Err
	}
	return fmt.Errorf("%w; leaves beside the group would not count against its limit", nearest)
}

// bounded names the limit that leaves beside the group would dodge.
func bounded(dir string) string {
	for _, name := range []string{"memory.max", "cpu.max"} {
		file := filepath.Join(dir, name)
		if words := readWords(file); len(words) > 0 && words[0] != "max" {
			return file
		}
	}
	return ""
}
