// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"
)

// refusedEnv marks the helper below.
const refusedEnv = "SANDBOX_TEST_REFUSED"

// A container often runs as root without the right to make namespaces. Here the
// kernel refuses them because their numbers are used up.
func TestKernelRefusesNamespaces(t *testing.T) {
	asRoot(t)
	cmd := helper("^TestHelperRefused$", refusedEnv+"=1")
	ids := []syscall.SysProcIDMap{{Size: 1 << 16}}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags: syscall.CLONE_NEWUSER, UidMappings: ids, GidMappings: ids, GidMappingsEnableSetgroups: true,
	}
	passes(t, cmd, "TestHelperRefused")
}

func TestHelperRefused(t *testing.T) {
	if os.Getenv(refusedEnv) == "" {
		t.Skip("helper of TestKernelRefusesNamespaces")
	}
	for _, kind := range []string{"user", "mnt", "pid", "net", "ipc", "uts"} {
		if err := os.WriteFile("/proc/sys/user/max_"+kind+"_namespaces", []byte("0"), 0); err != nil {
			t.Fatal(err)
		}
	}
	spec, _, finish := testSpec(t, "fds:")
	defer finish()
	spec.Ceiling, spec.Floor = Full, Full
	_, err := Launch(context.Background(), spec)
	var step *StepError
	if !errors.As(err, &step) || step.Step != "clone" || !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("got %v", err)
	}
	s, r := lookVerified(t, "chroot:,read:/etc/hostname,exec:/bin/true", nil)
	if r.Level != WallsOnly || !r.Verified || len(r.Fallen) != 3 {
		t.Errorf("report %+v", r)
	}
	for command, result := range s.Results {
		if strings.HasPrefix(result, "ok") {
			t.Errorf("%s: %s", command, result)
		}
	}
	if s.UID < firstUID {
		t.Errorf("uid %d", s.UID)
	}
}

// In a container the profile of the engine refuses namespaces and mounts to
// everybody. The filter here does the same to the whole process.
func TestContainerProfile(t *testing.T) {
	for name, user := range map[string]bool{"root": false, "user": true} {
		t.Run(name, func(t *testing.T) {
			cmd := helper("^TestHelperContainerProfile$", refusedEnv+"=1")
			if user {
				asRoot(t)
				asUser(t, cmd)
			}
			passes(t, cmd, "TestHelperContainerProfile")
		})
	}
}

func TestHelperContainerProfile(t *testing.T) {
	if os.Getenv(refusedEnv) == "" {
		t.Skip("helper of TestContainerProfile")
	}
	refuseNamespaces(t)
	for range 2 { // the second time from memory
		s, r := lookVerified(t, "read:/etc/hostname,exec:/bin/true,dial:127.0.0.1:1,write:out", nil)
		if r.Level != WallsOnly || !r.Verified || len(r.Fallen) != 3 {
			t.Fatalf("report %+v", r)
		}
		if got := r.Fallen[2]; !strings.Contains(got, "step clone: operation not permitted") {
			t.Errorf("fallen: %q", r.Fallen)
		}
		for command, result := range s.Results {
			if strings.HasPrefix(result, "ok") != (command == "write:out") {
				t.Errorf("%s: %s", command, result)
			}
		}
	}
	if len(known.levels) < 2 {
		t.Errorf("remembered %v", known.levels)
	}
}

// refuseNamespaces puts every thread of this process under a filter as engines
// have it: clone with namespaces, unshare and mount are EPERM, clone3 is ENOSYS.
func refuseNamespaces(t *testing.T) {
	t.Helper()
	const spaces = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS | unix.CLONE_NEWUSER | unix.CLONE_NEWCGROUP
	fail := func(errno unix.Errno) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ERRNO | uint32(errno)}
	}
	is := func(number int, jump uint8) unix.SockFilter {
		return unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JEQ, K: uint32(number), Jt: jump}
	}
	code := []unix.SockFilter{
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 0}, // the number of the call
		is(unix.SYS_UNSHARE, 6), is(unix.SYS_MOUNT, 5), is(unix.SYS_CLONE3, 5), is(unix.SYS_CLONE, 1),
		{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW},
		{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: 16}, // its flags
		{Code: unix.BPF_JMP | unix.BPF_JSET, K: spaces, Jf: 2},
		fail(unix.EPERM), fail(unix.ENOSYS),
		{Code: unix.BPF_RET, K: unix.SECCOMP_RET_ALLOW},
	}
	filter := unix.SockFprog{Len: uint16(len(code)), Filter: &code[0]}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	_, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, unix.SECCOMP_FILTER_FLAG_TSYNC, uintptr(unsafe.Pointer(&filter)))
	if errno != 0 {
		t.Fatal(errno)
	}
}

