// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"os"
)

// report describes the walls of a level that was reached.
func (a *attempt) report(verified bool) Report {
	r := Report{Level: a.level, Verified: verified, Walls: a.walls()}
	for _, m := range a.missing {
		if m.Mount < 0 || m.Mount >= len(a.plan.Mounts) {
			continue
		}
		if mount := a.plan.Mounts[m.Mount]; mount.Bind >= 0 {
			r.Skipped = append(r.Skipped, Skipped{Source: mount.Source, Target: mount.Target, Reason: m.Errno.Error()})
		}
	}
	return r
}

// walls lists every wall in the order of the documentation.
func (a *attempt) walls() []Wall {
	const later = "not part of this version"
	spaces, weak := a.level == Namespaced, a.level >= Weak
	return []Wall{
		a.userWall(spaces),
		{"mount namespace", spaces, a.viewDetail(spaces)},
		{"pid namespace", spaces, pick(spaces, "nothing outside is visible, nothing inside survives", "other processes are visible; a descendant that leaves the process group survives")},
		{"network namespace", spaces, pick(spaces, "no network, not even loopback", "the host's network")},
		{"ipc namespace", spaces, ""},
		{"uts namespace", spaces, ""},
		{"identity", weak, a.identityDetail()},
		{"capabilities", weak, pick(weak, "none held, none obtainable", "as the host")},
		{"no_new_privs", weak, ""},
		{"rlimits", weak, a.limitDetail(weak)},
		{"environment", true, "only what the host sets"},
		{"parent death", true, "killed with the host"},
		{"seccomp", false, later},
		{"landlock", false, later},
		{"cgroup", false, later},
	}
}

func (a *attempt) userWall(spaces bool) Wall {
	on := spaces && os.Geteuid() != 0
	return Wall{"user namespace", on, pick(on, "one uid, the user's own", pick(spaces, "not needed: the host is root", ""))}
}

func (a *attempt) viewDetail(spaces bool) string {
	if !spaces {
		return "the host's file system"
	}
	return fmt.Sprintf("read-only root with %d of %d grants", len(a.spec.Binds)-a.skippedBinds(), len(a.spec.Binds))
}

func (a *attempt) skippedBinds() (count int) {
	for _, m := range a.missing {
		if m.Mount >= 0 && m.Mount < len(a.plan.Mounts) && a.plan.Mounts[m.Mount].Bind >= 0 {
			count++
		}
	}
	return count
}

func (a *attempt) identityDetail() string {
	switch {
	case a.uid >= 0:
		return fmt.Sprintf("uid %d, of its own", a.uid)
	case os.Geteuid() == 0:
		return "uid 0"
	}
	return fmt.Sprintf("uid %d, the user's own", os.Geteuid())
}

func (a *attempt) limitDetail(on bool) string {
	if !on {
		return ""
	}
	l := a.spec.Limits.withDefaults()
	return fmt.Sprintf("private memory %s, files open %s", amount(l.DataBytes, 1<<20, " MiB"), amount(l.OpenFiles, 1, ""))
}

func amount(n, unit uint64, suffix string) string {
	if n == Unlimited {
		return "unlimited"
	}
	return fmt.Sprintf("%d%s", n/unit, suffix)
}

func pick(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}
