// SPDX-License-Identifier: Apache-2.0

// Package sink writes a table to a file, all of it or nothing.
//
// # Steps
//
// Create makes a temporary file beside the target, Write fills it, Prepare
// brings it to disk, and Commit puts it in the place of the target and brings
// its name to disk. Whatever happens before that leaves the target as it was:
// an error, a full disk, a lost process or machine. A process that is killed may
// leave its temporary files, .NAME.new-*, beside the target; they are locked while
// it lives, and the next sink of the same target removes those that are not.
//
// Several sinks commit together by preparing all of them first: what may fail of a
// Commit is a rename. A Journal covers the time between the first rename and the
// last: Begin notes all of them on disk, and after a crash Recover does what is
// left. When a rename fails, Undo gives the old files their places back. So either all
// files are the old ones, or all are the new ones as soon as somebody has called
// Recover. See Journal.
//
// A target that is a symbolic link stays one: the file that it leads to is
// replaced, and keeps its permissions.
//
// # Formats
//
// CSV and JSON lines are written here, also through gzip or Zstandard, which the
// endings .gz and .zst ask for as well as Spec.Compression does. Parquet, Arrow
// IPC and SQLite are written by kernels of a sandboxed plugin, which get the
// temporary file and nothing else. The same batches give the same bytes.
//
// CSV is the dialect of RFC 4180 with a header and LF. A null is an empty field;
// so is an empty string. A float is the shortest text that reads back as the
// same value, with NaN, +Inf and -Inf; a date is 2026-11-22, a timestamp
// 2026-11-22T08:50:03.25, with Z when its column has a time zone. Binary columns
// and lists have no form in CSV and are refused before anything is written.
//
// JSON lines are one object a line with every column, in order. Dates and
// timestamps are strings as in CSV, binary values are strings in base64 and
// lists are arrays. JSON has neither NaN nor infinities: they become null, and
// Written.Replaced counts them.
package sink

import (
	"context"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/source"
)

// Spec says which file to write and how.
type Spec struct {
	// Format is a format of package source; empty is CSV.
	Format string
	// Path of the file. Its directory must be there.
	Path string
	// Compression is none, gzip or zstd of a text file; of a Parquet file none,
	// snappy, gzip or zstd, inside of it; of an Arrow file none, lz4 or zstd.
	// Empty goes by the ending of a text file, and is snappy for Parquet.
	Compression string
	// Table of a SQLite database; empty is "rows".
	Table string

	fail func(step string) error // stands before every step; tests end it there
}

// Written tells what a Commit put in place.
type Written struct {
	// Path is absolute, with symbolic links followed.
	Path  string `json:"path"`
	Rows  int64  `json:"rows"`
	Bytes int64  `json:"bytes"`
	// SHA256 of the file, in hexadecimal digits.
	SHA256 string `json:"sha256"`
	// Replaced counts values that the format does not have and that became null.
	Replaced int64 `json:"replaced,omitempty"`
}

// Sink is a file that is being written. Its methods are for one goroutine.
type Sink struct {
	spec    Spec
	schema  *arrow.Schema
	draft   *draft
	out     output
	written Written
	ready   bool
	err     error // the first one; the sink is of no use then
}

// output takes the batches of one format.
type output interface {
	write(batch arrow.RecordBatch) error
	// finish ends the file; nothing is buffered afterwards.
	finish() error
	// abandon gives up and waits until nobody writes any more.
	abandon()
	replaced() int64
}

// Create begins a file. The decoder may be nil when the format is CSV or JSON
// lines. Errors are of type *Error, the decoder's, or the cause of ctx, which is
// heeded until Prepare is done.
func Create(ctx context.Context, spec Spec, schema *arrow.Schema, decoder source.Decoder) (*Sink, error) {
	if spec.fail == nil {
		spec.fail = func(string) error { return nil }
	}
	if err := spec.check(schema, decoder); err != nil {
		return nil, err
	}
	d, err := newDraft(spec)
	if err != nil {
		return nil, err
	}
	s := &Sink{spec: spec, schema: schema, draft: d}
	if s.out, err = s.open(ctx, decoder); err != nil {
		d.remove()
		return nil, d.failed(err)
	}
	return s, nil
}

