// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// only lists all walls but those named, for Spec.Without.
func only(names ...string) []string {
	return slices.DeleteFunc(wallNames(), func(name string) bool { return slices.Contains(names, name) })
}

// Each wall stands alone and stops what it is there for; without any wall the
// same attempt succeeds.
func TestEachWallAlone(t *testing.T) {
	root := os.Geteuid() == 0
	private := filepath.Join(writeTree(t, map[string]string{"x": "secret"}), "x")
	makeWritable(t, filepath.Dir(private))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dial := "dial:" + listener.Addr().String()
	user := []string{"user namespace"}
	for _, tt := range []struct {
		walls   []string
		attempt string
		rooted  bool // the attempt succeeds for root only
	}{
		{append(user, "mount namespace"), "read:" + private, false},
		{append(user, "network namespace"), dial, false},
		{append(user, "pid namespace"), "kill:" + itoa(os.Getpid()), false},
		{append(user, "uts namespace"), "hostname:", false},
		{[]string{"identity"}, "setuid:", true},
		{[]string{"capabilities"}, "chroot:", true},
		{[]string{"rlimits"}, "openmany:", false},
		{[]string{"no_new_privs", "seccomp"}, "socket:", false},
		{[]string{"no_new_privs", "landlock"}, "read:" + private, false},
	} {
		t.Run(tt.walls[len(tt.walls)-1], func(t *testing.T) {
			if tt.rooted && !root {
				t.Skip("an ordinary user could not do it anyhow")
			}
			for _, with := range []bool{false, true} {
				s, r := look(t, tt.attempt, func(s *Spec) {
					s.Ceiling, s.Floor, s.Without, s.Identity = Full, None, wallNames(), SameUID
					if with {
						s.Without, s.Identity = only(tt.walls...), OwnUID
					}
				})
				succeeded := strings.HasPrefix(s.Results[tt.attempt], "ok")
				if succeeded == with {
					t.Errorf("with the wall %v: %s %q, report %+v", with, tt.attempt, s.Results[tt.attempt], r)
				}
				if r.Level != None {
					t.Errorf("one wall is called level %v", r.Level)
				}
			}
		})
	}
}

// A level that lacks a wall may not carry its name.
func TestWithoutIsNoLevel(t *testing.T) {
	_, r := look(t, "nothing:", func(s *Spec) { s.Ceiling, s.Floor, s.Without = Full, Weak, []string{"landlock"} })
	if r.Level != Weak {
		t.Errorf("level %v", r.Level)
	}
	spec, _, finish := testSpec(t, "nothing:")
	defer finish()
	for _, without := range [][]string{{"landlock"}, {"moat"}} {
		spec.Without = without
		if _, err := Launch(context.Background(), spec); err == nil || !strings.Contains(err.Error(), "left out") {
			t.Errorf("without %v: %v", without, err)
		}
	}
}

// A call that no program makes in good faith ends it and is named.
func TestFatalCall(t *testing.T) {
	for _, level := range []Level{Full, WallsOnly, Weak} {
		exit, _ := die(t, "mount:", func(s *Spec) { s.Ceiling, s.Floor = level, level })
		if exit.Signal != syscall.SIGKILL || exit.Call != "mount" {
			t.Errorf("%v: %+v", level, exit)
		}
	}
}

// Refused calls are errors to the program, and are counted with the grant that
// would allow them.
func TestDenialsAreCounted(t *testing.T) {
	exit, denials := die(t, "socket:,nothing:,chroot:", spaced)
	if exit.Code != 0 || exit.Call != "" {
		t.Errorf("%+v", exit)
	}
	want := []Denial{{"socket", 1, "net HOST:PORT"}, {"chroot", 1, ""}}
	if !slices.Equal(denials, want) {
		t.Errorf("denials %+v, want %+v", denials, want)
	}
}

// A strict program ends at its first refused call.
func TestStrict(t *testing.T) {
	exit, denials := die(t, "socket:", func(s *Spec) { spaced(s); s.Strict = true })
	if exit.Signal != syscall.SIGKILL || exit.Call != "socket" || len(denials) != 1 {
		t.Errorf("%+v, %+v", exit, denials)
	}
}

