// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// finding parses "error gpu.missing@subject*0.4 -> torch.* docker.x | fact". An
// underscore in the subject is a space.
func finding(t testing.TB, line string) report.Finding {
	t.Helper()
	line, cited, _ := strings.Cut(line, "|")
	head, explains, _ := strings.Cut(line, "->")
	words := strings.Fields(head)
	f := report.Finding{Severity: words[0], Confidence: 1, Explains: strings.Fields(explains)}
	name, confidence, ok := strings.Cut(words[1], "*")
	if ok {
		if _, err := fmt.Sscan(confidence, &f.Confidence); err != nil {
			t.Fatal(err)
		}
	}
	f.Code, f.Subject, _ = strings.Cut(name, "@")
	f.Subject, f.Title = strings.ReplaceAll(f.Subject, "_", " "), "Fault "+f.Code
	for _, address := range strings.Fields(cited) {
		f.Evidence = append(f.Evidence, fact.Evidence{Fact: address})
	}
	return f
}

func sorted(findings []report.Finding) []report.Finding {
	c := Checked{Findings: findings}
	c.sort()
	return c.Findings
}

// outline writes root causes as "id: explained explained".
func outline(causes []report.RootCause) []string {
	out := []string{}
	for _, c := range causes {
		out = append(out, strings.TrimSpace(c.ID+": "+strings.Join(c.Explains, " ")))
	}
	return out
}

