// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// codesOf lists what was found as "severity code".
func codesOf(findings []report.Finding) []string {
	out := []string{}
	for _, f := range findings {
		out = append(out, f.Severity+" "+f.Code)
	}
	return out
}

func skips(c Checked) []string {
	out := []string{}
	for _, s := range c.Skipped {
		out = append(out, s.Code+": "+s.Reason)
	}
	return out
}

func TestCheckSelection(t *testing.T) {
	p := honest(t, "gpu", check.Serve(
		finds("gpu.a", "gpu", check.Finding{}),
		finds("gpu.b", "gpu", check.Finding{Severity: check.Warning}),
		finds("cuda.c", "cuda", check.Finding{Severity: check.Unknown}),
		quiet("cuda.d", "cuda", "no.such"),
	))
	for _, tt := range []struct {
		what    string
		s       Selection
		found   []string
		skipped []string
		ran     int
		says    string
	}{
		{"all", Selection{}, []string{"error gpu.a", "warning gpu.b", "unknown cuda.c"}, []string{"cuda.d: fact no.such was not observed"}, 3, ""},
		{"one code", Selection{Codes: []string{"gpu.b"}}, []string{"warning gpu.b"}, []string{}, 1, ""},
		{"a group", Selection{Codes: []string{"gpu.*"}}, []string{"error gpu.a", "warning gpu.b"}, []string{}, 2, ""},
		{"nothing of that name", Selection{Codes: []string{"gpx.a"}}, []string{}, []string{}, 0, "No check is called gpx.a"},
		{"skip", Selection{Codes: []string{"gpu.*"}, Skips: map[string]string{"gpu.a": "no GPU is wanted", "gpu.b": ""}}, []string{},
			[]string{"gpu.a: no GPU is wanted", "gpu.b: skipped by configuration"}, 0, ""},
		{"severity", Selection{Codes: []string{"gpu.*", "cuda.c"}, Severity: map[string]check.Severity{"gpu.a": check.Info, "gpu.b": check.Error, "cuda.c": check.Error}},
			[]string{"error gpu.b", "unknown cuda.c", "info gpu.a"}, []string{}, 3, ""},
	} {
		t.Run(tt.what, func(t *testing.T) {
			got := Check(t.Context(), []Plugin{p}, fact.Set{}, tt.s, soon)
			if diff := cmp.Diff(tt.found, codesOf(got.Findings)); diff != "" {
				t.Errorf("found:\n%s", diff)
			}
			if diff := cmp.Diff(tt.skipped, skips(got)); diff != "" {
				t.Errorf("skipped:\n%s", diff)
			}
			if got.Ran != tt.ran || tt.says == "" && len(got.Diagnostics) > 0 {
				t.Errorf("%d ran, diagnostics:\n%s", got.Ran, said(got.Diagnostics))
			}
			if tt.says != "" {
				mustSay(t, got.Diagnostics, tt.says)
			}
		})
	}
}

type settings struct {
	Minimum int `json:"minimum" default:"3"`
}

func TestCheckGetsItsSettings(t *testing.T) {
	p := honest(t, "p", check.Serve(check.Check{Code: "a.b", Title: "t", Config: settings{}, Run: func(c *check.Context) {
		var s settings
		c.Config(&s)
		c.Report(check.Finding{Detail: fmt.Sprint(s.Minimum)})
	}}))
	for want, config := range map[string]map[string][]byte{"3": nil, "8": {"a.b": []byte(`{"minimum":8}`), "z.z": []byte(`{}`)}} {
		got := Check(t.Context(), []Plugin{p}, fact.Set{}, Selection{Config: config}, soon)
		if len(got.Findings) != 1 || got.Findings[0].Detail != want {
			t.Errorf("want %s, got %+v", want, got.Findings)
		}
	}
}

func TestFindingSurvivesTheWay(t *testing.T) {
	p := honest(t, "gpu", check.Serve(finds("gpu.a", "GPU", check.Finding{
		Severity: check.Warning, Confidence: 0.75, Subject: "0000:01:00.0", Detail: "d", Cause: "c", Explains: []string{"torch.*"}, Verify: []string{"true"},
		Evidence: []fact.Evidence{fact.File("/a", 3, "v")},
		Remedies: []check.Remedy{{ID: "r", Summary: "s", Kind: check.SystemCommand, Risk: check.High, Preview: []string{"  indented"}}},
	})))
	want := []report.Finding{{
		ID: "gpu.a[0000:01:00.0]", Code: "gpu.a", Area: "gpu", Severity: report.Warning, Confidence: 0.75, Subject: "0000:01:00.0", Title: "Fault gpu.a",
		Detail: "d", Cause: "c", Explains: []string{"torch.*"}, Verify: []string{"true"}, Plugin: "gpu",
		Evidence: []fact.Evidence{{Path: "/a", Line: 3, Value: "v"}},
		Remedies: []report.Remedy{{ID: "r", Summary: "s", Kind: "system-command", Risk: "high", Preview: []string{"  indented"}}},
	}}
	if diff := cmp.Diff(want, Check(t.Context(), []Plugin{p}, fact.Set{}, Selection{}, soon).Findings); diff != "" {
		t.Error(diff)
	}
}

