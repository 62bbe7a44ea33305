// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"slices"
	"strings"
)

// NotFoundError says that there is no host to start.
type NotFoundError struct {
	// Path is what was looked for: Host.Path, $BULKHEAD, or "bulkhead".
	Path string
	Err  error
}

// Error says what to do.
func (e *NotFoundError) Error() string {
	return fmt.Sprintf("the Bulkhead host %q cannot be started: %v; install it, or name its executable with Host.Path or in the environment variable %s", e.Path, e.Err, EnvHost)
}

// Unwrap returns the reason.
func (e *NotFoundError) Unwrap() error { return e.Err }

// VersionError says that the executable is no host that this package can drive.
type VersionError struct {
	// Path is the executable.
	Path string
	// Version of the host, and Schema of what it prints; empty when it does not
	// say.
	Version, Schema string
	// Problem says what does not fit, and what to do.
	Problem string
}

// Error names the executable and its version.
func (e *VersionError) Error() string {
	name := e.Path
	if e.Version != "" {
		name += " " + e.Version
	}
	return name + ": " + e.Problem
}

// FailureError says that the host refused the run before there was a report, for
// example because the configuration is wrong.
type FailureError struct {
	Failure
	cause error
}

// Error has the reason and the messages that are errors.
func (e *FailureError) Error() string { return describe(e.Failure.Error) }

// Unwrap is the end of the context that the host was told of; nil when it was
// told of none.
func (e *FailureError) Unwrap() error { return e.cause }

// RunError says that a run ended and is not ok. Its report says why.
type RunError struct {
	Report *Report
	cause  error
}

// Error has the status and the reason.
func (e *RunError) Error() string {
	text := fmt.Sprintf("pipeline %q: %s", e.Report.Pipeline, e.Report.Status)
	if e.Report.Error != nil {
		text += ": " + describe(*e.Report.Error)
	}
	if e.Report.RunID != "" {
		text += fmt.Sprintf(" (`bulkhead runs show %s` tells more)", e.Report.RunID)
	}
	return text
}

// Unwrap is the end of the context that the host was told of; nil when it was
// told of none.
func (e *RunError) Unwrap() error { return e.cause }

// describe joins a summary, its detail and the errors among its messages.
func describe(p Problem) string {
	parts := []string{p.Summary}
	if p.Detail != "" {
		parts = append(parts, p.Detail)
	}
	for _, d := range p.Diagnostics {
		if d.Severity != "error" {
			continue
		}
		text := strings.TrimSuffix(d.Summary+": "+d.Detail, ": ")
		if d.Range != nil {
			text = fmt.Sprintf("%s:%d,%d: %s", d.Range.File, d.Range.Start.Line, d.Range.Start.Column, text)
		}
		parts = append(parts, text)
	}
	return strings.Join(parts, ": ")
}

// NodeError says that a node ended and is not ok, or did not end.
type NodeError struct {
	// Node is the name, "kernel.clean".
	Node string
	// Status is one of the constants; StatusPending when the run ended without a
	// word about the node.
	Status string
	// Reason says why.
	Reason string
	// Err is the error of the run, when that is why.
	Err error
}

// Error has the status and the reason.
func (e *NodeError) Error() string {
	text := e.Node + ": " + e.Status
	if e.Reason != "" {
		text += ": " + e.Reason
	}
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the error of the run.
func (e *NodeError) Unwrap() error { return e.Err }

// UnknownNodeError says that a run has no node of a name.
type UnknownNodeError struct {
	Name string
	// Known are the nodes that the run has.
	Known []string
}

// Error suggests the name that was meant.
func (e *UnknownNodeError) Error() string {
	names := slices.Clone(e.Known)
	for _, full := range e.Known {
		if _, bare, ok := strings.Cut(full, "."); ok {
			names = append(names, bare)
		}
	}
	return fmt.Sprintf("the run has no node %q; a step that is off (when = false) is none.%s", e.Name, near(e.Name, names))
}

// CrashError says that the host ended without saying how the run went.
type CrashError struct {
	// ExitCode of the process; -1 when a signal ended it.
	ExitCode int
	// State is what the system says of the end: "signal: killed".
	State string
	// Stderr is the last that the host wrote to its standard error.
	Stderr string
}

// Error has the end of the standard error.
func (e *CrashError) Error() string {
	text := "the Bulkhead host ended without a report (" + e.State + ")"
	if e.Stderr != "" {
		text += "; it last wrote: " + e.Stderr
	}
	return text + "; run the pipeline with `bulkhead run --debug` to see more, and report it if the host crashed"
}

// ProtocolError says that the host wrote something that is no event.
type ProtocolError struct {
	// Line counts from 1, Text is its beginning.
	Line int
	Text string
	Err  error
}

// Error names the line.
func (e *ProtocolError) Error() string {
	return fmt.Sprintf("line %d of the events cannot be read (%v): %q; host and SDK may not fit, or the executable is no Bulkhead host", e.Line, e.Err, e.Text)
}

// Unwrap returns the reason.
func (e *ProtocolError) Unwrap() error { return e.Err }
