// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

func TestNamespaced(t *testing.T) {
	for _, level := range []Level{Namespaced, Full} {
		t.Run(level.String(), func(t *testing.T) { testSpaces(t, level) })
	}
}

func testSpaces(t *testing.T, level Level) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	dial := "dial:" + listener.Addr().String()
	kill := "kill:" + strconv.Itoa(os.Getpid())
	refused := []string{
		dial, kill, "read:/etc/shadow", "read:/etc/passwd", "read:/target/etc/passwd", "list:/proc", "list:/sys", "list:/root",
		"write:/x", "write:/etc/x", "write:/dev/x", "mkdir:/target/x", "chmod:/", "chroot:", "setuid:", "unix:/run/docker.sock",
	}
	if os.Geteuid() != 0 { // uid 0 of its user namespace already
		refused = slices.DeleteFunc(refused, func(s string) bool { return s == "setuid:" || s == "chmod:/" })
	}
	allowed := []string{"read:/dev/null", "write:/dev/null", "write:/tmp/x", "fds:"}
	s, r := look(t, strings.Join(append(refused, allowed...), ","), func(s *Spec) { s.Ceiling, s.Floor = level, level })
	if r.Level != level {
		t.Fatalf("level %v, %v", r.Level, r.Fallen)
	}
	for _, command := range refused {
		if strings.HasPrefix(s.Results[command], "ok") {
			t.Errorf("%s succeeded: %q", command, s.Results[command])
		}
	}
	for _, command := range allowed[:3] {
		if !strings.HasPrefix(s.Results[command], "ok") {
			t.Errorf("%s failed: %s", command, s.Results[command])
		}
	}
	if s.PID != 1 || s.Host != "bulkhead" || s.Dir != "/" {
		t.Errorf("pid %d, host %q, dir %q", s.PID, s.Host, s.Dir)
	}
	if s.Limits["nofile"] != 256 || s.Limits["core"] != min(oneByte, ownLimit(t, syscall.RLIMIT_CORE)) {
		t.Errorf("limits %v", s.Limits)
	}
	want := append(append([]string{probeEnv + "="}, testEnv...), "TMPDIR=/tmp", "HOME=/tmp", "TARGET=/target")
	for i, v := range s.Env {
		if !strings.HasPrefix(v, want[i]) {
			t.Errorf("environment %q", s.Env)
		}
	}
	if uid := s.UID; hostPowers().identities() && (uid < firstUID || uid > lastUID || len(s.Groups) != 0) {
		t.Errorf("uid %d, groups %v", uid, s.Groups)
	}
}

func TestGrants(t *testing.T) {
	dir := writeTree(t, map[string]string{"etc/name": "machine", "usr/lib/a": "A", "lib": "-> usr/lib", "private/venv/x": "X", "abs": "-> /etc/name"})
	if err := os.Chmod(filepath.Join(dir, "private"), 0o700); err != nil {
		t.Fatal(err)
	}
	s, r := look(t, "read:/target/etc/name,read:/target/lib/a,read:/target/venv/x,read:/target/abs,write:/target/etc/name,write:/target/etc/new,chmod:/target/etc/name,list:/target/gone", func(s *Spec) {
		s.Root = dir
		s.Binds = []Bind{
			{Source: "/etc"}, {Source: "/lib"}, {Source: "/private/venv", Target: "/target/venv"}, {Source: "/abs"},
			{Source: "/gone", Optional: true},
		}
	})
	want := map[string]string{
		"read:/target/etc/name": "ok machine", "read:/target/lib/a": "ok A", "read:/target/venv/x": "ok X", "read:/target/abs": "ok machine",
		"write:/target/etc/name": "read-only file system", "write:/target/etc/new": "read-only file system",
		"chmod:/target/etc/name": "read-only file system", "list:/target/gone": "no such file",
	}
	for command, text := range want {
		if !strings.Contains(s.Results[command], text) {
			t.Errorf("%s: %q, want %q", command, s.Results[command], text)
		}
	}
	if len(r.Skipped) != 1 || r.Skipped[0].Source != "/gone" || r.Skipped[0].Reason != "no such file or directory" {
		t.Errorf("skipped: %+v", r.Skipped)
	}
}

