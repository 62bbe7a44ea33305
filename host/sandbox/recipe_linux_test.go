// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// everything is a host that may do all; nobody may do nothing.
var (
	everything = powers{caps: ^uint64(0), mapped: true}
	nobody     = powers{uid: 1000, gid: 1000}
)

// Each level is the conjunction of the documentation.
func TestRecipes(t *testing.T) {
	basis := wallSet{identity: true, caps: true, privs: true, rlimits: true, seccomp: true}
	spaces := basis
	spaces.mount, spaces.pid, spaces.net, spaces.ipc, spaces.uts, spaces.cgroupSpace = true, true, true, true, true, true
	confined, full, quota := basis, spaces, spaces
	confined.landlock, full.landlock, quota.landlock, quota.quota = true, true, true, true
	for level, want := range map[Level]wallSet{None: {}, Weak: basis, WallsOnly: confined, Namespaced: spaces, Full: full, FullQuota: quota} {
		if got := wallsOf(level, everything, nil); got != want {
			t.Errorf("%v is %+v, want %+v", level, got, want)
		}
		want.user = level.Spaces()
		if got := wallsOf(level, nobody, nil); got != want {
			t.Errorf("%v for a user is %+v, want %+v", level, got, want)
		}
	}
	for _, w := range switchable {
		got := wallsOf(FullQuota, nobody, []string{w.name})
		if *w.field(&got) {
			t.Errorf("%s cannot be left out", w.name)
		}
	}
}

// What a host may do decides what it changes.
func TestPowersDecide(t *testing.T) {
	container := powers{mapped: true, caps: everything.caps &^ (1 << unix.CAP_SYS_ADMIN)}
	alone := powers{caps: everything.caps} // one uid only
	bare := powers{mapped: true}           // uid 0 without capabilities
	for name, tt := range map[string]struct {
		host                      powers
		identity, bounding, space bool // whether a user namespace is needed
	}{
		"root": {everything, true, true, false}, "user": {nobody, false, true, true}, "container": {container, false, true, true},
		"one uid": {alone, false, true, false}, "bare root": {bare, false, true, true},
	} {
		a := &attempt{spec: &Spec{}, level: Full, host: tt.host, walls: wallsOf(Full, tt.host, nil), uid: -1}
		if a.takesIdentity() != tt.identity || a.dropsBounding() != tt.bounding || a.walls.user != tt.space {
			t.Errorf("%s: identity %v, bounding set %v, user namespace %v", name, a.takesIdentity(), a.dropsBounding(), a.walls.user)
		}
		a.level, a.walls = WallsOnly, wallsOf(WallsOnly, tt.host, nil)
		if got, want := a.takesIdentity(), tt.host.identities(); got != want {
			t.Errorf("%s: without namespaces identity %v, want %v", name, got, want)
		}
	}
}

// A kernel is asked only for what it knows.
func TestRulesets(t *testing.T) {
	for abi, want := range map[int]ruleset{
		1: {1, 1<<13 - 1, 0, 0}, 2: {2, 1<<14 - 1, 0, 0}, 3: {3, 1<<15 - 1, 0, 0}, 4: {4, 1<<15 - 1, 3, 0}, 5: {5, 1<<16 - 1, 3, 0},
		6: {6, 1<<16 - 1, 3, 3}, 8: {8, 1<<16 - 1, 3, 3}, 9: {9, 1<<17 - 1, 3, 3}, 10: {10, 1<<17 - 1, 15, 3}, 99: {99, 1<<17 - 1, 15, 3},
	} {
		if got := rulesetOf(abi); got != want {
			t.Errorf("version %d: %+v, want %+v", abi, got, want)
		}
	}
}

