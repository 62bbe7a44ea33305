// SPDX-License-Identifier: Apache-2.0

// Package state keeps what kernels learnt, by content: the name of a state is the
// SHA-256 of its bytes, so two runs that learn the same share one file, and a
// file that was changed is noticed whenever it is read.
//
// # On disk
//
// A store is a directory, by default bulkhead/states among the user's data:
//
//	lock          locked by whoever changes something
//	HEX.state     the bytes of a state; HEX is its digest, 64 hexadecimal digits
//	HEX.json      its Entry: where it came from
//	.new-*        files that are being written
//
// A state counts when its entry is there. The state is on disk before its entry is
// renamed, and when a state is removed its entry goes first; so a host that dies
// at any instant leaves entries whose states are complete. States without an
// entry, and files that nobody finished, are swept an hour later.
//
// # Forms
//
// A state in the container of package sdk/state is decoded and can be shown and
// compared array by array. All others are opaque: they are kept, named, exported
// and compared as bytes, and every answer says so by its form.
//
// # Exports
//
// Store.Export writes one file: a line "bulkhead-state-export 1", a line with the
// entry as JSON, and the bytes of the state. Store.Import takes such a file, or a
// bare state in the container, which has a digest of its own; it refuses bytes
// that are not those that the digest names.
package state
