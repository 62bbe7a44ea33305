// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func TestResolve(t *testing.T) {
	tests := []struct {
		name, text, codes, requires string
		skips                       map[string]string
	}{
		{name: "plugin", text: `run = [gpu.all]`, codes: "cuda.mismatch gpu.driver-missing gpu.nouveau"},
		{name: "group of a plugin", text: `run = [python.torch]`, codes: "torch.cpu-wheel torch.elf"},
		{name: "group", text: `run = [torch.all]`, codes: "torch.cpu-wheel torch.elf"},
		{name: "check with underscore", text: `run = [docker.gpu_runtime]`, codes: "docker.gpu-runtime"},
		{name: "quoted", text: `run = "torch.cpu-wheel"`, codes: "torch.cpu-wheel"},
		{name: "skip", text: "run = [docker.all]\nskip = [docker.down]", codes: "docker.gpu-runtime",
			skips: map[string]string{"docker.down": `suite "s" skips docker.down`}},
		{name: "skip of what is not run", text: "run = [docker.down]\nskip = [python.torch]", codes: "docker.down"},
		{name: "require", text: `run = [require.r, docker.down]`, codes: "docker.down", requires: "r"},
		{name: "nested", text: `run = [suite.inner, require.r]`, codes: "docker.gpu-runtime", requires: "r",
			skips: map[string]string{"docker.down": `suite "inner" skips docker.down`}},
		{name: "outer wins", text: `run = [suite.inner, docker.down]`, codes: "docker.down docker.gpu-runtime", requires: "r"},
		{name: "skip a suite", text: "run = [suite.inner]\nskip = [suite.inner]",
			skips: map[string]string{"docker.down": `suite "inner" skips docker.down`,
				"docker.gpu-runtime": `suite "s" skips suite.inner`, "require.r": `suite "s" skips suite.inner`}},
		{name: "disabled", text: `run = [gpu.all]`, codes: "cuda.mismatch gpu.driver-missing",
			skips: map[string]string{"gpu.nouveau": "we know"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			text := tt.text
			common := "require \"r\" {\n  condition = fact.a.b == 1\n  message = \"x\"\n}\n" +
				"suite \"inner\" {\n  run = [docker.all, require.r]\n  skip = [docker.down]\n}\n"
			if tt.name == "disabled" {
				common += "check \"gpu.nouveau\" {\n  enabled = false\n  reason = \"we know\"\n}\n"
			}
			cfg := mustLoad(t, common+"suite \"s\" {\n"+text+"\n}\n")
			s, _ := cfg.Suite("s")
			got, diags := s.Resolve(cfg, testCatalog())
			if diags.HasErrors() {
				t.Fatal(diags.Err())
			}
			checkSelection(t, got, tt.codes, tt.requires, tt.skips)
		})
	}
}

func checkSelection(t *testing.T, got Selection, codes, requires string, skips map[string]string) {
	t.Helper()
	if list := strings.Join(got.Codes, " "); list != codes {
		t.Errorf("codes = %s, want %s", list, codes)
	}
	var names []string
	for _, r := range got.Requires {
		names = append(names, r.Name)
	}
	if list := strings.Join(names, " "); list != requires {
		t.Errorf("requires = %s, want %s", list, requires)
	}
	if len(skips) != len(got.Skips) || len(skips) > 0 && !cmp.Equal(skips, got.Skips) {
		t.Errorf("skips = %v, want %v", got.Skips, skips)
	}
}

func TestResolvePreflight(t *testing.T) {
	cfg := mustLoad(t, everything)
	got, diags := cfg.Pipelines[0].ResolvePreflight(cfg, testCatalog())
	if diags.HasErrors() {
		t.Fatal(diags.Err())
	}
	checkSelection(t, got, "cuda.mismatch", "driver", map[string]string{
		"gpu.driver-missing": `suite "box" skips gpu.driver-missing`, "gpu.nouveau": "known",
	})
}

// TestManySuites resolves suites that name each other twice in turn, which a
// walk without memory would do in exponential time.
func TestManySuites(t *testing.T) {
	var text strings.Builder
	text.WriteString("suite \"s0\" {\n  run = [docker.all]\n}\n")
	for i := 1; i < 60; i++ {
		prev := "suite.s" + string(rune('0'+(i-1)/10)) + string(rune('0'+(i-1)%10))
		if i == 1 {
			prev = "suite.s0"
		}
		text.WriteString("suite \"s" + string(rune('0'+i/10)) + string(rune('0'+i%10)) + "\" {\n  run = [" + prev + ", " + prev + "]\n}\n")
	}
	cfg := mustLoad(t, text.String())
	got, _ := cfg.Suites[59].Resolve(cfg, testCatalog())
	checkSelection(t, got, "docker.down docker.gpu-runtime", "", nil)
}

func TestBindGood(t *testing.T) {
	cfg := mustLoad(t, strings.ReplaceAll(everything, "metric = \"auc\"", "metric = \"auc\"\n      column {\n        name = \"a\"\n      }"))
	if diags := Bind(cfg, testCatalog()); len(diags) > 0 {
		t.Error(diags.Err(), len(diags))
	}
}

func TestCatalog(t *testing.T) {
	c := NewCatalog(map[string]*pluginv1.DescribeResponse{})
	if _, ok := c.Kernel("x", "y"); ok || len(c.Codes("x")) > 0 || len(c.Facts()) > 0 {
		t.Error("an empty catalog has something")
	}
	if code, ok := CanonicalCode(testCatalog(), "docker.gpu_runtime"); !ok || code != "docker.gpu-runtime" {
		t.Errorf("code = %q %v", code, ok)
	}
}
