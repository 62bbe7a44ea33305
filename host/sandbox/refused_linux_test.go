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
)

// refusedEnv marks the helper below.
const refusedEnv = "SANDBOX_TEST_REFUSED"

// A container often runs as root without the right to make namespaces. The same
// is made here with setpriv, so that the kernel itself refuses.
func TestKernelRefusesNamespaces(t *testing.T) {
	asRoot(t)
	setpriv, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip("needs setpriv (util-linux)")
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(setpriv, "--bounding-set=-sys_admin", "--inh-caps=-sys_admin", self, "-test.run=^TestHelperRefused$", "-test.v")
	cmd.Env = append(os.Environ(), refusedEnv+"=1")
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestHelperRefused") {
		t.Fatalf("%v\n%s", err, out)
	}
}

func TestHelperRefused(t *testing.T) {
	if os.Getenv(refusedEnv) == "" {
		t.Skip("helper of TestKernelRefusesNamespaces")
	}
	spec, _, finish := testSpec(t, "fds:")
	defer finish()
	_, err := Launch(context.Background(), spec)
	var step *StepError
	if !errors.As(err, &step) || step.Step != "clone" || !errors.Is(err, syscall.EPERM) {
		t.Fatalf("got %v", err)
	}
	s, r := look(t, "mount:,read:/etc/hostname", func(s *Spec) { s.Floor = Weak })
	if r.Level != Weak || !r.Verified || len(r.Fallen) != 1 {
		t.Errorf("report %+v", r)
	}
	if strings.HasPrefix(s.Results["mount:"], "ok") {
		t.Error("a capability was left")
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
	self := &exec.Cmd{Process: &os.Process{Pid: os.Getpid()}}
	a := &attempt{spec: &Spec{}, level: Weak, uid: -1, plan: &plan{DropSet: true}, cmd: self}
	if err := a.verifyStatus(os.Getpid()); err == nil {
		t.Error("the test itself passed for a sandboxed program")
	}
	if err := verifyNamespaces(os.Getpid()); err == nil || !strings.Contains(err.Error(), "host's") {
		t.Errorf("the host's own namespaces passed: %v", err)
	}
	ok, err := a.verify()
	var step *StepError
	if ok || !errors.As(err, &step) || step.Step != "verify" {
		t.Errorf("%v, %v", ok, err)
	}
}

// Descriptors of the host that are open for inheritance do not get in.
func TestDescriptorsAreClosed(t *testing.T) {
	const stray = 50
	if err := syscall.Dup3(2, stray, 0); err != nil {
		t.Fatal(err)
	}
	defer syscall.Close(stray)
	for _, level := range []Level{Namespaced, Weak, None} {
		s, _ := look(t, "fds:", func(s *Spec) { s.Ceiling, s.Floor = level, level })
		if open := strings.Fields(s.Results["fds:"]); slices.Contains(open, strconv.Itoa(stray)) || len(open) < 3 {
			t.Errorf("%v: the program has %v", level, open)
		}
	}
}

// Every level lists the same walls, and a higher one never has fewer.
func TestWallsAreMonotone(t *testing.T) {
	var lower Report
	for _, level := range []Level{None, Weak, Namespaced} {
		_, r := look(t, "fds:", func(s *Spec) { s.Ceiling, s.Floor = level, level })
		for i, w := range lower.Walls {
			if r.Walls[i].Name != w.Name || w.On && !r.Walls[i].On {
				t.Errorf("%v has %+v, the level below %+v", level, r.Walls[i], w)
			}
		}
		for _, name := range []string{"seccomp", "landlock", "cgroup"} {
			if w, ok := r.Wall(name); !ok || w.On {
				t.Errorf("%v claims %+v", level, w)
			}
		}
		lower = r
	}
}

// Below namespaced the process group is what dies with the program.
func TestGroupDies(t *testing.T) {
	for _, level := range []Level{Namespaced, Weak, None} {
		t.Run(level.String(), func(t *testing.T) {
			s, _ := look(t, "child:", func(s *Spec) { s.Ceiling, s.Floor, s.Proc = level, level, true })
			result := s.Results["child:"]
			pid, found := strings.CutPrefix(result, "ok ")
			if !found {
				t.Fatal(result)
			}
			if level == Namespaced {
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
