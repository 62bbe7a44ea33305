// SPDX-License-Identifier: Apache-2.0

// Package source reads a file as a typed table, batch by batch.
//
// # Formats
//
// CSV and JSON lines are read here; gzip and Zstandard around them are told by
// their first bytes, or by Spec.Compression. Parquet, Arrow IPC and SQLite are
// read by kernels of a sandboxed plugin, which a Decoder calls: their readers
// are known to die of hostile bytes, and no byte of such a file is looked at in
// this process. A source may be an address: see "Downloads".
//
// # CSV
//
// Text in UTF-8, with or without a byte order mark, lines ended by LF or CRLF,
// in the dialect of RFC 4180: fields apart by one delimiter, a field in double
// quotes may hold delimiters, line breaks and, doubled, quotes. A carriage return
// anywhere else is refused: it is the line break of some other program. The first
// line names the columns; a name is trimmed, not empty, and stands once. Every
// other record has as many fields as the header. A blank line is skipped and
// counted, except in a table of one column, where it is a missing value. A record
// takes at most MaxRecordBytes. The file must be a regular one: it is read twice.
//
// # JSON lines
//
// One JSON object on each line, in UTF-8, at most MaxRecordBytes. Its keys name
// the columns, in the order of their first appearance; a key that a line does
// not have is a missing value there, as null is. Values are numbers, bools and
// strings: an object or an array is refused by the name of its column.
//
// # Types
//
// Open looks at the first SampleBytes of the text, which is the whole of most
// files (Table.Exact tells), and gives each column the narrowest type that holds
// all of its values:
//
//	int64    decimal integers; a sign is fine, leading zeros are dropped
//	float64  integers and decimal fractions, with or without exponent; inf
//	bool     true and false, in any case
//	string   everything else, integers too large for int64 among it
//
// A column without any value is a float64 column of nulls. Spaces around a
// number or a bool do not count; in a string they stay. In JSON lines a string
// is a string, whatever stands in it. Spec.Types fixes types; see ParseType for
// all that there are. A value that does not fit a type, whether declared or
// found in the sample, is an error at its line that says what to declare.
//
// # Missing values
//
// A field that is one of Spec.Nulls after trimming is null in every type; in
// quotes or not makes no difference, since many writers quote everything. The
// default list holds the empty field and NaN: a table read here has no NaN,
// because a missing number is what NaN means in CSV files. Who has a country
// code NA sets Nulls. In JSON lines there is no default list: null is null.
//
// # Roles
//
// Spec.Target and Spec.ID get the roles of package table in the metadata of
// their fields, and every kernel sees them.
//
// # Downloads
//
// Spec.URL is fetched over HTTP or HTTPS into Download.Dir before it is read,
// and only when Download.AllowNetwork says so. See Fetch for its rules.
//
// # Memory
//
// Every pass holds one record and one batch. Batches keep to table.MaxRows and
// table.MaxBytes, and the same file and Spec give the same batches. What a
// compressed file expands to is bounded by MaxExpansion.
//
// # Change
//
// A file is read several times: once to find out its types and once for each
// consumer. Its size, its time of change and its identity are compared before
// and after every pass, and a file that changed is refused.
package source

import (
	"context"
	"errors"
	"iter"

	"github.com/apache/arrow-go/v18/arrow"
)

// Formats of files.
const (
	CSV     = "csv"
	JSONL   = "jsonl"
	Parquet = "parquet"
	Arrow   = "arrow"
	SQLite  = "sqlite"
)

// MaxRecordBytes bounds one record of a text file, line breaks in quotes
// included.
const MaxRecordBytes = 4 << 20

// SampleBytes of the text of a file are read to find out types. A file whose
// text is no longer than that is checked from end to end by Open.
const SampleBytes = 64 << 20

// DefaultNulls are the fields of a CSV file that stand for a missing value,
// unless a Spec has a list of its own.
func DefaultNulls() []string {
	return []string{"", "NA", "N/A", "n/a", "NaN", "nan", "NULL", "null", "None", "none", "<NA>"}
}

// Spec says which file to read and how.
type Spec struct {
	// Format is one of the constants; empty is CSV.
	Format string
	// Path of the file, or URL of one; one of the two.
	Path, URL string
	// Download says how a URL is fetched.
	Download Download
	// Compression of a CSV or JSON lines file: "gzip", "zstd" or "none". Empty
	// goes by the first bytes of the file.
	Compression string
	// Target names the column to predict; empty for none.
	Target string
	// ID names the column that identifies a row; empty for none.
	ID string
	// Types fixes types of columns by name, for CSV and JSON lines: see
	// ParseType.
	Types map[string]string
	// Nulls lists the fields that are missing values. Nil takes DefaultNulls for
	// CSV and none for JSON lines; an empty list means that none is, so empty
	// numbers are errors.
	Nulls []string
	// Delimiter between fields of a CSV file. 0 is a comma.
	Delimiter rune
	// Query or Table says what is read from a SQLite database: a SELECT, or the
	// name of a table or view. Both empty takes the only table that there is.
	Query, Table string

	sample int64 // instead of SampleBytes, in tests
}

// Column is what Open found out about a column.
type Column struct {
	Name string `json:"name"`
	// Type is a name that ParseType takes where there is one, and Arrow's name
	// otherwise.
	Type string `json:"type"`
	Role string `json:"role,omitempty"`
	// Nulls counts missing values: of the sample when the table is not exact,
	// and -1 where they are not counted.
	Nulls int64 `json:"nulls"`
	// Declared tells that the type comes from the Spec.
	Declared bool `json:"declared,omitempty"`
}

// Table is a file whose columns are known. It may be read any number of times,
// also at the same time.
type Table interface {
	// Schema of every batch, with roles.
	Schema() *arrow.Schema
	// Columns in the order of the file.
	Columns() []Column
	// Rows of the whole file; -1 when they are not known before it is read.
	Rows() int64
	// Bytes of the file as it lies on disk.
	Bytes() int64
	// BlankLines counts the lines that were skipped because nothing is on them,
	// as far as Open read.
	BlankLines() int64
	// Exact tells that Open read the whole file, so that every value fits.
	Exact() bool
	// Path of the file, absolute; of a URL that of its download.
	Path() string
	// Batches reads the file again and gives its rows. A batch is borrowed: its
	// memory is used again after its step, and with it that of every string and
	// slice read from it. Retain the batch, or clone the string, to keep it.
	// Errors are of type *Error, or the cause of ctx. See WithProgress.
	Batches(ctx context.Context) iter.Seq2[arrow.RecordBatch, error]
	// Digest is "sha256:" and 64 hexadecimal digits, of the bytes of the file.
	// It is worked out once for a file that does not change.
	Digest(ctx context.Context) (string, error)
}

// Open finds out the columns of a file. The decoder may be nil when the format
// is CSV or JSON lines. Errors are of type *Error, the decoder's, or the cause
// of ctx.
func Open(ctx context.Context, spec Spec, decoder Decoder) (Table, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	if spec.URL != "" {
		path, err := Fetch(ctx, spec.URL, spec.Download)
		if err != nil {
			return nil, err
		}
		spec.Path = path
	}
	t, err := openFile(ctx, spec, decoder)
	if e, ok := errors.AsType[*Error](err); ok && spec.URL != "" && e.Path == spec.Path {
		e.Path = spec.place() // the user knows the address, not the download
	}
	return t, err
}

func openFile(ctx context.Context, spec Spec, decoder Decoder) (Table, error) {
	if spec.isText() {
		return openText(ctx, spec)
	}
	return openDecoded(ctx, spec, decoder)
}
