// SPDX-License-Identifier: Apache-2.0

// Package tablefile keeps a table on disk as it lies in memory: what flows
// faster than it is taken is spilled to such a file, and the outputs that are
// kept are such files.
//
// A Writer appends batches, and any number of goroutines read them back
// meanwhile. Close finishes the file, and from then on Open takes it. One batch
// is in memory at a time on either side, and the memory is used again: at most
// 32 MiB wait for their next use in the whole process.
//
// # Format
//
// All numbers are unsigned and little-endian; checksums are CRC-32C. A file is
// a header, the schema, the batches, the index and the trailer, with nothing
// between them. What is said to be 0 must be. testdata/read.py reads a file by
// this description, and testdata/everything.table has every type.
//
// The header has 64 bytes:
//
//	 0  8 bytes  89 42 48 54 0d 0a 1a 0a ("BHT" between bytes that a transfer as text changes)
//	 8  uint32   version, 1
//	12  uint32   length of the schema message in bytes, at most 16 MiB
//	16  uint32   checksum of the schema message and its padding
//	20  40 bytes 0
//	60  uint32   checksum of bytes 0 to 59
//
// The schema is a message TableSchema of bulkhead.plugin.v1, then zeros up to a
// multiple of 64 bytes.
//
// Each batch is what Layout.Put of package table makes, with zeros between its
// buffers and after them up to a multiple of 64 bytes. The first begins after
// the schema, each other one after the batch before it.
//
// The index has 16 bytes for each batch, in order:
//
//	 0  uint32   length of the batch in bytes, without the zeros after it
//	 4  uint32   rows, at most 65,536
//	 8  uint32   checksum of the batch and the zeros after it
//	12  uint32   0
//
// The trailer is the last 128 bytes of the file:
//
//	  0  8 bytes  89 42 48 45 0d 0a 1a 0a
//	  8  uint64   batches
//	 16  uint64   rows
//	 24  uint64   first byte of the index
//	 32  uint64   length of the file in bytes
//	 40  uint32   checksum of the index
//	 44  uint32   checksum of the header, as it stands in the header
//	 48  32 bytes digest of the rows
//	 80  44 bytes 0
//	124  uint32   checksum of bytes 0 to 123
//
// So every byte of a file counts, and a file that is cut short has no trailer.
//
// # Digest
//
// The digest of the rows does not depend on how they are cut into batches, on
// what memory stands under a null, or on the order of a dictionary. It is
// SHA-256 over the line "bulkhead table rows 1" with its line feed, the number
// of rows as a uint64, the length of the schema message as a uint64, the schema
// message, and of each column three hashes, each SHA-256 over the rows from the
// first to the last:
//
//   - nulls: of each row that is null its number, from 0, as a uint64;
//   - lengths: of each row of text, binary and dictionary columns the length of
//     its bytes, and of lists of any length that of the list, as a uint32, 0 for
//     a null; nothing for other columns;
//   - values: of each row the bytes of a number (zeros for a null), a byte 0 or 1
//     for a bool (0 for a null), or the bytes of its text, also in a dictionary
//     column; nothing for lists.
//
// After those of a list, of either kind, stand the number of the values of all
// its rows that are not null as a uint64, and the three hashes of these values
// as if they were a column.
//
// # Choices
//
// The checksum is CRC-32C because the standard library computes it with the
// processor's own instruction (25 GB/s where SHA-256 does 1.8), and because it
// finds every burst of up to 32 bits. It is there for disks and for hosts that
// died, not for enemies: whoever can write to the file can make it right. Even
// then a file can do no harm, since nothing in it is trusted: Layout.Get checks
// a batch as if a plugin had sent it, and nothing is allocated that does not
// have room in the file.
//
// Batches are read with pread into recycled buffers and not mapped: a file that
// is cut short while it is mapped, or a disk that fails, would kill the host
// with SIGBUS, where a read has an error. A copy in the cache is also cheaper
// than the page faults of a mapping that is read once.
//
// The digest of a batch is computed beside its write, unless the table is only
// spilled. When an Append fails, for a full disk for instance, the digest is made
// anew from the file.
package tablefile
