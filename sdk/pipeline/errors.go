// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// StepError is one mistake in a pipeline, found before anything runs. All
// mistakes of a pipeline come together, joined by errors.Join.
type StepError struct {
	// Step is the block that it is in, as it is referred to: "kernel.clean",
	// "sink.out", "pipeline.churn", "variable.threshold".
	Step string
	// Attribute is the setting that is wrong; empty when it is the whole step.
	Attribute string
	// Problem says what is wrong and what to do, in full sentences.
	Problem string
	// File, Line and Column are the place, counted from 1, in what Parse read;
	// zero in what was built.
	File         string
	Line, Column int
}

// Error is "file:line,column: step: attribute: problem", without what is not
// known.
func (e *StepError) Error() string {
	var b strings.Builder
	if e.Line > 0 {
		fmt.Fprintf(&b, "%s:%d,%d: ", e.File, e.Line, e.Column)
	}
	for _, part := range []string{e.Step, e.Attribute} {
		if part != "" {
			b.WriteString(part + ": ")
		}
	}
	return b.String() + e.Problem
}

// problems collects the mistakes of a pipeline.
type problems struct{ all []*StepError }

func (p *problems) add(step, attribute string, at hcl.Range, format string, args ...any) {
	e := &StepError{Step: step, Attribute: attribute, Problem: fmt.Sprintf(format, args...)}
	if at.Start.Line > 0 {
		e.File, e.Line, e.Column = at.Filename, at.Start.Line, at.Start.Column
	}
	p.all = append(p.all, e)
}

// err joins the mistakes in the order of their places; nil when there are none.
func (p *problems) err() error {
	slices.SortStableFunc(p.all, func(a, b *StepError) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	out := make([]error, len(p.all))
	for i, e := range p.all {
		out[i] = e
	}
	return errors.Join(out...)
}

// fromHCL takes over what the parser of the language says.
func (p *problems) fromHCL(step string, ds hcl.Diagnostics) {
	for _, d := range ds {
		if d.Severity != hcl.DiagError {
			continue
		}
		at := hcl.Range{}
		if d.Subject != nil {
			at = *d.Subject
		}
		p.add(step, "", at, "%s. %s", d.Summary, d.Detail)
	}
}
