// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/bench"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

func seenWith(codes ...string) report.Doctor {
	var rep report.Doctor
	for _, c := range codes {
		rep.Findings = append(rep.Findings, report.Finding{Code: c, Severity: report.Error, Title: "T"})
	}
	return rep
}

// Each change is told once; a round that cannot see, or sees a part, ends neither
// the watch nor a finding.
func TestAWatchTellsEachChangeOnce(t *testing.T) {
	partial := seenWith("c")
	partial.Diagnostics = []report.Diagnostic{{Severity: report.Error, Plugin: "gpu", Summary: "crashed"}}
	s := sight{report: seenWith("a")}
	for n, round := range []struct {
		rep    report.Doctor
		failed error
		want   []string
	}{
		{seenWith("a"), nil, nil},
		{seenWith("a", "b"), nil, []string{"new   error T [b]"}},
		{report.Doctor{}, errors.New("bulkhead.hcl:3: no\x1b[31m such block"), []string{"error nothing could be examined: bulkhead.hcl:3: no such block"}},
		{report.Doctor{}, &failure{summary: "x", diags: []report.Diagnostic{{Summary: "bulkhead.hcl:3", Detail: "no such block"}}}, nil},
		{partial, nil, []string{"error gpu crashed", "new   error T [c]"}},
		{partial, nil, nil},
		{seenWith("a", "c"), nil, []string{"ok    the diagnosis is whole again", "gone  error T [b]"}},
		{seenWith("a", "c"), nil, nil},
	} {
		if got := s.next(round.rep, round.failed); !slices.Equal(got, round.want) {
			t.Errorf("round %d: %q, want %q", n, got, round.want)
		}
	}
	if len(s.report.Findings) != 2 {
		t.Errorf("what is kept grows: %d findings", len(s.report.Findings))
	}
}

func conversation(ctx context.Context, input io.Reader) (*interview, *bytes.Buffer) {
	var out bytes.Buffer
	return &interview{app: &app{stdout: &out}, in: bufio.NewReader(input), ctx: ctx}, &out
}

func TestAnInterviewFitsItsColumns(t *testing.T) {
	i, out := conversation(t.Context(), strings.NewReader("f\nv\nwhat is this\nQ\n"))
	long := strings.Repeat("some words ", 40)
	f := report.Finding{
		Code: "x.y", Title: "A \x1b[31mtitle\nof " + long, Evidence: []fact.Evidence{{Path: "/a", Line: 3, Value: long}},
		Remedies: []report.Remedy{{Summary: long, Risk: "low"}}, Verify: []string{"true"},
	}
	rep := report.Doctor{Findings: []report.Finding{f}, RootCauses: []report.RootCause{{}}}
	if err := i.walk(rep); !errors.Is(err, errLeft) {
		t.Errorf("Q: %v", err)
	}
	for line := range strings.Lines(strings.ReplaceAll(out.String(), "] > ", "] >\n")) { // the user's Enter
		if len([]rune(strings.TrimSuffix(line, "\n"))) > 100 || strings.ContainsRune(line, 0x1b) {
			t.Errorf("%q", line)
		}
	}
	if !strings.Contains(out.String(), "some words") || !strings.Contains(out.String(), "none of") {
		t.Error(out.String())
	}
}

func TestAnInterviewEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	never, _ := io.Pipe()
	i, _ := conversation(ctx, never)
	if _, err := i.ask("?"); !errors.Is(err, exit(ExitInterrupted)) {
		t.Errorf("Ctrl-C: %v", err)
	}
	i, _ = conversation(t.Context(), strings.NewReader(""))
	if _, err := i.ask("?"); !errors.Is(err, io.EOF) {
		t.Errorf("the end: %v", err)
	}
	i, _ = conversation(t.Context(), strings.NewReader("last words"))
	if got, err := i.ask("?"); got != "last words" || err != nil {
		t.Errorf("a line without an end: %q, %v", got, err)
	}
}

func TestAnswersFromHome(t *testing.T) {
	t.Setenv("HOME", "/home/ada")
	t.Setenv("USERPROFILE", "/home/ada")
	for in, want := range map[string]string{"~/venv": "/home/ada/venv", "~": "/home/ada", "~bob/x": "~bob/x", "/a/~": "/a/~"} {
		if got := fromHome(in); got != want {
			t.Errorf("%s: %s, want %s", in, got, want)
		}
	}
}

func TestABenchmarkFitsItsColumns(t *testing.T) {
	name := "gemm[/home/somebody/with/a/long/name/environments/training/numpy]"
	r := bench.Result{Name: name, Unit: "GFLOP/s", Estimate: bench.Estimate{Median: 123456, Low: 120000, High: 130000}}
	cpu, skipped := r, r
	cpu.Name, skipped.Skipped = "disk.random_read", strings.Repeat("because of something ", 10)
	rep := benchReport{Entry: bench.Entry{Results: []bench.Result{r, cpu, skipped}}, cut: true}
	for _, x := range rep.Results {
		rep.Comparisons = append(rep.Comparisons, bench.Comparison{Name: x.Name, Verdict: bench.Undecided, Ratio: bench.Estimate{Median: 1}})
	}
	var out bytes.Buffer
	if err := rep.WriteText(&out, report.Options{}); err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(out.String()) {
		if len(line) > 81 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
	if !strings.Contains(out.String(), "is not remembered") {
		t.Errorf("a run that was cut off: %s", out.String())
	}
}