// The kernel refuses rights of directories on files, and no access but one executes.
func TestRights(t *testing.T) {
	const ofFiles = unix.LANDLOCK_ACCESS_FS_EXECUTE | unix.LANDLOCK_ACCESS_FS_READ_FILE | unix.LANDLOCK_ACCESS_FS_WRITE_FILE |
		unix.LANDLOCK_ACCESS_FS_TRUNCATE | unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	for _, access := range []Access{Read, Write, Library, Exec, Device} {
		file, dir := rightsOf(access, false), rightsOf(access, true)
		if file == 0 || file&^ofFiles != 0 || file&^dir != 0 {
			t.Errorf("access %d: file %#x, directory %#x", access, file, dir)
		}
		for right, only := range map[uint64][]Access{
			unix.LANDLOCK_ACCESS_FS_EXECUTE: {Exec}, unix.LANDLOCK_ACCESS_FS_WRITE_FILE: {Write, Device}, unix.LANDLOCK_ACCESS_FS_IOCTL_DEV: {Device},
			unix.LANDLOCK_ACCESS_FS_MAKE_REG: {Write}, unix.LANDLOCK_ACCESS_FS_MAKE_CHAR: nil, unix.LANDLOCK_ACCESS_FS_MAKE_BLOCK: nil,
		} {
			allowed := false
			for _, a := range only {
				allowed = allowed || a == access
			}
			if (dir&right != 0) != allowed {
				t.Errorf("access %d and right %#x: %#x", access, right, dir)
			}
		}
	}
}

// Mount flags: only what is granted for writing is writable, only code is
// executable, only devices are devices, and nothing is set-user-id.
func TestMountFlags(t *testing.T) {
	for _, access := range []Access{Read, Write, Library, Exec, Device} {
		flags := flagsOf(access)
		if (flags&unix.MOUNT_ATTR_RDONLY == 0) != (access == Write) || (flags&unix.MOUNT_ATTR_NODEV == 0) != (access == Device) ||
			(flags&unix.MOUNT_ATTR_NOEXEC == 0) != (access == Library || access == Exec) || flags&unix.MOUNT_ATTR_NOSUID == 0 {
			t.Errorf("access %d: %#x", access, flags)
		}
	}
}

// The count of processes is limited only where it is not shared with others.
func TestProcessesAreCounted(t *testing.T) {
	for name, tt := range map[string]struct {
		host  powers
		level Level
		uid   int
		want  bool
	}{
		"own uid": {everything, WallsOnly, 61184, true}, "own user namespace": {nobody, Full, -1, true}, "user without": {nobody, WallsOnly, -1, false},
		"root's own uid 0": {everything, Full, -1, false}, "root by a user namespace": {powers{}, Full, -1, false},
	} {
		a := &attempt{spec: &Spec{}, level: tt.level, host: tt.host, walls: wallsOf(tt.level, tt.host, nil), uid: tt.uid}
		limited := false
		for _, l := range a.limits() {
			limited = limited || l.resource == unix.RLIMIT_NPROC
		}
		if limited != tt.want {
			t.Errorf("%s: limited %v", name, limited)
		}
		if unlimited := strings.Contains(a.limitDetail(), "threads unlimited"); unlimited == tt.want {
			t.Errorf("%s: %q", name, a.limitDetail())
		}
	}
}

// Parents come before what lies in them, whatever the order of the grants.
func TestObjectsAreSorted(t *testing.T) {
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	a := newAttempt(&Spec{Exe: exe, Binds: []Bind{{Source: "/etc/passwd"}, {Source: "/etc"}, {Source: "/", Target: "/target"}}}, Namespaced)
	if err := a.planObjects(); err != nil {
		t.Fatal(err)
	}
	for i := range a.objects[1:] {
		if strings.Count(a.objects[i].target, "/") > strings.Count(a.objects[i+1].target, "/") {
			t.Errorf("%s comes before %s", a.objects[i].target, a.objects[i+1].target)
		}
	}
}

// FuzzMail feeds the host with messages that no launch sends.
func FuzzMail(f *testing.F) {
	f.Add([]byte("f\x01\x00\x00\x00\x02\x00\x00\x00"))
	f.Add([]byte("d"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) == 0 {
			return
		}
		m := &mail{notes: map[operand]unix.Errno{}, failed: -1}
		m.take(text, nil)
		if m.failed >= 0 && (text[0] != letterFailure || len(text) != 9) || m.directory != nil || m.listener != nil {
			t.Fatalf("%q became %+v", text, m)
		}
	})
}
