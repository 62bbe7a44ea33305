// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"strings"
)

// membership says in which group of each hierarchy a process is.
type membership struct {
	unified string            // version 2; "" when there is none
	v1      map[string]string // by controller
}

// parseMembership reads /proc/PID/cgroup (cgroups(7)): lines of
//
//	4:memory:/user.slice
//	2:cpu,cpuacct:/
//	1:name=systemd:/user.slice
//	0::/user.slice/session-3.scope
//
// Lines that make no sense, groups that were removed, groups outside of the
// cgroup namespace and named hierarchies are passed over.
func parseMembership(data []byte) membership {
	m := membership{v1: map[string]string{}}
	for line := range strings.Lines(string(data)) {
		id, rest, _ := strings.Cut(strings.TrimSuffix(line, "\n"), ":")
		names, group, ok := strings.Cut(rest, ":")
		if !ok || !plain(group) || strings.HasSuffix(group, " (deleted)") {
			continue
		}
		if id == "0" && names == "" {
			m.unified = group
			continue
		}
		for name := range strings.SplitSeq(names, ",") {
			if name != "" && !strings.Contains(name, "=") {
				m.v1[name] = group
			}
		}
	}
	return m
}

// apart says that the host's group of a version 1 controller is neither its
// group of pids nor an ancestor of that: somebody manages it by itself.
func (m membership) apart(controller string) bool {
	pids, ok := m.v1["pids"]
	return ok && !within(m.v1[controller], pids)
}

// within says that group is ancestor or one of its descendants.
func within(ancestor, group string) bool {
	return ancestor == "/" || ancestor == group || strings.HasPrefix(group, ancestor+"/")
}
