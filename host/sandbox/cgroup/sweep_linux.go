// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"io/fs"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// sweepWithin bounds the wait for the processes of one dead host.
const sweepWithin = 2 * time.Second

// Sweep removes the groups of hosts that are gone; see the function [Sweep].
func (h *Hierarchy) Sweep() error {
	trees, err := h.surveyed()
	if err != nil {
		return nil // nothing to sweep
	}
	var errs []error
	for _, t := range trees {
		for dir := t.own; ; dir = filepath.Dir(dir) {
			errs = append(errs, h.sweepTree(tree(dir)))
			if t.version == 1 || dir == t.top || dir == "/" {
				break
			}
		}
	}
	return errors.Join(errs...)
}

// sweepTree removes the directories of dead hosts in one BASE/bulkhead.
func (h *Hierarchy) sweepTree(dir string) error {
	var errs []error
	for _, name := range children(dir) {
		o, ok := parseOwner(name)
		if !ok || !o.dead() {
			continue
		}
		path := filepath.Join(dir, name)
		if strings.HasPrefix(name, supervisorPrefix) {
			// Whoever is in it still is no plugin: it stays until it is empty.
			_ = h.kernel.rmdir(path)
			continue
		}
		err := erase(h.kernel, path, time.Now().Add(sweepWithin))
		if !errors.Is(err, fs.ErrPermission) && !errors.Is(err, unix.EROFS) { // another user's
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// RemoveHost removes this host's directories; see the function [RemoveHost].
func (h *Hierarchy) RemoveHost() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var errs []error
	for _, p := range h.places {
		if p.host == "" {
			continue
		}
		if err := erase(h.kernel, p.host, time.Now().Add(removeWithin)); err != nil {
			errs = append(errs, err)
			continue
		}
		p.host = ""
		_ = h.kernel.rmdir(tree(p.base)) // fails when there are other hosts
	}
	return errors.Join(errs...)
}
