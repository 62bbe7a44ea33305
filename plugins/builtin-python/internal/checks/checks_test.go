// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/collect"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

const env = "/opt/env"

// machine is a fake machine with facts of other plugins.
type machine struct {
	*fakeenv.Tree
	t     *testing.T
	site  string
	facts []fact.Fact
}

func newMachine(t *testing.T) *machine {
	t.Helper()
	tree := fakeenv.New(t)
	return &machine{Tree: tree, t: t, site: tree.Venv(env, "3.11.7")}
}

// know adds a fact of another plugin.
func (m *machine) know(address string, value any) {
	var r fact.Recorder
	r.Add(address, value)
	m.facts = append(m.facts, r.Facts()...)
}

// gpu puts an NVIDIA GPU with a driver into the machine.
func (m *machine) gpu(driver, name, capability string) {
	m.know("gpu.count", 1)
	m.know("gpu.driver.version", driver)
	m.know("gpu.devices", []map[string]any{{"index": 0, "name": name, "compute_capability": capability}})
}

func (m *machine) dist(name, version string, requires ...string) {
	m.Install(m.site, fakeenv.Dist{Name: name, Version: version, Requires: requires})
}

// diagnose observes the machine and runs every check.
func (m *machine) diagnose() []check.Finding {
	m.t.Helper()
	facts, diags := fact.Observe(m.t.Context(), m.Target, collect.Environments)
	for _, d := range diags {
		m.t.Errorf("the collector failed: %v", d)
	}
	var out []check.Finding
	for _, o := range check.Run(m.t.Context(), fact.NewSet(append(facts, m.facts...)), All(), nil) {
		if o.Status == pluginv1.CheckOutcome_STATUS_FAILED {
			m.t.Errorf("check %s failed: %s", o.Code, o.Reason)
		}
		out = append(out, o.Findings...)
	}
	return out
}

// want is a finding that must be there; text is part of its detail or title.
type want struct {
	code     string
	severity check.Severity
	text     string
}

