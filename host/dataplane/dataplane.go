// SPDX-License-Identifier: Apache-2.0

// Package dataplane carries tables between the host and the process of a
// kernel. The engine sees the interface Kernel and nothing of the wire.
//
// # Two ways
//
// A call is a gRPC stream of the kernel service of bulkhead.plugin.v1: it opens,
// carries state, schema, rejected rows and progress, and ends with the result.
// Batches go one of two ways, with the same contract.
//
// In shared memory, where the process has a data socket and said hello on it:
// package arena of the SDK has the protocol, and Side is the host's end. Input
// batches lie in an arena that only the host writes: in the Pool of the edge, so
// that a batch is written once for all who read it, or in a copy when they lie
// elsewhere. Output batches are copied, in one piece, out of the arena of the
// process into Open.Into or into ordinary memory, and only the copy is looked at.
// A column of the input that comes back as it is does not travel: the host
// attaches its own. A batch is a table of buffers in the layout of package table;
// its columns were told once.
//
// In gRPC messages everywhere else. Where both ends use the codec of package codec
// their buffers are copied less often than protocol buffers would.
//
// To give a process a data socket, make a Side for it, let it inherit Side.Child
// under the number that the variable EnvFD tells, call Side.Started when it runs
// and Side.Close when it is gone, and pass the Side in Options. No memory is made
// before a batch needs it.
//
// # Flow
//
// A call sends and receives at the same time, so a kernel may write while it
// still reads. Received batches go to the caller one by one. While the caller
// works, or waits for room in Open.Into, at most arena.Ahead batches and the size
// of the lane's memory are ahead of it; in messages, the windows of HTTP/2.
//
// # Trust
//
// The process on the other side is not trusted. Every batch is validated in full
// in memory that the plugin cannot change, all batches of an output have one
// schema, and Limits bounds the state, the output, the report and the
// diagnostics. A result must account for its rows: it reports exactly the rows
// that the host sent and received. Origins rise, are rows that were sent, and no
// row is both written and put aside; where they are told, and of row-wise
// kernels, what went in is what came out, was dropped or put aside. What a plugin
// breaks of this is a *ProtocolError. A lane on which a call did not come to a
// regular end is used no more; its memory goes when the last batch in it does.
//
// # Digests
//
// An Account of a call has SHA-256 digests of the rows that were sent and that
// arrived; Recorded makes a record of every call with them. Equal rows under an
// equal schema have equal digests, however they were cut into batches, and what
// memory stands under a null does not matter. testdata/digest.py is the digest
// in Python. Numbers are little-endian; a text is its length in bytes as a
// uint64, then the bytes. Each column is hashed alone, from the first row to
// the last:
//
//   - nulls, of every type: of each null its number, from 0, as a uint64;
//   - lengths, of string, binary and list: of each row the length in bytes, or
//     the number of values, as a uint32; 0 for a null;
//   - values, of all but lists: of each row the bytes of the number as Arrow has
//     them, zeros for a null; a byte 0 or 1 for a bool, 0 for a null; the bytes
//     of a string or binary, none for a null; for a dictionary the SHA-256 of
//     the text, 32 zeros for a null, so that neither the keys nor the order of
//     the dictionary matters;
//   - of list and fixed-size list: nulls, lengths and values of the column of
//     all values of rows that are not null.
//
// The digest is SHA-256 over the line "bulkhead rows 1" with its line feed, the
// number of rows as a uint64, the schema's metadata, the number of columns as a
// uint64, and of each column its name as a text, its type, its metadata, and the
// 32 bytes of each hash that it has, in the order above. A type is its number in
// TableColumn.Type as a uint64; after it come, for a timestamp, the number of
// the unit as a uint64 and the zone as a text; for a list the type of its
// values; for a fixed-size list the number of values a row as a uint64 and their
// type. Metadata is the number of pairs as a uint64, then key and value as texts,
// in the order of the bytes of the keys. It is written "sha256:" and 64 lower-case
// hexadecimal digits.
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
	"os"
	"slices"
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
	// RowWise says that the kernel's description says so. Its rows must add up.
	RowWise bool
	// Files of a source or a sink.
	Files []File
	// Then are row-wise kernels of the same plugin that take what this one
	// writes, in the same process. Only a Transform has them.
	Then []Stage
	// From is the memory that the batches of in lie in, and Into the one that
	// output batches are put in; nil is ordinary memory.
	From, Into *Pool
}

