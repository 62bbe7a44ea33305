// SPDX-License-Identifier: Apache-2.0

package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

func TestDiagnosticsJSON(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "bulkhead.hcl", "host {\n\tlog_level = \"wa\x07rn\"\n}\n")
	_, diags := Load(t.Context(), LoadOptions{})
	got, err := json.Marshal(diags)
	if err != nil {
		t.Fatal(err)
	}
	want := `[{"severity":"error","summary":"Value not allowed",` +
		`"detail":"\"log_level\" must be one of \"trace\", \"debug\", \"info\", \"warn\", \"error\", \"off\", not \"wa rn\". Did you mean \"warn\"?",` +
		`"range":{"file":"bulkhead.hcl","start":{"line":2,"column":14,"byte":20},"end":{"line":2,"column":21,"byte":27}},` +
		`"snippet":{"context":"host","code":"  log_level = \"wa␇rn\"","start":14,"length":7}}]`
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("JSON (-want +got):\n%s", diff)
	}
	if empty, _ := json.Marshal(Diagnostics(nil)); string(empty) != "[]" {
		t.Errorf("no diagnostics are %s", empty)
	}
}

func TestDiagnosticsOrder(t *testing.T) {
	at := func(file string, b int) Range {
		return Range{File: file, Start: Pos{1, b + 1, b}, End: Pos{1, b + 2, b + 1}}
	}
	ds := Diagnostics{
		newDiagnostic(SeverityWarning, at("b", 0), "w", "x"),
		newDiagnostic(SeverityError, at("a", 5), "e", "x"),
		newDiagnostic(SeverityError, at("a", 1), "e", "x"),
		newDiagnostic(SeverityError, at("a", 5), "e", "x"),
		newDiagnostic(SeverityError, Range{}, "first", "x"),
	}
	var got []string
	for _, d := range (sources{}).finish(ds) {
		got = append(got, d.Error())
	}
	want := []string{"first: x", "a:1,2: e: x", "a:1,6: e: x", "b:1,1: w: x"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("order (-want +got):\n%s", diff)
	}
}

func TestDiagnosticsFlood(t *testing.T) {
	var ds Diagnostics
	for i := range 3 * MaxDiagnostics {
		ds = append(ds, newDiagnostic(SeverityError, Range{}, "e", "%06d", i))
	}
	got := sources{}.finish(ds)
	last := got[len(got)-1]
	if len(got) != MaxDiagnostics+1 || !strings.Contains(last.Detail, fmt.Sprint(2*MaxDiagnostics)) || last.Severity != SeverityError {
		t.Errorf("%d messages, the last %v", len(got), last)
	}
}

func TestDiagnosticsErr(t *testing.T) {
	ds := Diagnostics{newDiagnostic(SeverityWarning, Range{}, "w", "x")}
	if ds.HasErrors() || ds.Err() != nil {
		t.Error("a warning is an error")
	}
	ds = append(ds, newDiagnostic(SeverityError, Range{}, "e", "x"))
	if d, ok := errors.AsType[*Diagnostic](ds.Err()); !ok || d.Summary != "e" {
		t.Errorf("Err = %v", ds.Err())
	}
}

func TestWriteTextColor(t *testing.T) {
	cfg := mustLoad(t, "host {\n}\n")
	d := cfg.At(cfg.Host.Range, SeverityWarning, "Old host", "It is old.")
	d.Range.File = "x.hcl"
	var out strings.Builder
	if err := (Diagnostics{d, {Severity: SeverityInfo, Summary: "Note"}}).WriteText(&out, 20, true); err != nil {
		t.Fatal(err)
	}
	want := "\x1b[33mWarning\x1b[0m: Old host\n  on x.hcl line 1, column 1, in host:\n   1 | host {\n" +
		"     | \x1b[33m^^^^\x1b[0m\n  It is old.\n\n\x1b[36mInfo\x1b[0m: Note\n"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("text (-want +got):\n%s", diff)
	}
}

func TestClean(t *testing.T) {
	tests := map[string]string{
		"plain\n\ttext": "plain\n\ttext", "\x1b[31m": "␛[31m", "a\x00\x7f": "a␀␡", "\u202eevil": "\ufffdevil",
		"\u009b": "\ufffd", "\xff": "\ufffd", "größe": "größe",
	}
	for in, want := range tests {
		if got := Clean(in); got != want {
			t.Errorf("Clean(%q) = %q, want %q", in, got, want)
		}
	}
}

// TestHostSchema checks that the description is complete and can be published.
func TestHostSchema(t *testing.T) {
	var visit func(blocks []BlockSchema)
	visit = func(blocks []BlockSchema) {
		for _, b := range blocks {
			if b.Description == "" || !hclsyntax.ValidIdentifier(b.Type) {
				t.Errorf("block %q has no description", b.Type)
			}
			for _, a := range b.Attributes {
				if a.Description == "" || a.Type == "" {
					t.Errorf("%s.%s has no description or type", b.Type, a.Name)
				}
				if text, ok := a.Default.(string); ok && len(a.OneOf) > 0 && !slices.Contains(a.OneOf, text) {
					t.Errorf("%s.%s has a default that is not allowed", b.Type, a.Name)
				}
			}
			visit(b.Blocks)
		}
	}
	visit(HostSchema())
	if _, err := json.Marshal(HostSchema()); err != nil {
		t.Error(err)
	}
}
