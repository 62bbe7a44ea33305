// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// planSpec runs the test binary with two grants, one of them a device.
func planSpec(t *testing.T) *Spec {
	t.Helper()
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exe.Close() })
	return &Spec{
		Exe: exe, Args: []string{"x"}, Env: []string{"A=1"}, DirEnv: []string{"HOME"}, SocketEnv: "SOCKETS", TargetEnv: "TARGET",
		PrivateDir: "/private", Root: "/disk", Proc: true,
		Binds: []Bind{
			{Source: "/etc/deep/er/file", Optional: true}, {Source: "/etc"},
			{Source: "/dev/nvidia0", Device: true},
		},
	}
}

func planOf(t *testing.T, s *Spec, level Level, uid int) *plan {
	t.Helper()
	p, err := newPlan(s, level, uid)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func TestPlanOfARoot(t *testing.T) {
	p := planOf(t, planSpec(t), Namespaced, 61184)
	if p.Root != "/disk" || p.Dir != ScratchDir || !p.Proc || p.Scratch != (scratch{16 << 20, 256}) {
		t.Errorf("%+v", p)
	}
	if want := []string{"A=1", "HOME=/tmp", "SOCKETS=/tmp", "TARGET=/target"}; !slices.Equal(p.Env, want) {
		t.Errorf("environment %q", p.Env)
	}
	at := map[string]mount{}
	depth := 0
	for _, m := range p.Mounts {
		at[m.Target] = m
		if d := strings.Count(m.Target, "/"); d < depth {
			t.Errorf("%s comes after what may lie in it", m.Target)
		} else {
			depth = d
		}
	}
	for target, want := range map[string]mount{
		"/target/etc":              {Source: "/etc", InRoot: true, Flags: grantFlags, Bind: 1},
		"/target/etc/deep/er/file": {Source: "/etc/deep/er/file", InRoot: true, Optional: true, Flags: grantFlags, Bind: 0},
		"/dev/nvidia0":             {Source: "/dev/nvidia0", InRoot: true, Flags: deviceFlags, Bind: 2},
		"/dev/null":                {Source: "/dev/null", Flags: deviceFlags, Bind: -1},
	} {
		want.Target = target
		if at[target] != want {
			t.Errorf("%s is %+v, want %+v", target, at[target], want)
		}
	}
}

// Every mount is read-only and without set-user-id; only a device is a device,
// and only a library is executed.
func TestPlanFlags(t *testing.T) {
	for _, m := range planOf(t, planSpec(t), Namespaced, 61184).Mounts {
		if m.Flags&unix.MOUNT_ATTR_RDONLY == 0 || m.Flags&unix.MOUNT_ATTR_NOSUID == 0 {
			t.Errorf("%s has flags %#x", m.Target, m.Flags)
		}
		device, library := below(m.Target, "/dev"), m.Bind < 0 && !below(m.Target, "/dev")
		if (m.Flags&unix.MOUNT_ATTR_NODEV == 0) != device || m.Flags&unix.MOUNT_ATTR_NOEXEC == 0 && !library {
			t.Errorf("%s has flags %#x", m.Target, m.Flags)
		}
	}
}

func TestPlanBelowNamespaced(t *testing.T) {
	for level, socket := range map[Level]string{Weak: "/proc/self/cwd", None: "/proc/self/cwd"} {
		p := planOf(t, planSpec(t), level, -1)
		if len(p.Mounts) > 0 || p.Dir != "/private" || p.Root != "/" || p.Proc {
			t.Errorf("%v: %+v", level, p)
		}
		if want := []string{"A=1", "HOME=/private", "SOCKETS=" + socket, "TARGET=/disk"}; !slices.Equal(p.Env, want) {
			t.Errorf("%v: environment %q", level, p.Env)
		}
	}
	s := planSpec(t)
	s.PrivateDir = ""
	if env := planOf(t, s, Weak, -1).Env; slices.ContainsFunc(env, func(v string) bool { return strings.HasPrefix(v, "HOME=") }) {
		t.Errorf("a directory that does not exist is named: %q", env)
	}
}

func TestPlanIdentity(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("an ordinary user takes on no identity")
	}
	for _, tt := range []struct {
		level     Level
		uid, want int // -1 is none
	}{{Namespaced, 61184, 61184}, {Weak, 61185, 61185}, {Weak, -1, 0}, {None, 61184, -1}} {
		got := planOf(t, planSpec(t), tt.level, tt.uid).Identity
		if (got == nil) != (tt.want < 0) || got != nil && *got != tt.want {
			t.Errorf("%v with uid %d: %v", tt.level, tt.uid, got)
		}
	}
}

