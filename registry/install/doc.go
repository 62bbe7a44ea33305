// SPDX-License-Identifier: Apache-2.0

// Package install keeps plugins on disk and says which of them a project uses.
//
// # Store
//
// A store is a directory, bulkhead in the user's data directory:
//
//	store/HEX/            the files of a plugin and nothing else, read-only; HEX is
//	                      the SHA-256 of its digest h1
//	store-verdicts/HEX    what its files were like when they were last hashed
//	staging/              what is being unpacked or deleted
//	quarantine/           entries that were found changed, for 30 days
//	downloads/            archives, whole or partial, for 7 days
//	locks/HEX, leases/HEX/  see below
//	scopes/ID/            see below
//	user.lock.hcl         the lock file of the user
//
// An entry is unpacked in staging, compared with what the registry promised,
// brought to disk and renamed: it is whole or not there. Its name is the digest of
// its content, so one entry serves all projects, and nothing in it ever changes.
//
// # Verification
//
// [Store.Verify] hashes every file. [Store.Quick] trusts the verdict of an earlier
// hashing as long as each file and directory still has the device, inode, size,
// mtime and ctime of then, which the system changes whenever somebody writes,
// replaces, adds or removes a file; otherwise it does what Verify does. A verdict
// counts only for files that had not changed for two seconds, since a change within
// the resolution of the clock would leave no trace. It protects from accidents and
// from whoever cannot write to the user's own data directory; the host compares
// the digest of the executable that it opens at every launch besides.
//
// Both also want the modes to be as they were installed, as far as they matter:
// an executable that can be run, no file that others than its owner can write, no
// set-id bits.
//
// # Scopes
//
// A scope is a project's directory, known by its path without links, or the user.
// Its pointer is its lock file, PROJECT/bulkhead.lock.hcl or user.lock.hcl in the
// store: what it names is what is used, and it is replaced by one rename. Every
// text that the pointer had is kept as a generation:
//
//	scopes/ID/scope.json            the project's directory
//	scopes/ID/generations/N.hcl     the text, byte for byte
//	scopes/ID/generations/N.json    when, why, pinned or not
//	scopes/ID/                      other files are the upgrade's
//
// [Scope.Switch] writes and syncs N.hcl and N.json, and then replaces the pointer.
// A process that dies on the way leaves the old pointer or the new one; a
// generation that never became current is dropped by the next change. A lock file
// that came from elsewhere, from an editor or from git, is as good as any; it
// becomes a generation when it is first seen.
//
// Rolling back is a switch to the text of an earlier generation, and makes a new
// one. Without a number it is the last one that locked something else.
//
// # Several hosts
//
// One lock for each entry is held while it is added, leased or removed, and one
// for the store while pointers and generations change. They are locks on open files,
// which the system gives back when their process ends. [Scope.Switch] replaces only
// the text that the scope last read; when another host came first it is a
// *[ChangedError], and the caller plans anew. Hosts with different data directories
// that share a project have no lock in common; this check is then all there is.
//
// # Collection
//
// [Store.GC] removes entries that nothing reaches. An entry is kept when
//
//   - a current lock file, a kept generation or another file of a scope names it,
//     on whatever platform; they are searched for digests and not parsed, so that
//     a lock file with the marks of a merge keeps what it names;
//   - a running host has leased it;
//   - it was added within the last hour, since its switch may be to come.
//
// Of every scope the last ten generations, the current one and the pinned ones are
// kept. A scope whose lock file is gone keeps its generations for 30 days, then it is
// removed. When a lock file cannot be read, nothing is removed.
package install
