// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

func day(t testing.TB, text string) time.Time {
	t.Helper()
	d, err := time.Parse(time.DateOnly, text)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func waiver(t testing.TB, until string) Waiver {
	return Waiver{Name: "lab", Codes: []string{"a.x"}, Reason: "replaced in March", By: "ada", Until: day(t, until), At: "bulkhead.hcl:3,1"}
}

func TestWaivers(t *testing.T) {
	for _, tt := range []struct {
		name, now string
		change    func(*Waiver)
		waived    string // IDs
		say       string
		exit      int
	}{
		{name: "in time", now: "2027-01-01T00:00:00Z", waived: "a.x[1] a.x[2]", exit: ExitWarnings},
		{name: "last day", now: "2027-01-31T23:59:59Z", waived: "a.x[1] a.x[2]", say: `info [] Waiver "lab" expires soon`, exit: ExitWarnings},
		{name: "two weeks before the end", now: "2027-01-18T00:00:00Z", waived: "a.x[1] a.x[2]", say: "expires soon", exit: ExitWarnings},
		{name: "a moment earlier", now: "2027-01-17T23:59:59Z", waived: "a.x[1] a.x[2]", exit: ExitWarnings},
		{name: "the next day", now: "2027-02-01T00:00:00Z", say: `warning [] Waiver "lab" has expired: It accepted 2 findings until 2027-01-31 (replaced in March), and they count again.`, exit: ExitErrors},
		{name: "a subject", now: "2027-01-01T00:00:00Z", change: func(w *Waiver) { w.Subject = "1*" }, waived: "a.x[1]", exit: ExitErrors},
		{name: "a group", now: "2027-01-01T00:00:00Z", change: func(w *Waiver) { w.Codes = []string{"b.*", "a.*"} }, waived: "a.x[1] a.x[2] b.y", exit: ExitHealthy},
		{name: "nothing left to waive", now: "2027-01-01T00:00:00Z", change: func(w *Waiver) { w.Codes = []string{"c.quiet"} }, say: `info [] Waiver "lab" covers nothing`, exit: ExitErrors},
		{name: "its check did not run", now: "2027-01-01T00:00:00Z", change: func(w *Waiver) { w.Codes = []string{"c.skipped"} }, exit: ExitErrors},
	} {
		t.Run(tt.name, func(t *testing.T) {
			w := waiver(t, "2027-01-31")
			if tt.change != nil {
				tt.change(&w)
			}
			now, _ := time.Parse(time.RFC3339, tt.now)
			p := honest(t, "p", check.Serve(
				check.Check{Code: "a.x", Title: "t", Area: "gpu", Run: func(c *check.Context) {
					c.Report(check.Finding{Subject: "1"})
					c.Report(check.Finding{Subject: "2"})
				}},
				finds("b.y", "gpu", check.Finding{Severity: check.Warning}), quiet("c.quiet", "gpu"), quiet("c.skipped", "gpu"),
			))
			d := Judge(t.Context(), []Plugin{p}, Collected{}, Options{Timeout: soon, StartedAt: now, Selection: Selection{
				Waivers: []Waiver{w}, Skips: map[string]string{"c.skipped": "no"},
			}})
			var waived []string
			for _, f := range d.Findings {
				if f.Waived != nil {
					waived = append(waived, f.ID)
				}
			}
			if got := strings.Join(waived, " "); got != tt.waived || d.Summary.Waived != len(waived) {
				t.Errorf("waived %q (%d), want %q", got, d.Summary.Waived, tt.waived)
			}
			if tt.say == "" && len(d.Diagnostics) > 0 {
				t.Errorf("says %s", said(d.Diagnostics))
			}
			mustSay(t, d.Diagnostics, tt.say)
			if code := ExitCode(d, false); code != tt.exit {
				t.Errorf("exit code %d, want %d", code, tt.exit)
			}
		})
	}
}

func TestWaivedFindingHidesNothing(t *testing.T) {
	findings := []report.Finding{finding(t, "error a.x -> b.y"), finding(t, "warning b.y"), finding(t, "error c.z -> a.x")}
	c := Checked{Findings: findings, areas: map[string]string{}}
	c.Waive([]Waiver{waiver(t, "2027-01-31")}, day(t, "2027-01-01"))
	causes := RootCauses(c.Findings)
	if got := strings.Join(outline(causes), "; "); got != "c.z: a.x; b.y:" {
		t.Errorf("root causes %q: a waived finding explains none that counts", got)
	}
	if last := c.Findings[len(c.Findings)-1]; last.Code != "a.x" || last.Waived.String() != "waived by ada until 2027-01-31: replaced in March" {
		t.Errorf("the waived finding is not last: %+v", last)
	}
}

func TestLaterWaiverCounts(t *testing.T) {
	first, second := waiver(t, "2026-12-31"), waiver(t, "2027-06-30")
	second.Name = "renewed"
	c := Checked{Findings: []report.Finding{finding(t, "error a.x")}, areas: map[string]string{}}
	c.Waive([]Waiver{first, second}, day(t, "2027-01-05"))
	if w := c.Findings[0].Waived; w == nil || w.Name != "renewed" {
		t.Errorf("waived %+v", w)
	}
}

func TestWaivedAreaIsHealthy(t *testing.T) {
	p := honest(t, "p", check.Serve(finds("a.x", "gpu", check.Finding{})))
	d := Judge(t.Context(), []Plugin{p}, Collected{}, Options{Timeout: soon, StartedAt: day(t, "2027-01-01"),
		Selection: Selection{Waivers: []Waiver{waiver(t, "2027-01-31")}}})
	if a := d.Areas[0]; a.Status != report.Healthy || d.Summary.Worst != report.Healthy || len(d.RootCauses) > 0 {
		t.Errorf("area %+v, worst %s, root causes %v", a, d.Summary.Worst, d.RootCauses)
	}
}

func TestExcusedSubjects(t *testing.T) {
	p := honest(t, "p", check.Serve(check.Check{Code: "a.x", Title: "t", Area: "gpu", Run: func(c *check.Context) {
		c.Report(check.Finding{Subject: "/old/env"})
		c.Report(check.Finding{Subject: "/new"})
	}}))
	got := Check(t.Context(), []Plugin{p}, machine(t, nil), Selection{Excused: map[string][]Excuse{"a.x": {{Subject: "/old/*", Reason: "kept for the\npaper"}}}}, soon)
	if len(got.Findings) != 1 || got.Findings[0].Subject != "/new" {
		t.Errorf("findings %+v", got.Findings)
	}
	if len(got.Skipped) != 1 || got.Skipped[0] != (report.Skip{Code: "a.x", Subject: "/old/env", Reason: "kept for the paper"}) {
		t.Errorf("skipped %+v", got.Skipped)
	}
	if r := got.results(); len(r) != 1 || r[0].Status != report.CheckFound {
		t.Errorf("results %+v", r)
	}
}

func TestLikePattern(t *testing.T) {
	for _, tt := range []struct {
		pattern, text string
		want          bool
	}{
		{"*", "", true}, {"", "", true}, {"", "a", false}, {"a", "a", true}, {"a*", "a/b/c", true}, {"*c", "a/b/c", true},
		{"a*b*c", "aXbXbYc", true}, {"a*b*c", "acb", false}, {"?", "é", true}, {"??", "é", false}, {"[a]", "[a]", true}, {"a**", "a", true},
	} {
		if got := likePattern(tt.pattern, tt.text); got != tt.want {
			t.Errorf("%q like %q: %v", tt.text, tt.pattern, got)
		}
	}
}

// TestLikeItself: a text matches itself, and any pattern made of it by putting
// stars in place of parts.
func TestLikeItself(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[a-c/]{0,12}`).Draw(t, "text")
		from := rapid.IntRange(0, len(text)).Draw(t, "from")
		to := rapid.IntRange(from, len(text)).Draw(t, "to")
		if !likePattern(text, text) || !likePattern(text[:from]+"*"+text[to:], text) {
			t.Fatalf("%q does not match", text)
		}
		if likePattern(text+"?", text) {
			t.Fatalf("%q matches one character more", text)
		}
	})
}

// TestSkipsAreTold: what a suite leaves out stands in the report with its reason,
// checks and policies.
func TestSkipsAreTold(t *testing.T) {
	p := honest(t, "p", check.Serve(quiet("a.x", "gpu"), quiet("b.y", "gpu"), quiet("c.z", "gpu")))
	got := Check(t.Context(), []Plugin{p}, machine(t, nil), Selection{
		Codes: []string{"a.x"}, Skips: map[string]string{"b.y": "no daemon here", "require.driver": "later"},
	}, soon)
	want := []report.Skip{{Code: "b.y", Reason: "no daemon here"}, {Code: "require.driver", Reason: "later"}}
	if diff := cmp.Diff(want, got.Skipped); diff != "" || got.Ran != 1 {
		t.Errorf("%d ran; skipped (-want +got):\n%s", got.Ran, diff)
	}
}
