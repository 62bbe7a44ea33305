// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"strings"

	"golang.org/x/sys/unix"
)

// report describes the walls of a level that was reached.
func (a *attempt) report(verified, watched bool) Report {
	return Report{
		Level: reported(a.level, a.spec.Without), Profile: a.spec.profile(), Verified: verified,
		Walls: a.wallList(watched), Skipped: a.skipped,
	}
}

// wallList lists every wall in the order of the documentation.
func (a *attempt) wallList(watched bool) []Wall {
	details := map[string]string{
		"user namespace": a.userDetail(), "mount namespace": a.viewDetail(),
		"pid namespace":     a.processDetail(),
		"network namespace": pick(a.walls.net, "no network, not even loopback", a.networkDetail()),
		"cgroup namespace":  pick(a.walls.cgroupSpace, "its own group looks like the root", ""),
		"identity":          a.identityDetail(), "capabilities": a.capabilityDetail(), "rlimits": a.limitDetail(),
		"seccomp": a.filterDetail(watched), "landlock": a.landlockDetail(), "cgroup": a.groupDetail(),
	}
	var out []Wall
	for _, s := range switchable {
		if s.name == "seccomp" {
			out = append(out, Wall{"environment", true, "only what the host sets"}, Wall{"parent death", true, "killed with the host"})
		}
		out = append(out, Wall{s.name, *s.field(&a.walls), details[s.name]})
	}
	return out
}

func (a *attempt) userDetail() string {
	switch {
	case a.walls.user && a.host.uid == 0:
		return "one uid, the host's own root, which holds nothing"
	case a.walls.user:
		return "one uid, the user's own"
	case a.level.Spaces():
		return "not needed: the host may make the others without"
	}
	return ""
}

func (a *attempt) viewDetail() string {
	granted := len(a.spec.Binds) - len(a.skipped)
	if !a.walls.mount {
		return "the host's file system" + pick(a.walls.landlock, ", of which landlock allows the grants", "")
	}
	return fmt.Sprintf("read-only root with %d of %d grants", granted, len(a.spec.Binds))
}

func (a *attempt) processDetail() string {
	switch {
	case a.walls.pid:
		return "nothing outside is visible, nothing inside survives"
	case a.walls.seccomp && a.walls.landlock:
		return "other processes can neither be signalled nor looked at, and none can be started"
	case a.walls.seccomp:
		return "other processes are visible but cannot be signalled, and none can be started"
	}
	return "other processes are visible; a descendant that leaves the process group survives"
}

func (a *attempt) networkDetail() string {
	if a.walls.seccomp {
		return "the host's network, which the filter of system calls keeps out of reach"
	}
	return "the host's network"
}

func (a *attempt) identityDetail() string {
	switch {
	case a.uid >= 0:
		return fmt.Sprintf("uid %d, of its own", a.uid)
	case a.host.uid == 0 && a.walls.identity && !a.host.identities():
		return "uid 0: the host may not give it another"
	case a.host.uid == 0:
		return "uid 0"
	case a.level > None && !a.walls.spaced():
		return fmt.Sprintf("uid %d, the user's own; the host's memory is hidden from it", a.host.uid)
	}
	return fmt.Sprintf("uid %d, the user's own", a.host.uid)
}

func (a *attempt) capabilityDetail() string {
	switch {
	case !a.walls.caps:
		return "as the host"
	case a.dropsBounding():
		return "none held, none obtainable"
	}
	return "none held; no_new_privs keeps any from being obtained"
}

func (a *attempt) limitDetail() string {
	if !a.walls.rlimits {
		return ""
	}
	l := a.spec.Limits.withDefaults()
	text := fmt.Sprintf("private memory %s, files open %s", amount(l.DataBytes, 1<<20, " MiB"), amount(l.OpenFiles, 1, ""))
	switch {
	case a.countsProcesses():
		text += fmt.Sprintf(", threads %s", amount(l.Processes, 1, ""))
	case a.pidsBounded:
		text += fmt.Sprintf(", threads %d, the least of a pid namespace", max(l.Processes, leastPIDs))
	case a.walls.user || a.host.uid == 0:
		text += ", threads unlimited: the kernel does not count those of uid 0"
	default:
		text += ", threads unlimited: the user's other processes would count"
	}
	if !a.walls.mount {
		text += fmt.Sprintf("; files it writes %s each, %s of them with %s together, measured by the host",
			amount(l.FileBytes, 1<<20, " MiB"), amount(l.ScratchInodes, 1, ""), amount(l.ScratchBytes, 1<<20, " MiB"))
	}
	return text
}

func (a *attempt) filterDetail(watched bool) string {
	switch {
	case !a.walls.seccomp:
		return ""
	case watched:
		return fmt.Sprintf("%d instructions; refused calls are counted", len(a.loud.Code))
	case a.spec.Strict:
		return fmt.Sprintf("%d instructions; refused calls get an error and do not end the program, since the kernel offers no listener", len(a.quiet.Code))
	}
	return fmt.Sprintf("%d instructions; refused calls are not counted, since the kernel offers no listener", len(a.quiet.Code))
}

func (a *attempt) landlockDetail() string {
	if !a.walls.landlock {
		return ""
	}
	set := rulesetOf(landlockABI())
	covers := []string{"files"}
	for _, part := range []struct {
		on   bool
		name string
	}{
		{set.net != 0, "TCP"}, {set.net&unix.LANDLOCK_ACCESS_NET_BIND_UDP != 0, "UDP"},
		{set.scoped != 0, "signals and abstract sockets"}, {set.fs&unix.LANDLOCK_ACCESS_FS_IOCTL_DEV != 0, "devices"},
	} {
		if part.on {
			covers = append(covers, part.name)
		}
	}
	return fmt.Sprintf("version %d: %s", set.abi, strings.Join(covers, ", "))
}

func (a *attempt) groupDetail() string {
	if a.leaf == nil {
		return ""
	}
	l := a.spec.Limits.withDefaults()
	var parts []string
	for _, name := range a.leaf.Controllers() {
		switch name {
		case "memory":
			parts = append(parts, "memory "+amount(l.GroupMemoryBytes, 1<<20, " MiB"))
		case "pids":
			parts = append(parts, "processes "+amount(l.Processes, 1, ""))
		case "cpu":
			parts = append(parts, fmt.Sprintf("processors %g", l.CPUs))
		default:
			parts = append(parts, name)
		}
	}
	return strings.Join(parts, ", ")
}
