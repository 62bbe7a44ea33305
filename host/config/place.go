// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"

	"github.com/zclconf/go-cty/cty"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// formatSettings are the attributes that only some formats have.
var formatSettings = []struct {
	name    string
	formats []TableFormat
}{
	{"types", []TableFormat{CSV, JSONL}},
	{"nulls", []TableFormat{CSV, JSONL}},
	{"delimiter", []TableFormat{CSV}},
	{"table", []TableFormat{SQLite}},
	{"query", []TableFormat{SQLite}},
}

// place reads where the table of a source is and in which form.
func (s section) place(src *Source) {
	chosen := s.chosen(append(formatNames(), "url"))
	switch {
	case chosen == "":
		s.l.errorf(s.at, "Source without data", "Name a file with one of %s, or an address with url.", strings.Join(formatNames(), ", "))
		return
	case chosen == "url":
		s.remote(src)
	default:
		s.local(chosen)
		src.Format, src.Path = TableFormat(chosen), s.file(chosen)
	}
	src.Compression = s.compression(src.Format, sourceCompressions)
	s.otherFormats(src.Format)
	if src.Format == SQLite {
		s.rows(src)
	}
}

// chosen is the one attribute of several that is written; a second one is an
// error.
func (s section) chosen(names []string) string {
	first := ""
	for _, name := range names {
		a, ok := s.attrs[name]
		switch {
		case !ok:
		case first == "":
			first = name
		default:
			s.l.errorf(a.NameRange, "Two places of one table", "%q stands beside %q, and a %s has one place. Make a second %s of it.",
				name, first, s.schema.Type, s.schema.Type)
		}
	}
	return first
}

// file reads the path of a table, which is there.
func (s section) file(name string) Path {
	if v, ok := s.value(name, cty.String); !ok && v != cty.NilVal && v.IsNull() {
		s.l.errorf(s.rangeFor(name), "Null as a path", "%q is null. Name a file, or leave the whole block out with \"when\".", name)
	}
	return s.path(name)
}

// local reports what only an address can have.
func (s section) local(format string) {
	for _, name := range []string{"format", "allow_network"} {
		if a, ok := s.attrs[name]; ok {
			s.l.errorf(a.NameRange, "Setting without an address", "%q goes with \"url\", and %q names a file. Remove it.", name, format)
		}
	}
}

// remote reads an address, which nobody may use without consent.
func (s section) remote(src *Source) {
	src.URL, src.URLRange = s.address("url"), s.placeOf("url")
	src.Format = TableFormat(s.text("format"))
	if _, ok := s.attrs["format"]; !ok {
		s.l.errorf(s.rangeFor("url"), "Format missing", "Say what is at the address: format = one of %s.", quotedList(formatNames()))
	}
	if !s.flag("allow_network") {
		s.l.errorf(s.rangeFor("url"), "Network not allowed", "Nothing is fetched without consent. Add allow_network = true, or name a file.")
	}
}

// autoCompression is how Auto is written.
const autoCompression = "auto"

// sourceCompressions and sinkCompressions are what each format knows besides
// Auto; for others the attribute has no meaning.
var (
	sourceCompressions = map[TableFormat][]Compression{CSV: {Plain, Gzip, Zstd}, JSONL: {Plain, Gzip, Zstd}}
	sinkCompressions   = map[TableFormat][]Compression{
		CSV: {Plain, Gzip, Zstd}, JSONL: {Plain, Gzip, Zstd}, Parquet: {Plain, Snappy, Gzip, Zstd}, Arrow: {Plain, LZ4, Zstd},
	}
)

// compression reads one of those that the format knows.
func (s section) compression(f TableFormat, known map[TableFormat][]Compression) Compression {
	a, ok := s.attrs["compression"]
	if !ok || f == "" {
		return Auto
	}
	if len(known[f]) == 0 {
		s.l.errorf(a.NameRange, "Setting of another format", "%s has no compression of its own to choose here. Remove the line.", f)
		return Auto
	}
	text := s.text("compression")
	if text == autoCompression {
		return Auto
	}
	if !slices.Contains(known[f], Compression(text)) {
		var names []string
		for _, c := range known[f] {
			names = append(names, string(c))
		}
		s.l.errorf(s.rangeFor("compression"), "Value not allowed", "%s knows the compressions %s, not %q.", f, quotedList(names), text)
	}
	return Compression(text)
}

// timestampType is a timestamp with its unit and perhaps its zone.
var timestampType = pattern.Lazy(`^timestamp\[(s|ms|us|ns)(, ?[A-Za-z0-9_+:/-]{1,64})?\]$`)

// types reads the types of columns.
func (s section) types() map[string]string {
	out := s.textMap("types")
	for _, column := range keys(out) {
		if text := out[column]; !slices.Contains(ColumnTypes, text) && !timestampType().MatchString(text) {
			s.l.errorf(s.entryRange("types", column), "Unknown column type", "%q is no type of a column: they are %s, and timestamp[UNIT, ZONE].%s",
				shorten(text), strings.Join(ColumnTypes, ", "), nearSentence(text, ColumnTypes))
		}
	}
	return out
}

// otherFormats reports settings that the format does not have.
func (s section) otherFormats(f TableFormat) {
	for _, setting := range formatSettings {
		a, ok := s.attrs[setting.name]
		if !ok || f == "" || slices.Contains(setting.formats, f) {
			continue
		}
		var names []string
		for _, known := range setting.formats {
			names = append(names, string(known))
		}
		s.l.errorf(a.NameRange, "Setting of another format", "%q is for %s, and this is %s. Remove it.", setting.name, strings.Join(names, " and "), f)
	}
}

// rows reads which rows of a database are meant.
func (s section) rows(src *Source) {
	src.Table, src.Query = s.words("table"), s.words("query")
	table, query := s.attrs["table"], s.attrs["query"]
	if table != nil && query != nil {
		s.l.errorf(query.NameRange, "Table and query", "\"query\" already says which table it reads, and \"table\" names one at %s. Remove one of them.", rangeOf(table.Range))
	}
}

// words reads a text that says something.
func (s section) words(name string) string {
	v, ok := s.value(name, cty.String)
	if !ok {
		return ""
	}
	text := v.AsString()
	if strings.TrimSpace(text) == "" || strings.ContainsRune(text, 0) {
		s.l.errorf(s.rangeFor(name), "Invalid "+name, "%q cannot be empty or hold a null character.", name)
		return ""
	}
	return text
}

// destination reads where a sink writes and in which form.
func (s section) destination(sink *Sink) {
	chosen := s.chosen(formatNames())
	if chosen == "" {
		s.l.errorf(s.at, "Sink without a file", "Name the file to write with one of %s.", strings.Join(formatNames(), ", "))
		return
	}
	sink.Format, sink.Path = TableFormat(chosen), s.file(chosen)
	sink.Compression = s.compression(sink.Format, sinkCompressions)
	s.otherFormats(sink.Format)
	if sink.Format != SQLite {
		return
	}
	sink.Table = s.words("table")
	if _, ok := s.attrs["table"]; !ok {
		sink.Table = strings.ReplaceAll(sink.Name, ".", "_")
	}
}
