// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"crypto/rand"
	"encoding/hex"
	"sync"

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

// kernels are those of the installed plugins, with every call in the audit log
// and in the record of the run.
func (w *work) kernels() pipeline.Kernels {
	k := pipeline.Kernels(&kernels{launcher: w.session.launcher})
	log := w.session.auditLog()
	return pipeline.Recorded(k, func(r dataplane.Record) {
		w.made.learn(r)
		w.session.called(r)
		log.Append(r.Plugin, called(w.runID, w.session.levelOf(r.Plugin), r))
	})
}

// digests are those of what the nodes of a run made, by their names. It is safe
// for concurrent use.
type digests struct {
	mu            sync.Mutex
	input, output map[string]string
}

// learn takes a call that ended.
func (d *digests) learn(r dataplane.Record) {
	if r.Outcome != "ok" || r.Method != "Transform" && r.Method != "Fit" {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.output == nil {
		d.input, d.output = map[string]string{}, map[string]string{}
	}
	d.input[r.Node] = r.InputDigest
	if r.Method == "Transform" {
		d.output[r.Node] = r.OutputDigest
	}
}

// read is the digest of the rows that a node read; "" when it is not known.
func (d *digests) read(node string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.input[node]
}

// of is the digest of the rows that a node wrote; "" when it is not known.
func (d *digests) of(node string) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.output[node]
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
