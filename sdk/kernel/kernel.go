// SPDX-License-Identifier: Apache-2.0

// Package kernel is for plugins that transform tables and fit models.
//
// A kernel is an instance made for one call by Kernel.New. What it can do is
// what it implements, as in package io: a Transformer turns batches into
// batches, a Fitter learns from batches and saves what it learnt as bytes, a
// Validator looks at settings and schema before any data moves, an
// OutputSchemer tells the columns of its output, an Estimator what a call will
// take, and an Undoer takes back what a transform did outside of its output.
// Nothing is remembered between calls: a fitted kernel is its state, which the
// host keeps and hands back through Load.
//
// State is data, never code: a header with a version of its own and raw
// arrays. Load gets bytes from anywhere and must check them.
//
// # Rows
//
// Every row is accounted for. A kernel that leaves rows out counts them with
// Setup.Drop, or puts them aside one by one with Setup.Reject and says which
// rule they break. Rows of the input are numbered from 0 over the whole call;
// Reader.Row is the number of the first row of the batch last read. A kernel
// whose output rows are input rows tells which ones with Writer.WriteFrom, so
// that whatever belongs to a row can follow it; one that is row-wise and leaves
// nothing out need not. Every fall-back and every truncation is counted in the
// Report.
//
// # Memory
//
// Where host and plugin share memory, a batch of the input lies in it: it is
// only valid until the next call of Reader.Next, unless it was retained. Batches
// of ReadAll stay valid, and so do texts, the strings and bytes that arrays give:
// they may be kept, as keys of a map for instance; see Reader.Borrow. An array of the input that a kernel writes again as it
// is, in a batch of as many rows, does not travel: the host has it. Arrays that
// are built with Writer.Allocator travel without a copy; release them after
// writing, or their memory is not used again in the same call. How batches
// travel otherwise is not a kernel's business.
//
// # Fused kernels
//
// A host may run several row-wise kernels of a plugin as one call: what one
// writes the next one reads, in the same process. Kernels do not notice.
package kernel

import (
	"context"

	"github.com/apache/arrow-go/v18/arrow"
)

// Compartments are the four families of kernels.
const (
	Data           = "data"
	Infrastructure = "infrastructure"
	Algorithms     = "algorithms"
	MLOps          = "mlops"
)

// Kernel describes a kernel and makes instances of it.
type Kernel struct {
	// Name in lower-case letters, digits and underscores: "prepare".
	Name    string
	Summary string
	// Compartment is one of the constants above.
	Compartment string
	// Config is the zero value of the settings struct, nil for none; see
	// package schema.
	Config any
	// Fits and Transforms say what the instances implement.
	Fits, Transforms bool
	// RowWise says that each row that Transform writes depends on one row that
	// it read, besides settings and state, and that it writes rows in the order
	// in which it reads them, those of a batch before it reads the next one. The
	// host may then cut its input anywhere and fuse it with its neighbours.
	RowWise bool
	// ReadsFile says that it is a source: its input has no columns and no rows,
	// and it writes what it reads from Setup.File("input").
	ReadsFile bool
	// WritesFile says that it is a sink: it writes what it reads to
	// Setup.File("output") and no batch.
	WritesFile bool
	// Undoes says that the instances implement Undoer.
	Undoes bool
	// StateVersion is that of the state that Save returns, and MinStateVersion
	// the oldest one that Load still takes; both are 0 when it does not fit.
	StateVersion, MinStateVersion uint32
	// New makes an instance for one call. The result implements Fitter,
	// Transformer or both. An error that is a *diag.Diagnostic with a path
	// underlines the user's own setting.
	New func(*Setup) (Instance, error)
}

// Instance is a Fitter, a Transformer or both.
type Instance any

// Report is what a call tells its user, under documented keys. Values must be
// what encoding/json can write; NaN and infinities are not.
type Report map[string]any

// Transformer turns batches into batches. It reads in to the end unless it
// fails, and writes batches of one schema.
type Transformer interface {
	Transform(ctx context.Context, in *Reader, out *Writer) (Report, error)
}

// Fitter learns from batches.
type Fitter interface {
	// Fit reads in to the end. It honours ctx and the budget of the setup: at
	// the deadline it returns the best it has, and says so in the report.
	Fit(ctx context.Context, in *Reader) (Report, error)
	// Save returns what Fit learnt.
	Save() ([]byte, error)
	// Load puts it back, before Transform.
	Load(state []byte) error
}

// Validator checks settings against the input schema before any data moves.
type Validator interface {
	Validate() error
}

// OutputSchemer tells the columns that Transform writes. It is asked when
// settings are validated, before anything is learnt, and again before the first
// batch of a transform, after Load. A nil schema means that they are not known
// yet.
type OutputSchemer interface {
	OutputSchema() (*arrow.Schema, error)
}

// Estimate of what a transform takes: time in seconds, private memory in bytes.
type Estimate struct {
	// SecondsPerRow and BytesPerRow are for each row of the input, Seconds and
	// Bytes come once.
	SecondsPerRow, Seconds float64
	BytesPerRow, Bytes     float64
}

// Estimator estimates what a call will take, when settings are validated.
type Estimator interface {
	Estimate() Estimate
}

// Undoer takes back what a transform did outside of its output. The token is
// what that transform left in Setup.UndoToken. It succeeds also when there is
// nothing to take back any more.
type Undoer interface {
	Undo(ctx context.Context, token []byte) error
}
