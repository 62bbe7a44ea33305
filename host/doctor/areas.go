// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// order is how the areas are listed; others follow in alphabetical order, the
// policies come last.
var order = []string{"gpu", "cuda", "python", "frameworks", "docker", "system"}

// areaName is the name of an area as reports write it.
func areaName(area string) string {
	area = bounded(strings.ToLower(report.CleanLine(area)), 40)
	if area == "" {
		return "other"
	}
	return area
}

func areaOrder(name string) int {
	if i := slices.Index(order, name); i >= 0 {
		return i
	}
	if name == PolicyArea {
		return len(order) + 1
	}
	return len(order)
}

// Areas sums up what was found, one line for each area that has a selected
// check or a finding.
func Areas(c Checked, facts fact.Set) []report.Area {
	var names []string
	for _, area := range c.areas {
		names = append(names, area)
	}
	for _, f := range c.Findings {
		names = append(names, f.Area)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(areaOrder(a), areaOrder(b)), cmp.Compare(a, b))
	})
	names = slices.Compact(names)
	out := make([]report.Area, 0, len(names))
	for _, name := range names {
		out = append(out, c.area(name, facts))
	}
	return out
}

func (c Checked) area(name string, facts fact.Set) report.Area {
	findings := slices.DeleteFunc(slices.Clone(c.Findings), func(f report.Finding) bool { return f.Area != name || f.Waived != nil })
	headline := Headline(name, facts)
	if len(findings) > 0 {
		worst := findings[0]
		if worst.Severity == report.Info {
			return report.Area{Name: name, Status: report.Info, Headline: headline}
		}
		return report.Area{Name: name, Status: worst.Severity, Headline: leadLine(findings)}
	}
	t := c.tally(name)
	switch {
	case len(t.lost) > 0:
		return report.Area{Name: name, Status: report.Unknown, Headline: t.lost[0]}
	case t.ran > 0 && name == PolicyArea:
		return report.Area{Name: name, Status: report.Healthy, Headline: fmt.Sprintf("%d of %d hold", t.ran, t.ran)}
	case t.ran > 0:
		return report.Area{Name: name, Status: report.Healthy, Headline: headline}
	case len(t.declined) > 0:
		return report.Area{Name: name, Status: report.Skipped, Headline: t.declined[0]}
	case headline == NothingWrong:
		headline = NothingFound
	}
	return report.Area{Name: name, Status: report.Skipped, Headline: headline}
}

// tally is what became of the checks of an area without findings.
type tally struct {
	ran int
	// lost and declined are the reasons of the checks that a plugin failed to
	// judge and that the user did not want, sorted. Those that lacked a fact
	// are in neither.
	lost, declined []string
}

func (c Checked) tally(area string) (t tally) {
	reasons := map[string]string{}
	for _, s := range c.Skipped {
		reasons[s.Code] = s.Reason
	}
	for code, of := range c.areas {
		why, skipped := reasons[code]
		switch {
		case of != area:
		case c.lost[code]:
			t.lost = append(t.lost, why)
		case c.declined[code]:
			t.declined = append(t.declined, why)
		case !skipped:
			t.ran++
		}
	}
	slices.Sort(t.lost)
	slices.Sort(t.declined)
	return t
}

// leadLine is the gravest finding of an area, one that stands for itself
// before one that is folded, and how many more there are.
func leadLine(findings []report.Finding) string {
	lead := findings[0]
	for _, f := range findings {
		if f.Severity == lead.Severity && f.RootCause == "" {
			lead = f
			break
		}
	}
	line := lead.Title
	if lead.RootCause != "" {
		cause, _, _ := strings.Cut(lead.RootCause, "[")
		line += " (because of " + cause + ")"
	}
	more := 0
	for _, f := range findings {
		if gravity(f.Severity) >= gravity(report.Unknown) {
			more++
		}
	}
	if more > 1 {
		line += fmt.Sprintf(", and %d more", more-1)
	}
	return line
}
