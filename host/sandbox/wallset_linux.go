// SPDX-License-Identifier: Apache-2.0

package sandbox

import "slices"

// wallSet says which walls one attempt builds.
type wallSet struct {
	user, mount, pid, net, ipc, uts, cgroupSpace bool

	identity, caps, privs, rlimits, seccomp, landlock, quota bool
}

// wall connects a wall's name in reports with the field that switches it.
type wall struct {
	name  string
	field func(*wallSet) *bool
}

// switchable are the walls that a level switches, in the order of reports.
var switchable = []wall{
	{"user namespace", func(w *wallSet) *bool { return &w.user }},
	{"mount namespace", func(w *wallSet) *bool { return &w.mount }},
	{"pid namespace", func(w *wallSet) *bool { return &w.pid }},
	{"network namespace", func(w *wallSet) *bool { return &w.net }},
	{"ipc namespace", func(w *wallSet) *bool { return &w.ipc }},
	{"uts namespace", func(w *wallSet) *bool { return &w.uts }},
	{"cgroup namespace", func(w *wallSet) *bool { return &w.cgroupSpace }},
	{"identity", func(w *wallSet) *bool { return &w.identity }},
	{"capabilities", func(w *wallSet) *bool { return &w.caps }},
	{"no_new_privs", func(w *wallSet) *bool { return &w.privs }},
	{"rlimits", func(w *wallSet) *bool { return &w.rlimits }},
	{"seccomp", func(w *wallSet) *bool { return &w.seccomp }},
	{"landlock", func(w *wallSet) *bool { return &w.landlock }},
	{"cgroup", func(w *wallSet) *bool { return &w.quota }},
}

// wallsOf is the conjunction of a level, less the walls that a test leaves out.
func wallsOf(level Level, p powers, without []string) wallSet {
	spaces, weak := level.Spaces(), level >= Weak
	w := wallSet{
		user: spaces && !p.spaces(), mount: spaces, pid: spaces, net: spaces, ipc: spaces, uts: spaces, cgroupSpace: spaces,
		identity: weak, caps: weak, privs: weak, rlimits: weak, seccomp: weak,
		landlock: level.Confined(), quota: level == FullQuota,
	}
	for _, s := range switchable {
		if slices.Contains(without, s.name) {
			*s.field(&w) = false
		}
	}
	return w
}

// ownNetwork reports whether the host makes the network namespace itself. One that
// is to belong to a user namespace can be made in that only.
func (w *wallSet) ownNetwork() bool { return w.net && !w.user }

// spaced reports whether the program is cut off from the machine's processes.
func (w *wallSet) spaced() bool { return w.mount && w.pid }

// wallNames are the names that Spec.Without takes.
func wallNames() (out []string) {
	for _, s := range switchable {
		out = append(out, s.name)
	}
	return out
}
