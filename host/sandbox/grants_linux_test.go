// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// spaced and flat are the highest levels with and without namespaces that need
// no control group.
func spaced(s *Spec) { s.Ceiling, s.Floor = Full, Full }
func flat(s *Spec)   { s.Ceiling, s.Floor = WallsOnly, WallsOnly }

// Without namespaces Landlock is the wall around the files.
func TestWallsOnly(t *testing.T) {
	tree := writeTree(t, map[string]string{"granted/name": "yes", "other/name": "no"})
	granted, other := filepath.Join(tree, "granted"), filepath.Join(tree, "other")
	s, r := look(t, "read:"+granted+"/name,list:"+granted+",read:"+other+"/name,list:"+other+",write:"+granted+"/new,write:out,read:/etc/passwd,list:/,read:/proc/1/status,read:/dev/zero,write:/dev/null", func(s *Spec) {
		flat(s)
		s.Binds = []Bind{{Source: granted}}
	})
	want := map[string]string{
		"read:" + granted + "/name": "ok yes", "list:" + granted: "ok 1", "write:out": "ok", "write:/dev/null": "ok",
		"read:" + other + "/name": "permission denied", "list:" + other: "permission denied", "write:" + granted + "/new": "permission denied",
		"read:/etc/passwd": "permission denied", "list:/": "permission denied", "read:/proc/1/status": "permission denied",
	}
	for command, text := range want {
		if !strings.Contains(s.Results[command], text) {
			t.Errorf("%s: %q, want %q", command, s.Results[command], text)
		}
	}
	if w, _ := r.Wall("landlock"); !w.On || !strings.Contains(w.Detail, "files") {
		t.Errorf("%+v", w)
	}
}

// Each access allows what it says, with a private root and without.
func TestAccess(t *testing.T) {
	for name, level := range map[string]func(*Spec){"spaced": spaced, "flat": flat} {
		t.Run(name, func(t *testing.T) {
			tree := writeTree(t, map[string]string{"read/a": "r", "write/a": "w", "library/a": "l"})
			makeWritable(t, filepath.Join(tree, "write"))
			at, library := tree, filepath.Join(tree, "library")
			if name == "spaced" {
				at, library = TargetDir+tree, "/opt/library"
			}
			want := map[string]string{
				"read:" + at + "/read/a": "ok r", "write:" + at + "/read/b": "refused",
				"read:" + at + "/write/a": "ok w", "write:" + at + "/write/b": "ok", "mkdir:" + at + "/write/d": "ok",
				"read:" + library + "/a": "ok l", "write:" + library + "/b": "refused",
				"map:" + library + "/a": "ok",
			}
			if name == "spaced" {
				want["map:"+at+"/read/a"] = "refused" // Landlock does not know of mappings
			}
			var commands []string
			for command := range want {
				commands = append(commands, command)
			}
			s, _ := look(t, strings.Join(commands, ","), func(s *Spec) {
				level(s)
				s.Binds = []Bind{{Source: tree + "/read"}, {Source: tree + "/write", Access: Write}, {Source: tree + "/library", Target: "/opt/library", Access: Library}}
			})
			for command, text := range want {
				got := s.Results[command]
				if text == "refused" && strings.HasPrefix(got, "ok") || text != "refused" && !strings.HasPrefix(got, text) {
					t.Errorf("%s: %q, want %q", command, got, text)
				}
			}
			if text, err := os.ReadFile(tree + "/write/b"); err != nil || string(text) != "x" {
				t.Errorf("what was written is %q, %v", text, err)
			}
		})
	}
}

// makeWritable lets every uid write into a directory.
func makeWritable(t *testing.T, dir string) {
	t.Helper()
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
}

// A granted program runs as a child, under the same walls.
func TestExecGrant(t *testing.T) {
	s, r := look(t, "run:/bin/cat /target/etc/hostname,run:/bin/ls /,run:/usr/bin/id", func(s *Spec) {
		spaced(s)
		s.Binds = []Bind{{Source: "/bin/cat", Access: Exec}, {Source: "/bin/ls", Access: Exec}, {Source: "/etc/hostname"}}
	})
	host, _ := os.ReadFile("/etc/hostname")
	if got := s.Results["run:/bin/cat /target/etc/hostname"]; got != "ok "+string(host) {
		t.Errorf("cat: %q", got)
	}
	if got := s.Results["run:/bin/ls /"]; !strings.HasPrefix(got, "ok") || strings.Contains(got, "home") {
		t.Errorf("ls: %q", got)
	}
	if got := s.Results["run:/usr/bin/id"]; strings.HasPrefix(got, "ok") {
		t.Errorf("a program that was not granted ran: %q", got)
	}
	if r.Profile != "tools" {
		t.Errorf("profile %q", r.Profile)
	}
}

// Below namespaces nothing could end a descendant, so nothing may be started.
func TestExecGrantNeedsNamespaces(t *testing.T) {
	spec, _, finish := testSpec(t, "fds:")
	defer finish()
	flat(&spec)
	spec.Binds = []Bind{{Source: "/bin/true", Access: Exec}}
	_, err := Launch(context.Background(), spec)
	var step *StepError
	if !errors.As(err, &step) || step.Step != "exec-grant" || !strings.Contains(err.Error(), "pid namespace") {
		t.Errorf("got %v", err)
	}
}

// Everything that a program started dies with it.
func TestExecGrantDies(t *testing.T) {
	spec, out, finish := testSpec(t, "daemon:/bin/sleep")
	spaced(&spec)
	spec.Binds = []Bind{{Source: "/bin/sleep", Access: Exec}}
	p, err := Launch(context.Background(), spec)
	if err != nil {
		t.Fatal(err)
	}
	children := childrenOf(t, p.PID())
	if len(children) == 0 {
		t.Fatal("no child was started")
	}
	p.Kill()
	waitFor(t, p)
	finish()
	for _, pid := range children {
		if !soonGone(pid) {
			t.Errorf("child %s outlives the program: %s", pid, out)
		}
	}
}

