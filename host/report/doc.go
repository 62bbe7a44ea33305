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
//
// # Other formats
//
// [Formats] lists them, FormatForFile infers one from the name of a file, and the
// Write method of a document writes any that the document has; a *[FormatError]
// lists those. In each of them text from outside is text and nothing more:
//
//   - CSV (RFC 4180): a row for each finding, fact or node. A cell that a
//     spreadsheet would take for a formula (=, +, -, @) has an apostrophe before
//     it, unless it is a number.
//   - Markdown (GitHub's flavour): what could be markup is escaped, and an empty
//     comment parts what processors make links of unasked: addresses, mail,
//     mentions, issue numbers. Values stand in code, between more backquotes than
//     they hold.
//   - HTML: one page without script and without anything to load, which its
//     Content-Security-Policy enforces. Addresses are text, not links. Contrast
//     is at least 4.5 to 1, light and dark; a status is always a word, too.
//   - SARIF 2.1.0: error, warning and info are the levels error, warning and note;
//     an unknown has the kind "open". The partial fingerprint "bulkheadFinding/v1"
//     depends on code and subject only. A waived finding is suppressed.
//   - JUnit: a suite for each area, a case for each check that passed, each
//     finding and each skipped check.
//   - Prometheus (text 0.0.4): gauges. One series "bulkhead_doctor_finding" for
//     each finding, "bulkhead_fact" for each fact that is a number or a truth
//     value.
//
// # Redaction
//
// A [Redactor] makes a copy of a diagnosis or of facts without what identifies
// people and machines, before it is written in any format.
package report
