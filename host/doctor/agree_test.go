// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

const importTorch = `/opt/env/bin/python -c "import torch"`

func notLoadable(verify ...string) report.Finding {
	return report.Finding{Code: "torch.not-loadable", Area: "frameworks", Severity: report.Error, Confidence: 1, Subject: "/opt/env",
		Title: "torch cannot be loaded: libcudnn.so.9 is missing", Detail: "libcudnn.so.9 is nowhere.", Verify: verify}
}

func imports(prefix, module, failure, cause string) map[string]any {
	return map[string]any{"probe.import[" + prefix + "/" + module + "]": values{
		"prefix": prefix, "module": module, "ok": failure == "", "error": failure, "cause": cause, "seconds": 1.5,
	}}
}

func listing(findings []report.Finding) string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Severity+" "+f.Code+" "+f.Subject)
	}
	return strings.Join(out, "; ")
}

func TestDisagreements(t *testing.T) {
	const missing = "ImportError: libcudnn.so.9: cannot open shared object file: No such file or directory"
	for _, tt := range []struct {
		name   string
		facts  map[string]any
		static report.Finding
		want   string // new findings
		after  string // severity of the static one
	}{
		{name: "no probe", static: notLoadable(importTorch), after: report.Error},
		{name: "imported all the same", facts: imports("/opt/env", "torch", "", ""), static: notLoadable(importTorch),
			want: "info bulkhead.probe-disagrees /opt/env", after: report.Info},
		{name: "imported with a variable unset", facts: imports("/opt/env", "torch", "", ""), static: notLoadable("env -u LD_LIBRARY_PATH " + importTorch),
			want: "info bulkhead.probe-disagrees /opt/env", after: report.Info},
		{name: "quoted interpreter", facts: imports("/opt/my env", "torch", "", ""), static: notLoadable(`'/opt/my env/bin/python' -c "import torch"`),
			want: "info bulkhead.probe-disagrees /opt/env", after: report.Info},
		{name: "another environment", facts: imports("/opt/envoy", "torch", "", ""), static: notLoadable(importTorch), after: report.Error},
		{name: "another module", facts: imports("/opt/env", "numpy", "", ""), static: notLoadable(importTorch), after: report.Error},
		{name: "one of two modules", facts: imports("/opt/env", "torch", "", ""), static: notLoadable(`/opt/env/bin/python -c "import torch, torchvision"`), after: report.Error},
		{name: "the import is not the proof", facts: imports("/opt/env", "torch", "", ""),
			static: notLoadable(`/opt/env/bin/python -c "import torch; print(torch.cuda.is_available())"`), after: report.Error},
		{name: "foretold", facts: imports("/opt/env", "torch", missing, ""), static: notLoadable(importTorch), after: report.Error},
		{name: "foretold by the library", facts: imports("/opt/env", "torchvision", missing, ""), static: notLoadable(importTorch), after: report.Error},
		{name: "not foretold", facts: imports("/opt/env", "scipy", "ImportError: libgfortran.so.5: cannot open shared object file", ""), static: notLoadable(importTorch),
			want: "error probe.import-failed /opt/env/scipy", after: report.Error},
		{name: "ended by a limit", facts: imports("/opt/env", "scipy", "it did not end in time", ""), static: notLoadable(importTorch),
			want: "unknown probe.import-failed /opt/env/scipy", after: report.Error},
		{name: "crashed", facts: imports("/opt/env", "scipy", "it was ended by signal 11 (segmentation fault)", ""), static: notLoadable(importTorch),
			want: "error probe.import-failed /opt/env/scipy", after: report.Error},
	} {
		t.Run(tt.name, func(t *testing.T) {
			static := []report.Finding{tt.static}
			facts := machine(t, tt.facts)
			got := Disagreements(facts, static)
			if listing(got) != tt.want || static[0].Severity != tt.after {
				t.Errorf("got %q, and the finding is %s; want %q and %s", listing(got), static[0].Severity, tt.want, tt.after)
			}
			if contradicted := tt.after == report.Info; contradicted != (static[0].Confidence < 0.5) {
				t.Errorf("confidence %v", static[0].Confidence)
			}
			evidence := slices.ContainsFunc(append(static, got...), func(f report.Finding) bool { return len(f.Evidence) > 0 })
			if evidence != (tt.want != "" || strings.HasPrefix(tt.name, "foretold")) {
				t.Errorf("evidence: %v", evidence)
			}
		})
	}
}

func TestDisagreementAboutGPU(t *testing.T) {
	facts := machine(t, map[string]any{"probe.tensor[/opt/env/torch]": values{"prefix": "/opt/env", "module": "torch", "ok": true, "gpu": true}})
	static := []report.Finding{notLoadable(`/opt/env/bin/python -c "import torch; torch.cuda.init(); print(1)"`)}
	if got := listing(Disagreements(facts, static)); got != "info bulkhead.probe-disagrees /opt/env" || static[0].Severity != report.Info {
		t.Errorf("got %q", got)
	}
}

