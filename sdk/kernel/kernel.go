// SPDX-License-Identifier: Apache-2.0

// Package kernel is for plugins that transform tables and fit models.
//
// A kernel is an instance made for one call by Kernel.New. What it can do is
// what it implements, as in package io: a Transformer turns batches into
// batches, a Fitter learns from batches and saves what it learnt as bytes, a
// Validator looks at settings and schema before any data moves. Nothing is
// remembered between calls: a fitted kernel is its state, which the host keeps
// and hands back through Load.
//
// State is data, never code: a header with a version of its own and raw
// arrays. Load gets bytes from anywhere and must check them.
//
// Every row that a kernel drops, every fall-back and every truncation is
// counted: rows through Setup.Drop, the rest in the Report.
package kernel

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/schema"
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

// Setup is what an instance is made from.
type Setup struct {
	// Schema of the input.
	Schema *arrow.Schema
	// Seed of every random choice.
	Seed uint64
	// Budget is the time that the call may use; 0 when there is none.
	Budget time.Duration

	config   []byte
	dropped  atomic.Int64
	diags    []*diag.Diagnostic
	progress func(fraction float64, message string)
}

// NewSetup makes a setup outside a plugin process, for tests. Nil config gives
// the defaults of the settings struct.
func NewSetup(input *arrow.Schema, config []byte) *Setup {
	return &Setup{Schema: input, config: config}
}

// Config decodes the user's settings into a pointer to the kernel's settings
// struct; defaults are filled in.
func (s *Setup) Config(config any) error {
	return schema.Decode(s.config, config)
}

// Diagnose adds a message for the user. Call it from one goroutine.
func (s *Setup) Diagnose(d *diag.Diagnostic) {
	s.diags = append(s.diags, d)
}

// Diagnostics returns the messages so far.
func (s *Setup) Diagnostics() []*diag.Diagnostic { return s.diags }

// Drop counts rows that were read and are not written.
func (s *Setup) Drop(rows int64) { s.dropped.Add(rows) }

// Dropped returns the number of rows dropped so far.
func (s *Setup) Dropped() int64 { return s.dropped.Load() }

// Progress tells how far a call is: a fraction of 0 to 1, or a negative one
// when it cannot be told, and what is being done. It never blocks for long.
func (s *Setup) Progress(fraction float64, message string) {
	if s.progress != nil {
		s.progress(fraction, message)
	}
}
