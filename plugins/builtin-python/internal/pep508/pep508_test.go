// SPDX-License-Identifier: Apache-2.0

package pep508

import (
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

var linux311 = Environment{
	"python_version": "3.11", "python_full_version": "3.11.7", "os_name": "posix", "sys_platform": "linux",
	"platform_system": "Linux", "platform_machine": "x86_64", "platform_python_implementation": "CPython",
	"implementation_name": "cpython", "implementation_version": "3.11.7", "platform_release": "6.18.0",
}

func TestParse(t *testing.T) {
	cases := []struct {
		text, name, spec, url string
		extras                []string
		applies               bool
	}{
		{text: "numpy", name: "numpy", applies: true},
		{text: "torch==2.5.1", name: "torch", spec: "==2.5.1", applies: true},
		{text: "nvidia-cudnn-cu12 (==9.1.0.70)", name: "nvidia-cudnn-cu12", spec: "==9.1.0.70", applies: true},
		{text: "requests[socks, Use_Chardet] >=2.8,<3", name: "requests", spec: ">=2.8,<3", extras: []string{"socks", "use-chardet"}, applies: true},
		{text: `triton==3.1.0; platform_system == "Linux" and platform_machine == "x86_64" and python_version < "3.13"`, name: "triton", spec: "==3.1.0", applies: true},
		{text: `pywin32;sys_platform=='win32'`, name: "pywin32"},
		{text: `pytest ; extra == 'dev'`, name: "pytest"},
		{text: "pkg @ https://example.org/pkg-1.0.whl#sha256=ab;c ; python_version>'3'", name: "pkg", url: "https://example.org/pkg-1.0.whl#sha256=ab;c", applies: true},
		{text: `importlib-metadata; python_version < "3.10"`, name: "importlib-metadata"},
		{text: `a; python_version >= "3.9"`, name: "a", applies: true}, // as strings "3.11" < "3.9"
		{text: `a; "linux" in sys_platform`, name: "a", applies: true},
		{text: `a; python_version not in "2.7, 3.11"`, name: "a"},
		{text: `a; (os_name == "nt" or python_version > "3") and extra == ""`, name: "a", applies: true},
		{text: `a; os.name == "posix" and python_implementation == "CPython"`, name: "a", applies: true},
		{text: `a; platform_release >= "4"`, name: "a", applies: true},
		{text: `a; python_version == "3.11.*"`, name: "a", applies: true},
		{text: `a; "3.8" <= python_version`, name: "a", applies: true},
	}
	for _, c := range cases {
		r, err := Parse(c.text)
		if err != nil {
			t.Errorf("Parse(%q): %v", c.text, err)
			continue
		}
		if r.Name != c.name || r.SpecifierText != c.spec || r.URL != c.url || !slices.Equal(r.Extras, c.extras) {
			t.Errorf("Parse(%q) = %+v", c.text, r)
		}
		if got := r.Marker.Eval(linux311); got != c.applies {
			t.Errorf("%q applies = %v, want %v", c.text, got, c.applies)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	for _, text := range []string{
		"", ">=1", "a[b", "a (>=1", "a ~ 1", "a; x == 'y'", "a; python_version", "a; python_version >", "a; (os_name == 'x'",
		"a; os_name == 'x", "a; os_name == 'x' junk", "a; os_name not 'x'", strings.Repeat("x", maxText+1),
		"a; " + strings.Repeat("(", 10000),
	} {
		r, err := Parse(text)
		if _, ok := errors.AsType[*Error](err); !ok {
			t.Errorf("Parse(%.40q) = %+v, %v, want an *Error", text, r, err)
		}
	}
}

func TestExtra(t *testing.T) {
	m, err := ParseMarker(`extra == "Foo_Bar"`)
	if err != nil {
		t.Fatal(err)
	}
	if m.Eval(linux311) || !m.Eval(Environment{"extra": "foo.bar"}) {
		t.Error("extras compare by their normalised names")
	}
}

func TestNormalize(t *testing.T) {
	for in, want := range map[string]string{
		"NumPy": "numpy", "zope.interface": "zope-interface", "a_-.b": "a-b", "ruamel.yaml.clib": "ruamel-yaml-clib", "x": "x", "": "",
	} {
		if got := Normalize(in); got != want {
			t.Errorf("Normalize(%q) = %q, want %q", in, got, want)
		}
	}
}

const packagingScript = `
import json, sys
from packaging.markers import Marker
env = json.loads(sys.argv[1])
print(json.dumps([Marker(m).evaluate(dict(env, extra="")) for m in json.loads(sys.argv[2])]))
`

// TestAgainstPackaging compares verdicts with the library inside pip.
func TestAgainstPackaging(t *testing.T) {
	if testing.Short() {
		t.Skip("starts Python")
	}
	markers := []string{
		`python_version < "3.9"`, `python_version >= "3.9" and sys_platform != "win32"`, `python_full_version < "3.11.3"`,
		`python_version ~= "3.10"`, `implementation_name == "pypy" or os_name == "posix"`, `platform_machine in "x86_64 aarch64"`,
		`python_version > "3.11"`, `platform_system == "Linux" and (python_version == "3.11" or extra == "x")`, `extra == "gpu"`,
		`platform_python_implementation != "PyPy"`, `sys_platform >= "darwin"`, `python_full_version != "3.11.*"`,
	}
	env, _ := json.Marshal(linux311)
	list, _ := json.Marshal(markers)
	out, err := exec.Command("python3", "-c", packagingScript, string(env), string(list)).Output()
	if err != nil {
		t.Skip("no python3 with packaging: ", err)
	}
	var want []bool
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	for i, text := range markers {
		m, err := ParseMarker(text)
		if err != nil {
			t.Fatal(err)
		}
		if got := m.Eval(linux311); got != want[i] {
			t.Errorf("%s = %v, packaging says %v", text, got, want[i])
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"a[b]>=1; os_name=='x'", "a @ http://x ; extra == 'y'", "a (>1)", "a; ((python_version<'3'))"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := Parse(s)
		if err != nil {
			return
		}
		r.Marker.Eval(linux311)
		if n := Normalize(r.Name); Normalize(n) != n {
			t.Errorf("Normalize(%q) is not stable", r.Name)
		}
	})
}
