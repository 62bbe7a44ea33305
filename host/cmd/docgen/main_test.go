// SPDX-License-Identifier: Apache-2.0

package main

import (
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func TestMain(m *testing.M) {
	sandbox.MaybeInit() // the test binary is the host that starts plugins
	os.Exit(m.Run())
}

const referenceDir = "../../../docs/reference"

// TestPagesAreFresh builds the plugins, asks them, and compares every page with
// the one in the source tree.
func TestPagesAreFresh(t *testing.T) {
	watch(t, "../../../plugins", "../../../sdk")
	want, err := generate(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range want {
		got, err := os.ReadFile(filepath.Join(referenceDir, filepath.FromSlash(name)))
		if err != nil {
			t.Errorf("docs/reference/%s is missing; `make docs` writes it: %v", name, err)
			continue
		}
		if diff := cmp.Diff(text, strings.ReplaceAll(string(got), "\r\n", "\n")); diff != "" {
			t.Errorf("docs/reference/%s is stale; `make docs` writes it anew:\n%s", name, diff)
		}
	}
	have, err := markdownFiles(referenceDir)
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range have {
		if _, ok := want[name]; !ok {
			t.Errorf("docs/reference/%s is about something that exists no more; `make docs` removes it", name)
		}
	}
}

// watch looks at every source file below the directories. The plugins are built
// by another process, so without this `go test` would repeat a cached pass after
// one of them changed.
func watch(t *testing.T, dirs ...string) {
	t.Helper()
	for _, dir := range dirs {
		err := filepath.WalkDir(dir, func(name string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				_, err = os.Stat(name)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// example is a plugin with one of everything that a page can show.
func example() *pluginv1.DescribeResponse {
	low, high := 0.0, 1.5
	settings := &pluginv1.Schema{
		Attributes: []*pluginv1.Attribute{
			{Name: "mode", Type: `"string"`, DefaultJson: `"a|b"`, OneOf: []string{"a|b", "c"}, Description: "How."},
			{Name: "rate", Type: `"number"`, Required: true, Minimum: &low, Maximum: &high, Description: "How much."},
			{Name: "old", Type: `["map",["list","bool"]]`, Deprecated: "use mode.", Description: "Once."},
		},
		Blocks: []*pluginv1.Block{{
			Type: "inner", Description: "Inside.",
			Schema: &pluginv1.Schema{Attributes: []*pluginv1.Attribute{{Name: "deep", Type: `"bool"`, Minimum: &low}}},
		}},
	}
	return &pluginv1.DescribeResponse{
		Name: "example", Version: "9.8.7",
		Collectors: []*pluginv1.CollectorDescription{{Name: "c", Facts: []*pluginv1.FactDescription{
			{Address: "z.size", Type: "number", Unit: "bytes", Summary: "its size < a | b"},
			{Address: "z", Type: "object", Summary: "a thing"},
		}}},
		Checks: []*pluginv1.CheckDescription{{
			Code: "example.broken", Title: "It is broken", Area: "system", Needs: []string{"z.size"}, Config: settings,
			Documentation: &pluginv1.Documentation{Meaning: "`pip` says *no* for `GLIBC_2.32'.", Fix: "Mend it.", References: []string{"https://example.org/"}},
		}},
		Kernels: []*pluginv1.KernelDescription{{
			Name: "clip", Summary: "Clips.", Compartment: "data", Fits: true, Transforms: true, Config: settings,
		}},
	}
}

func TestRender(t *testing.T) {
	p, err := render([]*pluginv1.DescribeResponse{example()})
	if err != nil {
		t.Fatal(err)
	}
	for name, wants := range map[string][]string{
		"findings/example.broken.md": {
			"# example.broken\n\nIt is broken\n", "## What it means\n\n`pip` says \\*no\\* for \\`GLIBC_2.32'.\n",
			"## How to fix it\n\nMend it.\n", "| `rate` | number | required | How much. From 0 to 1.5. |", "- <https://example.org/>",
			"Area system, plugin example.", "`z.size`",
		},
		"facts.md": {"| `z` | object | example | a thing |\n| `z.size` | number, bytes | example | its size \\< a \\| b |"},
		"kernels.md": {
			"## example.clip\n\nClips.\n\nCompartment data; it fits and transforms.", "`\"a\\|b\"` | How. One of `a\\|b`, `c`.",
			"| `old` | map(list(bool)) |  | Once. Deprecated: use mode. |", "`inner {}`: Inside.", "| `deep` | bool |  | At least 0. |",
		},
		"configuration.md":            {"pipeline \"NAME\" { ... }", "| `use` | reference | required |", "## variable validation", "[kernel](#kernel)"},
		"commands/bulkhead_doctor.md": {"bulkhead doctor --root", "--snapshot file"},
		"commands/bulkhead.md":        {"--log-file file"},
		"README.md":                   {"## Findings: system", "[example.broken](findings/example.broken.md)", "[plugin test](commands/bulkhead_plugin_test.md)"},
	} {
		for _, want := range wants {
			if !strings.Contains(p[name], want) {
				t.Errorf("%s lacks %q:\n%s", name, want, p[name])
			}
		}
	}
	if strings.Contains(p["findings/example.broken.md"], "How we know") {
		t.Error("an empty section has a heading")
	}
	if strings.Contains(p["commands/bulkhead_doctor.md"], "--log-file") {
		t.Error("the options of every command are on every page")
	}
	for name, text := range p {
		if strings.Contains(text, "9.8.7") {
			t.Errorf("%s holds the version of a plugin, so a release would make it stale", name)
		}
	}
}

func TestRenderIsDeterministic(t *testing.T) {
	first, err := render([]*pluginv1.DescribeResponse{example()})
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		again, err := render([]*pluginv1.DescribeResponse{example()})
		if err != nil || !maps.Equal(first, again) {
			t.Fatalf("the same plugins give other pages: %v", err)
		}
	}
}

func TestProse(t *testing.T) {
	for in, want := range map[string]string{
		"plain text.":                  "plain text.",
		"`a*b|c` and a*b|c":            "`a*b\\|c` and a\\*b\\|c",
		"\"`X' not found\" or \"`Y'\"": "\"\\`X' not found\" or \"\\`Y'\"",
		"LD_LIBRARY_PATH":              "LD_LIBRARY_PATH",
		"torch_* and _x":               "torch\\_\\* and \\_x",
		`C:\x < y`:                     `C:\\x \< y`,
	} {
		if got := prose(in); got != want {
			t.Errorf("prose(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestStalePagesAreRemoved(t *testing.T) {
	dir := t.TempDir()
	if err := (pages{"a.md": "a", "findings/old.md": "old"}).writeTo(dir); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "note.txt"), []byte("mine"), 0o600); err != nil {
		t.Fatal(err)
	}
	next := pages{"a.md": "new"}
	if err := next.removeOthers(dir); err != nil {
		t.Fatal(err)
	}
	if err := next.writeTo(dir); err != nil {
		t.Fatal(err)
	}
	got, err := markdownFiles(dir)
	if err != nil || !slices.Equal(got, []string{"a.md"}) {
		t.Errorf("pages %v, %v; want a.md alone", got, err)
	}
	if _, err := os.Stat(filepath.Join(dir, "note.txt")); err != nil {
		t.Errorf("a file that is no page was removed: %v", err)
	}
}
