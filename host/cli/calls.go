// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"crypto/rand"
	"encoding/hex"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/pipeline"
)

// newRunID names a run of a pipeline in its report and in the audit log: 16
// hexadecimal digits.
func newRunID() string {
	var id [8]byte
	_, _ = rand.Read(id[:]) // never fails
	return hex.EncodeToString(id[:])
}

// kernels are those of the installed plugins, with every call in the audit log.
// Without a log nothing is hashed.
func (w *work) kernels() pipeline.Kernels {
	k := &kernels{launcher: w.session.launcher}
	log := w.session.auditLog()
	if log == nil {
		return k
	}
	return pipeline.Recorded(k, func(r dataplane.Record) { log.Append(r.Plugin, called(w.runID, r)) })
}

// called is the audit record of a call. Its kernel is NODE/PLUGIN.KERNEL.
func called(run string, r dataplane.Record) audit.Call {
	return audit.Call{
		Run: run, Kernel: r.Node + "/" + r.Plugin + "." + r.Kernel, Method: r.Method,
		ConfigDigest: r.ConfigDigest, InputDigest: r.InputDigest, OutputDigest: r.OutputDigest,
		RowsIn: r.RowsIn, RowsOut: r.RowsOut, DurationMS: milliseconds(r.Wall), Outcome: r.Outcome,
	}
}
