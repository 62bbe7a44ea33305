// SPDX-License-Identifier: Apache-2.0

// Package state is the container in which a kernel keeps what it learnt: a
// header and named arrays. A state is data and never code: a reader runs nothing
// that stands in it.
//
// A kernel writes one in Save and reads it in Load:
//
//	w := state.New(state.Header{Kernel: "algorithms.ridge", Version: 2, Seed: seed})
//	w.Floats("coef", coef, rows, columns)
//	w.Strings("features", names)
//	w.JSON("options", options)
//	data, err := w.Bytes()
//
//	s, err := state.Load(data, state.Want{Kernel: "algorithms.ridge", Version: 2, Migrations: migrations})
//	r := s.Reader()
//	coef := r.Finite("coef", rows, columns)
//	names := r.Strings("features", columns)
//	r.JSON("options", &options)
//	err = r.End() // the first thing that was wrong, an array nobody read included
//
// # Format, version 1
//
// All numbers are little-endian; offsets and lengths are bytes. A file is a
// preamble of 64 bytes, the header, and the arrays. The header and each array
// begin at a multiple of 64, and what stands between them is zero, up to the
// length of the file, which is a multiple of 64, too.
//
//	offset  bytes  preamble
//	0       8      magic: 89 42 48 53 0D 0A 1A 0A (hexadecimal)
//	8       4      version of the format: 1
//	12      4      length of the header, without the zeros behind it
//	16      8      length of the file
//	24      8      zero
//	32      32     SHA-256 of the bytes 0 to 31 followed by the bytes from 64 to the end
//	64             header
//
// The magic is not text, and changes when a transfer changes line breaks.
//
// # Header
//
// The header is one JSON object in printable ASCII, without white space, with
// the keys of every object in the order of their bytes. Of the characters of a
// string only these are escaped: " and \ with a backslash; \b, \f, \n, \r, \t by
// these names; all others outside of the bytes 20 to 7E as \u and four lower-case
// hexadecimal digits, as UTF-16. Numbers are written as ECMAScript does (RFC 8785,
// 3.2.2.3); zero has no sign. Keys whose value is empty are left out, except
// arrays, kernel, seed and version. So a state has one form, and equal states have
// equal bytes.
//
//	arrays         list of the arrays in the order in which they stand
//	config_digest  digest of the settings: "sha256:" and 64 lower-case digits
//	input          list of the columns that were learned from: name, nullable
//	               (left out when false), role (left out when empty), type
//	kernel         who made it: "algorithms.ridge"
//	metrics        object of numbers, such as those of the fit
//	parent         digest of the state that this one was made from
//	plugin         version of the plugin: "0.2.0"
//	seed           seed of random choices: a decimal uint64 in a string
//	version        version of the kernel's state: a whole number from 1
//
// An entry of arrays has these keys:
//
//	bytes   length of the array, without the zeros behind it
//	dtype   type of an element
//	name    1 to 256 bytes without control characters; no two are equal
//	nulls   true when elements are missing; left out otherwise
//	offset  where it begins, counted from the first multiple of 64 behind the header
//	shape   list of at most 8 lengths, row by row; [] is a single element
//
// # Arrays
//
//	dtype    element
//	float64  8 bytes, IEEE 754: all bits count, those of a NaN too
//	float32  4 bytes, IEEE 754
//	int64    8 bytes, two's complement
//	int32    4 bytes, two's complement
//	uint64   8 bytes
//	uint8    1 byte
//	bool     1 byte, 0 or 1
//	utf8     text: one uint64 more than elements, from 0, rising, each the end of
//	         the text before it; then all texts, each valid UTF-8
//	json     one JSON value; shape is [], and nulls is left out
//
// An array with nulls begins with a bitmap: bit i%8 of byte i/8, the lowest first,
// is 1 when element i is there. Bits behind the last are 0, at least one element
// is missing, zeros fill the bitmap up to a multiple of 64, and a missing element is
// all zeros, or an empty text.
//
// # Bounds
//
// A header has at most 4 MiB and 65536 arrays. A reader refuses everything that
// is not as written here and says at which byte. To decode takes no memory for the
// arrays, and for the header less than 40 times its length all in all; to read an
// array takes what its elements take.
//
// # Versions
//
// A kernel raises Header.Version when the meaning of its arrays changes and keeps
// a migration for every version that it still reads; see Migrations. A later
// version of the format gets another number at offset 8, and readers of this one
// refuse it by that number.
//
// testdata holds published vectors: states with a JSON file each that says what
// is in them, states that must be refused with the reason, and read.py, a reader in
// Python that shares nothing with this package.
package state
