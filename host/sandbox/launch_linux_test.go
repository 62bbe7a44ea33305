// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// testLevels are the levels that every machine for development offers.
var testLevels = []Level{Full, Namespaced, WallsOnly, Weak, None}

// inject makes one step of the next launches fail.
func inject(t *testing.T, step string, errno syscall.Errno) {
	injected = &injection{step, errno}
	t.Cleanup(func() { injected = nil })
}

func TestWeak(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dial := "dial:" + listener.Addr().String()
	var private string
	s, r := lookVerified(t, dial+",chroot:,write:out,read:/etc/shadow,read:/etc/hostname", func(s *Spec) {
		s.Ceiling, s.Floor, private = Weak, Weak, s.PrivateDir
	})
	if r.Level != Weak || !r.Verified {
		t.Fatalf("report %+v", r)
	}
	if !strings.HasPrefix(s.Results["read:/etc/hostname"], "ok") {
		t.Errorf("weak is documented to leave the files: %s", s.Results["read:/etc/hostname"])
	}
	for _, command := range []string{"chroot:", "read:/etc/shadow", dial} {
		if strings.HasPrefix(s.Results[command], "ok") {
			t.Errorf("%s succeeded without capabilities", command)
		}
	}
	if s.Dir != private || !strings.HasPrefix(s.Results["write:out"], "ok") {
		t.Errorf("dir %q, want %q; %q", s.Dir, private, s.Results["write:out"])
	}
}

func TestNoneStillHasACleanEnvironment(t *testing.T) {
	t.Setenv("SECRET_TOKEN", "x")
	s, r := look(t, "fds:", func(s *Spec) { s.Ceiling, s.Floor = None, None })
	if r.Level != None || r.Verified {
		t.Errorf("report %+v", r)
	}
	if strings.Contains(strings.Join(s.Env, " "), "SECRET") {
		t.Errorf("the host's environment leaked: %q", s.Env)
	}
}

// Every step of a level is a condition of the level, by both executors.
func TestFallBack(t *testing.T) {
	a := newAttempt(&Spec{Proc: true, PrivateDir: "x", Secrets: []Secret{{}}}, Full)
	a.uid = firstUID
	var names []string
	for _, s := range steps {
		if s.when(a) {
			names = append(names, s.name)
		}
	}
	for _, p := range preparations {
		names = append(names, p.name)
	}
	for _, name := range append(names, "verify") {
		t.Run(name, func(t *testing.T) {
			inject(t, name, syscall.EPERM)
			spec, _, finish := testSpec(t, "sleep")
			defer finish()
			spec.Proc, spec.Secrets = true, []Secret{{Name: "a", Value: "b"}}
			spec.Ceiling, spec.Floor = Full, Full
			_, err := Launch(context.Background(), spec)
			var refused *RefusedError
			if !errors.As(err, &refused) || !errors.Is(err, syscall.EPERM) {
				t.Fatalf("a failed %s was not refused: %v", name, err)
			}
			for _, want := range []string{name, "operation not permitted", `require = "namespaced"`, "--sandbox namespaced"} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q lacks %q", err, want)
				}
			}
		})
	}
}

// A step that the machine refuses leads to the next level, which says so.
func TestFallBackGoesOn(t *testing.T) {
	inject(t, "pivot-root", syscall.EPERM)
	_, r := look(t, "fds:", nil)
	if r.Level != WallsOnly || len(r.Fallen) == 0 || !strings.Contains(r.Fallen[len(r.Fallen)-1], "pivot-root") {
		t.Errorf("report %+v", r)
	}
	if w, _ := r.Wall("network namespace"); w.On {
		t.Errorf("a wall that is down is reported as standing: %+v", w)
	}
}

