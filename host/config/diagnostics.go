// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// Severity says how grave a diagnostic is.
type Severity string

// An error stops the command; a warning and an info do not.
const (
	SeverityError   Severity = "error"
	SeverityWarning Severity = "warning"
	SeverityInfo    Severity = "info"
)

// Diagnostic is one message about a configuration.
type Diagnostic struct {
	Severity Severity
	// Summary is a noun phrase without a full stop.
	Summary string
	// Detail says what happened, why and what to do next.
	Detail string
	// Range is what the message is about; nil when it is about no file.
	Range *Range

	source *hcl.File
}

// Error is "file:line,column: summary: detail".
func (d *Diagnostic) Error() string {
	text := d.Summary
	if d.Detail != "" {
		text += ": " + d.Detail
	}
	if d.Range != nil {
		text = d.Range.String() + ": " + text
	}
	return Clean(text)
}

// Diagnostics are the messages of one call, in the order of the places that
// they are about.
type Diagnostics []*Diagnostic

// HasErrors reports whether one of them is an error.
func (ds Diagnostics) HasErrors() bool {
	return slices.ContainsFunc(ds, func(d *Diagnostic) bool { return d.Severity == SeverityError })
}

// Err joins the errors among ds; nil when there are none.
func (ds Diagnostics) Err() error {
	var all []error
	for _, d := range ds {
		if d.Severity == SeverityError {
			all = append(all, d)
		}
	}
	return errors.Join(all...)
}

// sources are the files that ranges point into, by name.
type sources map[string]*hcl.File

// text is what stands in a range; false when that is not known.
func (s sources) text(at hcl.Range) (string, bool) {
	file := s[at.Filename]
	if file == nil || !at.CanSliceBytes(file.Bytes) {
		return "", false
	}
	return string(at.SliceBytes(file.Bytes)), true
}

// finish attaches sources, sorts, removes duplicates and cuts a flood.
func (s sources) finish(ds Diagnostics) Diagnostics {
	for _, d := range ds {
		if d.Range != nil && d.source == nil {
			d.source = s[d.Range.File]
		}
	}
	slices.SortStableFunc(ds, compareDiagnostics)
	ds = slices.CompactFunc(ds, func(a, b *Diagnostic) bool {
		return compareDiagnostics(a, b) == 0 && a.Summary == b.Summary && a.Detail == b.Detail
	})
	return capped(ds)
}

func capped(ds Diagnostics) Diagnostics {
	if len(ds) <= MaxDiagnostics {
		return ds
	}
	more := &Diagnostic{
		Severity: SeverityWarning,
		Summary:  "More messages not shown",
		Detail:   fmt.Sprintf("%d more were found. Mend those above and run again.", len(ds)-MaxDiagnostics),
	}
	if ds[MaxDiagnostics:].HasErrors() {
		more.Severity = SeverityError
	}
	return append(ds[:MaxDiagnostics:MaxDiagnostics], more)
}

// compareDiagnostics orders by place, then gravity, then text. Messages about
// no place come first.
func compareDiagnostics(a, b *Diagnostic) int {
	var ra, rb Range
	if a.Range != nil {
		ra = *a.Range
	}
	if b.Range != nil {
		rb = *b.Range
	}
	return cmp.Or(
		strings.Compare(ra.File, rb.File),
		cmp.Compare(ra.Start.Byte, rb.Start.Byte),
		cmp.Compare(ra.End.Byte, rb.End.Byte),
		strings.Compare(string(a.Severity), string(b.Severity)),
		strings.Compare(a.Summary, b.Summary),
		strings.Compare(a.Detail, b.Detail),
	)
}

func newDiagnostic(severity Severity, r Range, summary, format string, args ...any) *Diagnostic {
	d := &Diagnostic{Severity: severity, Summary: summary, Detail: fmt.Sprintf(format, args...)}
	if !r.IsZero() {
		d.Range = &r
	}
	return d
}

func errorAt(r hcl.Range, summary, format string, args ...any) *Diagnostic {
	return newDiagnostic(SeverityError, rangeOf(r), summary, format, args...)
}

func warningAt(r hcl.Range, summary, format string, args ...any) *Diagnostic {
	return newDiagnostic(SeverityWarning, rangeOf(r), summary, format, args...)
}

// fromHCL converts what the parser and the evaluator say.
func fromHCL(ds hcl.Diagnostics) Diagnostics {
	var out Diagnostics
	for _, d := range ds {
		conv := &Diagnostic{Severity: SeverityError, Summary: d.Summary, Detail: strings.TrimSpace(d.Detail)}
		if d.Severity == hcl.DiagWarning {
			conv.Severity = SeverityWarning
		}
		if d.Subject != nil {
			r := rangeOf(*d.Subject)
			conv.Range = &r
		}
		out = append(out, conv)
	}
	return out
}
