// SPDX-License-Identifier: Apache-2.0

// Package tuf is the client workflow of The Update Framework, version 1.0 of the
// specification, section 5, over the verified metadata of go-tuf.
//
// go-tuf decides what is signed, of which version and not expired. This package
// brings it the files in the order of the specification and keeps what was
// verified in a directory, so that the next run can tell what is older:
//
//	root.json timestamp.json snapshot.json targets.json
//	ROLE.json                        of a delegated role, percent-encoded
//
// Each file is written whole or not at all, and only after it was verified. What
// is in the directory is verified again whenever it is read; a file whose
// signature, version or expiry does not do any more is replaced from the
// repository, and one that cannot be parsed is an error.
//
// It differs from go-tuf's own updater in this: files are on disk before they
// count; signed metadata that leaves out what it must have is an error and no
// panic; a delegated role that two others delegate to is verified for each; a
// delegated role cannot have the name of a top-level one; and when root takes away
// a key of timestamp or snapshot, both kept files are deleted (5.3.11), so that a
// repository recovers from version numbers that an attacker made huge.
//
// A Client is for one update and for one goroutine. Whoever shares a directory
// must lock it.
package tuf

// Limits of what is read, in bytes; a length that the metadata state lowers them.
const (
	MaxRoot      = 512_000
	MaxTimestamp = 16_384
	MaxSnapshot  = 2_000_000
	MaxTargets   = 8 << 20 // of one role
)

// Limits of what is followed.
const (
	MaxRotations   = 256 // new roots in one update
	MaxDelegations = 32  // roles visited in search of one target
)
