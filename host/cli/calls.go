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
	return pipeline.Recorded(k, func(r dataplane.Record) { log.Append(r.Plugin, called(w.runID, w.session.levelOf(r.Plugin), r)) })
}

// called is the audit record of a call. Its kernel is NODE/PLUGIN.KERNEL.
func called(run, level string, r dataplane.Record) audit.Call {
	return audit.Call{
		Run: run, Level: level, Kernel: r.Node + "/" + r.Plugin + "." + r.Kernel, Method: r.Method,
		ConfigDigest: r.ConfigDigest, InputDigest: r.InputDigest, OutputDigest: r.OutputDigest,
		RowsIn: r.RowsIn, RowsOut: r.RowsOut, DurationMS: milliseconds(r.Wall), Outcome: r.Outcome,
	}
}

// levelOf is the sandbox level of a plugin that runs, or ran last; empty when it
// never did.
func (s *session) levelOf(name string) string {
	for _, r := range s.launcher.Running() {
		if r.Entry.Name == name {
			return r.Sandbox().Level.String()
		}
	}
	return ""
}
