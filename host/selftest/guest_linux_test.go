// SPDX-License-Identifier: Apache-2.0

package selftest

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/sandbox/cgroup/guest"
)

// TestGuest runs attacks on Linux 6.1 with cgroup v2 and every controller, as
// root and as an ordinary user to whom a group was delegated. The guest is
// emulated, some thirty times slower than the machine, so it gets a part of the
// catalogue: all attacks on resources and a few of every other area.
func TestGuest(t *testing.T) {
	result := guest.BootMachine(t, guest.Machine{
		Kernel: guest.Kernel(t), Binary: guest.Build(t), Memory: 1024,
		Args: []string{"-test.run=^TestInsideGuest$", "-test.v"},
	})
	for _, name := range []string{"root", "user"} {
		if !strings.Contains(result.Console, "--- PASS: TestInsideGuest/"+name+" ") {
			t.Errorf("the catalogue did not pass as %s", name)
		}
	}
}

// guestAttacks are those that the guest has the time for.
var guestAttacks = []string{
	"read-secret", "write-outside", "change-public", "grant-escape", "grant-write", "truncate-public", "remount-root", "map-grant", "mknod",
	"env-canary", "inherited", "sealed-write", "tcp-connect", "udp-send", "unix-connect", "abstract-connect", "exec-shell", "exec-grant",
	"host-environ", "list-processes", "kill-victim", "ptrace-victim", "daemon", "become-root", "raise-limits", "new-user-namespace", "mount",
	"bpf", "io-uring", "keyring",
	"memory-bomb", "disk-bomb", "file-bomb", "descriptor-bomb", "log-bomb", "cpu-bomb", "fork-bomb", "thread-bomb", "shared-memory-bomb",
	"pipe-bomb", "signal-bomb", "core-dump",
}

// groupMemory is small enough to strike before any other limit of memory.
const groupMemory = 128 << 20

// guestProgram is where the test binary lies in the guest.
const guestProgram = "/selftest"

func TestInsideGuest(t *testing.T) {
	if !guest.Inside() {
		t.Skip("for a guest; TestGuest runs it in one")
	}
	if err := errors.Join(ownRoot(), loopbackUp()); err != nil {
		t.Fatal(err)
	}
	o := order{Only: guestAttacks, Limits: sandbox.Limits{GroupMemoryBytes: groupMemory, CPUSeconds: 8}, Patience: 40 * time.Second}
	t.Run("root", func(t *testing.T) { o.inGroup(t, 0, "/sys/fs/cgroup") })
	t.Run("user", func(t *testing.T) { o.inGroup(t, 1000, delegatedGroup(t, 1000)) })
}

// inGroup carries the order out as a user in a group, and checks the report.
func (o order) inGroup(t *testing.T, uid uint32, group string) {
	dir, err := os.Open(group)
	if err != nil {
		t.Fatal(err)
	}
	defer dir.Close()
	cmd := exec.Command(guestProgram)
	cmd.Env, cmd.Dir = []string{"HOME=/home", o.env()}, "/tmp"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		UseCgroupFD: true, CgroupFD: int(dir.Fd()), Credential: &syscall.Credential{Uid: uid, Gid: uid},
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	r := reportOf(t, out)
	wantLevel(t, r, sandbox.FullQuota)
	wantResidues(t, r)
	r.wantQuota(t)
}

// wantQuota checks that the group bounded what it was told to, and that the
// report says what ended the bomb.
func (r *Report) wantQuota(t *testing.T) {
	t.Helper()
	w, _ := r.Sandbox.Wall("cgroup")
	for _, part := range []string{fmt.Sprintf("memory %d MiB", groupMemory>>20), "processes 64"} {
		if !w.On || !strings.Contains(w.Detail, part) {
			t.Errorf("the group does not bound %s: %+v", part, w)
		}
	}
	for _, a := range r.Attacks {
		if a.Name != "memory-bomb" {
			continue
		}
		var peak int
		_, rest, _ := strings.Cut(a.Detail, "with a peak of ")
		if _, err := fmt.Sscanf(rest, "%d MiB", &peak); a.Wall != "cgroup" || err != nil || peak < groupMemory>>21 || peak > groupMemory>>20 {
			t.Errorf("the memory bomb was ended by %s: %s", a.Wall, a.Detail)
		}
	}
}

// ownRoot moves the guest from the initramfs, whose root cannot be pivoted away
// from, to a tmpfs, as every distribution's start does.
func ownRoot() error {
	const root = "/newroot"
	text, err := os.ReadFile("/proc/self/exe")
	if err == nil {
		err = errors.Join(os.Mkdir(root, 0o755), unix.Mount("tmpfs", root, "tmpfs", 0, "mode=755"))
	}
	if err != nil {
		return err
	}
	err = errors.Join(
		os.WriteFile(root+guestProgram, text, 0o755), os.Mkdir(root+"/home", 0o755), os.WriteFile(root+"/home/diary", nil, 0o644),
		os.Mkdir(root+"/etc", 0o755), os.WriteFile(root+"/etc/shadow", nil, 0o600),
	)
	for _, dir := range []string{"/proc", "/sys", "/dev", "/tmp"} {
		err = errors.Join(err, os.Mkdir(root+dir, 0o755), unix.Mount(dir, root+dir, "", unix.MS_MOVE, ""))
	}
	return errors.Join(err, os.Chdir(root), unix.Mount(".", "/", "", unix.MS_MOVE, ""), unix.Chroot("."), os.Chdir("/"))
}

// loopbackUp gives the guest the address that services are attacked at.
func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	request, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	request.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, request)
}

// delegatedGroup makes a group as `systemd-run --user --scope -p Delegate=yes`
// does: all controllers, and the files that a user needs are the user's.
func delegatedGroup(t *testing.T, uid int) string {
	t.Helper()
	parent := "/sys/fs/cgroup"
	for _, name := range []string{"user.slice", "run.scope"} {
		if err := os.WriteFile(filepath.Join(parent, "cgroup.subtree_control"), []byte("+memory +pids +cpu"), 0); err != nil {
			t.Fatal(err)
		}
		parent = filepath.Join(parent, name)
		if err := os.Mkdir(parent, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"} {
		if err := os.Chown(filepath.Join(parent, name), uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	return parent
}
