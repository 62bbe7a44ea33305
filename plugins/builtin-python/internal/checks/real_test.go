// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/collect"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// The tests of this file compare verdicts with what Python itself says. They
// need a real python3, and some gcc.

// needs returns the paths of programs or skips the test.
func needs(t *testing.T, programs ...string) []string {
	t.Helper()
	if testing.Short() || runtime.GOOS != "linux" {
		t.Skip("starts Python")
	}
	var out []string
	for _, name := range programs {
		p, err := exec.LookPath(name)
		if err != nil {
			t.Skip("no ", name)
		}
		out = append(out, p)
	}
	return out
}

// thisMachine is the real one, with one environment of it.
func thisMachine(t *testing.T, pythons ...string) fact.Set {
	t.Helper()
	env := map[string]string{}
	for _, line := range os.Environ() {
		name, value, _ := strings.Cut(line, "=")
		env[name] = value
	}
	home, _ := os.UserHomeDir()
	target := &fact.Target{
		Root: "/", Live: true, ProcessDir: "/proc/self", Env: env, Home: home, Pythons: pythons, OS: runtime.GOOS, Arch: runtime.GOARCH,
	}
	facts, diags := fact.Observe(t.Context(), target, collect.Environments)
	for _, d := range diags {
		t.Errorf("the collector failed: %v", d)
	}
	return fact.NewSet(facts)
}

func findings(t *testing.T, set fact.Set, code string) []check.Finding {
	t.Helper()
	var out []check.Finding
	for _, o := range check.Run(t.Context(), set, All(), nil) {
		for _, f := range o.Findings {
			if f.Code == code {
				out = append(out, f)
			}
		}
	}
	return out
}

const identityScript = `
import importlib.metadata as m, json, platform, sys
print(json.dumps({"prefix": sys.prefix, "version": platform.python_version(), "implementation": platform.python_implementation(),
  "packages": sorted({(d.metadata["Name"] or "").lower().replace("_", "-").replace(".", "-") for d in m.distributions(path=[p for p in sys.path if p])})}))
`

// TestIdentityAgainstPython: prefix, version and packages of the first python3
// on the path are those that it reports of itself.
func TestIdentityAgainstPython(t *testing.T) {
	python := needs(t, "python3")[0]
	out, err := exec.Command(python, "-I", "-c", identityScript).Output()
	if err != nil {
		t.Fatal(err)
	}
	var want struct {
		Prefix, Version, Implementation string
		Packages                        []string
	}
	if err := json.Unmarshal(out, &want); err != nil {
		t.Fatal(err)
	}
	set := thisMachine(t)
	envs := observed.Environments(set)
	i := slices.IndexFunc(envs, func(e observed.Environment) bool { return e.Prefix == want.Prefix })
	if i < 0 {
		t.Fatalf("environments %v, python says %s", envs, want.Prefix)
	}
	if e := envs[i]; !strings.HasPrefix(want.Version, e.Version) || e.Implementation != want.Implementation {
		t.Errorf("found %+v, python says %s %s", e, want.Implementation, want.Version)
	}
	e := &environment{Environment: envs[i], ctx: &check.Context{Facts: set}}
	if got := unique(keys(e.packages())); !slices.Equal(got, want.Packages) {
		t.Errorf("packages differ:\n got %q\nwant %q", got, want.Packages)
	}
}

var pipLine = regexp.MustCompile(`^(\S+) \S+ (?:requires|has requirement) ([A-Za-z0-9._-]+)`)

// pipCheck returns "owner requirement" of each line of pip check.
func pipCheck(t *testing.T, python, prefix string) []string {
	t.Helper()
	out, err := exec.Command(python, "-m", "pip", "--disable-pip-version-check", "--python", prefix, "check").Output()
	if _, failed := errors.AsType[*exec.ExitError](err); err != nil && !failed {
		t.Skip("no pip: ", err)
	}
	var pairs []string
	for line := range strings.Lines(string(out)) {
		if m := pipLine.FindStringSubmatch(line); m != nil {
			pairs = append(pairs, pep508.Normalize(m[1])+" "+strings.ToLower(m[2]))
		}
	}
	return unique(pairs)
}

