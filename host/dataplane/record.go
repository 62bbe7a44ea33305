// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
)

// Record is what became of one call, for a log.
type Record struct {
	// Node is Open.Node; Plugin and Kernel say what was called.
	Node, Plugin, Kernel string
	// Method is "Validate", "Fit", "Transform" or "Undo".
	Method string
	// ConfigDigest is of the bytes of Open.Config; "" for none.
	ConfigDigest string
	// Account of the rows. A Validate moves none.
	Account
	// Wall is the time from the call to its return.
	Wall time.Duration
	// Outcome is "ok", or begins with one of these and says why: "refused:" by
	// the kernel, "lost:" with the cause of death, "broken:" for a breach of the
	// protocol, "cancelled:" by the host or the user, "failed:" for the rest,
	// such as an input that could not be read. At most 1 KiB.
	Outcome string
}

// maxOutcome bounds the outcome of a record in bytes.
const maxOutcome = 1 << 10

// Recorded passes every call on to k and then tells record what became of it,
// before the call returns. Calls at the same time record at the same time. A
// nil record gives k itself, and nothing is hashed.
func Recorded(k Kernel, plugin string, record func(Record)) Kernel {
	if record == nil {
		return k
	}
	return &recorder{Kernel: k, plugin: plugin, record: record}
}

type recorder struct {
	Kernel
	plugin string
	record func(Record)
}

// begin opens the record of a call.
func (r *recorder) begin(method string, open *Open) *recording {
	b := &recording{recorder: r, began: time.Now(), record: Record{
		Node: open.Node, Plugin: r.plugin, Kernel: open.Kernel, Method: method,
	}}
	if open.Config != nil {
		b.record.ConfigDigest = DigestBytes(open.Config)
	}
	open.Account = &b.record.Account
	return b
}

// recording is a record in the making.
type recording struct {
	recorder *recorder
	began    time.Time
	record   Record
}

func (b *recording) end(ctx context.Context, ds []*diag.Diagnostic, err error) {
	b.record.Wall = time.Since(b.began)
	b.record.Outcome = outcome(ctx, ds, err)
	b.recorder.record(b.record)
}

func (r *recorder) Validate(ctx context.Context, open Open) (*Verdict, error) {
	b := r.begin("Validate", &open)
	v, err := r.Kernel.Validate(ctx, open)
	b.end(ctx, v.diagnostics(), err)
	return v, err
}

func (r *recorder) Fit(ctx context.Context, open Open, in Batches, onProgress func(Progress)) ([]byte, *Outcome, error) {
	b := r.begin("Fit", &open)
	state, out, err := r.Kernel.Fit(ctx, open, in, onProgress)
	b.end(ctx, out.diagnostics(), err)
	return state, out, err
}

func (r *recorder) Transform(ctx context.Context, open Open, state []byte, in Batches, out Output) (*Outcome, error) {
	b := r.begin("Transform", &open)
	o, err := r.Kernel.Transform(ctx, open, state, in, out)
	b.end(ctx, o.diagnostics(), err)
	return o, err
}

// diagnostics of an outcome, which is nil after an error.
func (o *Outcome) diagnostics() []*diag.Diagnostic {
	if o == nil {
		return nil
	}
	return o.Diagnostics
}

func (r *recorder) Undo(ctx context.Context, open Open, token []byte) ([]*diag.Diagnostic, error) {
	b := r.begin("Undo", &open)
	ds, err := r.Kernel.Undo(ctx, open, token)
	b.end(ctx, ds, err)
	return ds, err
}

// diagnostics of a verdict, which is nil after an error.
func (v *Verdict) diagnostics() []*diag.Diagnostic {
	if v == nil {
		return nil
	}
	return v.Diagnostics
}

// outcome says in one phrase how a call went.
func outcome(ctx context.Context, ds []*diag.Diagnostic, err error) string {
	if err == nil {
		for _, d := range ds {
			if d.Severity == diag.Error {
				return bounded("refused: " + d.Error())
			}
		}
		return "ok"
	}
	return bounded(failure(ctx, err))
}

func failure(ctx context.Context, err error) string {
	if e, ok := errors.AsType[*TransportError](err); ok {
		return "lost: " + e.Message
	}
	if e, ok := errors.AsType[*ProtocolError](err); ok {
		return "broken: " + e.Reason
	}
	if e, ok := errors.AsType[*diag.Diagnostic](err); ok {
		return "refused: " + e.Error()
	}
	if ctx.Err() != nil {
		return fmt.Sprintf("cancelled: %v", context.Cause(ctx))
	}
	return fmt.Sprintf("failed: %v", err)
}

func bounded(s string) string {
	if s = cleanText(s); len(s) <= maxOutcome {
		return s
	}
	return strings.ToValidUTF8(s[:maxOutcome-len(" [cut]")], "") + " [cut]"
}
