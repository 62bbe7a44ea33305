// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
	"github.com/bulkhead-ml/bulkhead/host/sink"
	"github.com/bulkhead-ml/bulkhead/host/source"
	"github.com/bulkhead-ml/bulkhead/host/tablefile"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// startError means that no process of a plugin could be had.
type startError struct{ err error }

func (e *startError) Error() string { return e.err.Error() }
func (e *startError) Unwrap() error { return e.err }

// callProblem tells the user why a call ended without an answer.
func callProblem(node string, err error) *Problem {
	if e, ok := errors.AsType[*LimitError](err); ok {
		return problemf(node, e.Summary, "%s", e.Detail).because(err)
	}
	if e, ok := errors.AsType[*sourceFault](err); ok {
		return sourceProblem(e.node, err)
	}
	if e, ok := errors.AsType[*edge.FullError](err); ok {
		return fullProblem(node, e)
	}
	if e, ok := errors.AsType[*edge.SpillError](err); ok {
		return problemf(node, "Table that cannot be kept", "%v. Free the disk, or have the cache on another one, beside which such tables go (XDG_CACHE_HOME).", e.Err).because(err)
	}
	if e, ok := errors.AsType[*tablefile.DamageError](err); ok {
		return problemf(node, "Stored table that is damaged", "%v. Run the pipeline again: it is made anew.", e).because(err)
	}
	if e, ok := errors.AsType[*sink.Error](err); ok {
		return problemf(node, e.Summary, "%s: %s", e.Path, e.Detail).because(err)
	}
	if _, ok := errors.AsType[*source.Error](err); ok {
		return sourceProblem(node, err)
	}
	if e, ok := errors.AsType[*diag.Diagnostic](err); ok {
		return fromDiagnostics(node, []*diag.Diagnostic{e})[0].because(err)
	}
	if errors.Is(err, table.ErrRowTooLarge) {
		return problemf(node, "Row that is too large", "%v. Cut the longest text column before this step.", err).because(err)
	}
	return plugProblem(node, err)
}

// plugProblem explains the errors of a plugin and its process.
func plugProblem(node string, err error) *Problem {
	if e, ok := errors.AsType[*dataplane.ProtocolError](err); ok {
		return problemf(node, "Plugin that breaks the kernel protocol", "During %s: %s. Report it to the author of the plugin, or use another version.", e.Op, e.Reason).because(err)
	}
	if _, ok := errors.AsType[*startError](err); ok {
		return problemf(node, "Plugin that cannot be started", "%v", err).at("use").because(err)
	}
	if e, ok := errors.AsType[*dataplane.TransportError](err); ok {
		return problemf(node, "Kernel process lost", "The process ended or its connection broke during %s: %s. The log of the plugin says more; on_failure = \"retry\" starts it again.", e.Op, e.Message).because(err)
	}
	return problemf(node, "Call that failed", "%v", err).because(err)
}
