// SPDX-License-Identifier: Apache-2.0

// Package trust is the client of one registry: it says which releases there are
// and fetches their archives, and believes nobody on the way.
//
// What it starts from is given out of band: the first root of the registry's TUF
// repository and the key of its transparency log. The newest root may say that the
// log has another key now (package policy). A log key that the root never had is
// refused. From them
//
//	Refresh   root -> timestamp -> snapshot -> targets, and the log's checkpoint
//	Releases  the metadata of one publisher, checked as below
//	Fetch     an archive: in the log, of the length and the digest that are signed
//
// Every doubt is a *RefusedError that names the threat, the reason and what to do;
// a registry that does not answer is an *UnreachableError. After either nothing
// can be listed or fetched. The one exception is Options.Offline, a grace that the
// user gave: for so long after their expiry metadata count that are otherwise
// verified, and those that were kept count while the registry does not answer.
// Freshness says so each time. The grace moves expiry and nothing else: signatures
// and versions are checked as ever.
//
// # Publishers
//
// A publisher is a role that targets delegates to, with the name of its namespace.
// The delegation must be
//
//	terminating, for the one path plugins/NAMESPACE/*/*/*, by names and not by
//	hashes of paths; no delegation to another namespace's paths, no two of one name
//
// and the role must not delegate further. All its targets must be releases (package
// release says of what form): each archive has its release, each platform of a
// release its archive, with one length and one digest in both; the release in the
// custom data has the digest of the target that it is the custom data of. One
// target that is not so refuses the publisher, and no other publisher with it.
//
// # Directory
//
// The state of a registry, a few megabytes, is in a directory whose name comes
// from the root and the log key: another root out of band is another registry.
//
//	root.json, timestamp.json, ...   package tuf
//	role-NAMESPACE.json              of a publisher
//	checkpoint                       of the log, the last one that was seen
//	fork.txt                         two checkpoints that convict the log
//	fork-TIME.txt                    those of a fork that Forget left behind
//	.lock                            held by the host that refreshes
package trust
