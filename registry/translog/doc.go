// SPDX-License-Identifier: Apache-2.0

// Package translog is the transparency log of a registry: every release that
// the registry ever offered is a record of it, and no record can be changed or
// taken away without all who keep a checkpoint seeing it.
//
// The log is a Merkle tree as in RFC 6962, made and proved by
// golang.org/x/mod/sumdb/tlog, in static files:
//
//	log/checkpoint                    the size and the hash of the tree, signed
//	log/tile/8/LEVEL/NNN              256 hashes of a level that is a multiple of 8
//	log/tile/8/LEVEL/NNN.p/W          the first W of them, while there are no more
//	log/tile/8/data/NNN, NNN.p/W      the records themselves
//	log/lookup/NAMESPACE/NAME/VERSION the index of a release's record
//
// # Checkpoint
//
// A checkpoint is a signed note (golang.org/x/mod/sumdb/note) with a text of
// three lines: the name of the log, which is the name of its key; the number of
// records in decimal; the hash of the tree in base64. It is at most 16 KiB.
//
//	registry.example/log
//	3
//	Vxv2uqYT5cOAMZWlwnO3SmqFMWFxcUDhNUtu3ZxCRKY=
//
//	— registry.example/log Az3grl...
//
// A checkpoint may have more signatures, of which a reader that does not know the
// keys takes no notice. When the log is given another key (Rekey), the checkpoint
// of that moment has the signatures of both; later ones have that of the new key.
// That the new key is the log's is not for the log to say: the registry's root
// does, see package policy.
//
// # Record
//
// A record is text of at most 32 KiB, the platforms in the order of their names:
//
//	bulkhead release 1
//	acme/scaler 1.2.0
//	release sha256:9f86d0...
//	linux_amd64 h1:47DEQpj8HBSa... sha256:60303a...
//
// The second hash of a platform is that of its archive, the digest after
// "release" that of the release's canonical document. In a data tile each record
// is followed by an empty line.
//
// # Lookup
//
// A lookup holds the record's index, counted from 0, in decimal and a newline. It
// is a hint and not signed: who follows it proves that the record is there.
//
// # What a client holds the log to
//
// A client keeps the last checkpoint that it saw. Each newer one must contain
// the tree of the older one as its beginning; a log that has another hash for the
// same records, or fewer records, is a *ForkError with both signed notes, which
// together convict it. A release must be in the tree of the newest checkpoint.
//
// # Order of writing
//
// Append writes tiles first, then lookups and the checkpoint last. What is
// written before that counts for nothing, and is written again by the next
// Append: a crash leaves the old log or the new one.
package translog

// Limits of what is read. A log that goes beyond one is refused.
const (
	MaxCheckpoint = 16 << 10 // bytes of a checkpoint
	MaxRecord     = 32 << 10 // bytes of a record
	MaxRecords    = 1 << 40  // records of a log

	maxLookup = 32 // bytes of a lookup
)

const (
	height    = 8 // of tiles: 256 hashes or records each
	tileWidth = 1 << height
	dir       = "log/"
	// CheckpointName is the registry's file with the checkpoint.
	CheckpointName = dir + "checkpoint"
)
