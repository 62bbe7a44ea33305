// SPDX-License-Identifier: Apache-2.0

package scaffold

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// written writes a project into a directory of the test.
func written(t *testing.T, kind, language string) string {
	t.Helper()
	p, err := New(Options{Kind: kind, Name: "few-things", Language: language, SDK: "../.."})
	if err != nil {
		t.Fatal(err)
	}
	dir := filepath.Join(t.TempDir(), "few-things")
	if err := p.Write(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

func in(t *testing.T, dir, program string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), program, args...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=-mod=readonly", "GOWORK=off")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%s %q: %v\n%s", program, args, err, out)
	}
}

// TestGoProjects builds and tests what was made, as it stands, without a network:
// go.mod and go.sum are complete. That the programs pass the contract in their
// sandboxes and pack is a test of the command line.
func TestGoProjects(t *testing.T) {
	for _, kind := range Kinds() {
		t.Run(kind, func(t *testing.T) {
			dir := written(t, kind, Go)
			in(t, dir, "go", "vet", "./...")
			in(t, dir, "go", "test", "./...")
		})
	}
}

// TestVersionIsAsked: what a Makefile builds when it is asked for a version tells
// that version, as the manifest of the archive does.
func TestVersionIsAsked(t *testing.T) {
	if _, err := exec.LookPath("make"); err != nil || runtime.GOOS == "windows" {
		t.Skip("there is no make")
	}
	dir := written(t, Check, Go)
	in(t, dir, "make", "build", "VERSION=9.8.7")
	program := filepath.Join(dir, "dist", runtime.GOOS+"_"+runtime.GOARCH, "few-things")
	if data, err := os.ReadFile(program); err != nil || !bytes.Contains(data, []byte("9.8.7")) {
		t.Errorf("the program does not know its version: %v", err)
	}
	dir = written(t, Check, Python)
	stamped := filepath.Join(dir, "stamped.py")
	in(t, dir, "sh", "-c", "make -f Makefile -f - show VERSION=9.8.7 > stamped.py <<'END'\nshow:\n\t@$(STAMPED)\nEND\n")
	data, err := os.ReadFile(stamped)
	if err != nil || !bytes.Contains(data, []byte("\nVERSION = \"9.8.7\"\n")) || bytes.Contains(data, []byte("0.1.0")) || !bytes.Contains(data, []byte("Info(\"few-things\", VERSION)")) {
		t.Errorf("%s, %v", data, err)
	}
}

// longTests is set where environments may be made from PyPI.
const longTests = "BULKHEAD_LONG_TESTS"

// TestPythonProjects makes the environments and runs the tests.
func TestPythonProjects(t *testing.T) {
	if os.Getenv(longTests) == "" {
		t.Skipf("set %s to make environments from PyPI", longTests)
	}
	for _, kind := range Kinds() {
		t.Run(kind, func(t *testing.T) { in(t, written(t, kind, Python), "make", "test") })
	}
}

// TestPythonCompiles needs an interpreter and nothing else.
func TestPythonCompiles(t *testing.T) {
	python, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("there is no python3")
	}
	for _, kind := range Kinds() {
		dir := written(t, kind, Python)
		in(t, dir, python, "-m", "py_compile", "plugin.py", "test_plugin.py")
		in(t, dir, python, "-c", "try:\n import tomllib\nexcept ImportError:\n raise SystemExit\ntomllib.load(open('pyproject.toml','rb'))")
	}
}