func TestCheckThatCrashesIsAFinding(t *testing.T) {
	p := honest(t, "p", check.Serve(
		check.Check{Code: "a.crash", Title: "t", Area: "python", Run: func(c *check.Context) {
			c.Report(check.Finding{Detail: "half a truth"})
			panic("nil map\x1b[31m")
		}},
		finds("a.fine", "python", check.Finding{}),
	))
	got := Check(t.Context(), []Plugin{p}, fact.Set{}, Selection{}, soon)
	if diff := cmp.Diff([]string{"error a.fine", "unknown bulkhead.check-failed"}, codesOf(got.Findings)); diff != "" {
		t.Fatal(diff)
	}
	f := got.Findings[1]
	if f.Subject != "a.crash" || f.Area != "python" || !strings.Contains(f.Detail, "panic: nil map.") {
		t.Errorf("got %+v", f)
	}
	mustSay(t, got.Diagnostics, "info [p] Stack trace of check a.crash")
	if !strings.Contains(got.Diagnostics[0].Debug, "check_test.go") {
		t.Errorf("the trace is lost: %+v", got.Diagnostics)
	}
	if got.Ran != 2 {
		t.Errorf("%d ran", got.Ran)
	}
}

// TestCheckRefusesFindings breaks each rule once.
func TestCheckRefusesFindings(t *testing.T) {
	good := func(change func(*pluginv1.Finding)) *pluginv1.Finding {
		f := &pluginv1.Finding{Code: "gpu.a", Title: "t", Severity: pluginv1.Finding_SEVERITY_ERROR, Confidence: 1}
		change(f)
		return f
	}
	long := strings.Repeat("a", maxProseBytes+1)
	for _, tt := range []struct {
		what   string
		change func(*pluginv1.Finding)
		says   string
	}{
		{"code not described", func(f *pluginv1.Finding) { f.Code = "docker.socket" }, "did not describe the code: docker.socket"},
		{"no title", func(f *pluginv1.Finding) { f.Title = " \x1b[0m\n" }, "needs a title"},
		{"long title", func(f *pluginv1.Finding) { f.Title = long }, "title and subject may have"},
		{"long subject", func(f *pluginv1.Finding) { f.Subject = long }, "itle and subject may have"},
		{"long detail", func(f *pluginv1.Finding) { f.Detail = long }, "etail and cause may have"},
		{"much evidence", func(f *pluginv1.Finding) { f.Evidence = make([]*pluginv1.Evidence, maxEvidence+1) }, "pieces of evidence"},
		{"explains all", func(f *pluginv1.Finding) { f.Explains = make([]string, maxExplains+1) }, "may explain"},
		{"long command", func(f *pluginv1.Finding) { f.Verify = []string{long} }, "A line may have"},
		{"many remedies", func(f *pluginv1.Finding) { f.Remedies = make([]*pluginv1.Remedy, maxRemedies+1) }, "remedies"},
		{"long remedy", func(f *pluginv1.Finding) {
			f.Remedies = []*pluginv1.Remedy{{Preview: make([]string, maxPreviewRows+1)}}
		}, "A remedy may have"},
		{"confidence is not a number", func(f *pluginv1.Finding) { f.Confidence = math.NaN() }, "Confidence is a number"},
		{"more than sure", func(f *pluginv1.Finding) { f.Confidence = 2 }, "Confidence is a number"},
	} {
		t.Run(tt.what, func(t *testing.T) {
			got := Check(t.Context(), []Plugin{reporting(t, "liar", "gpu.a", good(tt.change), good(func(*pluginv1.Finding) {}))}, fact.Set{}, Selection{}, soon)
			if diff := cmp.Diff([]string{"error gpu.a"}, codesOf(got.Findings)); diff != "" {
				t.Error(diff)
			}
			if len(got.Diagnostics) != 1 || !strings.Contains(said(got.Diagnostics), strings.TrimPrefix(tt.says, "title")) {
				t.Errorf("want %q, got:\n%s", tt.says, said(got.Diagnostics))
			}
		})
	}
}

