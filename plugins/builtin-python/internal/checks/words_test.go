// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
)

// TestPip: what a person copies must survive the shell; an unquoted ">" would
// write a file and drop the bound.
func TestPip(t *testing.T) {
	e := withPackages("/my env", observed.Package{Name: "pip", Version: "24.0"})
	e.Environment = observed.Environment{Prefix: "/my env", Python: "/my env/bin/python3", Kind: "venv"}
	if got, want := e.pip("install", "torch>=2.4", "numpy<2"), `'/my env/bin/python3' -m pip install 'torch>=2.4' 'numpy<2'`; got != want {
		t.Errorf("pip: %s, want %s", got, want)
	}
	if got, want := e.pip("uninstall", "torch"), `'/my env/bin/python3' -m pip uninstall -y torch`; got != want {
		t.Errorf("pip: %s, want %s", got, want)
	}
	e.Kind = "uv"
	if got, want := e.pip("install", "it's"), `uv pip install --python '/my env' 'it'\''s'`; got != want {
		t.Errorf("uv: %s, want %s", got, want)
	}
	if got, want := e.pipCheck(), `uv pip check --python '/my env'`; got != want {
		t.Errorf("check: %s, want %s", got, want)
	}
}

func TestBrings(t *testing.T) {
	for _, c := range []struct {
		distribution, library string
		want                  bool
	}{
		{"nvidia-cudnn-cu12", "libcudnn.so.9", true},
		{"nvidia-cublas-cu12", "libcublasLt.so.12", true},
		{"nvidia-nvjitlink-cu12", "libnvJitLink.so.12", true},
		{"nvidia-cudnn-cu12", "libcublas.so.12", false},
		{"triton", "libtriton.so", false},
		{"nvidia-", "libx.so", false},
	} {
		if got := brings(c.distribution, c.library); got != c.want {
			t.Errorf("brings(%s, %s) = %v", c.distribution, c.library, got)
		}
	}
}

func TestChangedMinor(t *testing.T) {
	for _, c := range []struct {
		target, configured string
		want               bool
	}{
		{"/usr/bin/python3.13", "3.11.7", true}, {"/usr/bin/python3.11", "3.11.7", false}, {"/usr/bin/python3", "3.11.7", false},
		{"/usr/bin/python3.11", "", false}, {"/usr/bin/pypy3.10", "3.9.1", false},
	} {
		if _, got := changedMinor(c.target, c.configured); got != c.want {
			t.Errorf("changedMinor(%s, %s) = %v", c.target, c.configured, got)
		}
	}
}

// TestExcludes: where the micro version is not known, only a specifier that no
// micro version satisfies excludes the interpreter.
func TestExcludes(t *testing.T) {
	for _, c := range []struct {
		specifier, python string
		want              bool
	}{
		{">=3.12", "3.11", true}, {">=3.11.4", "3.11", false}, {">=3.11.4", "3.11.2", true}, {"!=3.11.*", "3.11", true},
		{">=3.9,<4.0", "3.11.7", false}, {"not a specifier", "3.11.7", false}, {">=3.9", "", false},
	} {
		if got := excludes(c.specifier, pythonVersions(c.python)); got != c.want {
			t.Errorf("excludes(%q, %q) = %v", c.specifier, c.python, got)
		}
	}
}

func TestArchRow(t *testing.T) {
	for version, tag := range map[string]string{"2.5.1": "cu124", "2.5.1+cu124": "cu124", "2.7.1": "cu128", "2.8.0": "cu129"} {
		v, err := pep440.Parse(version)
		if err != nil {
			t.Fatal(err)
		}
		if _, ok := archRow(v, tag); !ok {
			t.Errorf("no row for torch %s %s", version, tag)
		}
		if _, ok := archRow(v, "cu99"); ok {
			t.Errorf("a row for torch %s cu99", version)
		}
	}
}

func TestListed(t *testing.T) {
	if got := listed([]string{"a", "b"}); got != "a; b" {
		t.Error(got)
	}
	if got := listed([]string{"1", "2", "3", "4", "5", "6", "7", "8"}); got != "1; 2; 3; 4; 5; 6; and 2 more" {
		t.Error(got)
	}
	if plural(1, "file") != "1 file" || plural(2, "file") != "2 files" {
		t.Error("plural")
	}
}