// cases are machines with exactly the findings that they must have.
var cases = []struct {
	name  string
	build func(m *machine)
	want  []want
}{
	{"healthy", func(m *machine) {
		m.dist("numpy", "2.1.0")
		m.dist("pandas", "2.2.3", "numpy>=1.26.0", `tzdata>=2022.7; extra == "tz"`, `pywin32; sys_platform == "win32"`)
	}, nil},
	{"venv: dangling link", func(m *machine) {
		m.Remove("/usr/bin/python3")
	}, []want{{"python.venv-broken", check.Error, "/usr/bin/python3, which does not exist"}}},
	{"venv: base upgraded", func(m *machine) {
		m.Remove("/usr/bin/python3")
		m.Text("/usr/bin/python3.13", "")
		m.Link("/usr/bin/python3", "python3.13")
	}, []want{{"python.venv-broken", check.Error, "Python 3.13"}}},
	{"venv: base that may not be seen", func(m *machine) {
		m.Text("/srv/app/.venv/pyvenv.cfg", "home = /nix/store/python/bin\nversion = 3.12.1\n")
		m.Link("/srv/app/.venv/bin/python3", "/nix/store/python/bin/python3")
		m.Target.ProjectDir = "/srv/app"
	}, nil},
	{"conflict: wrong version", func(m *machine) {
		m.dist("transformers", "4.40.0", "tokenizers<0.20,>=0.19")
		m.dist("tokenizers", "0.21.0")
	}, []want{{"python.dependency-conflict", check.Warning, "transformers 4.40.0 requires tokenizers<0.20,>=0.19, and 0.21.0 is installed"}}},
	{"conflict: missing", func(m *machine) {
		m.dist("datasets", "3.0.0", "pyarrow>=15.0.0")
	}, []want{{"python.dependency-conflict", check.Warning, "which is not installed"}}},
	{"conflict: extra that torch asks for", func(m *machine) {
		m.dist("torch", "2.11.0", "cuda-toolkit[cublas,cufft]==13.0.2")
		m.dist("cuda-toolkit", "13.0.2", `nvidia-cublas==13.1.0.3; extra == "cublas"`, `nvidia-cufft==12.0.0.61; extra == "cufft"`, `nvidia-cuda-nvcc; extra == "nvcc"`)
		m.dist("nvidia-cublas", "13.0.0.19")
	}, []want{{"torch.nvidia-pins", check.Error, "requires nvidia-cublas==13.1.0.3, and 13.0.0.19 is installed; cuda-toolkit 13.0.2 requires nvidia-cufft==12.0.0.61, which is not"}}},
	{"conflict: extra that another package asks for", func(m *machine) {
		m.dist("cupy-cuda13x", "14.0.0", "cuda-toolkit[cublas]==13.*")
		m.dist("cuda-toolkit", "13.0.2", `nvidia-cublas==13.1.0.3; extra == "cublas"`, `nvidia-cufft==12.0.0.61; extra == "cufft"`)
	}, []want{{"python.dependency-conflict", check.Warning, "requires nvidia-cublas==13.1.0.3, which is not installed"}}},
	{"conflict: local version satisfies a pin", func(m *machine) {
		m.dist("xformers", "0.0.28", "torch==2.5.1")
		m.dist("torch", "2.5.1+cu124")
	}, nil},
	{"requires-python", func(m *machine) {
		m.Install(m.site, fakeenv.Dist{Name: "new", Version: "1.0", RequiresPython: ">=3.12"})
	}, []want{{"python.requires-python", check.Error, "new 1.0 requires Python >=3.12"}}},
	{"duplicate", func(m *machine) {
		m.dist("numpy", "1.26.4")
		m.dist("numpy", "2.0.2")
	}, []want{{"python.duplicate-distribution", check.Error, "1.26.4 and 2.0.2"}}},
	{"conda overwritten by pip", func(m *machine) {
		m.Text("/opt/c/conda-meta/python-3.11.7-h1_0.json", "{}")
		m.Text("/opt/c/conda-meta/numpy-1.26.4-py311h64a7726_0.json", "{}")
		m.Text("/opt/c/conda-meta/scipy-1.14.0-py311h1_0.json", "{}")
		m.Text("/opt/c/bin/python3.11", "")
		m.Link("/opt/c/bin/python3", "python3.11")
		const site = "/opt/c/lib/python3.11/site-packages"
		m.Install(site, fakeenv.Dist{Name: "numpy", Version: "2.0.2"})
		m.Install(site, fakeenv.Dist{Name: "scipy", Version: "1.14.0", Installer: "conda"})
		delete(m.Target.Env, "VIRTUAL_ENV")
		m.Target.Env["CONDA_PREFIX"] = "/opt/c"
	}, []want{{"python.conda-pip-duplicate", check.Warning, "conda records numpy 1.26.4, and version 2.0.2"}}},
	{"torn: residue", func(m *machine) {
		m.Text(m.site+"/~orch/__init__.py", "")
	}, []want{{"python.record-torn", check.Warning, "~orch"}}},
	{"torn: missing and truncated", func(m *machine) {
		lib := fakeenv.Library{Soname: "libx.so"}.Bytes()
		m.Install(m.site, fakeenv.Dist{Name: "x", Version: "1.0", Files: map[string][]byte{"x/__init__.py": nil, "x/a.so": lib, "x/b.so": lib, "x/c.so": lib}})
		m.Remove(m.site + "/x/a.so")
		m.File(m.site+"/x/b.so", lib[:len(lib)-10])
		m.File(m.site+"/x/c.so", nil)
	}, []want{{"python.record-torn", check.Error, "1 file missing (x/a.so), 2 files cut short (x/b.so, x/c.so)"}}},
	{"torn: edited root", func(m *machine) {
		m.Install(m.site, fakeenv.Dist{Name: "x", Version: "1.0", Files: map[string][]byte{
			"x/__init__.py": []byte("# x\n"), "x/a.so": fakeenv.Library{}.Bytes(),
		}})
		m.Text(m.site+"/x/__init__.py", "\x00\x00\x00\x00") // as after a power failure
	}, []want{{"python.record-torn", check.Warning, "1 file changed (x/__init__.py)"}}},
	{"torn: tests that a slim image deletes", func(m *machine) {
		m.Install(m.site, fakeenv.Dist{Name: "x", Version: "1.0", Files: map[string][]byte{"x/__init__.py": nil, "tests/__init__.py": nil}})
		m.Remove(m.site + "/tests")
	}, nil},
	{"torn: conda rewrites files", func(m *machine) {
		m.Install(m.site, fakeenv.Dist{Name: "x", Version: "1.0", Installer: "conda"})
		m.Text(m.site+"/x/__init__.py", "# rewritten\n")
	}, nil},
	{"clobber: CUDA 11 and 12", func(m *machine) {
		const file = "nvidia/nvtx/lib/libnvToolsExt.so.1"
		m.InstallLibrary(m.site, "nvidia-nvtx-cu11", "11.8.86", file, fakeenv.Library{Soname: "libnvToolsExt.so.1", Defines: []string{"old"}})
		m.InstallLibrary(m.site, "nvidia-nvtx-cu12", "12.4.127", file, fakeenv.Library{Soname: "libnvToolsExt.so.1", Defines: []string{"newer"}})
	}, []want{{"python.file-clobbered", check.Error, "the file there is that of nvidia-nvtx-cu12 12.4.127"}}},
	{"clobber: shared empty namespace file", func(m *machine) {
		for _, part := range []string{"a", "b"} {
			m.Install(m.site, fakeenv.Dist{Name: "nvidia-" + part, Version: "1", Files: map[string][]byte{
				"nvidia/__init__.py": nil, "nvidia/" + part + "/__init__.py": []byte(part),
			}})
		}
	}, nil},
	{"record: metadata deleted", func(m *machine) {
		m.dist("scipy", "1.14.0")
		m.Remove(m.site + "/scipy-1.14.0.dist-info/METADATA")
		m.dist("joblib", "1.4.2")
		m.File(m.site+"/joblib-1.4.2.dist-info/METADATA", nil)
	}, []want{
		{"python.record-torn", check.Error, "1 file missing (scipy-1.14.0.dist-info/METADATA)"},
		{"python.record-torn", check.Error, "1 file cut short (joblib-1.4.2.dist-info/METADATA)"},
	}},
	{"onnxruntime twice", func(m *machine) {
		for i, name := range []string{"onnxruntime", "onnxruntime-gpu"} {
			m.Install(m.site, fakeenv.Dist{Name: name, Version: "1.20.0", Files: map[string][]byte{
				"onnxruntime/__init__.py": []byte("# same\n"), "onnxruntime/capi/x.so": fakeenv.Library{Defines: []string{strings.Repeat("x", i+1)}}.Bytes(),
			}})
		}
	}, []want{{"onnxruntime.cpu-and-gpu", check.Error, "onnxruntime 1.20.0 and onnxruntime-gpu 1.20.0"}}},
	{"shadow: torch.py in the project", func(m *machine) {
		m.dist("torch", "2.5.1")
		m.dist("rich", "13.0.0")
		m.Target.ProjectDir = "/srv/app"
		m.Text("/srv/app/torch.py", "")
		m.Text("/srv/app/rich/data.txt", "") // a directory without __init__.py hides nothing
		m.Text("/srv/app/setup.py", "")
	}, []want{{"python.module-shadowed", check.Error, "/srv/app/torch.py instead of the installed torch"}}},
	{"shadow: a module of the standard library", func(m *machine) {
		m.Text("/usr/lib/python3.11/random.py", "")
		m.Text("/usr/lib/python3.11/logging/__init__.py", "")
		m.Text("/usr/lib/python3.11/site.py", "")
		m.Text("/usr/lib/python3.11/test/__init__.py", "")
		m.Target.ProjectDir = "/srv/app"
		m.Text("/srv/app/random.py", "")
		m.Text("/srv/app/os.py", "") // loaded before the project is searched
		m.Text("/srv/app/site.py", "")
		m.Text("/srv/app/test/__init__.py", "")
		m.Text("/srv/app/logging/app.log", "")
		m.Text("/srv/app/train.py", "")
	}, []want{{"python.module-shadowed", check.Warning, "/srv/app/random.py instead of the standard library's module"}}},
	{"shadow: PYTHONPATH", func(m *machine) {
		m.dist("rich", "13.0.0")
		m.Target.Env["PYTHONPATH"] = "/srv/lib"
		m.Text("/srv/lib/rich/__init__.py", "")
	}, []want{{"python.module-shadowed", check.Warning, "PYTHONPATH"}}},
	{"user site hides conda's", func(m *machine) {
		m.Text("/opt/c/conda-meta/python-3.11.7-h1_0.json", "{}")
		m.Text("/opt/c/bin/python3.11", "")
		m.Link("/opt/c/bin/python3", "python3.11")
		m.Install("/opt/c/lib/python3.11/site-packages", fakeenv.Dist{Name: "rich", Version: "13.0.0"})
		m.Install("/home/ada/.local/lib/python3.11/site-packages", fakeenv.Dist{Name: "rich", Version: "12.0.0"})
		m.Target.Env = map[string]string{"CONDA_PREFIX": "/opt/c"}
	}, []want{{"python.user-site-shadows", check.Warning, "rich 12.0.0 hides 13.0.0"}}},
	{"user site kept out", func(m *machine) {
		m.dist("rich", "13.0.0")
		m.Install("/home/ada/.local/lib/python3.11/site-packages", fakeenv.Dist{Name: "rich", Version: "12.0.0"})
	}, nil},
	{"externally managed", func(m *machine) {
		m.Text("/usr/lib/python3.11/EXTERNALLY-MANAGED", "[externally-managed]\n")
		m.Target.Env = map[string]string{}
	}, []want{{"python.externally-managed", check.Info, "/usr/lib/python3.11/EXTERNALLY-MANAGED"}}},
	{"externally managed base of a venv", func(m *machine) {
		m.Text("/usr/lib/python3.11/EXTERNALLY-MANAGED", "[externally-managed]\n")
	}, nil},
	{"numpy 2 with packages of numpy 1", func(m *machine) {
		m.dist("numpy", "2.0.2")
		m.dist("pandas", "2.0.3", "numpy>=1.21.0")
		m.dist("old-thing", "1.0", "numpy<2,>=1.20")
	}, []want{{"numpy.abi", check.Error, "old-thing 1.0 requires numpy<2,>=1.20; pandas 2.0.3 is built for NumPy 1"}}},
	{"numpy 1 with old pandas", func(m *machine) {
		m.dist("numpy", "1.26.4")
		m.dist("pandas", "2.0.3", "numpy>=1.21.0")
	}, nil},
	{"jax without plugin", func(m *machine) {
		m.gpu("550.54.14", "A100", "8.0")
		m.dist("jaxlib", "0.4.35")
	}, []want{{"jax.cuda-plugin-missing", check.Warning, "jaxlib 0.4.35"}}},
	{"jax without a GPU", func(m *machine) { m.dist("jaxlib", "0.4.35") }, nil},
	{"jax plugin of another release", func(m *machine) {
		m.gpu("550.54.14", "A100", "8.0")
		m.dist("jaxlib", "0.4.35")
		m.dist("jax-cuda12-plugin", "0.4.34")
	}, []want{{"jax.cuda-plugin-mismatch", check.Error, "jax-cuda12-plugin 0.4.34 beside jaxlib 0.4.35"}}},
	{"jax plugin without its runtime", func(m *machine) {
		m.dist("jaxlib", "0.6.2")
		m.dist("jax-cuda12-plugin", "0.6.2", "jax-cuda12-pjrt==0.6.2")
	}, []want{{"python.dependency-conflict", check.Warning, "jax-cuda12-pjrt==0.6.2, which is not installed"}}},
	{"jax plugin with another runtime", func(m *machine) {
		m.dist("jaxlib", "0.6.2")
		m.dist("jax-cuda12-plugin", "0.6.2", "jax-cuda12-pjrt==0.6.2")
		m.dist("jax-cuda12-pjrt", "0.6.1")
	}, []want{{"jax.cuda-plugin-mismatch", check.Error, "jax-cuda12-pjrt 0.6.1 beside jaxlib 0.6.2"}}},
	{"jax plugin with another runtime, without jaxlib", func(m *machine) {
		m.dist("jax-cuda12-plugin", "0.6.2", "jax-cuda12-pjrt==0.6.2")
		m.dist("jax-cuda12-pjrt", "0.6.1")
	}, []want{{"jax.cuda-plugin-mismatch", check.Error, "requires jax-cuda12-pjrt==0.6.2, and 0.6.1 is installed"}}},
}

