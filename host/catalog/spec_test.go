// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/network"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// python makes what looks like an installation of a version.
func python(t *testing.T, version string) (bin string) {
	t.Helper()
	root := t.TempDir()
	write(t, filepath.Join(root, "bin", "python3"), "\x7fELF")
	write(t, filepath.Join(root, "lib", "python"+version, "os.py"), "")
	return filepath.Join(root, "bin")
}

func TestPythonOfThePath(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("paths of this test are those of Unix")
	}
	old, shim, good := python(t, "3.9"), t.TempDir(), python(t, "3.12")
	write(t, filepath.Join(shim, "python3"), "#!/bin/sh\n")
	t.Chdir(filepath.Dir(python(t, "3.13"))) // a project's own bin
	t.Setenv("PATH", strings.Join([]string{"bin", ".", "", t.TempDir(), shim, old, good}, string(os.PathListSeparator)))
	e := &Entry{Name: "p", Executable: filepath.Join(t.TempDir(), "p.py"), Manifest: &manifest.Manifest{Runtime: &manifest.Runtime{Python: ">=3.10"}}}
	var spec plugin.Spec
	if err := addInterpreter(&spec, e); err != nil || spec.Interpreter.Path != filepath.Join(good, "python3") {
		t.Errorf("%+v, %v", spec.Interpreter, err)
	}
	e.Manifest.Runtime.Python = ">=3.13"
	if err := addInterpreter(&spec, e); err == nil || !strings.Contains(err.Error(), "is Python 3.9") || !strings.Contains(err.Error(), "it is a script") {
		t.Errorf("%v", err)
	}
	// An environment beside the plugin is the only one that counts.
	write(t, filepath.Join(filepath.Dir(e.Executable), ".venv/bin/python"), "\x7fELF")
	e.Manifest.Runtime.Python = ">=3.10"
	if err := addInterpreter(&spec, e); err == nil {
		t.Errorf("%+v", spec.Interpreter)
	}
	t.Setenv("PATH", "")
	e.Executable = filepath.Join(t.TempDir(), "p.py")
	if err := addInterpreter(&spec, e); err == nil || !strings.Contains(err.Error(), "none on the PATH") {
		t.Errorf("%v", err)
	}
	for constraint, want := range map[string]bool{"~> 3.12": true, ">=3.12.4": true, "<3.12": false, ">=3.13": false} {
		if _, err := pythonAt(filepath.Join(good, "python3"), constraint); (err == nil) != want {
			t.Errorf("%s: %v", constraint, err)
		}
	}
}

// A token in the text of a failed request is one in any of its spellings.
func TestSecretsAreFoundEncoded(t *testing.T) {
	r := redactor([]sandbox.Secret{{Name: "token", Value: "hf_s3cr3t+value"}})
	for _, text := range []string{"hf_s3cr3t+value", "hf_s3cr3t%2Bvalue", base64.StdEncoding.EncodeToString([]byte("user:hf_s3cr3t+value"))} {
		if got := r.Line("failed: " + text); strings.Contains(got, text) || !strings.Contains(got, "[secret token]") {
			t.Errorf("%q", got)
		}
	}
}

func TestRefusedInWords(t *testing.T) {
	for want, d := range map[string]network.Denial{
		"connection to a.co:443":                 {Address: "a.co:443", Reason: "no"},
		"network: the plugin broke the protocol": {Reason: "the plugin broke the protocol"},
	} {
		if got := refused(d); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestMemoryOfOneIsMemoryOfAll(t *testing.T) {
	for _, tt := range []struct{ one, group, want uint64 }{{4 << 30, 0, 4 << 30}, {1 << 29, 0, 0}, {4 << 30, 8 << 30, 8 << 30}, {0, 0, 0}} {
		if got := limits(config.Limits{Memory: tt.one, GroupMemory: tt.group}); got.GroupMemoryBytes != tt.want || got.DataBytes != tt.one {
			t.Errorf("%+v: %+v", tt, got)
		}
	}
}

// TestStartTimeout: nothing gets more than half of the time of a call.
func TestStartTimeout(t *testing.T) {
	for _, test := range []struct {
		l    *Launcher
		want time.Duration
	}{
		{&Launcher{}, plugin.DefaultStartTimeout},
		{&Launcher{CallTimeout: time.Second}, 500 * time.Millisecond},
		{&Launcher{CallTimeout: time.Hour}, plugin.DefaultStartTimeout},
		{&Launcher{StartTimeout: time.Minute}, time.Minute},
	} {
		spec, err := test.l.spec(&Entry{Name: "x", Manifest: &manifest.Manifest{}, Executable: "/x"}, target.View{})
		if err != nil || spec.StartTimeout != test.want {
			t.Errorf("%+v: %v, want %v: %v", test.l, spec.StartTimeout, test.want, err)
		}
	}
}
