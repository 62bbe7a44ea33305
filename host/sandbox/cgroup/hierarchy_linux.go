// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"path/filepath"
	"sync"
)

// Hierarchy is the control groups of one machine, seen from this process. The
// package's functions work on that of the running system.
type Hierarchy struct {
	// Root is the directory that /proc and the mount points are looked up in;
	// "" is "/". Tests set it.
	Root string

	kernel kernel
	look   sync.Once // guards trees and surveyErr
	trees  []*hierarchy
	absent error

	mu     sync.Mutex // guards what follows
	places []*place
	failed error
	name   string // of the host's directories, after the prefix
	serial uint64 // of the next leaf
}

// place is where the leaves of one hierarchy are made.
type place struct {
	version     int
	base        string
	controllers []string // those that leaves have here
	host        string   // the host's own directory; "" until it is made
}

// treeName is the directory that holds those of all hosts.
const treeName = "bulkhead"

// tree is BASE/bulkhead. A host that runs below another's supervisor group
// shares the tree of that host.
func tree(base string) string {
	if filepath.Base(base) == treeName {
		return base
	}
	return filepath.Join(base, treeName)
}

// system is the machine that this process runs on.
var system = &Hierarchy{kernel: cgroupfs{}}

// New makes a leaf with the limits. It fails with an [*Unavailable] when this
// machine or this user cannot have one, and with a plain error for limits that
// make no sense. What was found out about the machine is kept for the next call.
func New(limits Limits) (*Leaf, error) { return system.New(limits) }

// Sweep removes the groups of hosts that are gone, after killing whatever is
// left in their leaves. Any number of hosts may sweep at the same time. It
// returns nil where there are no control groups.
func Sweep() error { return system.Sweep() }

// RemoveHost removes this host's directories, with any leaf that is left. It is
// for a clean exit; a later [New] makes them anew.
func RemoveHost() error { return system.RemoveHost() }

// surveyed is the survey of the machine, made once.
func (h *Hierarchy) surveyed() ([]*hierarchy, error) {
	h.look.Do(func() { h.trees, h.absent = h.survey() })
	return h.trees, h.absent
}

// prepared returns where leaves are to be made and the number of the next one,
// with the host's directories in place.
func (h *Hierarchy) prepared() ([]place, uint64, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.places == nil && h.failed == nil {
		h.places, h.failed = h.choose()
	}
	if h.failed != nil {
		return nil, 0, h.failed
	}
	var places []place // copies, which the next forget does not change
	for _, p := range h.places {
		if err := h.makeHost(p); err != nil {
			return nil, 0, err
		}
		places = append(places, *p)
	}
	h.serial++
	return places, h.serial, nil
}

// makeHost makes the host's directory of a place, if it is not there.
func (h *Hierarchy) makeHost(p *place) error {
	if p.host != "" {
		return nil
	}
	dir := filepath.Join(tree(p.base), hostPrefix+h.name)
	// The tree is there unless another host has just removed it as empty.
	for range 10 {
		if err := h.makeTree(p); err != nil {
			return err
		}
		err := h.makeDir(dir)
		if err == nil {
			err = h.enable(p, dir)
		}
		if gone(err) {
			continue
		}
		if err == nil {
			p.host = dir
		}
		return err
	}
	return &Unavailable{Step: StepMake, Path: dir, Err: errVanished}
}

// makeTree makes BASE/bulkhead ready for the directories of hosts.
func (h *Hierarchy) makeTree(p *place) error {
	if err := h.makeDir(tree(p.base)); err != nil {
		return err
	}
	if err := h.enable(p, tree(p.base)); !gone(err) {
		return err
	}
	return nil
}

// makeDir makes a directory that may be there already.
func (h *Hierarchy) makeDir(dir string) error {
	if err := h.kernel.mkdir(dir); err != nil && !alreadyThere(err) {
		return &Unavailable{Step: StepMake, Path: dir, Err: err}
	}
	return nil
}

// forget makes the next New look for the host's directories again.
func (h *Hierarchy) forget() {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.places {
		p.host = ""
	}
}
