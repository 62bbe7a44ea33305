// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

var (
	errPopulated = errors.New("the group holds other processes, and one that holds processes cannot give controllers to groups below it")
	errThreaded  = errors.New("the group is threaded")
)

// tryUnified makes BASE/bulkhead in a version 2 group, with the controllers
// switched on, or says why not and leaves things as they were.
func (h *Hierarchy) tryUnified(t *hierarchy, dir string) (*place, error) {
	controllers := intersect(t.controllers, readWords(filepath.Join(dir, "cgroup.controllers")))
	if !enough(t.controllers, controllers) {
		return nil, &Unavailable{Step: StepControllers, Path: filepath.Join(dir, "cgroup.controllers"), Err: errNotHere}
	}
	for _, name := range []string{"cgroup.procs", "cgroup.subtree_control"} {
		if err := h.kernel.writable(filepath.Join(dir, name)); err != nil {
			return nil, &Unavailable{Step: StepDelegate, Path: filepath.Join(dir, name), Err: err}
		}
	}
	move, err := mustMove(dir, dir == t.own)
	if err != nil {
		return nil, &Unavailable{Step: StepPopulated, Path: dir, Err: err}
	}
	p := &place{version: 2, base: dir, controllers: controllers}
	if move {
		return p, h.settleAlone(p)
	}
	return p, h.settle(p)
}

// mustMove says whether the host has to leave the group first. It is an error
// when processes would be left that only their owner may move.
func mustMove(dir string, own bool) (bool, error) {
	kind := readWords(filepath.Join(dir, "cgroup.type"))
	if len(kind) == 0 { // only the root has no type; it may hold processes
		return false, nil
	}
	if kind[0] != "domain" {
		return false, errThreaded
	}
	procs, err := readProcs(dir)
	if err != nil || len(procs) == 0 {
		return false, err
	}
	if own && len(procs) == 1 && procs[0] == os.Getpid() {
		return true, nil
	}
	return false, errPopulated
}

// settle makes BASE/bulkhead and switches the controllers on in BASE. Those of
// BASE/bulkhead follow with the host's directory, since another host that leaves
// may remove it as empty at any time.
func (h *Hierarchy) settle(p *place) error {
	if err := h.makeDir(tree(p.base)); err != nil {
		return refusal(err)
	}
	before := readWords(control(p.base))
	err := h.enable(p, p.base)
	if err != nil {
		_ = h.kernel.rmdir(tree(p.base)) // another host's leaves may be there
		h.disable(p, before)
	}
	return err
}

// disable switches off in BASE what was off before. What another host has begun
// to use stays on.
func (h *Hierarchy) disable(p *place, before []string) {
	for _, c := range readWords(control(p.base)) {
		if !slices.Contains(before, c) {
			_ = h.kernel.write(control(p.base), "-"+c)
		}
	}
}

// control is the file that gives controllers to the groups below dir.
func control(dir string) string { return filepath.Join(dir, "cgroup.subtree_control") }

// settleAlone is settle for a group whose only process is this host, which
// moves into a group below. It moves back when that was of no use.
func (h *Hierarchy) settleAlone(p *place) error {
	dir := filepath.Join(tree(p.base), supervisorPrefix+h.name)
	if err := h.makeDir(tree(p.base)); err != nil {
		return refusal(err)
	}
	err := h.kernel.mkdir(dir)
	if err == nil {
		err = h.move(os.Getpid(), dir)
	}
	if err == nil {
		err = h.settle(p)
	}
	if err == nil {
		return nil
	}
	err = errors.Join(err, h.move(os.Getpid(), p.base))
	_ = h.kernel.rmdir(dir) // a later sweep does it otherwise
	_ = h.kernel.rmdir(tree(p.base))
	return refusal(&Unavailable{Step: StepPopulated, Path: dir, Err: err})
}

func (h *Hierarchy) move(pid int, dir string) error {
	return h.kernel.write(filepath.Join(dir, "cgroup.procs"), strconv.Itoa(pid))
}

// enable switches a place's controllers on for the groups below dir. Version 1
// knows no such switch.
func (h *Hierarchy) enable(p *place, dir string) error {
	if p.version == 1 {
		return nil
	}
	on, err := h.enableIn(dir, p.controllers)
	if err == nil && len(on) < len(p.controllers) {
		p.controllers = on
	}
	return err
}

// enough says whether a tree is of use with some of its controllers: it must have
// pids if that is where pids comes from.
func enough(of, some []string) bool {
	return len(some) > 0 && (slices.Contains(some, "pids") || !slices.Contains(of, "pids"))
}

// enableIn switches controllers on one by one, so that one that the kernel
// refuses (cpu beside real-time processes) costs only itself. It returns those
// that are on.
func (h *Hierarchy) enableIn(dir string, controllers []string) ([]string, error) {
	file := control(dir)
	var refused error
	on := readWords(file)
	for _, c := range controllers {
		if slices.Contains(on, c) {
			continue
		}
		err := h.kernel.write(file, "+"+c)
		switch {
		case err == nil:
			on = append(on, c)
		case !exists(file):
			return nil, &Unavailable{Step: StepMake, Path: dir, Err: err}
		case refused == nil: // pids comes first
			refused = err
		}
	}
	if on = intersect(controllers, on); !enough(controllers, on) {
		return nil, &Unavailable{Step: StepControllers, Path: file, Err: refused}
	}
	return on, nil
}

// intersect returns the elements of a that are in b, in the order of a.
func intersect(a, b []string) []string {
	var both []string
	for _, x := range a {
		if slices.Contains(b, x) {
			both = append(both, x)
		}
	}
	return both
}
