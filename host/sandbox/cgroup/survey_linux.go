// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"path/filepath"
)

// wanted are the controllers that leaves make use of.
var wanted = []string{"pids", "memory", "cpu"}

// hierarchy is one tree of control groups as this process sees it.
type hierarchy struct {
	version     int
	own         string   // directory of the host's own group
	top         string   // the mount point; nothing above it is a control group
	controllers []string // those of wanted that it holds, or could hold
}

var errNone = errors.New("no cgroup hierarchy with the pids controller is mounted and in reach")

// survey finds the hierarchies that hold the wanted controllers. It only reads.
func (h *Hierarchy) survey() ([]*hierarchy, error) {
	mounts, err := read(h.path("proc/self/mountinfo"))
	if err != nil {
		return nil, &Unavailable{Step: StepFind, Path: h.path("proc/self/mountinfo"), Err: err}
	}
	groups, err := read(h.path("proc/self/cgroup"))
	if err != nil {
		return nil, &Unavailable{Step: StepFind, Path: h.path("proc/self/cgroup"), Err: err}
	}
	found := h.match(parseMounts(mounts), parseMembership(groups))
	if len(found) == 0 {
		return nil, &Unavailable{Step: StepFind, Err: errNone}
	}
	return found, nil
}

// match brings mounts and memberships together. A controller that is bound to
// version 1 is never to be had from version 2.
func (h *Hierarchy) match(mounts []mount, m membership) []*hierarchy {
	var found []*hierarchy
	var unified []string
	for _, controller := range wanted {
		group, legacy := m.v1[controller]
		switch {
		case !legacy:
			unified = append(unified, controller)
		case !m.apart(controller):
			found = h.addLegacy(found, mounts, controller, group)
		}
	}
	if len(unified) == 0 || m.unified == "" {
		return found
	}
	if own, top, ok := h.locate(mounts, 2, "", m.unified); ok {
		found = append(found, &hierarchy{version: 2, own: own, top: top, controllers: unified})
	}
	return found
}

// addLegacy adds a controller of version 1; those mounted together share a tree.
func (h *Hierarchy) addLegacy(found []*hierarchy, mounts []mount, controller, group string) []*hierarchy {
	own, top, ok := h.locate(mounts, 1, controller, group)
	if !ok {
		return found
	}
	for _, f := range found {
		if f.own == own {
			f.controllers = append(f.controllers, controller)
			return found
		}
	}
	return append(found, &hierarchy{version: 1, own: own, top: top, controllers: []string{controller}})
}

// locate finds the directory of a group. A mount that is hidden below a later
// one shows no cgroup.procs there, so the next is tried.
func (h *Hierarchy) locate(mounts []mount, version int, controller, group string) (own, top string, ok bool) {
	for _, m := range mounts {
		if !m.holds(version, controller) {
			continue
		}
		dir, ok := m.reach(group)
		if ok && exists(filepath.Join(h.path(dir), "cgroup.procs")) {
			return h.path(dir), h.path(m.point), true
		}
	}
	return "", "", false
}

// path is a path of the machine below the root that this hierarchy is read from.
func (h *Hierarchy) path(name string) string { return filepath.Join("/", h.Root, name) }
