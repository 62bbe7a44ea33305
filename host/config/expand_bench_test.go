// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// tenThousand has a chain of for_each blocks with 10,000 kernels in sum.
func tenThousand() string {
	var keys strings.Builder
	for i := range MaxNodes / 4 {
		fmt.Fprintf(&keys, "    s%d = { seed = %d, column = \"c%d\" }\n", i, i, i)
	}
	text := "locals {\n  parts = {\n" + keys.String() + "  }\n}\nsource \"rows\" {\n  csv = \"x.csv\"\n}\npipeline \"p\" {\n"
	input := "source.rows"
	for i := range 4 {
		name := fmt.Sprintf("step%d", i)
		text += fmt.Sprintf(`
  kernel %q {
    for_each = local.parts
    use      = data.prepare
    input    = %s
    seed     = each.value.seed
    budget   = "10s"
    config {
      columns = [each.value.column]
    }
  }
`, name, input)
		input = "kernel." + name + "[each.key]"
	}
	return text + "}\n"
}

// BenchmarkExpand loads a configuration of 10,000 kernels.
func BenchmarkExpand(b *testing.B) {
	path := filepath.Join(b.TempDir(), "bulkhead.hcl")
	write(b, path, tenThousand())
	for b.Loop() {
		cfg, diags := Load(b.Context(), LoadOptions{Paths: []string{path}})
		if diags.HasErrors() || len(cfg.Pipelines[0].Kernels) != MaxNodes {
			b.Fatal(diags.Err())
		}
	}
}

// BenchmarkBindExpanded checks 10,000 kernels against the plugins.
func BenchmarkBindExpanded(b *testing.B) {
	path := filepath.Join(b.TempDir(), "bulkhead.hcl")
	write(b, path, tenThousand())
	catalog := testCatalog()
	for b.Loop() {
		b.StopTimer()
		cfg, diags := Load(b.Context(), LoadOptions{Paths: []string{path}})
		if diags.HasErrors() {
			b.Fatal(diags.Err())
		}
		b.StartTimer()
		if diags := Bind(cfg, catalog); diags.HasErrors() {
			b.Fatal(diags.Err())
		}
	}
}

// TestExpandInTime bounds the benchmark, generously for slow machines.
func TestExpandInTime(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bulkhead.hcl")
	write(t, path, tenThousand())
	start := time.Now()
	cfg, diags := Load(t.Context(), LoadOptions{Paths: []string{path}})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	if took := time.Since(start); took > 2*time.Minute || len(cfg.Pipelines[0].Kernels) != MaxNodes {
		t.Errorf("%d kernels in %v", len(cfg.Pipelines[0].Kernels), took)
	}
}
