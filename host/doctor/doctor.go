// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"cmp"
	"context"
	"math"
	"slices"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/factcache"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// DefaultTimeout is the deadline of each call to a plugin when Options names
// none.
const DefaultTimeout = 30 * time.Second

// Options of a diagnosis.
type Options struct {
	// Target as the report names it.
	Target report.Target
	// Selection of checks and policies.
	Selection Selection
	// Timeout of each call to a plugin; 0 means DefaultTimeout.
	Timeout time.Duration
	// Level of the diagnosis for the report; 0 means 1.
	Level int
	// IncludeFacts puts the facts into the report.
	IncludeFacts bool
	// Recorded are answers of a recorded machine; see Collected.AddRecorded.
	Recorded []fact.Fact
	// Cache keeps facts and findings; nil keeps none.
	Cache *factcache.Cache
	// StartedAt is when the work began, the launch of the plugins included;
	// the zero time means now.
	StartedAt time.Time
}

func (o Options) timeout() time.Duration { return cmp.Or(o.Timeout, DefaultTimeout) }

// Diagnose collects, checks and concludes. It does not fail; see the package
// comment.
func Diagnose(ctx context.Context, plugins []Plugin, o Options) report.Doctor {
	if o.StartedAt.IsZero() {
		o.StartedAt = time.Now()
	}
	collected := CollectCached(ctx, plugins, o.timeout(), o.Cache)
	collected.AddRecorded(o.Recorded, plugins)
	return Judge(ctx, plugins, collected, o)
}

// Judge checks facts that are there already and concludes: those of Collect,
// or those of a snapshot.
func Judge(ctx context.Context, plugins []Plugin, collected Collected, o Options) report.Doctor {
	if o.StartedAt.IsZero() {
		o.StartedAt = time.Now()
	}
	checked := CheckCached(ctx, plugins, collected.Facts, o.Selection, o.timeout(), o.Cache)
	checked.Waive(o.Selection.Waivers, o.StartedAt)
	return Assemble(plugins, collected, checked, o)
}

// Assemble draws the conclusions: root causes, areas, summary.
func Assemble(plugins []Plugin, collected Collected, checked Checked, o Options) report.Doctor {
	causes := RootCauses(checked.Findings)
	d := report.Doctor{
		SchemaVersion: report.SchemaVersion,
		Tool:          report.Tool{Name: "bulkhead", Version: version.Version},
		Target:        o.Target,
		StartedAt:     o.StartedAt.UTC(),
		DurationMS:    milliseconds(time.Since(o.StartedAt)),
		Level:         max(o.Level, 1),
		Areas:         Areas(checked, collected.Facts),
		RootCauses:    causes,
		Findings:      checked.Findings,
		Skipped:       checked.Skipped,
		Checks:        checked.results(),
		Plugins:       participants(plugins, collected, checked),
		Diagnostics:   slices.Concat(collected.Diagnostics, checked.Diagnostics),
	}
	sortDiagnostics(d.Diagnostics)
	d.Summary = summarise(checked, collected.TimedOut)
	if o.IncludeFacts {
		d.Facts = collected.Facts.All()
	}
	return d
}

// FactsDocument is the snapshot of what was collected.
func FactsDocument(target report.Target, collected Collected, at time.Time) report.Facts {
	return report.Facts{
		SchemaVersion: report.SchemaVersion,
		Tool:          report.Tool{Name: "bulkhead", Version: version.Version},
		Target:        target, CollectedAt: at.UTC(),
		Facts: collected.Facts.All(), Diagnostics: collected.Diagnostics,
	}
}

// FromSnapshot makes the facts of a snapshot ready for Judge.
func FromSnapshot(f report.Facts) Collected {
	return Collected{Facts: fact.NewSet(f.Facts), Diagnostics: f.Diagnostics}
}

func summarise(c Checked, collectTimedOut bool) report.Summary {
	s := report.Summary{ChecksRun: c.Ran, ChecksSkipped: len(c.Skipped), Worst: report.Healthy, TimedOut: c.TimedOut || collectTimedOut}
	for _, f := range c.Findings {
		switch {
		case f.Waived != nil:
			s.Waived++
		case f.Severity == report.Error:
			s.Errors++
		case f.Severity == report.Warning:
			s.Warnings++
		case f.Severity == report.Info:
			s.Infos++
		default:
			s.Unknown++
		}
	}
	if f, ok := worst(c.Findings); ok {
		s.Worst = f.Severity
	}
	return s
}

// participants lists the plugins that took part, by name.
func participants(plugins []Plugin, collected Collected, checked Checked) []report.Plugin {
	out := make([]report.Plugin, 0, len(plugins))
	for _, p := range plugins {
		took := collected.Durations[p.Name] + checked.Durations[p.Name]
		part := report.Plugin{Name: p.Name, Version: p.Version, Digest: p.Digest, Sandbox: p.Sandbox, DurationMS: milliseconds(took)}
		known := collected.launches.describe(p, &part)
		known = checked.launches.describe(p, &part) || known
		if known || p.Start == nil {
			out = append(out, part)
		}
	}
	slices.SortStableFunc(out, func(a, b report.Plugin) int { return cmp.Compare(a.Name, b.Name) })
	return out
}

// milliseconds rounds to microseconds.
func milliseconds(d time.Duration) float64 {
	return math.Round(float64(d)/float64(time.Microsecond)) / 1000
}
