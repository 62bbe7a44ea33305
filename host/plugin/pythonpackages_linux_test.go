// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// packagesScript tells by its last words what it found, and where.
const packagesScript = `
import sys
import vendored
print(f"{vendored.WORD} {sys.argv} {__name__} {__file__}", file=sys.stderr)
sys.exit(7)
`

// A script finds the packages beside it at the levels with a root of their own and at
// those without.
func TestPythonPackages(t *testing.T) {
	path, err := exec.LookPath("/usr/bin/python3")
	if err != nil {
		t.Skip("there is no /usr/bin/python3")
	}
	for _, level := range []sandbox.Level{0, sandbox.Weak, sandbox.None} {
		spec, options, _ := fixture(t, "")
		spec.Interpreter, err = FindPython(path)
		if err != nil {
			t.Fatal(err)
		}
		dir, err := os.MkdirTemp("/var/tmp", "plugin-packages")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		packages := filepath.Join(dir, PackagesName)
		spec.Path, spec.Args, spec.Env = filepath.Join(dir, "x.py"), []string{"-v"}, nil
		spec.Interpreter.Packages = packages
		spec.Ceiling, spec.Floor = level, level
		err = errors.Join(os.Chmod(dir, 0o755), os.Mkdir(packages, 0o755), os.WriteFile(spec.Path, []byte(packagesScript), 0o644),
			os.WriteFile(filepath.Join(packages, "vendored.py"), []byte("WORD = 'found'\n"), 0o644))
		if err != nil {
			t.Fatal(err)
		}
		_, err = Launch(context.Background(), spec, options)
		var d *Death
		if !errors.As(err, &d) || d.ExitCode != 7 {
			t.Fatalf("at %v: %v", level, err)
		}
		script := spec.Path
		if level == 0 {
			script = "/plugin/x.py"
		}
		want := "found ['" + script + "', '-v'] __main__ " + script
		if !slices.ContainsFunc(d.Stderr, func(line string) bool { return strings.HasSuffix(line, want) }) {
			t.Errorf("at %v it says %q, want %q", level, d.Stderr, want)
		}
	}
}

// Packages of another place would be a grant that nobody sees.
func TestPythonPackagesElsewhere(t *testing.T) {
	spec, options, _ := fixture(t, "")
	spec.Interpreter = &Interpreter{Path: "/bin/sh", Packages: "/home"}
	if _, err := Launch(context.Background(), spec, options); err == nil || !strings.Contains(err.Error(), "not beside its script") {
		t.Errorf("got %v", err)
	}
}