// File is a file that the host opened for a call. It stays the caller's.
type File struct {
	// Name is what it is to the kernel: "input" or "output".
	Name string
	File *os.File
}

// Stage is one fused kernel: see Open.Then.
type Stage struct {
	Node, Kernel string
	Config       []byte
	Seed         uint64
	// State is what it learnt; nil when it does not fit.
	State []byte
}

// Kernel is a kernel process as the engine sees it. Calls are independent and
// may run at the same time.
type Kernel interface {
	// Validate checks settings against the schema before any data moves.
	Validate(ctx context.Context, open Open) (*Verdict, error)
	// Fit learns from in and returns the fitted state. onProgress may be nil;
	// it is called from the goroutine of the caller.
	Fit(ctx context.Context, open Open, in Batches, onProgress func(Progress)) ([]byte, *Outcome, error)
	// Transform hands what comes to out, in order and from the goroutine of the
	// caller. An error of out ends the call and is returned.
	Transform(ctx context.Context, open Open, state []byte, in Batches, out Output) (*Outcome, error)
	// Undo takes back what a transform did outside of its output, by the token
	// of its outcome.
	Undo(ctx context.Context, open Open, token []byte) ([]*diag.Diagnostic, error)
}

// Verdict is a kernel's answer to Validate.
type Verdict struct {
	Diagnostics []*diag.Diagnostic
	// Output is the schema of what a transform will write, nil when it is not
	// known yet.
	Output *arrow.Schema
	// Estimate is nil when the kernel makes none.
	Estimate *Estimate
}

// Estimate of what a call takes, for each input row and besides, in seconds and
// bytes. It is the kernel's word.
type Estimate struct {
	SecondsPerRow float64 `json:"seconds_per_row"`
	Seconds       float64 `json:"seconds"`
	BytesPerRow   float64 `json:"bytes_per_row"`
	Bytes         float64 `json:"bytes"`
}

// Output takes what a transform makes. Nil functions drop it.
type Output struct {
	// Schema is called once, before the first batch. A kernel that tells none
	// and writes no batch has no columns, and Schema is not called.
	Schema func(*arrow.Schema) error
	// Batch takes the next rows.
	Batch func(Part) error
	// Rejected takes input rows that the kernel put aside.
	Rejected func([]Rejected) error
}

// Part is an output batch. It is borrowed: who keeps it must Retain Batch.
type Part struct {
	Batch arrow.RecordBatch
	// Origins are the numbers of the input rows, counted from 0 over the whole
	// call, that the rows come from, rising; nil when the kernel does not tell.
	// A row-wise kernel that drops nothing need not tell: the host knows.
	Origins []int64
}

// Rejected is an input row that is not written because it breaks a rule.
type Rejected struct {
	// Row is the number of the input row, counted from 0 over the whole call.
	Row int64 `json:"row"`
	// Rule that it breaks, such as "range"; Column and Detail are for people.
	Rule   string `json:"rule"`
	Column string `json:"column,omitempty"`
	Detail string `json:"detail,omitempty"`
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
	// RowsRejected counts the rows that it put aside.
	RowsRejected int64
	// UndoToken is what Undo needs; nil when there is nothing to take back.
	UndoToken []byte
	// Then are the outcomes of Open.Then, without metrics of their own.
	Then []*Outcome
	// Diagnostics for the user. An error among them means that the call failed.
	Diagnostics []*diag.Diagnostic
	Metrics     Metrics
}

// Failed reports whether the kernel refused the call, or one that is fused to it.
func (o *Outcome) Failed() bool {
	return diag.HasErrors(o.Diagnostics) || slices.ContainsFunc(o.Then, (*Outcome).Failed)
}

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