func (s *Sink) open(ctx context.Context, decoder source.Decoder) (output, error) {
	if !s.spec.isText() {
		return newRemote(ctx, s.spec, s.draft.file, s.schema, decoder)
	}
	return newTextOutput(ctx, s.spec, s.draft.file, s.schema)
}

// Write adds a batch, which stays the caller's.
func (s *Sink) Write(batch arrow.RecordBatch) error {
	return s.step("write", func() error {
		if err := s.suits(batch); err != nil {
			return err
		}
		s.written.Rows += batch.NumRows()
		return s.out.write(batch)
	})
}

// suits insists on the columns that Create was told.
func (s *Sink) suits(batch arrow.RecordBatch) error {
	if int(batch.NumCols()) != s.schema.NumFields() {
		return newError(s.draft.target, "Batch of other columns", "It has %d columns, and the file %d.", batch.NumCols(), s.schema.NumFields())
	}
	for i, f := range s.schema.Fields() {
		if t := batch.Column(i).DataType(); !arrow.TypeEqual(t, f.Type) {
			return newError(s.draft.target, "Batch of other columns", "Column %q has type %s, and the file's has %s.", f.Name, t, f.Type)
		}
	}
	return nil
}

// Prepare ends the file and brings it to disk. It may be called twice.
func (s *Sink) Prepare() error {
	if s.ready {
		return nil
	}
	if err := s.step("flush", s.out.finish); err != nil {
		return err
	}
	if err := s.step("sync", s.draft.sync); err != nil {
		return err
	}
	return s.step("digest", func() (err error) {
		s.written.Bytes, s.written.SHA256, err = s.draft.digest()
		s.written.Replaced = s.out.replaced()
		s.ready = err == nil
		return err
	})
}

// Commit puts the file in its place, after Prepare if need be. After an error it
// takes an Abort to remove the draft, which an Undo of a Journal is to find. When only
// the directory cannot be brought to disk the file is in place, and the error says so.
func (s *Sink) Commit() (Written, error) {
	if err := s.Prepare(); err != nil {
		return Written{}, err
	}
	if err := s.attempt("rename", s.draft.rename); err != nil {
		return Written{}, err
	}
	s.out.abandon() // nothing is open any more
	s.written.Path = s.draft.target
	s.err = newError(s.draft.target, "Sink that is done", "It was committed.")
	if err := s.spec.fail("sync directory"); err != nil {
		return s.written, s.draft.failed(err)
	}
	if err := s.draft.syncDir(); err != nil {
		return s.written, newError(s.draft.target, "File whose name may not last", "It is in place, and the system could not bring its directory to disk: %v.", err).because(err)
	}
	return s.written, nil
}

// Abort gives the file up. It does nothing after a Commit or a first Abort.
func (s *Sink) Abort() {
	s.out.abandon()
	s.draft.remove()
	if s.err == nil {
		s.err = newError(s.draft.target, "Sink that is done", "It was aborted.")
	}
}

// step does one thing unless an earlier one failed. After a failure nothing is
// left but the old target.
func (s *Sink) step(name string, f func() error) error {
	err := s.attempt(name, f)
	if err != nil {
		s.Abort()
	}
	return err
}

// attempt does one thing unless an earlier one failed.
func (s *Sink) attempt(name string, f func() error) error {
	if s.err != nil {
		return s.err
	}
	err := s.spec.fail(name)
	if err == nil {
		err = f()
	}
	if err != nil {
		s.err = s.draft.failed(err)
	}
	return s.err
}

func (s Spec) format() string {
	if s.Format == "" {
		return source.CSV
	}
	return s.Format
}

func (s Spec) isText() bool { return s.format() == source.CSV || s.format() == source.JSONL }

// compression of a text file.
func (s Spec) compression() string {
	switch {
	case s.Compression != "":
		return s.Compression
	case strings.HasSuffix(s.Path, ".gz"):
		return "gzip"
	case strings.HasSuffix(s.Path, ".zst"):
		return "zstd"
	}
	return "none"
}
