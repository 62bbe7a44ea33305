// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/report"
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
		if gravity(f.Severity) < gravity(report.Warning) {
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
		for _, name := range f.Explains {
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
	related := a.Subject == "" || b.Subject == "" || a.Subject == b.Subject
	return related && gravity(a.Severity) >= gravity(b.Severity) && a.Confidence >= minConfidence
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
}

// leaders returns every leader, ranked.
func (g graph) leaders() []leader {
	var out []leader
	for _, knot := range g.unexplained() {
		best := slices.MinFunc(knot, func(a, b int) int {
			return cmp.Or(cmp.Compare(g.findings[b].Confidence, g.findings[a].Confidence), cmp.Compare(a, b))
		})
		out = append(out, leader{best, g.reach(best)})
	}
	slices.SortFunc(out, g.compare)
	return out
}

func (g graph) compare(a, b leader) int {
	fa, fb := g.findings[a.index], g.findings[b.index]
	return cmp.Or(
		cmp.Compare(gravity(fb.Severity), gravity(fa.Severity)),
		cmp.Compare(len(b.reaches), len(a.reaches)),
		cmp.Compare(fb.Confidence, fa.Confidence),
		cmp.Compare(a.index, b.index),
	)
}

// reach returns what can be reached from a finding, without itself.
func (g graph) reach(from int) []int {
	seen := make([]bool, len(g.findings))
	seen[from] = true
	var out []int
	for queue := []int{from}; len(queue) > 0; queue = queue[1:] {
		for _, next := range g.explains[queue[0]] {
			if !seen[next] {
				seen[next] = true
				out = append(out, next)
				queue = append(queue, next)
			}
		}
	}
	slices.Sort(out)
	return out
}

// unexplained returns the knots that nothing outside explains. A finding in no
// circle is a knot of one.
func (g graph) unexplained() [][]int {
	knots, of := g.knots()
	explained := make([]bool, len(knots))
	for i, targets := range g.explains {
		for _, j := range targets {
			if of[i] != of[j] {
				explained[of[j]] = true
			}
		}
	}
	var out [][]int
	for k, knot := range knots {
		if !explained[k] {
			out = append(out, knot)
		}
	}
	return out
}
