// SPDX-License-Identifier: Apache-2.0

package selftest

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// everyWall are the walls of level full that can be left out.
var everyWall = []string{
	"user namespace", "mount namespace", "pid namespace", "network namespace", "ipc namespace", "uts namespace", "cgroup namespace",
	"identity", "capabilities", "no_new_privs", "rlimits", "seccomp", "landlock",
}

// limitedBombs end at a limit, and are tried only where there are limits.
var limitedBombs = []string{"memory-bomb", "descriptor-bomb", "cpu-bomb", "pipe-bomb", "signal-bomb"}

// TestEachWallAlone leaves out all walls but one, to see that each does its part
// without the help of the others.
func TestEachWallAlone(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user's walls need one another: run as root")
	}
	for _, c := range []struct {
		wall  string
		holds []string // among others
		extra []string // to be tried besides the harmless ones
	}{
		{wall: "mount namespace", holds: []string{
			"read-secret", "read-shadow", "write-outside", "change-public", "chmod-public", "grant-escape", "grant-write", "map-grant", "mknod",
			"unix-connect", "exec-shell", "exec-grant", "host-environ", "list-processes",
		}},
		{wall: "pid namespace", holds: []string{
			"kill-victim", "tgkill-victim", "queue-victim", "pidfd-victim", "ptrace-victim", "read-victim", "limit-victim", "affinity-victim",
		}},
		{wall: "network namespace", holds: []string{"tcp-connect", "tcp-listen", "udp-send", "dns", "abstract-connect", "fast-open"}},
		{wall: "identity", holds: []string{
			"read-secret", "read-shadow", "chmod-public", "host-environ", "kill-victim", "ptrace-victim", "mknod", "raw-socket", "become-root",
			"new-mount-namespace", "mount-api",
		}},
		{wall: "capabilities", holds: []string{
			"become-root", "mknod", "raw-socket", "packet-socket", "ptrace-victim", "new-mount-namespace", "new-network-namespace", "mount-api",
		}},
		{wall: "rlimits", holds: append([]string{"raise-limits"}, limitedBombs...), extra: limitedBombs},
		{wall: "seccomp", holds: []string{
			"ptrace-victim", "io-uring", "kill-victim", "tcp-connect", "udp-send", "unix-connect", "exec-shell", "memory-file-exec", "daemon",
			"chmod-public", "userfaultfd", "inotify", "system-v", "personality", "undo-filter", "new-mount-namespace", "netlink",
		}, extra: []string{"io-uring", "netlink"}},
		{wall: "landlock", holds: []string{
			"read-secret", "read-shadow", "write-outside", "grant-escape", "grant-write", "tcp-connect", "exec-shell", "exec-grant",
			"host-environ", "ptrace-victim",
		}},
	} {
		t.Run(c.wall, func(t *testing.T) {
			without := slices.DeleteFunc(slices.Clone(everyWall), func(name string) bool { return name == c.wall })
			r := runHere(t, Options{Floor: sandbox.None, Ceiling: sandbox.Full, Without: without, Only: append(c.extra, harmless...)})
			r.wantAlone(t, c.wall)
			got := r.contained()
			t.Logf("%s alone contains %d of %d: %s", c.wall, len(got), len(r.Attacks), strings.Join(got, " "))
			for _, name := range c.holds {
				if !slices.Contains(got, name) {
					t.Errorf("%s alone does not hold %s", c.wall, name)
				}
			}
		})
	}
}

// contained are the names of the attacks that did not get through.
func (r *Report) contained() (names []string) {
	for _, a := range r.Attacks {
		if a.Contained {
			names = append(names, a.Name)
		}
	}
	return names
}

// wantAlone checks that the wall stands, that no other does, and that the report
// does not claim a level for it.
func (r *Report) wantAlone(t *testing.T, wall string) {
	t.Helper()
	if r.Level != sandbox.None {
		t.Errorf("level %s is claimed for %s alone", r.Level, wall)
	}
	for _, name := range everyWall {
		if w, found := r.Sandbox.Wall(name); !found || w.On != (name == wall) {
			t.Errorf("wall %s: %+v", name, w)
		}
	}
}
