// SPDX-License-Identifier: Apache-2.0

// Package repo is the side of a registry that writes: it makes one, admits
// publishers, publishes what they signed, changes keys, keeps the metadata fresh
// and audits the whole from the outside.
//
// # Files
//
// A registry is a repository of The Update Framework (TUF 1.0.31) with consistent
// snapshots, beside the log of package translog:
//
//	metadata/N.root.json, N.targets.json, N.NAMESPACE.json, N.snapshot.json, timestamp.json
//	targets/plugins/NAMESPACE/NAME/VERSION/SHA256.release.json, SHA256.PLATFORM.tar.zst
//	log/...
//
// All keys are Ed25519. Snapshot and timestamp give the length and the SHA-256 of
// what they name.
//
// # Roles
//
//	root       says whose keys are good for which role; keys kept offline
//	targets    delegates a namespace to its publisher and signs no target itself; keys kept offline
//	NAMESPACE  a publisher's: its releases and their archives; keys that only the publisher has
//	snapshot   which versions of the metadata belong together; key online
//	timestamp  which snapshot is the newest; key online
//
// A publisher's role is terminating, may sign plugins/NAMESPACE/*/*/* only, and
// delegates nothing. A namespace whose publisher has not published yet is in
// targets and not in snapshot. One that was revoked is in snapshot, since TUF
// lets nothing leave it, and not in targets.
//
// The root has a member beside those of TUF, which package policy describes: the
// name of the registry, the key of its log, and how long the metadata of each role
// are good for. The last two can be changed, by the threshold of the root
// (RotateLog, SetExpiry).
//
// The log's key is changed in two steps: the checkpoint that is there is signed
// with the new key beside the old one, then the new root names the new key. Clients
// with the old root and clients with the new one both find a signed checkpoint at
// every moment, and a crash in between leaves the old key in force. The old key is
// not needed: its signature stands under the checkpoint already.
//
// # Publishing
//
// A publisher signs without the registry's keys, and the registry publishes
// without the publisher's. Sign makes a Submission: the next version of the
// publisher's metadata and the archives that are new in it. Others whose keys the
// threshold needs add theirs (Submission.Cosign). Publish checks everything,
// writes archives and documents, then the log, the publisher's metadata, the
// snapshot, and the timestamp last. What is written before the timestamp counts
// for nothing, so that a crash leaves the old registry or the new one, and the
// same submission can be published again. Only the log may be ahead: a release
// that it has and that the registry does not offer yet.
//
// A release never changes and never goes away. Its custom data may say that it
// was yanked.
//
// # A submission in files
//
// A submission is kept as a directory or, when its name ends in .tar, as a tar
// file with the same names and nothing but regular files:
//
//	submission.json   {"bulkhead_submission": 1, "namespace": "acme"}
//	metadata.json     the publisher's metadata, signed
//	plugins/acme/scaler/1.2.0/linux_amd64.tar.zst ...
//
// The archives have the paths of their targets; those of releases that the
// registry has are left out. The documents of releases are in the metadata.
//
// # Several at once
//
// Whoever changes a registry holds the lock of its store. Where a lock cannot
// reach every writer (an OCI registry, from two machines), the timestamp is
// compared before the log is written and before it is replaced, and the snapshot
// that it names too. That is best effort: two such writers in the same instant can
// still collide, and if both write the log then, clients see a fork and refuse the
// registry for good. Publish into an OCI registry from one machine.
//
// # What is believed
//
// A change begins with the metadata of the store. Its signatures and hashes are
// verified from the newest root on, which itself is verified from the first; what
// does not verify is never signed again. Expiry does not matter here: an expired
// registry is what Refresh is for. A store that was set back to an older state is
// not noticed by the writer, but by every client and by the log's monitors.
package repo