// A call of another architecture has no name that the filter could trust.
func TestForeignCall(t *testing.T) {
	if runtime.GOARCH != "amd64" {
		t.Skip("the probe's call is of x32, which only amd64 has")
	}
	exit, _ := die(t, "foreign:", spaced)
	if exit.Signal != syscall.SIGSYS || !strings.Contains(exit.Call, "another architecture") {
		t.Errorf("%+v", exit)
	}
}

// die runs a probe to its end, which may come before it can report.
func die(t *testing.T, kind string, change func(*Spec)) (*Exit, []Denial) {
	t.Helper()
	spec, _, finish := testSpec(t, kind)
	defer finish()
	change(&spec)
	p, err := Launch(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, p)
	return p.Exit(), p.Denials()
}

// The program handles and blocks no signal, whatever the host does.
func TestSignalsAreDefault(t *testing.T) {
	spec, _, finish := testSpec(t, "")
	defer finish()
	cat, err := os.Open("/bin/sleep")
	if err != nil {
		t.Fatal(err)
	}
	defer cat.Close()
	spec.Exe, spec.Args = cat, []string{"sleep", "60"}
	spaced(&spec)
	p, err := Launch(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	fields, err := statusFields(p.PID())
	p.Kill()
	waitFor(t, p)
	for _, name := range []string{"SigBlk", "SigIgn", "SigCgt"} {
		if fields[name] != "0000000000000000" {
			t.Errorf("%s is %s, %v", name, fields[name], err)
		}
	}
}

// The last of the ladder: a control group that bounds processes, and memory where
// the machine has that controller to give.
func TestQuota(t *testing.T) {
	s, r := look(t, "cgroup:", func(s *Spec) { s.Ceiling, s.Floor, s.Proc, s.Limits.Processes = FullQuota, WallsOnly, true, 40 })
	if r.Level != FullQuota {
		t.Skipf("no control group can be made here: %v", r.Fallen)
	}
	w, _ := r.Wall("cgroup")
	if !w.On || !strings.Contains(w.Detail, "processes 40") {
		t.Errorf("%+v", w)
	}
	for entry := range strings.FieldsSeq(strings.TrimPrefix(s.Results["cgroup:"], "ok ")) {
		if group := entry[strings.LastIndex(entry, ":")+1:]; strings.Contains(entry, "pids") && group != "/" {
			t.Errorf("the program sees its group as %q", group)
		}
	}
}

// Where memory is bounded, the kernel's end is told from other ends.
func TestOutOfMemory(t *testing.T) {
	spec, _, finish := testSpec(t, "memory:256")
	defer finish()
	spec.Ceiling, spec.Floor, spec.Limits.GroupMemoryBytes, spec.Limits.DataBytes = FullQuota, WallsOnly, 64<<20, Unlimited
	p, err := Launch(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, p)
	if w, _ := p.Report().Wall("cgroup"); !strings.Contains(w.Detail, "memory") {
		t.Skipf("no memory controller: level %v, %q, %v", p.Report().Level, w.Detail, p.Report().Fallen)
	}
	if e := p.Exit(); !e.OutOfMemory || e.PeakBytes > 80<<20 || e.PeakBytes < 32<<20 {
		t.Errorf("%+v", e)
	}
}

// The peak of a program is its own and not that of the host, whose memory it
// shared before exec.
func TestPeakIsThePrograms(t *testing.T) {
	memory := touched(64 << 20)
	exit, _ := die(t, "memory:160", func(s *Spec) { spaced(s) })
	if exit.PeakBytes < 160<<20 || exit.PeakBytes > 400<<20 {
		t.Errorf("a program that touched 160 MiB: %+v", exit)
	}
	spec, _, finish := testSpec(t, "sleep")
	defer finish()
	spaced(&spec)
	p, err := Launch(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	p.Kill()
	waitFor(t, p)
	if peak := p.Exit().PeakBytes; peak == 0 || peak > 60<<20 {
		t.Errorf("a program that sleeps beside %d bytes of the host needed %d", len(memory), peak)
	}
}
