// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// testPythonEnv names a Python whose environment has grpcio.
const testPythonEnv = "BULKHEAD_TEST_PYTHON"

// pythonManifest stands beside testdata/python/hub.py.
const pythonManifest = `{
  "name": "hub", "version": "0.1.0", "summary": "what a hub has", "licence": "Apache-2.0",
  "executable": "hub.py", "runtime": {"python": "VERSION"}, "grants": []
}`

// parse reads the document of a command that ended with a code for findings.
func parse(t *testing.T, out []byte, err error, into any) {
	t.Helper()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out, into); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// newHub is a plugin in Python with an environment beside it.
func newHub(t *testing.T, version string) *probe {
	t.Helper()
	python := os.Getenv(testPythonEnv)
	if python == "" {
		python = "python3"
	}
	if out, err := exec.Command(python, "-I", "-c", "import grpc").CombinedOutput(); err != nil {
		t.Skipf("set %s to a Python of a virtual environment with grpcio: %v\n%s", testPythonEnv, err, out)
	}
	p := newProbe(t, nil)
	script, err := os.ReadFile(filepath.Join(built.repo, "host/cli/testdata/python/hub.py"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.dir, "probe", "hub.py"), string(script))
	write(t, filepath.Join(p.dir, "probe", "manifest.json"), strings.Replace(pythonManifest, "VERSION", version, 1))
	write(t, filepath.Join(p.dir, "bulkhead.hcl"), "plugin \"hub\" {\n  source = \"./probe/hub.py\"\n}\n")
	if filepath.IsAbs(python) {
		if err := os.Symlink(filepath.Dir(filepath.Dir(python)), filepath.Join(p.dir, "probe", ".venv")); err != nil {
			t.Fatal(err)
		}
	}
	return p
}

// A script is described, listed, tested and asked as any plugin.
func TestPythonPlugin(t *testing.T) {
	p := newHub(t, ">=3.8")
	for want, args := range map[string][]string{
		"hub 0.1.0 collector hub, 1 fact hub.models models at hand": {"plugin", "describe", "hub"},
		"hub 0.1.0, declared, unpinned what a hub has":              {"plugin", "list"},
		"hub.models = 3":      {"facts"},
		" passed, 0 failed, ": {"plugin", "test", "hub"},
	} {
		if o := p.run(t, args...); o.code > 1 || !strings.Contains(o.words(), want) {
			t.Errorf("%q: exit code %d, and %q is not in %s%s", args, o.code, want, o.stdout, o.stderr)
		}
	}
	var document struct {
		Findings []struct{ Code, Detail string }
		Plugins  []struct {
			Name    string
			Sandbox sandboxed
		}
	}
	o := p.ask(t, &document, "doctor")
	checkDocument(t, o.stdout, "doctor")
	if !strings.Contains(o.stdout, `"code": "hub.few-models"`) {
		t.Errorf("its check says nothing: %s", o.stdout)
	}
	for _, found := range document.Plugins {
		if found.Name == "hub" && (found.Sandbox.Profile != "python" || !found.Sandbox.Verified) {
			t.Errorf("%+v", found)
		}
	}
}

// A script whose Python is not here says which is wanted and which is.
func TestPythonVersions(t *testing.T) {
	p := newHub(t, ">=3.99")
	o := p.run(t, "plugin", "describe", "hub")
	if o.code != 2 || !strings.Contains(o.words(), `plugin "hub" needs a Python >=3.99: `) || !strings.Contains(o.words(), " is Python 3.") {
		t.Errorf("exit code %d, %s", o.code, o.words())
	}
	if o := p.run(t, "plugin", "list"); o.code != 0 || !strings.Contains(o.words(), "hub 0.1.0") {
		t.Errorf("exit code %d, %s", o.code, o.words())
	}
}