func TestGrantsOfProc(t *testing.T) {
	self := fmt.Sprintf("/proc/%d/limits", os.Getpid())
	s, _ := look(t, "read:/target/proc/meminfo,list:/target/sys/class,read:/target"+self+",list:/target/proc,read:/proc/1/status", func(s *Spec) {
		s.Binds = []Bind{{Source: "/proc/meminfo"}, {Source: "/proc/driver"}, {Source: "/sys"}, {Source: self}}
		s.Proc = true
	})
	for command, result := range s.Results {
		if !strings.HasPrefix(result, "ok") {
			t.Errorf("%s: %s", command, result)
		}
	}
	if got := s.Results["list:/target/proc"]; got != "ok 3" {
		t.Errorf("/target/proc holds %q, want its three grants", got)
	}
}

// An image from a stranger may hold any link; none may lead out of it.
func TestRootCannotBeEscaped(t *testing.T) {
	image := writeTree(t, map[string]string{
		"up": "-> ../../../../etc/hostname", "shadow": "-> /etc/passwd", "dir": "-> /proc", "magic": "-> /proc/self/root/etc/passwd",
		"etc/passwd": "inner",
	})
	s, r := look(t, "read:/target/up,read:/target/shadow,list:/target/dir,read:/target/magic", func(s *Spec) {
		s.Root = image
		for _, name := range []string{"/up", "/shadow", "/dir", "/magic", "/../../etc/hostname"} {
			s.Binds = append(s.Binds, Bind{Source: name, Target: "/target/" + filepath.Base(name), Optional: true})
		}
	})
	if got := s.Results["read:/target/shadow"]; got != "ok inner" {
		t.Errorf("the link resolved to %q, want the image's own file", got)
	}
	if len(r.Skipped) != 4 {
		t.Errorf("skipped %+v, want up, dir, magic and hostname", r.Skipped)
	}
}

func TestMagicLinksAreRefused(t *testing.T) {
	_, r := look(t, "read:/target/root/etc/passwd", func(s *Spec) {
		s.Binds = []Bind{{Source: "/proc/self/root", Target: "/target/root", Optional: true}}
	})
	if len(r.Skipped) != 1 {
		t.Fatalf("a magic link was bound: %+v", r)
	}
}

func TestSameUIDReadsWhatRootReads(t *testing.T) {
	asRoot(t)
	dir := writeTree(t, map[string]string{"secret": "s"})
	if err := os.Chmod(filepath.Join(dir, "secret"), 0o600); err != nil {
		t.Fatal(err)
	}
	for identity, want := range map[Identity]string{OwnUID: "permission denied", SameUID: "ok s"} {
		s, _ := look(t, "read:/target/secret,chroot:", func(s *Spec) {
			s.Root, s.Identity, s.Binds = dir, identity, []Bind{{Source: "/secret"}}
		})
		if !strings.Contains(s.Results["read:/target/secret"], want) {
			t.Errorf("identity %d: %q, want %q", identity, s.Results["read:/target/secret"], want)
		}
		if strings.HasPrefix(s.Results["chroot:"], "ok") {
			t.Errorf("identity %d holds a capability: %v", identity, s.Results)
		}
	}
}

func TestScratchIsBounded(t *testing.T) {
	s, _ := look(t, "fill:/tmp/big", func(s *Spec) { s.Limits.ScratchBytes, s.Limits.FileBytes = 1<<20, Unlimited })
	if got := s.Results["fill:/tmp/big"]; !strings.Contains(got, "no space left") {
		t.Errorf("64 MiB into a scratch of 1 MiB: %q", got)
	}
}

// The filter refuses every execution; behind it the mounts do.
func TestNothingGrantedCanBeExecuted(t *testing.T) {
	for _, tt := range []struct {
		without []string
		want    string
	}{
		{nil, "operation not permitted"},
		{[]string{"seccomp"}, "permission denied"},
		{[]string{"seccomp", "landlock"}, "permission denied"},
		{[]string{"seccomp", "mount namespace"}, "permission denied"},
	} {
		s, r := look(t, "exec:/target/true,exec:/bin/true", func(s *Spec) {
			s.Without, s.Floor = tt.without, None
			s.Binds = []Bind{{Source: "/bin/true", Target: "/target/true"}}
		})
		got := s.Results["exec:/target/true"]
		if w, _ := r.Wall("mount namespace"); !w.On {
			got = s.Results["exec:/bin/true"]
		}
		if !strings.Contains(got, tt.want) {
			t.Errorf("without %v, exec of a grant: %q, want %s", tt.without, got, tt.want)
		}
	}
}
