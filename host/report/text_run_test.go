// SPDX-License-Identifier: Apache-2.0

package report

import (
	"strings"
	"testing"
)

func TestRunText(t *testing.T) {
	for _, tt := range []struct {
		what string
		r    Run
		opt  Options
		want string
	}{
		{"refused by the preflight", Run{
			Tool: tool, Pipeline: "churn", Status: RunRefused, DurationMS: 30,
			Preflight: &Preflight{Suite: "box", Summary: Summary{Errors: 1, Worst: Error}, RootCauses: []RootCause{{Code: "system.shm-small", Severity: Error, Title: "/dev/shm is small"}}},
			Nodes:     []Node{{Name: "source.rows", Use: "csv", Status: NodePending}},
			Error:     &ErrorInfo{Summary: "Pipeline churn was refused by its preflight", Detail: "Mend the error above, or run with --no-preflight."},
		}, Options{}, `Bulkhead 0.1.0: pipeline churn

Preflight error: suite box. 1 error.
  error    /dev/shm is small
           bulkhead explain system.shm-small

node         use  status   rows in  out  dropped   time
source.rows  csv  pending        0    0        0  <1 ms

error: Pipeline churn was refused by its preflight
  Mend the error above, or run with --no-preflight.

refused: pipeline churn, 1 node, 30 ms
`},
		{"a healthy preflight", Run{
			Tool: tool, Pipeline: "p", Status: RunOK, Preflight: &Preflight{Suite: "box", Summary: Summary{Worst: Healthy}},
		}, Options{}, `Bulkhead 0.1.0: pipeline p

Preflight ok: suite box. Nothing wrong was found.

ok: pipeline p, 0 nodes, <1 ms
`},
		{"every status", Run{
			Tool: tool, Pipeline: "p", Status: RunTimedOut, DurationMS: 61_000,
			Nodes: []Node{
				{Name: "a", Use: "csv", Status: RunOK, Reason: "not shown", RowsOut: 10, WallMS: 5},
				{Name: "b", Use: "x.y", Status: RunTimedOut, Reason: "its budget of 60 s ran out", RowsIn: 10, WallMS: 60_000, Attempts: 2},
				{Name: "c", Use: "x.z", Status: RunCancelled, Reason: "b failed"},
			},
		}, Options{}, `Bulkhead 0.1.0: pipeline p

node  use  status     rows in  out  dropped    time
a     csv  ok               0   10        0    5 ms
b     x.y  timed-out       10    0        0  60.0 s
c     x.z  cancelled        0    0        0   <1 ms

b: its budget of 60 s ran out
c: b failed

timed-out: pipeline p, 3 nodes, 61.0 s
`},
		{"measures with -v", Run{
			Tool: tool, Pipeline: "p", Status: RunOK,
			Nodes: []Node{{Name: "k", Use: "x.y", Status: RunOK, Attempts: 2, BytesIn: 2048, State: &State{Bytes: 10, SHA256: "abc"}}},
		}, Options{Verbose: true}, `Bulkhead 0.1.0: pipeline p

node  use  status  rows in  out  dropped   time
k     x.y  ok            0    0        0  <1 ms

k (x.y)
  2.0 KiB in, 0 B out, 2 attempts
  state 10 B, sha256 abc

ok: pipeline p, 1 node, <1 ms
`},
	} {
		t.Run(tt.what, func(t *testing.T) { same(t, tt.want, asText(t, tt.r, tt.opt)) })
	}
}

// TestManyPreflightCauses keeps the preflight short.
func TestManyPreflightCauses(t *testing.T) {
	f := &Preflight{Suite: "s"}
	for range maxCompact + 4 {
		f.RootCauses = append(f.RootCauses, RootCause{Code: "a.b", Severity: Warning, Title: "Slow"})
	}
	if got := asText(t, Run{Preflight: f}, Options{}); !strings.Contains(got, "and 4 more with -v") || strings.Count(got, "Slow") != maxCompact {
		t.Errorf("got:\n%s", got)
	}
	if got := asText(t, Run{Preflight: f}, Options{Verbose: true}); strings.Count(got, "Slow") != maxCompact+4 {
		t.Errorf("got:\n%s", got)
	}
}

