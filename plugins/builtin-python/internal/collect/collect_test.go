// SPDX-License-Identifier: Apache-2.0

package collect_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/collect"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

func observe(t testing.TB, target *fact.Target) fact.Set {
	t.Helper()
	facts, diags := fact.Observe(t.Context(), afresh(target), collect.Environments)
	for _, d := range diags {
		t.Errorf("the collector failed: %v", d)
	}
	return fact.NewSet(facts)
}

// afresh is a target that remembers nothing of what was asked before, as each
// request of a host has its own.
func afresh(t *fact.Target) *fact.Target {
	return &fact.Target{
		Root: t.Root, Live: t.Live, Env: t.Env, Pythons: t.Pythons, ProjectDir: t.ProjectDir, Home: t.Home, OS: t.OS, Arch: t.Arch,
		Filesystems: t.Filesystems, ProcessDir: t.ProcessDir,
	}
}

// undocumented lists addresses that the collector does not announce.
func undocumented(set fact.Set) []string {
	known := map[string]bool{}
	for _, d := range collect.Environments.Facts {
		known[d.Address] = true
	}
	var out []string
	for _, address := range set.Addresses() {
		before, rest, _ := strings.Cut(address, "[")
		_, after, _ := strings.Cut(rest, "]")
		if !known[before+after] {
			out = append(out, address)
		}
	}
	return out
}

func TestFacts(t *testing.T) {
	tr := fakeenv.New(t)
	site := tr.Venv("/opt/env", "3.11.7")
	tr.InstallTorch(site, fakeenv.Torch{Version: "2.5.1+cu124", CUDA: "12.4"})
	tr.Install(site, fakeenv.Dist{Name: "pkg", Version: "1.0", Requires: []string{
		"a>=1; python_version >= '3.9'", `b; extra == "x"`, `c; sys_platform == "win32"`, `d; extra == "x" or os_name == "posix"`, "e ~ f",
	}})
	tr.Text(site+"/~orch/x", "")
	tr.Text("/srv/app/pkg.py", "")
	tr.Target.ProjectDir = "/srv/app"
	set := observe(t, tr.Target)
	if extra := undocumented(set); len(extra) > 0 {
		t.Errorf("facts without a description: %q", extra)
	}
	packages, _ := observed.Get[[]observed.Package](set, "/opt/env", observed.Packages)
	i := slices.IndexFunc(packages, func(p observed.Package) bool { return p.Name == "pkg" })
	if i < 0 || !slices.Equal(packages[i].Requires, []string{"a>=1", "d"}) {
		t.Errorf("packages = %+v", packages)
	}
	bad, _ := observed.Get[[]string](set, "/opt/env", observed.Unparsed)
	if !slices.Equal(bad, []string{"pkg: e ~ f"}) {
		t.Errorf("unparsed = %q", bad)
	}
	torch, _ := observed.Get[observed.TorchBuild](set, "/opt/env", observed.Torch)
	if torch != (observed.TorchBuild{Version: "2.5.1+cu124", CUDA: "12.4", Path: site + "/torch"}) {
		t.Errorf("torch = %+v", torch)
	}
	f, _ := set.Lookup(observed.At("/opt/env", observed.Torch))
	if len(f.Evidence) != 3 || f.Evidence[0].Line != 2 {
		t.Errorf("evidence = %+v", f.Evidence)
	}
}

// TestMicroUnknown: a requirement that holds for some micro versions only is
// not taken to hold where the micro version is not known.
func TestMicroUnknown(t *testing.T) {
	tr := fakeenv.New(t)
	tr.System("11")
	tr.Install("/usr/lib/python3/dist-packages", fakeenv.Dist{Name: "redis", Version: "5.0", Requires: []string{
		`async-timeout>=4; python_full_version < "3.11.3"`, `x; python_full_version >= "3.11"`,
	}})
	packages, _ := observed.Get[[]observed.Package](observe(t, tr.Target), "/usr", observed.Packages)
	if len(packages) != 1 || !slices.Equal(packages[0].Requires, []string{"x"}) {
		t.Errorf("packages = %+v", packages)
	}
}

// TestUnseenBase: a link that leads out of what is granted is unknown.
func TestUnseenBase(t *testing.T) {
	tr := fakeenv.New(t)
	tr.Text("/srv/app/.venv/pyvenv.cfg", "home = /nix/p/bin\nversion = 3.12.1\n")
	tr.Link("/srv/app/.venv/bin/python3", "/nix/p/bin/python3")
	tr.Target.ProjectDir = "/srv/app"
	f, ok := observe(t, tr.Target).Lookup(observed.At("/srv/app/.venv", observed.Link))
	if !ok || !strings.Contains(f.Unknown, "/nix/p/bin/python3") {
		t.Errorf("link = %+v", f)
	}
}

func TestHostileTree(t *testing.T) {
	tr := fakeenv.New(t)
	site := tr.Venv("/opt/env", "3.11.7")
	tr.Text(site+"/x-1.0.dist-info/METADATA", strings.Repeat("A", 2<<20))
	tr.Text(site+"/x-1.0.dist-info/RECORD", strings.Repeat("\"", 1<<16)+"\n../../../../etc/passwd.so,sha256=x,1\n")
	tr.Link(site+"/y-1.0.dist-info", "y-1.0.dist-info")
	tr.Text(site+"/torch/version.py", "__version__ =\x00")
	tr.Text(site+"/torch/_C.cpython-311-x86_64-linux-gnu.so", "not ELF")
	tr.Text(site+"/numpy/core/_multiarray_umath.x.so", "")
	set := observe(t, tr.Target)
	loads, _ := observed.Get[[]observed.Load](set, "/opt/env", observed.Loads)
	if len(loads) != 2 || len(loads[0].Unreadable) != 1 {
		t.Errorf("loads = %+v", loads)
	}
	if f, _ := set.Lookup(observed.At("/opt/env", observed.Torch)); f.Unknown == "" {
		t.Error("a version.py without a version should be unknown")
	}
}

func TestNothing(t *testing.T) {
	set := observe(t, fakeenv.New(t).Target)
	if envs, ok := fact.Get[[]observed.Environment](set, observed.Envs); !ok || len(envs) != 0 {
		t.Errorf("envs = %v, %v", envs, ok)
	}
}

func TestLinkOK(t *testing.T) {
	tr := fakeenv.New(t)
	tr.Venv("/opt/env", "3.11.7")
	link, _ := observed.Get[locate.Link](observe(t, tr.Target), "/opt/env", observed.Link)
	if link.State != locate.LinkOK || link.Target != "/usr/bin/python3.11" {
		t.Errorf("link = %+v", link)
	}
}

func FuzzParseTorchVersion(f *testing.F) {
	f.Add([]byte("__version__ = '2.5.1'\ncuda: Optional[str] = None\nhip = \"6.2\"\n"))
	f.Fuzz(func(_ *testing.T, data []byte) { collect.ParseTorchVersion(data) })
}
