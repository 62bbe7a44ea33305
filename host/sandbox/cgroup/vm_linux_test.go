// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-ml/bulkhead/host/sandbox/cgroup/guest"
)

// everywhere are the real tests that must run, not be skipped, in any guest.
var everywhere = []string{
	"TestRealJoin", "TestRealAdd", "TestRealForkBomb", "TestRealCPU", "TestRealCPUIdle", "TestRealMemory",
	"TestRealMemoryBelowTheLimit", "TestRealMemoryOfAFamily", "TestRealKill", "TestRealKillOneByOne",
	"TestRealRemoveEndsWhatIsLeft", "TestRealSweep", "TestRealParallel", "TestRealManyHosts", "TestRealRemoveHost",
}

// The real tests, and those that need a machine of their own, on Linux 6.1 with
// cgroup v2 as root and as an ordinary user.
func TestGuestVersion2(t *testing.T) {
	inGuest(t, guest.Machine{}, append([]string{
		"TestRealBirth", "TestInsideUserAlone", "TestInsideUserBesideOthers", "TestInsideUserWithoutDelegation",
		"TestInsideBoundIsNotDodged", "TestInsideRootInAService",
	}, everywhere...))
}

// The real tests with cgroup v1.
func TestGuestVersion1(t *testing.T) {
	inGuest(t, guest.Machine{Legacy: true}, append([]string{"TestInsideSupervisorOfMemory"}, everywhere...))
}

func inGuest(t *testing.T, m guest.Machine, want []string) {
	t.Helper()
	m.Kernel = guest.Kernel(t, m.Arch)
	m.Binary = guest.Build(t, m.Arch)
	m.Args = []string{"-test.run=^Test(Real|Inside)", "-test.v"}
	result := guest.BootMachine(t, m)
	wantPassed(t, result.Console, want)
}

func wantPassed(t *testing.T, output string, names []string) {
	t.Helper()
	for _, name := range names {
		if !strings.Contains(output, "--- PASS: "+name+" ") {
			t.Errorf("%s did not pass", name)
		}
	}
}

// inside skips a test that would change the control groups of a real machine.
func inside(t *testing.T, version int) string {
	t.Helper()
	if !guest.Inside() || os.Getuid() != 0 {
		t.Skip("for root in a guest")
	}
	const mount = "/sys/fs/cgroup"
	if exists(mount+"/cgroup.controllers") != (version == 2) {
		t.Skipf("for version %d", version)
	}
	return mount
}

const ordinary = 1001 // the uid of an ordinary user