func TestFailedTensor(t *testing.T) {
	facts := machine(t, map[string]any{"probe.tensor[/opt/env/torch]": values{"prefix": "/opt/env", "module": "torch", "ok": false, "error": "RuntimeError: CUDA error: no kernel image"}})
	if got := listing(Disagreements(facts, nil)); got != "error probe.tensor-failed /opt/env/torch" {
		t.Errorf("got %q", got)
	}
	if got := listing(Disagreements(facts, []report.Finding{notLoadable()})); got != "" {
		t.Errorf("foretold, and got %q", got)
	}
}

func TestBlame(t *testing.T) {
	for _, tt := range []struct{ failure, cause, want string }{
		{"ImportError: libcudnn.so.9: cannot open shared object file: No such file or directory", "", "the library libcudnn.so.9 is missing"},
		{"ImportError: /lib/x86_64-linux-gnu/libstdc++.so.6: version `GLIBCXX_3.4.32' not found (required by /e/_C.so)", "", "a library lacks the version GLIBCXX_3.4.32"},
		{"ImportError: /e/flash_attn_2_cuda.so: undefined symbol: _ZN3c104cuda9SetDeviceEi", "", "the symbol _ZN3c104cuda9SetDeviceEi is defined nowhere"},
		{"ImportError: /e/libcusparse.so.12: undefined symbol: __nvJitLinkAddData_12_1, version libnvJitLink.so.12", "", "the symbol __nvJitLinkAddData_12_1 is defined nowhere"},
		{"ModuleNotFoundError: No module named 'yaml'", "", "the module yaml is not installed"},
		{"RuntimeError: Failed to import transformers", "ModuleNotFoundError: No module named 'yaml'", "the module yaml is not installed"},
		{"OSError: /e/libtorch_cuda.so: file too short", "", "the library libtorch_cuda.so is damaged"},
		{"ValueError: numpy.dtype size changed, may indicate binary incompatibility\nmore", "", "ValueError: numpy.dtype size changed, may indicate binary incompatibility"},
		{"", "", ""},
	} {
		if got := blameOf(ProbeImport{Error: tt.failure, Cause: tt.cause}).words; got != tt.want {
			t.Errorf("%q: %q, want %q", tt.failure, got, tt.want)
		}
	}
}

func FuzzBlame(f *testing.F) {
	f.Add("ImportError: libcudnn.so.9: cannot open shared object file", "")
	f.Fuzz(func(t *testing.T, failure, cause string) {
		got := importFailed(ProbeImport{Prefix: "/e", Module: "m", Error: failure, Cause: cause}, nil)
		if len(got.Title) > 300 || strings.ContainsAny(got.Title, "\n\x1b") {
			t.Errorf("title %q", got.Title)
		}
	})
}

func TestProbesInADiagnosis(t *testing.T) {
	p := honest(t, "python", check.Serve(finds("torch.not-loadable", "frameworks", check.Finding{Subject: "/opt/env", Verify: []string{importTorch}})))
	got := Check(t.Context(), []Plugin{p}, machine(t, imports("/opt/env", "torch", "", "")), Selection{
		Severity: map[string]check.Severity{ProbeDisagrees: check.Warning},
	}, soon)
	if listing(got.Findings) != "warning bulkhead.probe-disagrees /opt/env; info torch.not-loadable /opt/env" {
		t.Errorf("got %q", listing(got.Findings))
	}
}

// A failed import belongs to the finding that is about the file it found, or that
// names the distribution whose module is missing.
func TestForetold(t *testing.T) {
	numpy := ProbeImport{Prefix: "/env", Module: "numpy", Error: "ModuleNotFoundError: No module named 'numpy._core._multiarray_umath'"}
	foreign := numpy
	foreign.Path = "/old/site-packages/numpy/__init__.py"
	for name, c := range map[string]struct {
		finding report.Finding
		probe   ProbeImport
		want    bool
	}{
		"file in the project":     {report.Finding{Severity: report.Error, Subject: "/proj/numpy.py"}, numpy, true},
		"directory in its place":  {report.Finding{Severity: report.Error, Subject: "/proj/numpy"}, numpy, true},
		"another file":            {report.Finding{Severity: report.Error, Subject: "/proj/torch.py"}, numpy, false},
		"missing native module":   {report.Finding{Severity: report.Error, Subject: "/env", Detail: "numpy lacks numpy/_core/_multiarray_umath.cpython-311.so."}, numpy, true},
		"wheel of another Python": {report.Finding{Severity: report.Error, Subject: "/env", Detail: "numpy 1.24.4 (cp38-cp38) is installed."}, numpy, true},
		"another environment":     {report.Finding{Severity: report.Error, Subject: "/environment", Detail: "numpy"}, numpy, false},
		"another distribution":    {report.Finding{Severity: report.Error, Subject: "/env", Detail: "pandas needs numpy-stubs."}, ProbeImport{Prefix: "/env", Module: "x", Error: "No module named 'torch.core'"}, false},
		"foreign PYTHONPATH":      {report.Finding{Severity: report.Warning, Subject: "/old/site-packages"}, foreign, true},
		"a remark":                {report.Finding{Severity: report.Info, Subject: "/proj/numpy.py"}, numpy, false},
	} {
		if got := foretells(c.finding, c.probe); got != c.want {
			t.Errorf("%s: %t, want %t", name, got, c.want)
		}
	}
}
