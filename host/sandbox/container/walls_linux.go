// SPDX-License-Identifier: Apache-2.0

package container

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// walls describes a container that was started. Every wall of the level stands,
// or the start had failed.
func walls(r *Request, p *plan, s *started) []Wall {
	seen := s.Seen
	by := filepath.Base(p.Engine)
	return []Wall{
		{"container runtime", true, runtimeDetail(s)},
		{"user namespace", slices.Contains(seen.Namespaces, "user"), userDetail(seen)},
		{"mount namespace", true, fmt.Sprintf("read-only root with %d grants", len(r.Binds))},
		{"pid namespace", true, "nothing outside is visible, nothing inside survives"},
		{"network namespace", true, "no network"},
		{"ipc namespace", true, ""},
		{"uts namespace", true, ""},
		{"identity", true, fmt.Sprintf("uid %d", p.UID)},
		{"capabilities", true, "none held, none obtainable"},
		{"no_new_privs", true, ""},
		{"seccomp", true, seccompDetail(p, by)},
		{"rlimits", true, fmt.Sprintf("private memory %s, files open %d", amount(r.Limits.DataBytes), r.Limits.OpenFiles)},
		{"landlock", false, "runtimes build none; the private root stands in its place"},
		groupWall(r, s),
		{"environment", true, "only what the host sets"},
		{"parent death", true, "a monitor removes the container with the host"},
		{"private directory", false, "on the host's disk: its size and number of files are not bounded"},
	}
}

func runtimeDetail(s *started) string {
	seen := s.Seen
	switch {
	case seen.Complete:
		return s.Runtime + "; seen from outside"
	case seen.Gone:
		return s.Runtime + "; the program had ended before it could be looked at"
	}
	return s.Runtime + "; not seen from outside: " + seen.Hidden
}

func userDetail(seen sight) string {
	switch {
	case slices.Contains(seen.Namespaces, "user"):
		return "one uid, the user's own"
	case os.Geteuid() == 0:
		return "not needed: the host is root"
	}
	return "not asked for"
}

func seccompDetail(p *plan, by string) string {
	if p.Engine == dockerEngine {
		return "Docker's default profile"
	}
	return fmt.Sprintf("a profile of the host's, applied by %s, that refuses %d calls", by, len(refusedCalls))
}

func groupWall(r *Request, s *started) Wall {
	if len(s.Groups) == 0 {
		return Wall{"cgroup", false, "this user cannot make control groups: memory is bounded for each process only"}
	}
	return Wall{"cgroup", true, fmt.Sprintf("%s; memory %s", strings.Join(s.Groups, ", "), amount(r.Limits.MemoryBytes))}
}