func TestMachines(t *testing.T) {
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			c.build(m)
			compare(t, m.diagnose(), c.want)
		})
	}
}

// compare demands the wanted findings and no other.
func compare(t *testing.T, findings []check.Finding, wants []want) {
	t.Helper()
	for _, w := range wants {
		i := slices.IndexFunc(findings, func(f check.Finding) bool {
			return f.Code == w.code && f.Severity == w.severity && strings.Contains(f.Title+"\n"+f.Detail, w.text)
		})
		if i < 0 {
			t.Errorf("no finding %s (%s) with %q", w.code, w.severity, w.text)
			continue
		}
		wellFormed(t, findings[i])
		findings = slices.Delete(findings, i, i+1)
	}
	for _, f := range findings {
		t.Errorf("unexpected finding %s (%s): %s %s", f.Code, f.Severity, f.Title, f.Detail)
	}
}

// wellFormed demands what a person needs of any finding.
func wellFormed(t *testing.T, f check.Finding) {
	t.Helper()
	if f.Subject == "" || f.Cause == "" || len(f.Evidence) == 0 || len(f.Verify) == 0 {
		t.Errorf("finding %s lacks subject, cause, evidence or verify: %+v", f.Code, f)
	}
	if f.Severity != check.Unknown && len(f.Remedies) == 0 {
		t.Errorf("finding %s has no remedy", f.Code)
	}
	for _, r := range f.Remedies {
		for _, line := range r.Preview {
			if strings.ContainsAny(strings.ReplaceAll(line, "'", ""), "!") || strings.Contains(line, "install numpy<") {
				t.Errorf("finding %s has an unsafe preview %q", f.Code, line)
			}
		}
	}
}

func TestDocs(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range All() {
		d := c.Doc
		if seen[c.Code] || c.Title == "" || c.Area == "" || len(c.Needs) == 0 {
			t.Errorf("check %s is a duplicate or incomplete", c.Code)
		}
		seen[c.Code] = true
		if d.Meaning == "" || d.Detection == "" || d.Cause == "" || d.Fix == "" || d.Verify == "" || len(d.References) == 0 {
			t.Errorf("check %s is not fully documented", c.Code)
		}
	}
}
