// SPDX-License-Identifier: Apache-2.0

package config

import "time"

// Origin says which block an expanded step comes from.
type Origin struct {
	// Module is the name of the module that the block stands in, for example
	// "features" or "features.inner"; empty outside of modules.
	Module string
	// Block is the name of the block as it was written.
	Block string
	// Key of the instance of a block with for_each, else empty.
	Key string
}

// TableFormat is the form of a file with a table in it.
type TableFormat string

// The formats; their names are those of attributes and of source.format.
const (
	CSV     TableFormat = "csv"
	JSONL   TableFormat = "jsonl"
	Parquet TableFormat = "parquet"
	Arrow   TableFormat = "arrow"
	SQLite  TableFormat = "sqlite"
)

// Formats are all formats, in the order of the documentation.
var Formats = []TableFormat{CSV, JSONL, Parquet, Arrow, SQLite}

// Compression of a file with a table in it.
type Compression string

// Auto, which is written "auto", is what whoever reads or writes the file finds
// best: the first bytes of a source decide, the ending of the name of a text that
// is written (.gz, .zst), and the usual one inside a Parquet or Arrow file. The
// others are written as they are.
const (
	Auto   Compression = ""
	Plain  Compression = "none"
	Gzip   Compression = "gzip"
	Zstd   Compression = "zstd"
	Snappy Compression = "snappy"
	LZ4    Compression = "lz4"
)

// Source is a table that is read.
type Source struct {
	// Name is unique among the sources of a pipeline: that of the block, after
	// those of the modules around it and before the key of the instance, with
	// dots between them.
	Name   string
	Format TableFormat
	// Path is the file; the zero Path with a URL.
	Path Path
	// URL is an absolute address of scheme http or https, without credentials;
	// empty with a path. The configuration allows the network then.
	URL      string
	URLRange Range
	// Compression is Auto for formats that compress by themselves.
	Compression Compression
	// Query and Table are set for SQLite only, at most one of them: with none the
	// only table of the database is meant.
	Query, Table string
	// Target and ID are column names, or empty. TargetRange and IDRange are
	// where they stand, for messages about the data.
	Target, ID           string
	TargetRange, IDRange Range
	// Types maps a column to one of ColumnTypes, or a timestamp with a unit and a
	// zone. CSV and JSON lines only, as are Nulls.
	Types map[string]string
	// Nulls are the texts that mean no value. Nil leaves the reader's own.
	Nulls []string
	// Delimiter is that of CSV.
	Delimiter rune
	Range     Range
}

// At is where the data of the source is named, for messages about it.
func (s *Source) At() Range {
	switch {
	case !s.Path.Range.IsZero():
		return s.Path.Range
	case !s.URLRange.IsZero():
		return s.URLRange
	}
	return s.Range
}

// Sink is a file that a table is written to.
type Sink struct {
	// Name is unique among the sinks of a pipeline; see Source.Name.
	Name string
	// Input is the kernel or source whose table is written.
	Input  Ref
	Format TableFormat
	Path   Path
	// Compression is Auto for SQLite.
	Compression Compression
	// Table of an SQLite file; empty for other formats.
	Table string
	Range Range
}

// OnFailure says what becomes of a pipeline when a kernel fails.
type OnFailure string

// Stop ends the pipeline, Continue runs what does not depend on the kernel,
// Retry tries it again up to Retries times and then stops, Rollback undoes what
// the kernels before it did to the world, and Quarantine sets the rows aside that
// the kernel rejects and goes on with the others.
const (
	Stop       OnFailure = "stop"
	Continue   OnFailure = "continue"
	Retry      OnFailure = "retry"
	Rollback   OnFailure = "rollback"
	Quarantine OnFailure = "quarantine"
)

var failurePolicies = []string{string(Stop), string(Continue), string(Retry), string(Rollback), string(Quarantine)}

// Kernel is one step of a pipeline.
type Kernel struct {
	// Name is unique among the kernels of a pipeline; see Source.Name.
	Name   string
	Origin Origin
	Use    Use
	// Inputs holds the one source or kernel that is read: of the alternatives
	// that were written, the first that is on.
	Inputs []Ref
	// Budget and Timeout are zero when there is none.
	Budget, Timeout time.Duration
	Seed            uint64
	OnFailure       OnFailure
	// Retries is zero unless OnFailure is Retry.
	Retries int
	// Cache is nil when the kernel leaves it to the pipeline; see
	// Pipeline.Caches.
	Cache *bool
	// AB is the comparison that the kernel is an arm of, and Arm "a" or "b"; the
	// name of the kernel is that of the comparison with the arm's.
	AB    *AB
	Arm   string
	Range Range

	config *Body
}

// Node is the name of the step in reports: "kernel.NAME", or "ab.NAME.ARM".
func (k *Kernel) Node() string {
	if k.AB != nil {
		return string(RefAB) + "." + k.Name
	}
	return string(RefKernel) + "." + k.Name
}

// Settings decodes the config block against what the plugin declares.
func (k *Kernel) Settings(schema SettingsSchema) (Settings, Diagnostics) {
	return DecodeSettings(k.config, schema)
}

// Use names a kernel of a plugin.
type Use struct {
	Plugin, Kernel string
	Range          Range
}

// String is "PLUGIN.KERNEL".
func (u Use) String() string { return u.Plugin + "." + u.Kernel }

// Pipeline is a graph of kernels without cycles, flat: every instance of a block
// with for_each and every step of a module is one of its own.
type Pipeline struct {
	Name        string
	Description string
	// Preflight holds suites and requirements, in the order written.
	Preflight []Ref
	// Sources that its steps may read: its own, then those at top level that it
	// uses.
	Sources []*Source
	// Kernels of the pipeline, each after all of its inputs: its own and those
	// at top level that it uses. Ties are in the order written. The arms of a
	// comparison stand beside each other, a first.
	Kernels []*Kernel
	// Sinks are its own, then those at top level whose input it runs.
	Sinks []*Sink
	// Off are the steps that are left out, in the order in which they would
	// stand.
	Off []Off
	// Cache is whether outcomes are kept and used again, where a kernel does not
	// say it itself; see Caches.
	Cache bool
	// MaxMemory and MaxSpill bound what tables between the kernels take of the
	// memory of the host and of its disk, BatchRows and BatchBytes what travels
	// at once. All but rows are bytes; zero leaves it to the engine.
	MaxMemory, MaxSpill, BatchBytes uint64
	BatchRows                       int
	Range                           Range

	index nodeIndex
}

// Off is a step that is left out of a pipeline.
type Off struct {
	// Name is that of a reference, for example "kernel.deep".
	Name string
	// Reason is a phrase such as "when = var.deep is false".
	Reason string
	// Range is where the reason stands.
	Range Range
}

// nodeIndex finds steps by name.
type nodeIndex struct {
	sources map[string]*Source
	kernels map[string]*Kernel
	sinks   map[string]*Sink
}

// Source returns a source of the pipeline.
func (p *Pipeline) Source(name string) (*Source, bool) {
	s, ok := p.index.sources[name]
	return s, ok
}

// Kernel returns a kernel of the pipeline.
func (p *Pipeline) Kernel(name string) (*Kernel, bool) {
	k, ok := p.index.kernels[name]
	return k, ok
}

// Sink returns a sink of the pipeline.
func (p *Pipeline) Sink(name string) (*Sink, bool) {
	s, ok := p.index.sinks[name]
	return s, ok
}

// Caches reports whether the outcome of a kernel is kept and used again.
func (p *Pipeline) Caches(k *Kernel) bool {
	if k.Cache != nil {
		return *k.Cache
	}
	return p.Cache
}