// realVenv makes a virtual environment and returns its directory of packages.
func realVenv(t *testing.T, python string) (prefix, site string) {
	t.Helper()
	prefix = filepath.Join(t.TempDir(), "env")
	if out, err := exec.Command(python, "-m", "venv", "--without-pip", prefix).CombinedOutput(); err != nil {
		t.Skipf("no venv: %v\n%s", err, out)
	}
	sites, _ := filepath.Glob(prefix + "/lib/python3.*/site-packages")
	if len(sites) != 1 {
		t.Fatalf("sites %q", sites)
	}
	return prefix, sites[0]
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestConflictsAgainstPip: the requirement graph of a broken environment gives
// the same pairs as pip check.
func TestConflictsAgainstPip(t *testing.T) {
	python := needs(t, "python3")[0]
	prefix, site := realVenv(t, python)
	for name, requires := range map[string][]string{
		"alpha-1.0":        {"beta>=2", "gamma", `delta; python_version < "3"`, `eps; extra == "x"`},
		"beta-1.5":         {"alpha==1.*", "zeta~=2.1"},
		"zeta-2.9.post1":   {"torch==2.5.1", "beta!=1.5"},
		"torch-2.5.1+cu12": {`alpha<1.0; sys_platform == "linux"`, "missing-one (>=3)"},
		"rc-2.0rc1":        {"rc>=1.0", "alpha<=1.0"},
		"uses_rc-1":        {"rc<2.0", "RC>=2.0b1"},
	} {
		dist, version, _ := strings.Cut(name, "-")
		write(t, filepath.Join(site, name+".dist-info/METADATA"),
			"Metadata-Version: 2.1\nName: "+dist+"\nVersion: "+version+"\nRequires-Dist: "+strings.Join(requires, "\nRequires-Dist: ")+"\n\n")
		write(t, filepath.Join(site, name+".dist-info/RECORD"), "")
		write(t, filepath.Join(site, name+".dist-info/INSTALLER"), "pip\n")
	}
	set := thisMachine(t, prefix)
	e := &environment{Environment: observed.Environments(set)[0], ctx: &check.Context{Facts: set}}
	var got []string
	for _, c := range e.conflicts() {
		got = append(got, pep508.Normalize(c.owner.Name)+" "+strings.ToLower(c.requirement.Name))
	}
	got = unique(got)
	if want := pipCheck(t, python, prefix); !slices.Equal(got, want) || len(want) < 5 {
		t.Errorf("conflicts differ:\n got %q\n pip %q", got, want)
	}
}

// TestThisMachineAgainstPip: what is said about the real environment of this
// machine is what pip check says about it.
func TestThisMachineAgainstPip(t *testing.T) {
	python := needs(t, "python3")[0]
	set := thisMachine(t)
	for _, row := range observed.Environments(set) {
		e := &environment{Environment: row, ctx: &check.Context{Facts: set}}
		got := []string{}
		for _, c := range e.conflicts() {
			got = append(got, pep508.Normalize(c.owner.Name)+" "+strings.ToLower(c.requirement.Name))
		}
		if want := pipCheck(t, python, row.Python); !slices.Equal(unique(got), want) {
			t.Errorf("%s: conflicts differ:\n got %q\n pip %q", row.Prefix, got, want)
		}
	}
}

// TestMissingLibraryAgainstPython: the library that is named without starting
// Python is the one that the ImportError names.
func TestMissingLibraryAgainstPython(t *testing.T) {
	tools := needs(t, "python3", "gcc")
	prefix, site := realVenv(t, tools[0])
	library := filepath.Join(site, "nvidia/cudnn/lib/libcudnn.so.9")
	compile(t, tools[1], library, "int cudnn(void) { return 9; }", "-Wl,-soname,libcudnn.so.9")
	compile(t, tools[1], filepath.Join(site, "torch/_C.abi3.so"), "int cudnn(void); int use(void) { return cudnn(); }",
		library, "-Wl,--disable-new-dtags,-rpath,$ORIGIN/../nvidia/cudnn/lib")
	write(t, filepath.Join(site, "torch/__init__.py"), "from torch import _C\n")
	write(t, filepath.Join(site, "torch/version.py"), "__version__ = '2.5.1'\ncuda = '12.4'\nhip = None\n")

	// With the library Python goes on to look for the module's init function.
	if text := importError(t, prefix); !strings.Contains(text, "PyInit__C") {
		t.Fatalf("healthy: python says %q", text)
	}
	if fs := findings(t, thisMachine(t, prefix), codeTorchNotLoadable); len(fs) > 0 {
		t.Errorf("healthy: %+v", fs)
	}
	if err := os.Remove(library); err != nil {
		t.Fatal(err)
	}
	text := importError(t, prefix)
	name, _, _ := strings.Cut(strings.TrimPrefix(text, "ImportError: "), ":")
	fs := findings(t, thisMachine(t, prefix), codeTorchNotLoadable)
	if len(fs) != 1 || name == "" || !strings.Contains(fs[0].Title, name+" is missing") {
		t.Errorf("python says %q, the check %+v", text, fs)
	}
}

// TestHijackAgainstPython: an undefined symbol through LD_LIBRARY_PATH is the
// one that the ImportError names.
func TestHijackAgainstPython(t *testing.T) {
	tools := needs(t, "python3", "gcc")
	prefix, site := realVenv(t, tools[0])
	bundled := filepath.Join(site, "nvidia/nvjitlink/lib/libnvJitLink.so.12")
	compile(t, tools[1], bundled, "int jit_complete_12_4(void) { return 1; }", "-Wl,-soname,libnvJitLink.so.12")
	compile(t, tools[1], filepath.Join(site, "torch/_C.abi3.so"), "int jit_complete_12_4(void); int use(void) { return jit_complete_12_4(); }",
		bundled, "-Wl,-z,now,--enable-new-dtags,-rpath,$ORIGIN/../nvidia/nvjitlink/lib")
	write(t, filepath.Join(site, "torch/__init__.py"), "from torch import _C\n")
	stray := t.TempDir()
	compile(t, tools[1], filepath.Join(stray, "libnvJitLink.so.12"), "int other(void) { return 1; }", "-Wl,-soname,libnvJitLink.so.12")
	t.Setenv("LD_LIBRARY_PATH", stray)
	text := importError(t, prefix)
	if !strings.Contains(text, "undefined symbol: jit_complete_12_4") {
		t.Fatalf("python says %q", text)
	}
	fs := findings(t, thisMachine(t, prefix), "python.ld-library-path-hijack")
	if len(fs) != 1 || fs[0].Severity != check.Error || !strings.Contains(fs[0].Detail, "jit_complete_12_4") {
		t.Errorf("python says %q, the check %+v", text, fs)
	}
}

// TestBrokenVenv: an environment whose interpreter is gone does not start, and
// is named.
func TestBrokenVenv(t *testing.T) {
	python := needs(t, "python3")[0]
	prefix, _ := realVenv(t, python)
	if fs := findings(t, thisMachine(t, prefix), "python.venv-broken"); len(fs) > 0 {
		t.Errorf("healthy: %+v", fs)
	}
	for _, name := range []string{"python", "python3"} {
		link := filepath.Join(prefix, "bin", name)
		_ = os.Remove(link)
		if err := os.Symlink("/usr/bin/python3.999", link); err != nil {
			t.Fatal(err)
		}
	}
	if err := exec.Command(filepath.Join(prefix, "bin/python3"), "--version").Run(); err == nil {
		t.Fatal("the broken environment starts")
	}
	if fs := findings(t, thisMachine(t, prefix), "python.venv-broken"); len(fs) != 1 {
		t.Errorf("findings %+v", fs)
	}
}

func compile(t *testing.T, gcc, out, source string, args ...string) {
	t.Helper()
	write(t, out+".c", source)
	all := append([]string{"-shared", "-fPIC", "-o", out, out + ".c"}, args...)
	if text, err := exec.Command(gcc, all...).CombinedOutput(); err != nil {
		t.Fatalf("gcc: %v\n%s", err, text)
	}
}

// importError returns the last line that `import torch` prints.
func importError(t *testing.T, prefix string) string {
	t.Helper()
	out, err := exec.Command(filepath.Join(prefix, "bin/python3"), "-c", "import torch").CombinedOutput()
	if err == nil {
		t.Fatal("import torch works")
	}
	lines := strings.Split(strings.TrimSpace(string(out)), "\n")
	return lines[len(lines)-1]
}

// TestThisMachine: what is reported about the real environments is well formed
// and no error is claimed about those that work.
func TestThisMachine(t *testing.T) {
	python := needs(t, "python3")[0]
	if err := exec.Command(python, "-c", "").Run(); err != nil {
		t.Skip("python3 does not start: ", err)
	}
	for _, o := range check.Run(t.Context(), thisMachine(t), All(), nil) {
		for _, f := range o.Findings {
			wellFormed(t, f)
			t.Logf("%s (%s) %s: %s", f.Code, f.Severity, f.Subject, f.Detail)
		}
	}
}
