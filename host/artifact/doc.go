// SPDX-License-Identifier: Apache-2.0

// Package artifact keeps outcomes of nodes of pipelines under keys of all that
// they depend on, so that a step that was run before need not run again: what
// it reported, the state that it learnt and the table that it made.
//
// # Keys
//
// A key is SHA-256 over the line "bulkhead artifact key 1" with its line feed
// and of each ingredient its name and its value, as the length in bytes as a
// little-endian uint64 and the bytes; sorted by the bytes of the names, those of
// one name as they were given. Whoever makes the key names everything that the
// outcome depends on: nothing here can know what was forgotten.
//
// # Files
//
//	lock                 locked by who changes what is in the store
//	entries/KEY.json     manifest: there is an artifact
//	data/ID.state        its state, as the kernel gave it
//	data/ID.table        its table, see package tablefile
//	drafts/ID            the manifest to be, locked by who makes the artifact
//
// A KEY is 64 hexadecimal digits, an ID 26 random characters (A to Z, 2 to 7).
// A manifest is one line of "bulkhead-artifact-1", a space, the SHA-256 of the
// rest in hexadecimal digits and a line feed, then a JSON object: key, id, info
// (see Info), state (bytes, sha256) and table (bytes, rows, batches, digest),
// the last two where there is one. Other files are left alone.
//
// # Crashes
//
// A draft writes its data files under names that nothing else has, brings them
// to disk, then its manifest, and renames that last: the rename makes the
// artifact. A process that dies before leaves a draft that nobody holds, which
// the next host that makes one, or a sweep, removes with its data. An artifact is
// removed in the reverse order, so a process that dies leaves data files that
// belong to nothing, which a sweep removes, too.
//
// What was committed is on disk: files and names are synced. After a crash of
// the machine an artifact may come back that was removed shortly before; if its
// data do not, it is damaged, and found to be.
//
// # Several hosts
//
// Any number of processes may use one store. Who makes a draft, commits, removes
// or sweeps holds the lock of the store for that moment (flock; LockFileEx on
// Windows); reading takes none. Who reads an artifact holds a shared lock of its
// manifest until Close, and who removes it must have that lock alone, so what is
// in use stays. All locks end with their process. Of two hosts that make the same
// artifact, the first to commit wins, and the other's goes.
//
// # Bounds
//
// Before a commit that would exceed Options.MaxBytes, artifacts that nobody used
// for longest are removed until the new one fits and a tenth is free; those not
// used within Options.TTL go at that time, or with a sweep. Use is a Get, or a
// Commit, and is noted as the time of the manifest. What drafts write does not
// count before they are committed, and what is in use is not removed: a commit
// fails with ErrNoRoom instead.
//
// # Trust
//
// The directory must be the user's alone, and Open refuses another: whoever can
// write to it decides what pipelines answer. Digests and checksums find damage,
// not forgery. Damage is never an answer: Get removes a damaged artifact and
// says that it is missing, with a note; what only shows in a batch or a state is
// an error of the reader, and Close removes the artifact.
package artifact
