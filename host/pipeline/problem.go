// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
)

// Problem is a message about a node.
type Problem struct {
	// Node is empty when the message is about the whole pipeline.
	Node string `json:"node,omitempty"`
	// Severity is error, warning or info.
	Severity string `json:"severity"`
	Summary  string `json:"summary"`
	Detail   string `json:"detail,omitempty"`
	// Path points at a setting of the node: Attribute "config" first for one
	// that the kernel owns, then the path inside it; otherwise the name of the
	// node's own attribute, such as "input". Empty for the node itself.
	Path []string `json:"path,omitempty"`
	// Err is the typed error behind the message, such as *source.Error; nil
	// when there is none.
	Err error `json:"-"`
}

// Severities of a Problem.
const (
	SeverityError   = "error"
	SeverityWarning = "warning"
	SeverityInfo    = "info"
)

// Error makes a problem usable as an error.
func (p *Problem) Error() string {
	text := p.Summary
	if p.Detail != "" {
		text += ": " + p.Detail
	}
	if p.Node == "" {
		return text
	}
	return fmt.Sprintf("%s: %s", p.Node, text)
}

// Unwrap returns the typed error behind the message.
func (p *Problem) Unwrap() error { return p.Err }

// HasErrors reports whether one of ps is an error.
func HasErrors(ps []*Problem) bool {
	for _, p := range ps {
		if p.Severity == SeverityError {
			return true
		}
	}
	return false
}

func problemf(node, summary, format string, args ...any) *Problem {
	return &Problem{Node: node, Severity: SeverityError, Summary: summary, Detail: fmt.Sprintf(format, args...)}
}

func (p *Problem) at(path ...string) *Problem {
	p.Path = path
	return p
}

func (p *Problem) because(err error) *Problem {
	p.Err = err
	return p
}

// fromDiagnostics turns a kernel's messages into problems of its node.
func fromDiagnostics(node string, ds []*diag.Diagnostic) []*Problem {
	var out []*Problem
	for _, d := range ds {
		p := &Problem{Node: node, Severity: SeverityError, Summary: d.Summary, Detail: d.Detail}
		switch d.Severity {
		case diag.Warning:
			p.Severity = SeverityWarning
		case diag.Info:
			p.Severity = SeverityInfo
		}
		if len(d.Path) > 0 {
			p.Path = append([]string{"config"}, d.Path...)
		}
		out = append(out, p)
	}
	return out
}