// Root that may not make namespaces, but user namespaces as everybody may.
func TestRootByUserNamespace(t *testing.T) {
	asRoot(t)
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("needs setpriv (util-linux)")
	}
	cmd := helper("^TestHelperRootByUserNamespace$", refusedEnv+"=1")
	cmd.Args = append([]string{setpriv, "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", cmd.Path}, cmd.Args[1:]...)
	cmd.Path = setpriv
	passes(t, cmd, "TestHelperRootByUserNamespace")
}

func TestHelperRootByUserNamespace(t *testing.T) {
	if os.Getenv(refusedEnv) == "" {
		t.Skip("helper of TestRootByUserNamespace")
	}
	s, r := lookVerified(t, "read:/etc/hostname,write:/tmp/x", func(s *Spec) { s.Ceiling, s.Floor = Full, WallsOnly })
	if w, _ := r.Wall("user namespace"); r.Level != Full || !w.On || !r.Verified {
		t.Fatalf("report %+v", r)
	}
	threads := "does not count"
	if atLeast(release(), 6, 14) {
		threads = "threads 301"
	}
	if w, _ := r.Wall("rlimits"); !strings.Contains(w.Detail, threads) {
		t.Errorf("rlimits: %q", w.Detail)
	}
	if s.Results["read:/etc/hostname"] != "open /etc/hostname: no such file or directory" || !strings.HasPrefix(s.Results["write:/tmp/x"], "ok") {
		t.Errorf("%v", s.Results)
	}
}

// helper runs tests of this binary in another process.
func helper(run string, env ...string) *exec.Cmd {
	self, err := os.Executable()
	if err != nil {
		self = "/proc/self/exe"
	}
	cmd := exec.Command(self, "-test.run="+run, "-test.v")
	cmd.Env = append(os.Environ(), env...)
	return cmd
}

// passes demands that a helper ran and passed.
func passes(t *testing.T, cmd *exec.Cmd, name string) {
	t.Helper()
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: "+name) {
		t.Fatalf("%v\n%s", err, out)
	}
}

// A shim that nobody gave a plan ends; above all it does not run the host.
func TestShimWithoutPlan(t *testing.T) {
	cmd := &exec.Cmd{Path: "/proc/self/exe", Args: []string{shimName, "-test.v"}}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.ExitCode() != shimExit || len(out) != 0 {
		t.Fatalf("%v, %q", err, out)
	}
}

// The look from outside must notice a wall that is not there.
func TestVerifyNotices(t *testing.T) {
	a := &attempt{spec: &Spec{}, level: Full, host: hostPowers(), uid: -1}
	a.walls = wallsOf(Full, a.host, nil)
	if err := a.verifyStatus(os.Getpid()); err == nil {
		t.Error("the test itself passed for a sandboxed program")
	}
	if err := verifyNamespaces(os.Getpid(), &a.walls); err == nil || !strings.Contains(err.Error(), "host's") {
		t.Errorf("the host's own namespaces passed: %v", err)
	}
	ok, err := a.verify(os.Getpid())
	var step *StepError
	if ok || !errors.As(err, &step) || step.Step != "verify" {
		t.Errorf("%v, %v", ok, err)
	}
}