func TestCheckRefusesAFloodOfFindings(t *testing.T) {
	var flood []*pluginv1.Finding
	for range MaxFindings + 50 {
		flood = append(flood, &pluginv1.Finding{Code: "gpu.a", Title: "t"})
	}
	got := Check(t.Context(), []Plugin{reporting(t, "flood", "gpu.a", flood...)}, fact.Set{}, Selection{}, soon)
	if len(got.Findings) != MaxFindings {
		t.Errorf("%d findings", len(got.Findings))
	}
	mustSay(t, got.Diagnostics, "A plugin may report 500 findings: 550 reported")
}

// TestCheckIgnoresWhatWasNotAsked: a finding of a skipped check is not smuggled
// in through another answer.
func TestCheckIgnoresWhatWasNotAsked(t *testing.T) {
	r := &rogue{check: func(context.Context, *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
		return &pluginv1.CheckResponse{Findings: []*pluginv1.Finding{{Code: "gpu.a", Title: "t"}}, Outcomes: ranAll("gpu.a", "gpu.b")}, nil
	}}
	p, _ := r.serve(t, "p", nil, []string{"gpu.a", "gpu.b"})
	got := Check(t.Context(), []Plugin{p}, fact.Set{}, Selection{Skips: map[string]string{"gpu.a": "not here"}}, soon)
	if len(got.Findings) != 0 || got.Ran != 1 || !slices.Equal(skips(got), []string{"gpu.a: not here"}) {
		t.Errorf("got %+v", got)
	}
}

func TestCheckWithoutOutcome(t *testing.T) {
	r := &rogue{check: func(context.Context, *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
		return &pluginv1.CheckResponse{Outcomes: ranAll("gpu.b", "made.up")}, nil
	}}
	p, _ := r.serve(t, "p", nil, []string{"gpu.a", "gpu.b"})
	got := Check(t.Context(), []Plugin{p}, fact.Set{}, Selection{}, soon)
	if got.Ran != 1 || !slices.Equal(skips(got), []string{"gpu.a: plugin p did not say what became of it"}) {
		t.Errorf("got %+v", got)
	}
	if areas := Areas(got, fact.Set{}); areas[0].Status != report.Unknown {
		t.Errorf("an area with a lost check is %s", areas[0].Status)
	}
}

func TestCheckCodesBelongToTheFirst(t *testing.T) {
	first := reporting(t, "zebra", "gpu.a", &pluginv1.Finding{Code: "gpu.a", Title: "from zebra"})
	second := reporting(t, "ant", "gpu.a", &pluginv1.Finding{Code: "gpu.a", Title: "from ant"})
	got := Check(t.Context(), []Plugin{first, second}, fact.Set{}, Selection{}, soon)
	if len(got.Findings) != 1 || got.Findings[0].Plugin != "zebra" {
		t.Errorf("got %+v", got.Findings)
	}
	mustSay(t, got.Diagnostics, "[ant] Refused a check", "zebra has a check of that code first")
}

func TestCheckRefusesCodesThatAreNone(t *testing.T) {
	for _, code := range []string{"", "gpu", "gpu.", ".a", "gpu.a b", "gpu.a\n", "gpu.a\x1b[0m", "gpu." + strings.Repeat("a", maxLineBytes)} {
		got := Check(t.Context(), []Plugin{reporting(t, "p", code)}, fact.Set{}, Selection{}, soon)
		if got.Ran != 0 {
			t.Errorf("%q ran", code)
		}
		mustSay(t, got.Diagnostics, "A code has the form group.name")
	}
}

func TestCheckSurvivesDeathAndSleep(t *testing.T) {
	mortal := &rogue{}
	dead, server := mortal.serve(t, "mortal", nil, []string{"gpu.a", "gpu.b"})
	mortal.check = func(ctx context.Context, _ *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
		go server.Stop()
		<-ctx.Done() // nothing can be sent any more
		return nil, errors.New("never sent")
	}
	release := make(chan struct{})
	defer close(release)
	sleeper := &rogue{check: func(context.Context, *pluginv1.CheckRequest) (*pluginv1.CheckResponse, error) {
		<-release
		return nil, nil
	}}
	asleep, _ := sleeper.serve(t, "sleeper", nil, []string{"cuda.c"})
	good := honest(t, "good", check.Serve(finds("python.p", "python", check.Finding{})))

	var got Checked
	patiently(t, func(limit time.Duration) bool {
		got = Check(t.Context(), []Plugin{dead, asleep, good}, fact.Set{}, Selection{}, limit)
		mustSay(t, got.Diagnostics, "did not answer within "+limit.String())
		return got.Ran > 0
	})
	if diff := cmp.Diff([]string{"error python.p"}, codesOf(got.Findings)); diff != "" {
		t.Error(diff)
	}
	if !got.TimedOut || got.Ran != 1 || len(got.Skipped) != 3 {
		t.Errorf("got %+v", got)
	}
	mustSay(t, got.Diagnostics, "No findings from plugin mortal", "No findings from plugin sleeper")
	for _, a := range Areas(got, fact.Set{}) {
		if a.Name == "gpu" && (a.Status != report.Unknown || !strings.Contains(a.Headline, "plugin mortal gave no answer")) {
			t.Errorf("the area of a dead plugin looks like %+v", a)
		}
	}
}