func TestRequiredGrant(t *testing.T) {
	spec, _, finish := testSpec(t, "fds:")
	defer finish()
	spec.Floor = None
	spec.Binds = []Bind{{Source: "/no/such/file"}}
	_, err := Launch(context.Background(), spec)
	var bind *BindError
	if !errors.As(err, &bind) || bind.Bind.Source != "/no/such/file" || !errors.Is(err, syscall.ENOENT) {
		t.Fatalf("got %v", err)
	}
}

// A program that was built under a strict umask is its owner's alone, and a root
// host has plugins run as somebody else.
func TestProgramOfItsOwnerAlone(t *testing.T) {
	asRoot(t)
	spec, _, finish := testSpec(t, "fds:")
	defer finish()
	exe, err := os.Open(copyOfSelf(t))
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	spec.Exe = exe
	for _, mode := range []os.FileMode{0o700, 0o755} {
		if err := exe.Chmod(mode); err != nil {
			t.Fatal(err)
		}
		p, err := Launch(context.Background(), spec)
		if wrong, ok := errors.AsType[*ModeError](err); mode == 0o700 && (!ok || wrong.Mode != mode || !strings.HasSuffix(err.Error(), "chmod 755 "+exe.Name())) {
			t.Errorf("mode %o: %v", mode, err)
		}
		if mode == 0o755 && err != nil {
			t.Fatal(err)
		}
		if p != nil {
			waitFor(t, p)
		}
	}
}

func TestKillEndsEverything(t *testing.T) {
	spec, _, finish := testSpec(t, "sleep")
	defer finish()
	p, err := Launch(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	if !p.Report().Verified {
		t.Errorf("a running program was not verified: %+v", p.Report())
	}
	start := time.Now()
	p.Kill()
	waitFor(t, p)
	p.Kill() // harmless afterwards
	if took := time.Since(start); took > 30*time.Second {
		t.Errorf("kill took %v", took)
	}
	if exit := p.Exit(); exit.Signal != syscall.SIGKILL {
		t.Errorf("exit %+v", exit)
	}
}

func TestContextBoundsTheStart(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	spec, _, finish := testSpec(t, "sleep")
	defer finish()
	if p, err := Launch(ctx, spec); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, %v", p, err)
	}
}

// hostEnv turns the test binary into a host that starts a sandbox at the level
// named and waits to be killed.
const hostEnv = "SANDBOX_TEST_HOST"

func TestHelperHost(t *testing.T) {
	level, err := ParseLevel(os.Getenv(hostEnv))
	if err != nil {
		t.Skip("helper of TestNothingOutlivesTheHost")
	}
	spec, _, _ := testSpec(t, "sleep")
	spec.Ceiling, spec.Floor = level, level
	p, err := Launch(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	fmt.Printf("pid=%d\n", p.PID())
	time.Sleep(time.Minute)
}

func TestNothingOutlivesTheHost(t *testing.T) {
	for _, level := range testLevels {
		t.Run(level.String(), func(t *testing.T) {
			cmd := exec.Command("/proc/self/exe", "-test.run=^TestHelperHost$")
			cmd.Env = append(os.Environ(), hostEnv+"="+level.String(), "TMPDIR="+t.TempDir())
			out, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			var pid int
			if _, err := fmt.Fscanf(out, "pid=%d\n", &pid); err != nil {
				t.Fatal(err)
			}
			if gone(pid) {
				t.Fatal("the program did not run")
			}
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
			for deadline := time.Now().Add(40 * time.Second); !gone(pid); time.Sleep(5 * time.Millisecond) {
				if time.Now().After(deadline) {
					t.Fatalf("pid %d outlives its host", pid)
				}
			}
		})
	}
}

func TestUIDsDiffer(t *testing.T) {
	a, releaseA, err := takeUID()
	if err != nil {
		t.Fatal(err)
	}
	defer releaseA()
	again, err := reserve("bulkhead-sandbox-uid-" + strconv.Itoa(a))
	if !errors.Is(err, syscall.EADDRINUSE) {
		again()
		t.Fatalf("uid %d was given twice: %v", a, err)
	}
}
