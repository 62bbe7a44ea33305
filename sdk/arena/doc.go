// SPDX-License-Identifier: Apache-2.0

// Package arena is the memory that a host shares with a plugin, and the protocol
// by which batches travel through it. It is for Linux; elsewhere Supported is
// false and batches travel in gRPC messages.
//
// # Trust
//
// All memory is made by the host, as sealed memfds. A plugin is never asked for
// a descriptor, and whatever it would send beside a message is dropped by the
// kernel before it becomes one of the host's. An input arena is written by the
// host alone: it is sealed against writing (F_SEAL_FUTURE_WRITE) once the host
// has mapped it, so the plugin can map it for reading only. An output arena is
// written by the plugin. Neither can be resized, and no seal can be added. The
// host reads an output arena once, from start to end of a batch, into memory of
// its own and believes nothing of it before that copy was checked.
//
// A plugin that punches holes into its output arena makes the host read zeros.
//
// # The data socket
//
// A plugin with kernels inherits one AF_UNIX socket of type SOCK_SEQPACKET, whose
// descriptor number stands in decimal digits in the variable EnvFD. A plugin that
// can read and write batches in shared memory says Hello on it before it greets
// on standard output; with one that says nothing the host uses gRPC messages. One
// that can take files only, such as a plugin in Python, says HelloFiles instead: it
// gets no lanes, and its batches travel in messages.
// Then the host alone sends, each message with one descriptor:
//
//   - Lane: the plugin's end of a further SEQPACKET socket, a lane. Seq is its
//     number.
//   - File: a file that the host opened for a call. Seq is its number, which
//     File.descriptor of a call names.
//
// and without a descriptor:
//
//   - Drop: the lane with the number Seq is used no more.
//   - Input: the lane with the number Call, on which no call is, need not keep
//     input arena Index, if that is still the one that was given with Seq.
//
// A call names its lane in Open.lane: the lane's number times 2^32, plus the
// number of the call on that lane, which Call repeats in every message of it
// except Free. A lane carries one call at a time, and the next one after both
// ends have come to a regular end.
//
// # Messages
//
// A message has MessageBytes bytes, little-endian:
//
//	offset  size  content
//	0       1     kind
//	1       1     origins: 0 none, 1 consecutive, 2 listed
//	2       2     0
//	4       4     Index
//	8       4     Call
//	12      4     0
//	16      8     Seq
//	24      8     At
//	32      8     Bytes
//	40      8     Rows
//	48      8     Origin
//	56      8     Same
//
// From host to plugin on a lane:
//
//   - Input, with a memfd: input arena Index, of Bytes bytes. It replaces the
//     one of that index, which no batch lies in any more. Seq is a number that the
//     host uses once.
//   - Output, with a memfd: the output arena, of Bytes bytes. It replaces the one
//     before, and nothing of that is in use. The host sends it when it knows the
//     columns of the output, which the plugin tells on the stream of the call.
//   - Batch: a batch of Rows rows lies in input arena Index, Bytes bytes from At
//     on, in the layout of package table. Seq counts from 1.
//   - End: the input has ended.
//   - Free: the host has copied the output batch at At.
//
// From plugin to host on a lane:
//
//   - Done: the plugin reads batch Seq no more.
//   - Batch: an output batch of Rows rows lies in the output arena, Bytes bytes
//     from At on. Columns that are those of an input are columns of batch Same,
//     which is not done yet; 0 when there are none. The input rows that its rows
//     come from are the consecutive ones from Origin on, or are listed at Origin
//     in the output arena as int64.
//   - End: the output has ended. It is the last message of a call, and comes
//     before the result on the stream.
//
// At most Ahead batches each way may be unanswered by Done and Free.
//
// # Memory
//
// Page faults, not copies, are what shared memory costs. So arenas are made
// once and used again, from the lowest address on; they are mapped at multiples
// of 2 MiB, and pages are made huge ones (MADV_COLLAPSE) where the kernel can,
// 2 MiB before they are first used. What is not used has no pages. Heap is the
// same for ordinary memory.
package arena

// EnvFD names the variable that holds the number of the data socket.
const EnvFD = "BULKHEAD_DATA_FD"

// Ahead is how many batches of one call each way may be unanswered: with fewer
// messages than the sockets hold, nobody waits for the other to read.
const Ahead = 64

// Page is what parts of an arena begin at multiples of, in bytes.
const Page = 4 << 10

// hugePage is the size of a huge page in bytes.
const hugePage = 2 << 20
