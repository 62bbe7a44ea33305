// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// stage is one real environment and the circumstances of its use.
type stage struct {
	t *testing.T
	// dir holds all of the stage.
	dir string
	// prefix of the virtual environment, and its directory of packages.
	prefix, site string
	// target is what --python names; python is what the witness starts.
	target, python string
	// home and project of the user; the project is the working directory.
	home, project string
	// env are variables beside HOME, PATH and LANG.
	env map[string]string
	// wrap is what starts every command, as a shell that lowers a limit.
	wrap []string
}

// newStage makes a virtual environment without packages.
func newStage(t *testing.T) *stage {
	t.Helper()
	dir, err := os.MkdirTemp(work, "stage-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return newStageIn(t, dir)
}

// newStageIn makes it in a directory.
func newStageIn(t *testing.T, dir string) *stage {
	t.Helper()
	s := &stage{t: t, dir: dir, prefix: dir + "/env", home: dir + "/home", project: dir + "/project", env: map[string]string{}}
	s.target, s.python = s.prefix, s.prefix+"/bin/python"
	for _, d := range []string{s.home, s.project, dir + "/build"} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	s.must(basePython(t), "-m", "venv", "--without-pip", s.prefix)
	sites, _ := filepath.Glob(s.prefix + "/lib/python3.*/site-packages")
	if len(sites) != 1 {
		t.Fatalf("directories of packages: %q", sites)
	}
	s.site = sites[0]
	return s
}

var base = sync.OnceValues(func() (string, error) {
	out, err := exec.Command("python3", "-c", "import sys, ensurepip, venv, pip; print(sys.executable)").CombinedOutput()
	return strings.TrimSpace(string(out)), err
})

// basePython is the interpreter that python3 starts, not what chooses one.
func basePython(t *testing.T) string {
	t.Helper()
	python, err := base()
	if err != nil {
		t.Skipf("no python3 with venv and pip: %v %.300s", err, python)
	}
	return python
}

// environ is the environment of the examined process and of the witness.
func (s *stage) environ() []string {
	all := map[string]string{"HOME": s.home, "PATH": os.Getenv("PATH"), "LANG": "C.UTF-8"}
	maps.Copy(all, s.env)
	var out []string
	for name, value := range all {
		out = append(out, name+"="+value)
	}
	return out
}

// said is what a command printed, both streams, and whether it succeeded.
type said struct {
	text string
	ok   bool
}

// witness runs a command as the user of the stage would.
func (s *stage) witness(args ...string) said {
	args = append(append([]string{}, s.wrap...), args...)
	cmd := exec.CommandContext(s.t.Context(), args[0], args[1:]...)
	cmd.Dir, cmd.Env = s.project, append(s.environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	text := string(out)
	if exit, exited := errors.AsType[*exec.ExitError](err); err != nil && (!exited || !exit.Exited()) {
		text += err.Error() // it could not be started, or a signal ended it
	}
	return said{text, err == nil}
}

// runs starts code in a fresh process of the interpreter.
func (s *stage) runs(code string) said { return s.witness(s.python, "-c", code) }

// warm runs code once and lets Python keep the bytecode of what it imports.
// Witnesses and probes only read it: what they would write might be older than
// a file of the same size that the scenario replaces within the same second.
func (s *stage) warm(code string) {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), s.python, "-c", code)
	cmd.Dir, cmd.Env = s.project, s.environ()
	if out, err := cmd.CombinedOutput(); err != nil {
		s.t.Fatalf("%s: %v\n%s", code, err, out)
	}
}

// must runs a command of the setting up, with this process's own environment.
func (s *stage) must(name string, args ...string) string {
	s.t.Helper()
	cmd := exec.CommandContext(s.t.Context(), name, args...)
	cmd.Dir = s.dir
	out, err := cmd.CombinedOutput()
	if err != nil {
		s.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, out)
	}
	return string(out)
}

// write makes a file with its directories.
func (s *stage) write(name, text string) {
	s.t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		s.t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		s.t.Fatal(err)
	}
}

// find returns the one file that matches below the directory of packages.
func (s *stage) find(glob string) string {
	s.t.Helper()
	found, _ := filepath.Glob(filepath.Join(s.site, glob))
	if len(found) != 1 {
		s.t.Fatalf("%s matches %q", glob, found)
	}
	return found[0]
}

// remove deletes the one file that matches.
func (s *stage) remove(glob string) {
	s.t.Helper()
	if err := os.RemoveAll(s.find(glob)); err != nil {
		s.t.Fatal(err)
	}
}
