// SPDX-License-Identifier: Apache-2.0

package pythonsdk_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// python is an interpreter that can import modules, or a skip with the reason.
func python(t *testing.T, modules string) string {
	t.Helper()
	name := "python3"
	if venv := os.Getenv("BULKHEAD_TEST_VENV"); venv != "" {
		name = interpreterOf(venv)
	}
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skip("there is no python3 on the path")
	}
	check := "import sys; assert sys.version_info >= (3, 10), 'it is Python %d.%d' % sys.version_info[:2]\n" + modules
	if out, err := exec.Command(path, "-c", check).CombinedOutput(); err != nil {
		lines := strings.Split(strings.TrimSpace(string(out)), "\n")
		t.Skipf("%s cannot run the SDK (%s); set BULKHEAD_TEST_VENV to an environment with grpcio and pyarrow", path, lines[len(lines)-1])
	}
	return path
}

func interpreterOf(venv string) string {
	if runtime.GOOS == "windows" {
		return filepath.Join(venv, "Scripts", "python.exe")
	}
	return filepath.Join(venv, "bin", "python")
}

// run runs a command in a directory and returns what it printed.
func run(t *testing.T, dir string, args ...string) string {
	t.Helper()
	out, err := try(t, dir, args...)
	if err != nil {
		t.Fatalf("%s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return out
}

func try(t *testing.T, dir string, args ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "PYTHONDONTWRITEBYTECODE=1")
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// The SDK's own tests, where an environment for them is there.
func TestUnits(t *testing.T) {
	units(t, python(t, "import grpc, google.protobuf, pyarrow"), "src")
}

// units runs the tests of the SDK, with the SDK from a directory or, when there is
// none, the one that is installed.
func units(t *testing.T, interpreter, from string) {
	t.Helper()
	if from != "" {
		t.Setenv("PYTHONPATH", from)
	}
	out := run(t, sdk, interpreter, "-m", "unittest", "discover", "-s", "tests", "-t", ".")
	m := regexp.MustCompile(`(?m)^Ran (\d+) tests`).FindStringSubmatch(out)
	if m == nil || len(m[1]) < 2 {
		t.Errorf("hardly any test ran:\n%s", out)
	}
	t.Log(strings.TrimSpace(out[max(0, len(out)-60):]))
}

// parse reads a JSON object of texts and says which ones are no Python.
const parse = `
import ast, json, sys
for name, text in json.load(sys.stdin).items():
    try:
        ast.parse(text)
    except SyntaxError as e:
        sys.exit(f"{name}: {e}")
`

// Every block of Python on the pages is Python.
func TestPagesHoldPython(t *testing.T) {
	interpreter, blocks := python(t, ""), map[string]string{}
	for _, page := range []string{sdk + "/README.md", repo + "/docs/python-plugins.md"} {
		found := regexp.MustCompile("(?s)```python\n(.*?)```").FindAllStringSubmatch(read(t, page), -1)
		if len(found) < 4 {
			t.Errorf("%s has %d blocks", page, len(found))
		}
		for i, block := range found {
			blocks[fmt.Sprintf("%s, block %d", filepath.Base(page), i+1)] = block[1]
		}
	}
	data, err := json.Marshal(blocks)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(interpreter, "-c", parse)
	cmd.Stdin = bytes.NewReader(data)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}