// A level without the last wall sets no limit; the count of processes is only
// limited for a uid that nobody shares.
func TestPlanLimits(t *testing.T) {
	values := func(level Level, uid int, l Limits) map[int]uint64 {
		s := planSpec(t)
		s.Limits = l
		out := map[int]uint64{}
		for _, l := range planOf(t, s, level, uid).Limits {
			out[l.Resource] = l.Value
		}
		return out
	}
	if got := values(None, -1, Limits{}); len(got) > 0 {
		t.Errorf("none sets %v", got)
	}
	want := map[int]uint64{
		unix.RLIMIT_NOFILE: 256, unix.RLIMIT_CORE: 0, unix.RLIMIT_FSIZE: 16 << 20, unix.RLIMIT_CPU: Unlimited,
		unix.RLIMIT_DATA: 512 << 20, unix.RLIMIT_AS: 4 << 30, unix.RLIMIT_MEMLOCK: 64 << 10, unix.RLIMIT_MSGQUEUE: 0,
		unix.RLIMIT_SIGPENDING: 128, unix.RLIMIT_STACK: 8 << 20, unix.RLIMIT_NICE: 0, unix.RLIMIT_RTPRIO: 0,
	}
	if got := values(Weak, -1, Limits{}); !maps.Equal(got, want) {
		t.Errorf("weak sets %v", got)
	}
	want[unix.RLIMIT_NPROC], want[unix.RLIMIT_DATA], want[unix.RLIMIT_NOFILE] = 9, 1<<20, Unlimited
	if got := values(Namespaced, 61184, Limits{Processes: 9, DataBytes: 1 << 20, OpenFiles: Unlimited}); !maps.Equal(got, want) {
		t.Errorf("namespaced sets %v", got)
	}
}

// A program that is no ELF file cannot be laid out, which the error says.
func TestPlanOfAScript(t *testing.T) {
	s := planSpec(t)
	script, err := os.CreateTemp(t.TempDir(), "script")
	if err != nil {
		t.Fatal(err)
	}
	defer script.Close()
	if _, err := script.WriteString("#!/bin/sh\n"); err != nil {
		t.Fatal(err)
	}
	s.Exe = script
	_, err = newPlan(s, Namespaced, -1)
	step, ok := errors.AsType[*StepError](err)
	if !ok || step.Step != "read-elf" || step.Path != script.Name() {
		t.Errorf("got %v", err)
	}
}

func TestParseStatus(t *testing.T) {
	text := "Name:\tbulkhead: x\nState:\tS (sleeping)\nUid:\t61184\t61184\t61184\t61184\nCapEff:\t0000000000000000\nGroups:\t \nNoNewPrivs:\t1\n\nodd line\n"
	want := map[string]string{
		"Name": "bulkhead: x", "State": "S (sleeping)", "Uid": "61184 61184 61184 61184",
		"CapEff": "0000000000000000", "Groups": "", "NoNewPrivs": "1",
	}
	got := parseStatus(text)
	for name, value := range want {
		if v, ok := got[name]; !ok || v != value {
			t.Errorf("%s is %q, want %q", name, v, value)
		}
	}
	if len(parseStatus("")) != 0 {
		t.Error("nothing has fields")
	}
}

// A process that cannot be looked at is either gone or a failure, never fine.
func TestVerifyOfTheDead(t *testing.T) {
	cmd := exec.Command("/bin/true")
	if err := cmd.Start(); err != nil {
		t.Skip(err)
	}
	for !gone(cmd.Process.Pid) { // a zombie now
	}
	a := &attempt{spec: &Spec{}, level: Weak, uid: -1, plan: &plan{}, cmd: cmd}
	if ok, err := a.verify(); ok || err != nil {
		t.Errorf("a zombie: %v, %v", ok, err)
	}
	_ = cmd.Wait()
	if ok, err := a.verify(); ok || err != nil || !gone(cmd.Process.Pid) {
		t.Errorf("a number that nobody has: %v, %v", ok, err)
	}
	if gone(os.Getpid()) {
		t.Error("the test itself is gone")
	}
	a.level = None
	if ok, err := a.verify(); ok || err != nil {
		t.Errorf("level none claims to be verified: %v, %v", ok, err)
	}
}
