// SPDX-License-Identifier: Apache-2.0

// Package report is the published form of results: the data model of what
// `bulkhead doctor`, `run` and `facts` print, and its renderers.
// It knows no engine; engines fill these structs in.
//
// # Documents
//
// There are four JSON documents: [Doctor], [Run], [Facts] (a snapshot is a
// Facts document in a file) and [Failure], which stands in the place of any of
// them when a command fails before it has a result. Their schemas are
// docs/schema/*.schema.json, and the tests hold schemas and structs together.
//
// Each document begins with schema_version, "MAJOR.MINOR". A minor adds fields
// and nothing else; a major may change their meaning. A reader of 1.x must
// ignore names that it does not know. Times are RFC 3339 in UTC, durations are
// milliseconds as a number, sizes are bytes, digests of plugins are "sha256:"
// and lower hexadecimal digits. Lists are never null. Severities are "error",
// "warning", "info" and, for findings, "unknown".
//
// WriteJSON writes one document with a fixed order of fields and a newline at
// its end, and nothing else. Text of a plugin can stand in any string, so
// characters that drive or deceive a terminal are written as \u escapes: the
// value is exact, and printing the document is harmless.
//
// # Text
//
// WriteText is terse: for a diagnosis one line for each area, the root causes,
// the next command to type. Options.Verbose lists everything. A status is a
// word, never only a colour, and what the renderer itself writes is ASCII, so
// that it reads the same in a log, on a serial console and aloud. No line is
// wider than Options.Width columns, wide East Asian characters counted as two,
// with one exception: a command to copy is broken only where a backslash may
// stand, and is otherwise left whole, as are the lines of a file. Long values are cut with "..."; the JSON
// has them in full. All text from outside passes through [Clean].
package report
