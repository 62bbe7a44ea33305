// SPDX-License-Identifier: Apache-2.0

// Package dataplane carries tables between the host and the process of a
// kernel. The engine sees the interface Kernel and nothing of the wire.
//
// Today the wire is the kernel service of bulkhead.plugin.v1: each call is one
// gRPC stream of record batches in the form of package table. New makes a
// Kernel over such a connection.
//
// # Flow
//
// A call sends and receives at the same time, so a kernel may write while it
// still reads. At most one encoded batch waits in the sender; the rest in
// flight is bounded by the windows of HTTP/2. Received batches go to the
// caller one by one, and while the caller works the plugin's window stays
// closed.
//
// # Trust
//
// The process on the other side is not trusted. Every batch is validated in
// full, all batches of an output have one schema, and Limits bounds the state,
// the output, the report and the diagnostics. A result must account for its
// rows: it reports exactly the rows that the host sent and received. What a
// plugin breaks of this is a *ProtocolError.
//
// # Digests
//
// An Account of a call has SHA-256 digests of the rows that were sent and that
// arrived; Recorded makes a record of every call with them. Equal rows under an
// equal schema have equal digests, however they were cut into batches, and what
// memory stands under a null does not matter. testdata/digest.py is the digest
// in Python. Numbers are little-endian; a text is its length in bytes as a
// uint64, then the bytes. Each column is hashed alone, from the first row to
// the last, three times:
//
//   - nulls: of each row whose value is null its number, from 0, as a uint64;
//   - lengths (string columns only): of each row the length of its text in bytes
//     as a uint32, 0 for a null;
//   - values: of each row the 8 bytes of an int64 or float64 (zeros for a null;
//     the bits of a NaN and the sign of zero count), a byte 0 or 1 for a bool (0
//     for a null), or the bytes of the text.
//
// The digest is SHA-256 over the line "bulkhead rows 1" with its line feed, the
// number of rows as a uint64, the schema's metadata, the number of columns as a
// uint64, and of each column: the name as a text; its type as a uint64 (1 int64,
// 2 float64, 3 bool, 4 string); its metadata; the 32 bytes each of the hashes of
// its nulls, of its lengths if it has them, and of its values. Metadata is the
// number of pairs as a uint64, then key and value as texts, in the order of the
// bytes of the keys. It is written "sha256:" and 64 lower-case hexadecimal
// digits.
//
// A digest keeps no secret: whoever can guess a value can check the guess.
//
// Hashing runs beside the wire, at most three batches behind it each way. What
// several calls send is hashed once; see Shared.
//
// # Three kinds of failure
//
//   - A kernel that refuses its settings or its data says so in diagnostics of
//     an Outcome; the error is nil. Look with diag.HasErrors.
//   - *TransportError: the process or the connection died. A new process may
//     do better.
//   - *ProtocolError: the plugin broke its contract. It will do so again.
//
// Errors of the input pass through as they are, and a call that is cancelled
// returns the cause of its context.
package dataplane

import (
	"context"
	"encoding/json"
	"iter"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
)

// Batches gives the batches of a table in order and ends after the first
// error. A batch is borrowed: who keeps one past its step must Retain it.
type Batches = iter.Seq2[arrow.RecordBatch, error]

// Open says which kernel is called and with what.
type Open struct {
	// Kernel is the name inside its plugin: "prepare".
	Kernel string
	// Config is a JSON object with defaults filled in; nil takes the defaults.
	Config []byte
	// Schema of every input batch.
	Schema *arrow.Schema
	// Seed of every random choice.
	Seed uint64
	// Budget is the time that the kernel is told it may use; 0 for no limit.
	// The data plane does not enforce it: that is the caller's context.
	Budget time.Duration
	// Node is the caller's name of the step, for its records. It does not travel.
	Node string
	// Account is filled in when the call returns, whatever it returns. With nil
	// nothing is hashed.
	Account *Account
	// Input is the table that in gives the batches of, and Output the one that
	// out makes, when other calls send them, too; nil when none does.
	Input, Output *Shared
}

// Kernel is a kernel process as the engine sees it. Calls are independent and
// may run at the same time.
type Kernel interface {
	// Validate checks settings against the schema before any data moves.
	Validate(ctx context.Context, open Open) ([]*diag.Diagnostic, error)
	// Fit learns from in and returns the fitted state. onProgress may be nil;
	// it is called from the goroutine of the caller.
	Fit(ctx context.Context, open Open, in Batches, onProgress func(Progress)) ([]byte, *Outcome, error)
	// Transform hands each output batch to out, in order and from the
	// goroutine of the caller; the batch is borrowed. An error of out ends the
	// call and is returned.
	Transform(ctx context.Context, open Open, state []byte, in Batches, out func(arrow.RecordBatch) error) (*Outcome, error)
}

// Progress of a fit.
type Progress struct {
	// Fraction is 0 to 1, or -1 when it cannot be told.
	Fraction float64
	// Message says what is being done; no control characters.
	Message string
}

// Outcome is what a call that reached its end tells.
type Outcome struct {
	// Report is a compact JSON object under the kernel's documented keys.
	Report json.RawMessage
	// RowsDropped counts the rows that the kernel says it read and did not write.
	RowsDropped int64
	// Diagnostics for the user. An error among them means that the call failed.
	Diagnostics []*diag.Diagnostic
	Metrics     Metrics
}

// Failed reports whether the kernel refused the call.
func (o *Outcome) Failed() bool { return diag.HasErrors(o.Diagnostics) }

// Metrics of one call, measured by the host.
type Metrics struct {
	// Wall is the time from the first message to the end of the stream.
	Wall time.Duration `json:"wall_ns"`
	// Rows, batches and encoded bytes sent to and received from the kernel.
	RowsIn     int64 `json:"rows_in"`
	RowsOut    int64 `json:"rows_out"`
	BatchesIn  int64 `json:"batches_in"`
	BatchesOut int64 `json:"batches_out"`
	BytesIn    int64 `json:"bytes_in"`
	BytesOut   int64 `json:"bytes_out"`
	// CPU is the processor time of the process during the call, and PeakRSS
	// the largest resident set of its life, in bytes. Both are those of the
	// whole process, which may serve other calls; zero when not measured.
	CPU     time.Duration `json:"cpu_ns,omitempty"`
	PeakRSS uint64        `json:"peak_rss_bytes,omitempty"`
}

// Usage reads the processor time that a process used so far and the largest
// resident set of its life in bytes. Zeros mean that it cannot be read.
type Usage func() (cpu time.Duration, peakRSS uint64)
