// SPDX-License-Identifier: Apache-2.0

// Package diag is the message that a plugin gives to the person who runs it.
//
// A Diagnostic says what happened in Summary, a noun phrase without a full
// stop, and why and what to do next in Detail, in full sentences. Path points
// into the plugin's own settings, so that the host can underline the user's
// line. A Diagnostic is an error: return it from any SDK function.
package diag

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Severity of a diagnostic.
type Severity int

// An error stops the call that it belongs to; a warning and an info do not.
const (
	Error Severity = iota + 1
	Warning
	Info
)

// Diagnostic is one message.
type Diagnostic struct {
	Severity Severity
	Summary  string
	Detail   string
	// Path holds attribute names, block types and list indices, outermost
	// first. Empty when the message is about no setting.
	Path []string
}

// Error makes a diagnostic usable as an error.
func (d *Diagnostic) Error() string {
	if d.Detail == "" {
		return d.Summary
	}
	return d.Summary + ": " + d.Detail
}

// At returns d with a path into the settings.
func (d *Diagnostic) At(path ...string) *Diagnostic {
	d.Path = path
	return d
}

// Errorf makes an error whose detail is formatted as by fmt.Sprintf.
func Errorf(summary, format string, args ...any) *Diagnostic {
	return &Diagnostic{Severity: Error, Summary: summary, Detail: fmt.Sprintf(format, args...)}
}

// Warningf makes a warning.
func Warningf(summary, format string, args ...any) *Diagnostic {
	return &Diagnostic{Severity: Warning, Summary: summary, Detail: fmt.Sprintf(format, args...)}
}

// Infof makes a note.
func Infof(summary, format string, args ...any) *Diagnostic {
	return &Diagnostic{Severity: Info, Summary: summary, Detail: fmt.Sprintf(format, args...)}
}

// From turns any error into diagnostics: joined errors one by one, those that
// are diagnostics as they are, others under the given summary. Nil gives none.
func From(summary string, err error) []*Diagnostic {
	if err == nil {
		return nil
	}
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		var all []*Diagnostic
		for _, e := range joined.Unwrap() {
			all = append(all, From(summary, e)...)
		}
		return all
	}
	if d, ok := errors.AsType[*Diagnostic](err); ok {
		return []*Diagnostic{d}
	}
	return []*Diagnostic{{Severity: Error, Summary: summary, Detail: err.Error()}}
}

// HasErrors reports whether one of ds is an error.
func HasErrors(ds []*Diagnostic) bool {
	for _, d := range ds {
		if d.Severity == Error {
			return true
		}
	}
	return false
}

// Bounds of diagnostics on the wire, in bytes: of one text, and of all together.
const (
	MaxText  = 64 << 10
	MaxBytes = 4 << 20
)

// ToProto converts diagnostics for the wire, which carries UTF-8 only. Texts are
// cut to MaxText; beyond MaxBytes one more diagnostic says how many are left out,
// which is an error when one of them is.
func ToProto(ds []*Diagnostic) []*pluginv1.Diagnostic {
	out := make([]*pluginv1.Diagnostic, 0, len(ds))
	total := 0
	for i, d := range ds {
		if total += d.size(); total > MaxBytes {
			more := Warningf("More diagnostics than travel", "%d more are left out.", len(ds)-i)
			if HasErrors(ds[i:]) {
				more.Severity = Error
			}
			return append(out, ToProto([]*Diagnostic{more})...)
		}
		out = append(out, &pluginv1.Diagnostic{
			Severity: pluginv1.Diagnostic_Severity(d.Severity),
			Summary:  text(d.Summary),
			Detail:   text(d.Detail),
			Path:     texts(d.Path),
		})
	}
	return out
}

// size is about what a diagnostic takes on the wire.
func (d *Diagnostic) size() int {
	n := 64 + min(len(d.Summary), MaxText) + min(len(d.Detail), MaxText)
	for _, p := range d.Path {
		n += 8 + min(len(p), MaxText)
	}
	return n
}

func text(s string) string {
	if len(s) > MaxText {
		s = s[:MaxText] + "..."
	}
	return strings.ToValidUTF8(s, "\ufffd")
}

func texts(list []string) []string {
	out := slices.Clone(list)
	for i, s := range out {
		out[i] = text(s)
	}
	return out
}

// FromProto converts diagnostics from the wire. A severity that this version
// does not know is an error, so that nothing grave passes as a note.
func FromProto(ds []*pluginv1.Diagnostic) []*Diagnostic {
	out := make([]*Diagnostic, 0, len(ds))
	for _, d := range ds {
		severity := Severity(d.GetSeverity())
		if severity < Error || severity > Info {
			severity = Error
		}
		out = append(out, &Diagnostic{Severity: severity, Summary: d.GetSummary(), Detail: d.GetDetail(), Path: d.GetPath()})
	}
	return out
}