// policy is a Require for tests.
type policy struct {
	name     string
	ok       bool
	message  string
	severity check.Severity
	missing  []string
	err      error
}

func (p policy) Name() string { return p.name }
func (p policy) Evaluate(fact.Set) (bool, string, check.Severity, []string, error) {
	return p.ok, p.message, p.severity, p.missing, p.err
}

func TestRequires(t *testing.T) {
	facts := fact.NewSet([]fact.Fact{{Address: "gpu.driver.version", Unknown: "permission denied"}})
	for _, tt := range []struct {
		what   string
		r      policy
		s      Selection
		found  []string
		detail string
	}{
		{"holds", policy{name: "p", ok: true}, Selection{}, []string{}, ""},
		{"fails", policy{name: "p", message: "Driver 535 is too old.", severity: check.Error}, Selection{}, []string{"error require.p: Driver 535 is too old"}, "The policy p does not hold."},
		{"fails without a message", policy{name: "p", severity: check.Warning}, Selection{}, []string{"warning require.p: The policy p does not hold"}, ""},
		{"fails with a long message", policy{name: "p", severity: check.Info, message: strings.Repeat("a ", 100)}, Selection{}, []string{"info require.p: The policy p does not hold"}, strings.Repeat("a ", 100)},
		{"facts are missing", policy{name: "p", missing: []string{"cpu.count", "gpu.driver.version"}}, Selection{}, []string{"unknown require.p: The policy p cannot be judged"},
			"The fact cpu.count was not observed. The fact gpu.driver.version is unknown: permission denied."},
		{"missing wins over ok", policy{name: "p", ok: true, missing: []string{"cpu.count"}}, Selection{}, []string{"unknown require.p: The policy p cannot be judged"}, "The fact cpu.count was not observed."},
		{"condition breaks", policy{name: "p", err: errors.New("a number is required")}, Selection{}, []string{"unknown require.p: The policy p cannot be judged"}, "Its condition cannot be computed: a number is required"},
		{"skipped", policy{name: "p"}, Selection{Skips: map[string]string{"require.p": "later"}}, []string{}, ""},
		{"severity", policy{name: "p", message: "m", severity: check.Error}, Selection{Severity: map[string]check.Severity{"require.p": check.Warning}}, []string{"warning require.p: m"}, "The policy p does not hold."},
	} {
		t.Run(tt.what, func(t *testing.T) {
			tt.s.Requires = []Require{tt.r}
			got := Check(t.Context(), nil, facts, tt.s, soon)
			found := []string{}
			for _, f := range got.Findings {
				found = append(found, f.Severity+" "+f.Code+": "+f.Title)
				if f.Detail != tt.detail || f.Area != PolicyArea {
					t.Errorf("detail %q, want %q", f.Detail, tt.detail)
				}
			}
			if diff := cmp.Diff(tt.found, found); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func FuzzReadFinding(f *testing.F) {
	f.Add("gpu.a", "title", "detail", 0.5, int32(3), "torch.*", "line")
	f.Add("gpu.a", "\x1b[0m", "\u202e", -1.0, int32(99), "", "\x00")
	f.Fuzz(func(t *testing.T, code, title, detail string, confidence float64, severity int32, explains, line string) {
		wire := &pluginv1.Finding{Code: code, Title: title, Detail: detail, Confidence: confidence, Severity: pluginv1.Finding_Severity(severity),
			Subject: line, Explains: []string{explains}, Verify: []string{line}, Remedies: []*pluginv1.Remedy{{Summary: title, Preview: []string{line}}}}
		if excess(wire) != "" {
			return
		}
		got := readFinding("p", "gpu", wire, Selection{})
		if got.Title == "" || got.Confidence < 0 || got.Confidence > 1 || !slices.Contains([]string{"error", "warning", "info", "unknown"}, got.Severity) {
			t.Fatalf("got %+v", got)
		}
		for _, s := range []string{got.Title, got.Detail, got.Subject, got.Verify[0], got.Remedies[0].Preview[0]} {
			if report.Clean(s) != s {
				t.Fatalf("%q is not clean", s)
			}
		}
	})
}