// childrenOf waits until a process has children and lists them.
func childrenOf(t *testing.T, pid int) []string {
	t.Helper()
	for range 1000 {
		tasks, _ := filepath.Glob("/proc/" + itoa(pid) + "/task/*/children")
		for _, task := range tasks {
			if text, _ := os.ReadFile(task); len(text) > 0 {
				return strings.Fields(string(text))
			}
		}
		pause()
	}
	return nil
}

// A file that is replaced between the look-up and the bind is an error of its
// grant, and nothing else is granted in its place.
func TestSwapped(t *testing.T) {
	for name, level := range map[string]func(*Spec){"spaced": spaced, "flat": flat} {
		t.Run(name, func(t *testing.T) {
			spec, err := swappedLaunch(t, level, false)
			var bind *BindError
			if !errors.As(err, &bind) || !errors.Is(err, syscall.ESTALE) || bind.Bind.Source != spec.Binds[0].Source {
				t.Errorf("got %v", err)
			}
		})
	}
}

func TestSwappedOptional(t *testing.T) {
	for name, level := range map[string]func(*Spec){"spaced": spaced, "flat": flat} {
		t.Run(name, func(t *testing.T) {
			spec, err := swappedLaunch(t, level, true)
			if err != nil {
				t.Fatal(spec, err)
			}
		})
	}
}

// swappedLaunch carries an attempt out by hand, and swaps a file in the middle.
func swappedLaunch(t *testing.T, level func(*Spec), optional bool) (Spec, error) {
	t.Helper()
	tree := writeTree(t, map[string]string{"file": "granted", "secret": "secret"})
	name := filepath.Join(tree, "file")
	spec, out, finish := testSpec(t, "read:"+name+",read:/target"+name)
	level(&spec)
	spec.Binds = []Bind{{Source: name, Optional: optional}}
	a := newAttempt(&spec, spec.Ceiling)
	defer a.release()
	if err := a.prepare(); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(tree, "secret"), name); err != nil {
		t.Fatal(err)
	}
	c, m, err := a.start(context.Background())
	if err != nil {
		finish()
		return spec, err
	}
	p := a.adopt(c, m)
	waitFor(t, p)
	finish()
	if strings.Contains(out.String(), "ok") {
		t.Errorf("the swapped file was granted: %s", out)
	}
	if len(a.skipped) != 1 || !strings.Contains(a.skipped[0].Reason, "replaced") {
		t.Errorf("skipped %+v", a.skipped)
	}
	return spec, nil
}

// A caller's open file is granted itself, under whatever name.
func TestGrantByFile(t *testing.T) {
	tree := writeTree(t, map[string]string{"file": "granted", "other": "secret"})
	name := filepath.Join(tree, "file")
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	bind := Bind{Source: "/name", File: f}
	s, _ := look(t, "read:/target/name", func(s *Spec) {
		spaced(s)
		s.Binds = []Bind{bind}
	})
	if got := s.Results["read:/target/name"]; got != "ok granted" {
		t.Errorf("%q", got)
	}
	if err := os.Rename(filepath.Join(tree, "other"), name); err != nil {
		t.Fatal(err)
	}
	spec, _, finish := testSpec(t, "fds:")
	defer finish()
	spec.Binds = []Bind{bind}
	if _, err := Launch(context.Background(), spec); !errors.Is(err, syscall.ESTALE) {
		t.Errorf("a file that has gone was granted: %v", err)
	}
}

// Secrets are read by the program and changed by nobody.
func TestSecrets(t *testing.T) {
	for name, level := range map[string]func(*Spec){"spaced": spaced, "flat": flat} {
		t.Run(name, func(t *testing.T) {
			s, _ := look(t, "secret:token,secret:key.pem,overwrite:token", func(s *Spec) {
				level(s)
				s.SecretsEnv = "SECRETS"
				s.Secrets = []Secret{{"token", "hunter2"}, {"key.pem", "a\x00b\n"}}
			})
			if s.Results["secret:token"] != "ok hunter2 0400" || s.Results["secret:key.pem"] != "ok a\x00b\n 0400" {
				t.Errorf("%q", s.Results)
			}
			if got := s.Results["overwrite:token"]; name == "spaced" && strings.HasPrefix(got, "ok") {
				t.Errorf("a secret was overwritten: %s", got)
			}
		})
	}
}

// The inherited files are descriptors 3 and up, and there are no others.
func TestInherited(t *testing.T) {
	for _, level := range testLevels {
		t.Run(level.String(), func(t *testing.T) {
			r, w, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer r.Close()
			data, err := os.Open(filepath.Join(writeTree(t, map[string]string{"x": "data"}), "x"))
			if err != nil {
				t.Fatal(err)
			}
			defer data.Close()
			s, report := look(t, "fds:,readfd:3,writefd:4", func(s *Spec) {
				s.Ceiling, s.Floor, s.Inherit = level, level, []*os.File{data, w}
			})
			_ = w.Close()
			if s.Results["readfd:3"] != "ok data" || !strings.HasPrefix(s.Results["writefd:4"], "ok") {
				t.Errorf("%q", s.Results)
			}
			text := make([]byte, 8)
			if n, _ := r.Read(text); string(text[:n]) != "hello" {
				t.Errorf("the pipe holds %q", text[:n])
			}
			if report.Profile != "kernel" {
				t.Errorf("profile %q", report.Profile)
			}
		})
	}
}
