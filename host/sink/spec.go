// SPDX-License-Identifier: Apache-2.0

package sink

import (
	"os"
	"path/filepath"
	"slices"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/source"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// compressions of each format; the empty one is always among them.
var compressions = map[string][]string{
	source.CSV:     {"", "none", "gzip", "zstd"},
	source.JSONL:   {"", "none", "gzip", "zstd"},
	source.Parquet: {"", "none", "snappy", "gzip", "zstd"},
	source.Arrow:   {"", "none", "lz4", "zstd"},
	source.SQLite:  {"", "none"},
}

// Check finds out before any work is done whether a file can be written where a
// Spec says: what is there, its directory and the right to make files in it. It
// changes nothing. Errors are of type *Error.
func Check(spec Spec) error {
	if err := spec.checkFormat(); err != nil {
		return err
	}
	d, _, err := aim(spec)
	if err != nil {
		return err
	}
	dir := filepath.Dir(d.target)
	info, err := os.Stat(dir)
	switch {
	case err != nil:
		return d.failed(err)
	case !info.IsDir():
		return newError(d.target, "Missing directory", "%s is a file. Name a path in a directory.", dir)
	}
	if err := mayCreate(dir); err != nil {
		return d.failed(err)
	}
	return nil
}

// checkFormat refuses settings that no table could be written with.
func (s Spec) checkFormat() error {
	known, ok := compressions[s.format()]
	switch {
	case s.Path == "":
		return newError("", "No file named", "The path of the sink is empty. Name a file.")
	case !ok:
		return newError(s.Path, "Unknown format", "%q is no format of a sink. Use csv, jsonl, parquet, arrow or sqlite.", s.Format)
	case !slices.Contains(known, s.Compression):
		return newError(s.Path, "Unknown compression", "A %s file has no compression %q. Use one of %q.", s.format(), s.Compression, known[1:])
	case s.Table != "" && s.format() != source.SQLite:
		return newError(s.Path, "Table without a database", "Table is for a sqlite sink; this one is %s.", s.format())
	}
	return nil
}

// check refuses what could never be written.
func (s Spec) check(schema *arrow.Schema, decoder source.Decoder) error {
	if err := s.checkFormat(); err != nil {
		return err
	}
	switch {
	case !s.isText() && decoder == nil:
		return newError(s.Path, "Format that needs a plugin", "A %s file is written by the plugin tables, and there is none here. Install it, or write a CSV file.", s.format())
	case schema == nil || schema.NumFields() == 0:
		return newError(s.Path, "No columns", "The table has no columns, so there is nothing to write.")
	}
	if err := table.CheckSchema(schema); err != nil {
		return newError(s.Path, "Table that cannot be written", "%v.", err).because(err)
	}
	return s.checkTypes(schema)
}

// checkTypes refuses columns that the format has no form for.
func (s Spec) checkTypes(schema *arrow.Schema) error {
	if s.format() != source.CSV {
		return nil
	}
	for _, f := range schema.Fields() {
		switch f.Type.ID() {
		case arrow.BINARY, arrow.LIST, arrow.FIXED_SIZE_LIST:
			return newError(s.Path, "Column without a form in CSV", "Column %q has type %s. Write jsonl, parquet or arrow instead.", f.Name, f.Type)
		}
	}
	return nil
}