// Each field of the status is looked at.
func TestVerifyEachField(t *testing.T) {
	a := &attempt{spec: &Spec{}, level: Weak, host: hostPowers(), uid: -1}
	a.walls = wallsOf(Weak, a.host, nil)
	want := a.expected()
	for _, name := range []string{"Uid", "NoNewPrivs", "Seccomp", "CapInh", "CapPrm", "CapEff", "CapAmb"} {
		if want[name] == "" {
			t.Errorf("%s is not checked: %v", name, want)
		}
	}
	if os.Geteuid() == 0 && want["CapBnd"] == "" {
		t.Error("the bounding set is not checked for a root host")
	}
}

// Descriptors of the host that are open for inheritance do not get in.
func TestDescriptorsAreClosed(t *testing.T) {
	const stray = 50
	if err := syscall.Dup3(2, stray, 0); err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(stray)
	for _, level := range testLevels {
		s, _ := look(t, "fds:", func(s *Spec) { s.Ceiling, s.Floor = level, level })
		if open := strings.Fields(s.Results["fds:"]); slices.Contains(open, strconv.Itoa(stray)) || len(open) < 3 {
			t.Errorf("%v: the program has %v", level, open)
		}
	}
}

// Every level lists the same walls, and a higher one never has fewer, but for
// namespaced, which is for kernels without Landlock.
func TestWallsAreMonotone(t *testing.T) {
	var lower Report
	for _, level := range []Level{None, Weak, Namespaced, Full, FullQuota} {
		_, r := look(t, "fds:", func(s *Spec) { s.Ceiling, s.Floor = level, None })
		if r.Level != level {
			t.Skipf("level %v cannot be reached here: %v", level, r.Fallen)
		}
		for i, w := range lower.Walls {
			if r.Walls[i].Name != w.Name || w.On && !r.Walls[i].On {
				t.Errorf("%v has %+v, the level below %+v", level, r.Walls[i], w)
			}
		}
		for name, from := range map[string]Level{"seccomp": Weak, "mount namespace": Namespaced, "cgroup namespace": Namespaced, "landlock": Full, "cgroup": FullQuota} {
			if w, ok := r.Wall(name); !ok || w.On != (level >= from) {
				t.Errorf("%v has %+v", level, w)
			}
		}
		lower = r
	}
}

// The filter refuses children. Without it, and below namespaced, the process
// group is what dies with the program.
func TestGroupDies(t *testing.T) {
	for _, level := range []Level{Full, WallsOnly, None} {
		t.Run(level.String(), func(t *testing.T) {
			s, r := look(t, "child:", func(s *Spec) {
				s.Ceiling, s.Floor, s.Proc = level, None, true
				if level > None {
					s.Without = []string{"seccomp", "landlock"}
				}
			})
			result := s.Results["child:"]
			pid, found := strings.CutPrefix(result, "ok ")
			if !found {
				t.Fatal(result, r)
			}
			if level.Spaces() {
				return // its number means nothing here, and its namespace is gone
			}
			if !soonGone(pid) {
				t.Errorf("child %s survived", pid)
			}
		})
	}
}

func TestLimitDefaults(t *testing.T) {
	l := Limits{DataBytes: 7, OpenFiles: Unlimited}.withDefaults()
	if l.DataBytes != 7 || l.OpenFiles != Unlimited || l.ScratchInodes != 256 || l.CPUSeconds != Unlimited {
		t.Errorf("%+v", l)
	}
}

// A limit that is lower already is not raised.
func TestLimitsAreOnlyLowered(t *testing.T) {
	s, _ := look(t, "fds:", func(s *Spec) { s.Limits.OpenFiles = Unlimited })
	var host syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &host); err != nil {
		t.Fatal(err)
	}
	if s.Limits["nofile"] != host.Max {
		t.Errorf("open files %d, the host has %d", s.Limits["nofile"], host.Max)
	}
}

func TestInodesAreBounded(t *testing.T) {
	s, _ := look(t, "files:/tmp", func(s *Spec) { s.Limits.ScratchInodes = 32 })
	if got := s.Results["files:/tmp"]; !strings.Contains(got, "no space left") {
		t.Errorf("1000 files in 32 inodes: %q", got)
	}
}
