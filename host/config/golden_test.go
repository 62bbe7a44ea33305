// SPDX-License-Identifier: Apache-2.0

package config

import (
	"context"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

var update = flag.Bool("update", false, "rewrite the expected output of golden tests")

// TestErrors loads and binds each archive of testdata/errors and compares the
// messages, as a person sees them, with its file "want".
func TestErrors(t *testing.T) {
	root, err := filepath.Abs("testdata/errors")
	if err != nil {
		t.Fatal(err)
	}
	archives, err := filepath.Glob(filepath.Join(root, "*.txtar"))
	if err != nil || len(archives) < 50 {
		t.Fatalf("found %d archives: %v", len(archives), err)
	}
	for _, path := range archives {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			ar, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatal(err)
			}
			compareGolden(t, path, ar, messagesOf(t, ar))
		})
	}
}

// messagesOf writes out an archive and returns what is said about it.
func messagesOf(t *testing.T, ar *txtar.Archive) string {
	t.Helper()
	t.Chdir(t.TempDir())
	for _, f := range ar.Files {
		if f.Name != "want" {
			write(t, f.Name, string(f.Data))
		}
	}
	cfg, diags := Load(context.Background(), LoadOptions{})
	if (cfg == nil) != diags.HasErrors() {
		t.Errorf("config nil: %v, errors: %v", cfg == nil, diags.HasErrors())
	}
	if cfg != nil {
		diags = append(diags, Bind(cfg, testCatalog())...)
	}
	if len(diags) == 0 {
		t.Error("no message")
	}
	var out strings.Builder
	if err := diags.WriteText(&out, 100, false); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func compareGolden(t *testing.T, path string, ar *txtar.Archive, got string) {
	t.Helper()
	want := &ar.Files[len(ar.Files)-1]
	if *update {
		want.Data = []byte(got)
		if err := os.WriteFile(path, txtar.Format(ar), 0o666); err != nil {
			t.Fatal(err)
		}
		return
	}
	if diff := cmp.Diff(string(want.Data), got); diff != "" {
		t.Errorf("messages (-want +got):\n%s", diff)
	}
}

func write(t testing.TB, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o666); err != nil {
		t.Fatal(err)
	}
}

// load writes files below a new directory and loads it.
func load(t *testing.T, files map[string]string, opts LoadOptions) (*Config, Diagnostics, string) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		write(t, filepath.Join(dir, name), text)
	}
	if opts.Paths == nil {
		opts.Paths = []string{dir}
	}
	for i, f := range opts.VarFiles {
		opts.VarFiles[i] = filepath.Join(dir, f)
	}
	cfg, diags := Load(context.Background(), opts)
	return cfg, diags, dir
}

// mustLoad loads one file that has no error.
func mustLoad(t *testing.T, text string) *Config {
	t.Helper()
	cfg, diags, _ := load(t, map[string]string{"bulkhead.hcl": text}, LoadOptions{})
	if err := diags.Err(); err != nil {
		t.Fatal(err)
	}
	return cfg
}

func number(f float64) *float64 { return &f }

// prepareSchema has one attribute of each kind.
func prepareSchema() *pluginv1.Schema {
	return &pluginv1.Schema{
		Attributes: []*pluginv1.Attribute{
			{Name: "quality_threshold", Type: `"number"`, DefaultJson: "0.7", Minimum: number(0), Maximum: number(1)},
			{Name: "strategy", Type: `"string"`, DefaultJson: `"median"`, OneOf: []string{"mean", "median", "drop"}},
			{Name: "columns", Type: `["list","string"]`, DefaultJson: "[]"},
			{Name: "weights", Type: `["map","number"]`},
			{Name: "threshold", Type: `"number"`, Deprecated: "use quality_threshold."},
			{Name: "token", Type: `"string"`, Sensitive: true},
		},
		Blocks: []*pluginv1.Block{{
			Type: "column", Nesting: pluginv1.Block_NESTING_LIST,
			Schema: &pluginv1.Schema{Attributes: []*pluginv1.Attribute{
				{Name: "name", Type: `"string"`, Required: true},
				{Name: "strategy", Type: `"string"`, DefaultJson: `"mean"`},
			}},
		}, {
			Type: "scale", Nesting: pluginv1.Block_NESTING_SINGLE,
			Schema: &pluginv1.Schema{Attributes: []*pluginv1.Attribute{{Name: "robust", Type: `"bool"`, DefaultJson: "false"}}},
		}},
	}
}

func testCatalog() Catalog {
	return NewCatalog(map[string]*pluginv1.DescribeResponse{
		"data": {Kernels: []*pluginv1.KernelDescription{
			{Name: "prepare", Config: prepareSchema()}, {Name: "split"},
		}},
		"algorithms": {Kernels: []*pluginv1.KernelDescription{{Name: "auto", Config: &pluginv1.Schema{
			Attributes: []*pluginv1.Attribute{{Name: "metric", Type: `"string"`, Required: true}},
			Blocks: []*pluginv1.Block{{Type: "column", Nesting: pluginv1.Block_NESTING_LIST, Required: true,
				Schema: &pluginv1.Schema{Attributes: []*pluginv1.Attribute{{Name: "name", Type: `"string"`, Required: true}}}}},
		}}}},
		"evil": {Kernels: []*pluginv1.KernelDescription{{Name: "twins", Config: &pluginv1.Schema{
			Attributes: []*pluginv1.Attribute{{Name: "a", Type: `"string"`}, {Name: "a", Type: `"bool"`}},
		}}}},
		"mlops": {Kernels: []*pluginv1.KernelDescription{{Name: "deploy"}}},
		"gpu": {
			Checks:     []*pluginv1.CheckDescription{{Code: "gpu.driver-missing"}, {Code: "gpu.nouveau"}, {Code: "cuda.mismatch"}},
			Collectors: []*pluginv1.CollectorDescription{{Facts: []*pluginv1.FactDescription{{Address: "gpu.driver.version"}, {Address: "gpu.device.name"}}}},
		},
		"docker": {Checks: []*pluginv1.CheckDescription{{Code: "docker.gpu-runtime"}, {Code: "docker.down"}}},
		"python": {Checks: []*pluginv1.CheckDescription{{Code: "torch.cpu-wheel"}, {Code: "torch.elf"}, {Code: "python.jupyter"}}},
	})
}
