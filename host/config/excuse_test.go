// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestWaivers(t *testing.T) {
	cfg := mustLoad(t, `
variable "end" {
  default = "2027-01-31"
}
require "driver" {
  condition = true
  message   = "x"
}
waiver "lab" {
  code    = "gpu.nouveau"
  subject = "0000:*"
  reason  = "  replaced\nin March "
  until   = var.end
  by      = "ada"
}
waiver "all" {
  code   = "torch.*"
  reason = "old box"
  until  = "2028-02-29"
}
waiver "policy" {
  code   = "require.driver"
  reason = "r"
  until  = "2027-01-01"
}
waiver "policies" {
  code   = "require.*"
  reason = "r"
  until  = "2027-01-01"
}
waiver "ours" {
  code   = "bulkhead.*"
  reason = "r"
  until  = "2027-01-01"
}
`)
	w := cfg.Waivers[0]
	if w.Name != "lab" || w.Subject != "0000:*" || w.Reason != "replaced in March" || w.By != "ada" ||
		!w.Until.Equal(time.Date(2027, 1, 31, 0, 0, 0, 0, time.UTC)) {
		t.Errorf("waiver = %+v", w)
	}
	want := []string{"gpu.nouveau", "torch.cpu-wheel torch.elf", "require.driver", "require.driver", "bulkhead.check-failed bulkhead.probe-disagrees"}
	for i, w := range cfg.Waivers {
		if got := strings.Join(w.Codes(cfg, testCatalog()), " "); got != want[i] {
			t.Errorf("%s means %q, want %q", w.Name, got, want[i])
		}
	}
	if diags := Bind(cfg, testCatalog()); len(diags) > 0 {
		t.Error(diags.Err())
	}
}

func TestSkipBlocks(t *testing.T) {
	const common = `
require "r" {
  condition = fact.a.b == 1
  message   = "x"
}
`
	for _, tt := range []struct {
		name, top, suite, codes, requires string
		skips                             map[string]string
		excused                           string
	}{
		{name: "in the suite", suite: `run = [docker.all]` + skip("docker.down", "no daemon here", ""), codes: "docker.gpu-runtime",
			skips: map[string]string{"docker.down": "no daemon here"}},
		{name: "beside the list", suite: "run = [docker.all]\n  skip = [docker.gpu_runtime]" + skip("docker.down", "why", ""),
			skips: map[string]string{"docker.down": "why", "docker.gpu-runtime": `suite "s" skips docker.gpu_runtime`}},
		{name: "at top level", top: skip("docker.down", "everywhere", ""), suite: `run = [docker.all]`, codes: "docker.gpu-runtime",
			skips: map[string]string{"docker.down": "everywhere"}},
		{name: "a group", top: skip("torch.*", "no torch", ""), suite: `run = [python.all]`, codes: "python.jupyter",
			skips: map[string]string{"torch.cpu-wheel": "no torch", "torch.elf": "no torch"}},
		{name: "a requirement", top: skip("require.r", "later", ""), suite: `run = [docker.down, require.r]`, codes: "docker.down",
			skips: map[string]string{"require.r": "later"}},
		{name: "not selected", top: skip("torch.*", "no torch", ""), suite: `run = [docker.down]`, codes: "docker.down"},
		{name: "a subject", top: skip("docker.down", "stopped on purpose", "/old/*"), suite: `run = [docker.down]`, codes: "docker.down",
			excused: "docker.down /old/*: stopped on purpose"},
		{name: "underscore", top: skip("docker.gpu_runtime", "r", ""), suite: `run = [docker.all]`, codes: "docker.down",
			skips: map[string]string{"docker.gpu-runtime": "r"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			cfg := mustLoad(t, common+tt.top+"suite \"s\" {\n  "+tt.suite+"\n}\n")
			if diags := Bind(cfg, testCatalog()); diags.HasErrors() {
				t.Fatal(diags.Err())
			}
			got, _ := cfg.Suites[0].Resolve(cfg, testCatalog())
			checkSelection(t, got, tt.codes, tt.requires, tt.skips)
			var excused []string
			for code, skips := range got.Excused {
				for _, s := range skips {
					excused = append(excused, fmt.Sprintf("%s %s: %s", code, s.Subject, s.Reason))
				}
			}
			if list := strings.Join(excused, "; "); list != tt.excused {
				t.Errorf("excused %q, want %q", list, tt.excused)
			}
		})
	}
}

func skip(code, reason, subject string) string {
	out := fmt.Sprintf("\nskip %q {\n  reason = %q\n", code, reason)
	if subject != "" {
		out += fmt.Sprintf("  subject = %q\n", subject)
	}
	return out + "}\n"
}

func TestSkipAndWaiverInJSON(t *testing.T) {
	cfg, diags, _ := load(t, map[string]string{"bulkhead.hcl.json": `{
		"skip": {"docker.down": {"reason": "none"}},
		"waiver": {"w": {"code": "gpu.*", "reason": "r", "until": "2027-01-01"}},
		"suite": {"s": {"run": ["docker.all"], "severity": {"docker.gpu-runtime": "info"}}}
	}`}, LoadOptions{})
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	got, _ := cfg.Suites[0].Resolve(cfg, testCatalog())
	checkSelection(t, got, "docker.gpu-runtime", "", map[string]string{"docker.down": "none"})
	if got.Severity["docker.gpu-runtime"] != SeverityInfo || len(cfg.Waivers) != 1 {
		t.Errorf("severity %v, waivers %v", got.Severity, cfg.Waivers)
	}
}

func TestSuiteSeverities(t *testing.T) {
	cfg := mustLoad(t, `
suite "inner" {
  run      = [gpu.all]
  severity = { "gpu.nouveau" = "info", "gpu.*" = "error", "cuda.mismatch" = "info" }
}
suite "outer" {
  run      = [suite.inner, docker.down]
  severity = { "cuda.*" = "warning" }
}
`)
	if diags := Bind(cfg, testCatalog()); diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	inner, _ := cfg.Suites[0].Resolve(cfg, testCatalog())
	want := map[string]Severity{"gpu.nouveau": SeverityInfo, "gpu.driver-missing": SeverityError, "cuda.mismatch": SeverityInfo}
	if diff := cmp.Diff(want, inner.Severity); diff != "" {
		t.Errorf("inner (-want +got):\n%s", diff)
	}
	want["cuda.mismatch"] = SeverityWarning
	outer, _ := cfg.Suites[1].Resolve(cfg, testCatalog())
	if diff := cmp.Diff(want, outer.Severity); diff != "" {
		t.Errorf("outer (-want +got):\n%s", diff)
	}
}

func TestResolveAll(t *testing.T) {
	cfg := mustLoad(t, "require \"r\" {\n  condition = true\n  message = \"x\"\n}\n"+skip("torch.*", "none", "")+
		skip("python.jupyter", "none", "")+skip("gpu.*", "none", "")+skip("cuda.mismatch", "c", "")+"check \"docker.down\" {\n  enabled = false\n  reason = \"off\"\n}\n")
	got, diags := cfg.ResolveAll(testCatalog())
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	checkSelection(t, got, "docker.gpu-runtime", "r", map[string]string{
		"torch.cpu-wheel": "none", "torch.elf": "none", "python.jupyter": "none", "gpu.nouveau": "none", "gpu.driver-missing": "none",
		"cuda.mismatch": "c", "docker.down": "off",
	})
}

func TestCacheSwitch(t *testing.T) {
	if !mustLoad(t, "").Host.Cache || mustLoad(t, "host {\n  cache = false\n}\n").Host.Cache {
		t.Error("cache is on unless it is switched off")
	}
}