func TestNotes(t *testing.T) {
	ds := []Diagnostic{
		{Severity: Error, Summary: "Bad", Plugin: "p", Detail: "Very.", Debug: "goroutine 1\n\tmain.go:1"},
		{Severity: Info, Summary: "By the way"},
		{Severity: Warning, Summary: "Odd\x1b[2J"},
	}
	for _, tt := range []struct {
		what string
		opt  Options
		want string
	}{
		{"terse", Options{}, "error    plugin p: Bad\n         Very.\nwarning  Odd\n\n"},
		{"verbose", Options{Verbose: true}, "error: Bad (plugin p)\n  Very.\n\ninfo: By the way\n\nwarning: Odd\n\n"},
		{"debug", Options{Debug: true}, "error: Bad (plugin p)\n  Very.\n  | goroutine 1\n  |     main.go:1\n\ninfo: By the way\n\nwarning: Odd\n\n"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			same(t, tt.want, rendered(tt.opt, func(p *page) { p.notes(ds) }))
		})
	}
	var flood []Diagnostic
	for range 20 {
		flood = append(flood, ds[0])
	}
	if got := rendered(Options{}, func(p *page) { p.notes(flood) }); !strings.Contains(got, "and 15 more with -v") {
		t.Errorf("got:\n%s", got)
	}
}

func TestSnippet(t *testing.T) {
	at := func(start, length int, code string) Diagnostic {
		return Diagnostic{Severity: Error, Summary: "Wrong", Range: &Range{File: "a.hcl", Start: Pos{Line: 7}}, Snippet: &Snippet{Code: code, Start: start, Length: length}}
	}
	for _, tt := range []struct {
		what string
		d    Diagnostic
		want string
	}{
		{"plain", at(4, 5, "key = value"), "   7 | key = value\n     |     ^^^^^\n"},
		{"wide characters before and in it", at(3, 2, "漢字=漢字"), "   7 | 漢字=漢字\n     |      ^^^^\n"},
		{"an empty stretch is one caret", at(3, 0, "abc"), "   7 | abc\n     |    ^\n"},
		{"beyond the line", at(90, 10, "abc"), "   7 | abc\n     |    ^\n"},
		{"negative", at(-5, -5, "abc"), "   7 | abc\n     | ^\n"},
		{"a long line", at(2, 200, strings.Repeat("a", 100)), "   7 | " + strings.Repeat("a", 30) + "...\n     |   " + strings.Repeat("^", 31) + "\n"},
		{"the stretch is out of sight", at(90, 3, strings.Repeat("a", 100)), "   7 | " + strings.Repeat("a", 30) + "...\n"},
		{"without a snippet", Diagnostic{Severity: Error, Summary: "Wrong", Range: &Range{File: "a.hcl", Start: Pos{Line: 7}}}, ""},
	} {
		t.Run(tt.what, func(t *testing.T) {
			same(t, "error: Wrong\n  on a.hcl line 7\n"+tt.want, rendered(Options{Width: 40}, func(p *page) { p.message(tt.d) }))
		})
	}
}

func TestFailureText(t *testing.T) {
	f := Failure{Error: ErrorInfo{Summary: "No configuration", Detail: "There is no bulkhead.hcl in this directory. Write one with: bulkhead init"}}
	same(t, "error: No configuration\n  There is no bulkhead.hcl in this directory. Write one with: bulkhead init\n", asText(t, f, Options{}))
}

// TestAFailureIsToldOnce: at the end of the page, in full, and of the node in one line.
func TestAFailureIsToldOnce(t *testing.T) {
	why := Diagnostic{Severity: Error, Summary: "Quality below the threshold", Detail: "The table scores 0.789."}
	other := Diagnostic{Severity: Warning, Summary: "Something else"}
	r := Run{
		Pipeline: "p", Status: RunFailed,
		Nodes: []Node{{Name: "kernel.k", Status: RunFailed, Reason: why.Summary, Diagnostics: []Diagnostic{why, other}}},
		Error: &ErrorInfo{Summary: why.Summary, Diagnostics: []Diagnostic{why}},
	}
	var b strings.Builder
	if err := r.WriteText(&b, Options{}); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]int{why.Detail: 1, why.Summary: 2, "error: " + why.Summary: 1, other.Summary: 1} {
		if got := strings.Count(b.String(), text); got != want {
			t.Errorf("%q stands %d times, want %d:\n%s", text, got, want, &b)
		}
	}
}
