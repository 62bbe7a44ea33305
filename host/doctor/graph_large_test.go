// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// plantedMachine draws the findings of many plugins: one fault whose consequences
// reach through the groups of all of them, as that of a driver does, and noise
// that has nothing to do with it.
func plantedMachine(t *rapid.T) []report.Finding {
	groups := rapid.IntRange(2, 8).Draw(t, "groups")
	depth := rapid.IntRange(1, 6).Draw(t, "depth")
	findings := []report.Finding{{Code: "root.cause", Severity: report.Error, Confidence: 1, Explains: []string{"g0.*"}}}
	for g := range groups {
		for d := range depth {
			f := report.Finding{
				Code: fmt.Sprintf("g%d.s%d", g, d), Confidence: 1,
				Severity: rapid.SampledFrom([]string{report.Error, report.Error, report.Warning}).Draw(t, "severity"),
				Subject:  rapid.SampledFrom([]string{"", "/env"}).Draw(t, "subject"),
			}
			if d == 0 {
				f.Severity, f.Subject = report.Error, ""
				f.Explains = []string{fmt.Sprintf("g%d.*", g), fmt.Sprintf("g%d.s0", g+1)}
			}
			findings = append(findings, f)
		}
	}
	for n := range rapid.IntRange(0, 40).Draw(t, "noise") {
		findings = append(findings, report.Finding{
			Code: fmt.Sprintf("noise.n%d", n), Confidence: 1, Explains: []string{fmt.Sprintf("noise.n%d", n+100)},
			Severity: rapid.SampledFrom([]string{report.Error, report.Warning, report.Info, report.Unknown}).Draw(t, "severity"),
		})
	}
	return findings
}

// TestTheOneCauseIsFirst: the report opens with the planted cause, everything
// that it brings about is folded under it, and nothing else is.
func TestTheOneCauseIsFirst(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		drawn := plantedMachine(t)
		findings := sorted(rapid.Permutation(drawn).Draw(t, "order"))
		causes := RootCauses(findings)
		if causes[0].Code != "root.cause" {
			t.Fatalf("the report opens with %s", causes[0].ID)
		}
		for _, f := range findings {
			consequence := f.Code[0] == 'g'
			if consequence != (f.RootCause == "root.cause") {
				t.Fatalf("%s is folded under %q", f.ID, f.RootCause)
			}
		}
		everyFaultIsSeen(t, findings, causes)
	})
}

// naive follows explanations one by one, without knots or bits.
func naive(g graph, from int) []int {
	seen := map[int]bool{}
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range g.explains[queue[0]] {
			if next != from && !seen[next] {
				seen[next] = true
				queue = append(queue, next)
			}
		}
	}
	var out []int
	for i := range g.findings {
		if seen[i] {
			out = append(out, i)
		}
	}
	return out
}

// TestLargeGraphs: on random graphs of many plugins a finding is folded under the
// first root cause that reaches it, no later cause of the same gravity explains
// more than an earlier one, and what a cause reaches is what a plain walk finds.
func TestLargeGraphs(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var drawn []report.Finding
		for i := range rapid.IntRange(50, 200).Draw(t, "size") {
			f := report.Finding{
				Code: fmt.Sprintf("p%d.c%d", i%8, i), Confidence: rapid.SampledFrom([]float64{0.3, 0.6, 1}).Draw(t, "confidence"),
				Severity: rapid.SampledFrom([]string{report.Error, report.Warning, report.Info, report.Unknown}).Draw(t, "severity"),
				Subject:  rapid.SampledFrom([]string{"", "/a", "/b", "/a on T4"}).Draw(t, "subject"),
			}
			for _, to := range rapid.SliceOfN(rapid.IntRange(0, 199), 0, 3).Draw(t, "explains") {
				f.Explains = append(f.Explains, fmt.Sprintf("p%d.c%d", to%8, to))
			}
			drawn = append(drawn, f)
		}
		findings := sorted(drawn)
		g := newGraph(findings)
		leaders := g.leaders()
		for n, l := range leaders {
			if want := naive(g, l.index); !slices.Equal(l.reaches, want) {
				t.Fatalf("%s reaches %v, want %v", findings[l.index].ID, l.reaches, want)
			}
			if n > 0 && weight(findings[l.index]) == weight(findings[leaders[n-1].index]) && l.faults > leaders[n-1].faults {
				t.Fatalf("%s explains more than %s before it", findings[l.index].ID, findings[leaders[n-1].index].ID)
			}
		}
		causes := RootCauses(findings)
		everyFaultIsSeen(t, findings, causes)
		foldedUnderTheFirst(t, findings, causes, leaders)
	})
}

func foldedUnderTheFirst(t *rapid.T, findings []report.Finding, causes []report.RootCause, leaders []leader) {
	for i, f := range findings {
		first := ""
		for _, l := range leaders {
			isCause := slices.ContainsFunc(causes, func(c report.RootCause) bool { return c.ID == findings[l.index].ID })
			if isCause && slices.Contains(l.reaches, i) {
				first = findings[l.index].ID
				break
			}
		}
		if f.RootCause != first {
			t.Fatalf("%s is folded under %q, and %q is the first that reaches it", f.ID, f.RootCause, first)
		}
	}
}

// TestHostileGraph: eight plugins that report as much as they may, each finding
// explaining everything, cost no more than a moment.
func TestHostileGraph(t *testing.T) {
	var findings []report.Finding
	for i := range 8 * MaxFindings {
		f := report.Finding{Code: fmt.Sprintf("g%d.c%d", i%maxExplains, i), Severity: report.Error, Confidence: 1, Title: "x"}
		for n := range maxExplains {
			f.Explains = append(f.Explains, fmt.Sprintf("g%d.*", n%(1+i%maxExplains)))
		}
		findings = append(findings, f)
	}
	begin := time.Now()
	RootCauses(sorted(findings))
	if took := time.Since(begin); took > 2*time.Minute {
		t.Errorf("took %v", took)
	}
}