func TestRootCauses(t *testing.T) {
	for _, tt := range []struct {
		what     string
		findings []string
		want     []string
	}{
		{"nothing", nil, []string{}},
		{"alone", []string{"error a.x"}, []string{"a.x:"}},
		{"exact code", []string{"error a.x -> b.y", "error b.y"}, []string{"a.x: b.y"}},
		{"group", []string{"error a.x -> b.*", "error b.y", "warning b.z", "error bb.y"}, []string{"a.x: b.y b.z", "bb.y:"}},
		{"a group does not explain its own member twice", []string{"error a.x -> a.*", "error a.y"}, []string{"a.x: a.y"}},
		{"chain", []string{"error a.x -> b.y", "error b.y -> c.z", "warning c.z"}, []string{"a.x: b.y c.z"}},
		{"same subject", []string{"error a.x@1 -> b.y", "error b.y@1", "error b.y@2"}, []string{"a.x[1]: b.y[1]", "b.y[2]:"}},
		{"machine explains subject", []string{"error a.x -> b.y", "error b.y@1", "error b.y@2"}, []string{"a.x: b.y[1] b.y[2]"}},
		{"subject explains machine", []string{"error a.x@1 -> b.y", "error b.y"}, []string{"a.x[1]: b.y"}},
		{"a warning does not explain an error", []string{"warning a.x -> b.y", "error b.y"}, []string{"b.y:", "a.x:"}},
		{"a note explains no warning", []string{"info a.x -> b.y", "warning b.y"}, []string{"b.y:"}},
		{"unknown explains no warning", []string{"unknown a.x -> b.y", "warning b.y"}, []string{"b.y:"}},
		{"an error explains notes and unknowns", []string{"error a.x -> b.y c.z", "info b.y", "unknown c.z"}, []string{"a.x: c.z b.y"}},
		{"notes and unknowns are no root causes", []string{"info a.x -> b.y", "info b.y", "unknown c.z"}, []string{}},
		{"a guess explains nothing", []string{"error a.x*0.4 -> b.y", "error b.y"}, []string{"b.y:", "a.x:"}},
		{"itself", []string{"error a.x -> a.x"}, []string{"a.x:"}},
		{"circle", []string{"error a.x -> b.y", "error b.y -> c.z", "error c.z -> a.x"}, []string{"a.x: b.y c.z"}},
		{"the surest leads a circle", []string{"error a.x*0.6 -> b.y", "error b.y*0.9 -> a.x"}, []string{"b.y: a.x"}},
		{"circle with a cause", []string{"error r.r -> b.y", "error a.x -> b.y", "error b.y -> a.x"}, []string{"r.r: a.x b.y"}},
		{"circle of unequal gravity is none", []string{"error a.x -> b.y", "warning b.y -> a.x"}, []string{"a.x: b.y"}},
		{"most explained first", []string{"error a.x -> c.z", "error b.y -> d.*", "error c.z", "error d.a", "error d.b"}, []string{"b.y: d.a d.b", "a.x: c.z"}},
		{"gravity before number", []string{"warning a.x -> c.*", "warning c.a", "warning c.b", "error b.y"}, []string{"b.y:", "a.x: c.a c.b"}},
		{"confidence before code", []string{"error a.x*0.7", "error b.y"}, []string{"b.y:", "a.x:"}},
		{"two causes: the first has it", []string{"error a.x -> c.z", "error b.y -> c.z", "error c.z"}, []string{"a.x: c.z", "b.y:"}},
		{"faults before notes", []string{"error a.x -> c.*", "info c.a", "info c.b", "error b.y -> d.a", "warning d.a"}, []string{"b.y: d.a", "a.x: c.a c.b"}},
		{"an environment on a device", []string{"error a.x@/env -> b.y", "error b.y@/env_on_T4", "error b.y@/env2_on_T4"}, []string{"a.x[/env]: b.y[/env on T4]", "b.y[/env2 on T4]:"}},
		{"an environment below another", []string{"error a.x@/conda -> b.y", "error b.y@/conda/envs/x"}, []string{"a.x[/conda]:", "b.y[/conda/envs/x]:"}},
		{"evidence about the subject", []string{"error a.x@/cuda/lib.so -> b.y | e[/env].loads", "error b.y@/env", "error b.y@/env2"}, []string{"a.x[/cuda/lib.so]: b.y[/env]", "b.y[/env2]:"}},
		{"code that is not there", []string{"error a.x -> q.q q.*"}, []string{"a.x:"}},
	} {
		t.Run(tt.what, func(t *testing.T) {
			var findings []report.Finding
			for _, line := range tt.findings {
				findings = append(findings, finding(t, line))
			}
			if diff := cmp.Diff(tt.want, outline(RootCauses(sorted(findings)))); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFoldedFindingsNameTheirCause(t *testing.T) {
	findings := sorted([]report.Finding{finding(t, "error a.x -> b.y"), finding(t, "error b.y@1")})
	RootCauses(findings)
	if findings[0].RootCause != "" || findings[1].RootCause != "a.x" {
		t.Errorf("got %q, %q", findings[0].RootCause, findings[1].RootCause)
	}
}

func TestIDsAreUnique(t *testing.T) {
	findings := sorted([]report.Finding{finding(t, "error a.x@1"), finding(t, "error a.x@1"), finding(t, "error a.x")})
	if ids := []string{findings[0].ID, findings[1].ID, findings[2].ID}; !slices.Equal(ids, []string{"a.x", "a.x[1]", "a.x[1]#2"}) {
		t.Errorf("got %v", ids)
	}
}

// TestRootCausesOfAnyGraph holds the promises of the package comment on random
// findings, in random order.
func TestRootCausesOfAnyGraph(t *testing.T) {
	codes := []string{"a.x", "a.y", "b.x", "b.y", "c.x", "c.y"}
	one := rapid.Custom(func(t *rapid.T) report.Finding {
		return report.Finding{
			Code:       rapid.SampledFrom(codes).Draw(t, "code"),
			Severity:   rapid.SampledFrom([]string{report.Error, report.Warning, report.Info, report.Unknown}).Draw(t, "severity"),
			Confidence: rapid.SampledFrom([]float64{0.3, 0.5, 1}).Draw(t, "confidence"),
			Subject:    rapid.SampledFrom([]string{"", "1", "2"}).Draw(t, "subject"),
			Explains:   rapid.SliceOfN(rapid.SampledFrom(append(codes, "a.*", "b.*", "c.*")), 0, 3).Draw(t, "explains"),
		}
	})
	rapid.Check(t, func(t *rapid.T) {
		drawn := rapid.SliceOfN(one, 0, 14).Draw(t, "findings")
		findings := sorted(slices.Clone(drawn))
		causes := RootCauses(findings)
		everyFaultIsSeen(t, findings, causes)

		shuffled := slices.Clone(drawn)
		seed := rapid.Uint64().Draw(t, "seed")
		rand.New(rand.NewPCG(seed, 1)).Shuffle(len(shuffled), func(i, j int) { shuffled[i], shuffled[j] = shuffled[j], shuffled[i] })
		again := sorted(shuffled)
		if diff := cmp.Diff(causes, RootCauses(again)); diff != "" {
			t.Fatalf("the order of the findings matters:\n%s", diff)
		}
		if diff := cmp.Diff(findings, again); diff != "" {
			t.Fatalf("the order of the findings matters:\n%s", diff)
		}
	})
}

// everyFaultIsSeen: each error and warning is a root cause or folded under one
// root cause of at least its gravity.
func everyFaultIsSeen(t *rapid.T, findings []report.Finding, causes []report.RootCause) {
	under := map[string]report.RootCause{}
	roots := map[string]bool{}
	for _, c := range causes {
		if gravity(c.Severity) < gravity(report.Warning) {
			t.Fatalf("%s is a root cause and only %s", c.ID, c.Severity)
		}
		roots[c.ID] = true
		for _, id := range c.Explains {
			if _, twice := under[id]; twice {
				t.Fatalf("%s is folded twice", id)
			}
			under[id] = c
		}
	}
	for _, f := range findings {
		c, folded := under[f.ID]
		switch {
		case folded && roots[f.ID]:
			t.Fatalf("%s is root cause and folded", f.ID)
		case folded && gravity(c.Severity) < gravity(f.Severity):
			t.Fatalf("%s %s is hidden under %s %s", f.Severity, f.ID, c.Severity, c.ID)
		case folded && f.RootCause != c.ID, !folded && f.RootCause != "":
			t.Fatalf("%s names %q as its root cause", f.ID, f.RootCause)
		case !folded && !roots[f.ID] && gravity(f.Severity) >= gravity(report.Warning):
			t.Fatalf("%s %s is nowhere", f.Severity, f.ID)
		}
	}
}

func BenchmarkRootCauses(b *testing.B) {
	var findings []report.Finding
	for i := range MaxFindings {
		findings = append(findings, report.Finding{Code: fmt.Sprintf("g%d.x%d", i%5, i), Severity: report.Error, Confidence: 1, Explains: []string{fmt.Sprintf("g%d.*", (i+1)%7)}})
	}
	findings = sorted(findings)
	for b.Loop() {
		RootCauses(slices.Clone(findings))
	}
}
