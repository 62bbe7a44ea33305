// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// minConfidence is how sure a finding must be to explain another.
const minConfidence = 0.5

// graph is findings and what each explains, as indices.
type graph struct {
	findings []report.Finding
	explains [][]int
}

// RootCauses finds the root causes of findings, which are in the order of the
// report and have their IDs, and sets RootCause of those that are folded. The
// package comment has the rules.
func RootCauses(findings []report.Finding) []report.RootCause {
	g := newGraph(findings)
	out := []report.RootCause{}
	for _, l := range g.leaders() {
		f := findings[l.index]
		if weight(f) < gravity(report.Warning) {
			continue
		}
		cause := report.RootCause{ID: f.ID, Code: f.Code, Subject: f.Subject, Severity: f.Severity, Title: f.Title, Explains: []string{}}
		for _, i := range l.reaches {
			if findings[i].RootCause == "" {
				findings[i].RootCause = f.ID
				cause.Explains = append(cause.Explains, findings[i].ID)
			}
		}
		out = append(out, cause)
	}
	return out
}

func newGraph(findings []report.Finding) graph {
	g := graph{findings: findings, explains: make([][]int, len(findings))}
	byName := map[string][]int{}
	for i, f := range findings {
		byName[f.Code] = append(byName[f.Code], i)
		group, _, _ := strings.Cut(f.Code, ".")
		byName[group+".*"] = append(byName[group+".*"], i)
	}
	for i, f := range findings {
		for _, name := range unique(f.Explains) {
			for _, j := range byName[name] {
				if i != j && explains(f, findings[j]) {
					g.explains[i] = append(g.explains[i], j)
				}
			}
		}
		slices.Sort(g.explains[i])
		g.explains[i] = slices.Compact(g.explains[i])
	}
	return g
}

// explains reports whether a can explain b, whose code it names.
func explains(a, b report.Finding) bool {
	return weight(a) >= weight(b) && a.Confidence >= minConfidence && related(a, b)
}

// related reports whether a can be about what b is about.
func related(a, b report.Finding) bool {
	return a.Subject == "" || b.Subject == "" || a.Subject == b.Subject ||
		strings.HasPrefix(a.Subject, b.Subject+on) || strings.HasPrefix(b.Subject, a.Subject+on) || cites(a, b.Subject)
}

// on stands in subjects between two things that do not go together: "ENVIRONMENT
// on DEVICE".
const on = " on "

// cites reports whether the evidence of a finding has facts about a subject.
func cites(f report.Finding, subject string) bool {
	key := fact.At("", subject, "")
	return slices.ContainsFunc(f.Evidence, func(e fact.Evidence) bool { return strings.Contains(e.Fact, key) })
}

func unique(names []string) []string {
	return slices.Compact(slices.Sorted(slices.Values(names)))
}

// matches reports whether a code is meant by an exact code or by "group.*".
func matches(pattern, code string) bool {
	if group, ok := strings.CutSuffix(pattern, ".*"); ok {
		return strings.HasPrefix(code, group+".")
	}
	return pattern == code
}

// leader is a finding that no other explains, or that stands for a knot.
type leader struct {
	index int
	// reaches are the findings that it explains, directly or not, in order.
	reaches []int
	// faults are how many of these are errors and warnings.
	faults int
}

// leaders returns every leader, ranked.
func (g graph) leaders() []leader {
	knots, of := g.knots()
	reached := g.closure(knots, of)
	var out []leader
	for _, k := range g.unexplained(knots, of) {
		best := slices.MinFunc(knots[k], func(a, b int) int {
			return cmp.Or(cmp.Compare(g.findings[b].Confidence, g.findings[a].Confidence), cmp.Compare(a, b))
		})
		l := leader{index: best, reaches: reached[k].without(best)}
		for _, i := range l.reaches {
			if weight(g.findings[i]) >= gravity(report.Warning) {
				l.faults++
			}
		}
		out = append(out, l)
	}
	slices.SortFunc(out, g.compare)
	return out
}

func (g graph) compare(a, b leader) int {
	fa, fb := g.findings[a.index], g.findings[b.index]
	return cmp.Or(
		cmp.Compare(weight(fb), weight(fa)),
		cmp.Compare(b.faults, a.faults), cmp.Compare(len(b.reaches), len(a.reaches)),
		cmp.Compare(fb.Confidence, fa.Confidence),
		cmp.Compare(a.index, b.index),
	)
}

// closure returns for each knot every finding that can be reached from it, its
// own among them. Knots come after those that they explain, so each is the union
// of what is known already.
func (g graph) closure(knots [][]int, of []int) []set {
	out := make([]set, len(knots))
	for k, knot := range knots {
		out[k] = newSet(len(g.findings))
		joined := map[int]bool{k: true}
		for _, i := range knot {
			out[k].add(i)
			for _, j := range g.explains[i] {
				if !joined[of[j]] {
					joined[of[j]] = true
					out[k].join(out[of[j]])
				}
			}
		}
	}
	return out
}

// unexplained returns the knots that nothing outside explains. A finding in no
// circle is a knot of one.
func (g graph) unexplained(knots [][]int, of []int) []int {
	explained := make([]bool, len(knots))
	for i, targets := range g.explains {
		for _, j := range targets {
			if of[i] != of[j] {
				explained[of[j]] = true
			}
		}
	}
	var out []int
	for k := range knots {
		if !explained[k] {
			out = append(out, k)
		}
	}
	return out
}