// makeGroup makes a group of version 2 that gives all it has to those below.
func makeGroup(t *testing.T, dir string, uid int) string {
	t.Helper()
	for _, c := range wanted {
		if err := (cgroupfs{}).write(control(filepath.Dir(dir)), "+"+c); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Mkdir(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { removeTree(dir) })
	for _, name := range []string{"", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"} {
		if err := os.Chown(filepath.Join(dir, name), uid, uid); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func removeTree(dir string) {
	for _, child := range children(dir) {
		removeTree(filepath.Join(dir, child))
	}
	unix.Rmdir(dir)
}

// runIn runs tests of this binary as a user in a group.
func runIn(t *testing.T, dir string, uid uint32, tests string, env ...string) string {
	t.Helper()
	group, err := os.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer group.Close()
	cmd := exec.Command("/proc/self/exe", "-test.run="+tests, "-test.v")
	cmd.Env = append(os.Environ(), env...)
	cmd.Dir = "/tmp"
	cmd.SysProcAttr = &syscall.SysProcAttr{
		UseCgroupFD: true, CgroupFD: int(group.Fd()),
		Credential: &syscall.Credential{Uid: uid, Gid: uid},
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("as user %d in %s: %v", uid, dir, err)
	}
	t.Logf("as user %d in %s:\n%s", uid, dir, out)
	return string(out)
}

// occupy puts a process of a user into a group.
func occupy(t *testing.T, dir string) {
	t.Helper()
	cmd := child(t)
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	if err := (&Hierarchy{kernel: cgroupfs{}}).move(cmd.Process.Pid, dir); err != nil {
		t.Fatal(err)
	}
}

// As `systemd-run --user --scope -p Delegate=yes` does it.
func TestInsideUserAlone(t *testing.T) {
	slice := makeGroup(t, filepath.Join(inside(t, 2), "user.slice"), 0)
	scope := makeGroup(t, filepath.Join(slice, "run.scope"), ordinary)
	out := runIn(t, scope, ordinary, "^TestReal")
	wantPassed(t, out, append([]string{"TestRealBirth"}, everywhere...))
	if !strings.Contains(out, filepath.Join(scope, "bulkhead/host-")) {
		t.Error("the leaves are not in the scope")
	}
	for _, name := range children(filepath.Join(scope, "bulkhead")) {
		if !strings.HasPrefix(name, supervisorPrefix) {
			t.Errorf("%s was left behind", name)
		}
	}
}

// As in a terminal that runs below a user's service manager.
func TestInsideUserBesideOthers(t *testing.T) {
	slice := makeGroup(t, filepath.Join(inside(t, 2), "user.slice"), ordinary)
	scope := makeGroup(t, filepath.Join(slice, "terminal.scope"), ordinary)
	occupy(t, scope)
	out := runIn(t, scope, ordinary, "^TestReal(Memory|ForkBomb|Birth|Join|Sweep)")
	wantPassed(t, out, []string{"TestRealMemory", "TestRealForkBomb", "TestRealBirth", "TestRealJoin", "TestRealSweep"})
	if !strings.Contains(out, filepath.Join(slice, "bulkhead/host-")) {
		t.Error("the leaves are not beside the scope")
	}
	if exists(filepath.Join(slice, treeName)) {
		t.Error("BASE/bulkhead was left behind")
	}
}

// As after a login over ssh, or in a container.
func TestInsideUserWithoutDelegation(t *testing.T) {
	slice := makeGroup(t, filepath.Join(inside(t, 2), "user.slice"), 0)
	scope := makeGroup(t, filepath.Join(slice, "session.scope"), 0)
	out := runIn(t, scope, ordinary, "^TestExpect$", expectKey+"="+StepDelegate)
	wantPassed(t, out, []string{"TestExpect"})
}

// An administrator's limit on the host's own group holds for its leaves.
func TestInsideBoundIsNotDodged(t *testing.T) {
	slice := makeGroup(t, filepath.Join(inside(t, 2), "system.slice"), 0)
	service := makeGroup(t, filepath.Join(slice, "job.service"), 0)
	occupy(t, service)
	if err := (cgroupfs{}).write(filepath.Join(service, "memory.max"), "200000000"); err != nil {
		t.Fatal(err)
	}
	out := runIn(t, service, 0, "^TestExpect$", expectKey+"="+StepBounded)
	wantPassed(t, out, []string{"TestExpect"})
}

// root in a service with others has its leaves beside the service.
func TestInsideRootInAService(t *testing.T) {
	slice := makeGroup(t, filepath.Join(inside(t, 2), "system.slice"), 0)
	service := makeGroup(t, filepath.Join(slice, "job.service"), 0)
	occupy(t, service)
	out := runIn(t, service, 0, "^TestReal(Join|Memory)$")
	wantPassed(t, out, []string{"TestRealJoin", "TestRealMemory"})
	if !strings.Contains(out, filepath.Join(slice, "bulkhead/host-")) {
		t.Error("the leaves are not beside the service")
	}
}

// A group of the memory hierarchy that is not ours by pids is left alone.
func TestInsideSupervisorOfMemory(t *testing.T) {
	job := filepath.Join(inside(t, 1), "memory/job")
	if err := os.Mkdir(job, 0o755); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Rmdir(job) })
	cmd := exec.Command("/proc/self/exe", "-test.run=^TestExpect$", "-test.v")
	cmd.Env = append(os.Environ(), expectKey+"=pids,cpu")
	host := &Hierarchy{kernel: cgroupfs{}}
	if err := host.move(os.Getpid(), job); err != nil {
		t.Fatal(err)
	}
	out, err := cmd.CombinedOutput()
	if back := host.move(os.Getpid(), filepath.Dir(job)); err != nil || back != nil {
		t.Errorf("%v, %v\n%s", err, back, out)
	}
	wantPassed(t, string(out), []string{"TestExpect"})
}

const expectKey = "CGROUP_TEST_EXPECT"

// TestExpect is run by the tests above in other circumstances than theirs: New
// has to fail at a step, or to give the controllers listed.
func TestExpect(t *testing.T) {
	want := os.Getenv(expectKey)
	if want == "" {
		t.Skip("for the guest")
	}
	leaf, err := New(plenty)
	var u *Unavailable
	if errors.As(err, &u) && u.Step == want {
		t.Log(err)
		return
	}
	if err != nil {
		t.Fatalf("New: %v, want %s", err, want)
	}
	defer leaf.Remove()
	if got := leaf.Controllers(); !slices.Equal(got, strings.Split(want, ",")) {
		t.Errorf("Controllers = %v, want %s", got, want)
	}
}
