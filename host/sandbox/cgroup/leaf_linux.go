// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Leaf is the control group of one plugin: one directory in each hierarchy that
// holds a controller. Its methods may be called at the same time.
type Leaf struct {
	kernel   kernel
	groups   []group
	enforced []string
	files    []*os.File

	mu      sync.Mutex
	last    Usage // as last read; the final one after Remove
	removed bool
}

// group is the directory of a leaf in one hierarchy.
type group struct {
	version     int
	dir         string
	controllers []string
}

// removeWithin bounds the wait for the last process of a killed group to go.
const removeWithin = 5 * time.Second

// New makes a leaf with the limits; see the function [New].
func (h *Hierarchy) New(limits Limits) (*Leaf, error) {
	if err := limits.check(); err != nil {
		return nil, err
	}
	leaf, err := h.newLeaf(limits)
	if gone(err) { // another host took our directory for a dead one's, or an administrator did
		h.forget()
		leaf, err = h.newLeaf(limits)
	}
	return leaf, err
}

func (h *Hierarchy) newLeaf(limits Limits) (*Leaf, error) {
	places, n, err := h.prepared()
	if err != nil {
		return nil, err
	}
	leaf := &Leaf{kernel: h.kernel}
	for _, p := range places {
		g := group{
			version:     p.version,
			dir:         filepath.Join(p.host, strconv.FormatUint(n, 10)),
			controllers: limits.limited(p),
		}
		if len(g.controllers) == 0 {
			continue
		}
		if err := leaf.add(g, limits); err != nil {
			return nil, errors.Join(err, leaf.Remove())
		}
	}
	if err := leaf.open(); err != nil {
		return nil, errors.Join(err, leaf.Remove())
	}
	return leaf, nil
}

// limited are the controllers of a place that a leaf with these limits has. The
// processes are in the pids hierarchy always: that is where they are found again.
func (l Limits) limited(p place) []string {
	if p.version == 2 {
		return p.controllers
	}
	var controllers []string
	for _, c := range p.controllers {
		if c == "pids" || l.settings(p.version, c) != nil {
			controllers = append(controllers, c)
		}
	}
	return controllers
}

// add makes the directory of one hierarchy and sets its limits.
func (l *Leaf) add(g group, limits Limits) error {
	if err := l.kernel.mkdir(g.dir); err != nil {
		return &Unavailable{Step: StepMake, Path: g.dir, Err: err}
	}
	l.groups = append(l.groups, g)
	enforced, err := limits.apply(l.kernel, g)
	l.enforced = ordered(append(l.enforced, enforced...))
	return err
}

// open opens what a new process needs to get in.
func (l *Leaf) open() error {
	for _, g := range l.groups {
		path := filepath.Join(g.dir, g.entrance())
		file, err := openFile(path, unix.O_WRONLY)
		if err != nil {
			return &Unavailable{Step: StepMake, Path: path, Err: err}
		}
		l.files = append(l.files, file)
	}
	return nil
}

// entrance is the file that a new process gets in by. The one of version 1 moves
// a thread, without the wait for a grace period.
func (g group) entrance() string {
	if g.version == 1 {
		return "tasks"
	}
	return "cgroup.procs"
}

// Files returns one open file for each hierarchy. A process with one thread that
// writes "0" to each of them is in the leaf. Of a process with more threads it is
// the writing one that must execute the program (see the package documentation).
// They are close-on-exec and belong to the leaf, which closes them in Remove.
func (l *Leaf) Files() []*os.File { return l.files }

// Controllers lists the limits that were asked for and are enforced, of "pids",
// "memory" and "cpu", in this order.
func (l *Leaf) Controllers() []string { return slices.Clone(l.enforced) }

// Kill sends SIGKILL to every process in the leaf, those made meanwhile included.
// It does not wait for them to go.
func (l *Leaf) Kill() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.removed {
		return nil
	}
	return l.kill()
}

func (l *Leaf) kill() error {
	var errs []error
	for _, g := range l.groups {
		errs = append(errs, kill(l.kernel, g.dir))
	}
	return errors.Join(errs...)
}

// Remove ends what is still in the leaf, waits for it to go, for 5 seconds at
// most, and removes the leaf. It may be called again after an error; once it
// has succeeded it does nothing.
func (l *Leaf) Remove() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.removed {
		return nil
	}
	l.last = l.readUsage()
	deadline := time.Now().Add(removeWithin)
	for len(l.groups) > 0 {
		last := len(l.groups) - 1
		if err := erase(l.kernel, l.groups[last].dir, deadline); err != nil {
			return err
		}
		l.groups = l.groups[:last]
	}
	l.removed = true
	l.close()
	return nil
}

func (l *Leaf) close() {
	for _, f := range l.files {
		f.Close()
	}
}
