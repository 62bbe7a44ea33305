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

// TestGuest runs the catalogue on Linux 6.1 with cgroup v2 and every controller,
// as root and as an ordinary user to whom a group was delegated.
func TestGuest(t *testing.T) { attackInGuest(t, guest.Machine{}, "root", "user") }

// TestGuestVersion1 is the same with cgroup v1, which is root's alone.
func TestGuestVersion1(t *testing.T) { attackInGuest(t, guest.Machine{Legacy: true}, "root") }

// TestGuestARM64 is the first on the other architecture of a release: the filter of
// system calls and what starts a program are made for each.
func TestGuestARM64(t *testing.T) { attackInGuest(t, guest.Machine{Arch: "arm64"}, "root", "user") }

func attackInGuest(t *testing.T, m guest.Machine, users ...string) {
	t.Helper()
	m.Kernel, m.Binary, m.Memory = guest.Kernel(t, m.Arch), guest.Build(t, m.Arch), 1024
	m.Timeout = 20 * time.Minute // emulated, and perhaps beside other tests
	m.Args = []string{"-test.run=^TestInsideGuest$", "-test.v"}
	result := guest.BootMachine(t, m)
	for _, name := range users {
		if !strings.Contains(result.Console, "--- PASS: TestInsideGuest/"+name+" ") {
			t.Errorf("the catalogue did not pass as %s", name)
		}
	}
}

// groupMemory is small enough to strike before any other limit of memory. The
// peak may exceed it a little: it counts pages of the program's file, which are
// its group's only if no other read them before.
const (
	groupMemory = 128 << 20
	filePages   = 32 << 20
)

// guestProgram is where the test binary lies in the guest.
const guestProgram = "/selftest"

func TestInsideGuest(t *testing.T) {
	if !guest.Inside() {
		t.Skip("for a guest; TestGuest runs it in one")
	}
	if err := errors.Join(ownRoot(), loopbackUp()); err != nil {
		t.Fatal(err)
	}
	o := order{
		Limits:   sandbox.Limits{GroupMemoryBytes: groupMemory, CPUSeconds: 5, CPUs: 1},
		Patience: 30 * time.Second, // emulated, some ten times slower
	}
	t.Run("root", func(t *testing.T) { o.atFullQuota(t, &syscall.SysProcAttr{}) })
	if _, err := os.Stat(groupRoot + "/cgroup.controllers"); err != nil {
		return // version 1
	}
	t.Run("user", func(t *testing.T) {
		group := delegatedGroup(t, ordinary)
		o.atFullQuota(t, &syscall.SysProcAttr{
			UseCgroupFD: true, CgroupFD: int(group.Fd()), Credential: &syscall.Credential{Uid: ordinary, Gid: ordinary},
		})
	})
}

const (
	groupRoot = "/sys/fs/cgroup"
	ordinary  = 1000 // the uid of an ordinary user
)

// atFullQuota carries the order out in another process, and checks the report.
func (o order) atFullQuota(t *testing.T, attr *syscall.SysProcAttr) {
	t.Helper()
	cmd := exec.Command(guestProgram)
	cmd.Env, cmd.Dir, cmd.SysProcAttr = []string{"HOME=/home", o.env()}, "/tmp", attr
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
	for _, part := range []string{fmt.Sprintf("memory %d MiB", groupMemory>>20), "processes 64", "processors 1"} {
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
		if _, err := fmt.Sscanf(rest, "%d MiB", &peak); a.Wall != "cgroup" || err != nil || peak < groupMemory>>21 || peak > (groupMemory+filePages)>>20 {
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
func delegatedGroup(t *testing.T, uid int) *os.File {
	t.Helper()
	group := groupRoot
	for _, name := range []string{"user.slice", "run.scope"} {
		err := os.WriteFile(filepath.Join(group, "cgroup.subtree_control"), []byte("+memory +pids +cpu"), 0)
		group = filepath.Join(group, name)
		if err = errors.Join(err, os.Mkdir(group, 0o755)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"} {
		if err := os.Chown(filepath.Join(group, name), uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	dir, err := os.Open(group)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dir.Close() })
	return dir
}
