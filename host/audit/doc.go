// SPDX-License-Identifier: Apache-2.0

// Package audit keeps the audit log: what was installed, granted, launched,
// called, denied, and how it died. The log is append-only, hash-chained and on
// disk before anybody relies on it, and a stranger can verify it without
// Bulkhead. This page is the format; testdata/verify.py is a verifier of it in
// Python, and testdata/vectors holds logs with their verdicts.
//
// # Files
//
// The log is a directory ([DefaultDir]) of mode 0700 with files of mode 0600:
//
//	audit-000001.jsonl    the records; then audit-000002.jsonl and so on
//	head.json             the last record, for finding a log that was cut short
//	lock                  locked while a host appends a batch, and touched by who
//	                      takes it; always empty
//	torn-*.bin            ends of lines that a crash left, moved out of the log
//
// A new file begins when the next batch would make the present one larger than
// 8 MiB, or on [Log.Rotate]. Numbers have at least six digits and no gaps. No
// file is ever deleted.
//
// # Records
//
// A record is one line of at most 64 KiB, its line feed included:
//
//	{"v":1,"seq":2,"time":"2026-02-03T04:05:06.789Z","host":{"pid":812,"run":"5c7be21fa0b3d9e4","version":"1.0.0","user":"ada"},"kind":"launch","plugin":"gpu","data":{...},"prev":"sha256:...","hash":"sha256:..."}
//
// The canonical form is exact to the byte. The names stand in this order. There
// is no white space outside strings. Every character is printable ASCII: all
// others, and DEL, are \u escapes (in pairs beyond the basic plane, lower-case
// hexadecimal), so that printing a log is harmless; the escapes \" \\ \b \f \n
// \r \t are used where they exist, and nothing else is escaped. Integers are
// decimal without a sign unless negative. The time is RFC 3339 in UTC with as
// many digits of the second as are needed, at most nine. Bytes that are not
// UTF-8 became U+FFFD before. The form of data is that of its kind ([Install],
// [Grant], ...), and a reader must take unknown kinds, and unknown names in
// data, as they are. seq is at most 2^53. v is 1; another v is another format.
//
// # Chain
//
// The digest of a record is over its line without the line feed and without
// the text ,"hash":"sha256:<64 digits>": the line ends in 82 bytes of hash and
// brace, and what is hashed is the line less these, and a brace. prev is the
// hash of the record before, in the same file or at the end of the file before;
// seq is one more than that of the record before. The first record has seq 1
// and 64 zeros in prev.
//
// # Head
//
// head.json is {"v":1,"seq":N,"hash":"sha256:...","file":"audit-000001.jsonl",
// "size":BYTES} and a line feed, without white space: the last record of a
// batch and where its line ends. It is there before the first record, with seq
// 0 and 64 zeros. It is replaced when a host had nothing to write for 100 ms,
// when it closes the log, and when a file begins: temporary file, sync, rename,
// sync of the directory. It names only what is on disk. A host that finds the
// lock taken when it is idle leaves that for the next 100 ms, and one that finds
// a later record named does nothing: of hosts that end together one writes it.
//
// # Commits
//
// Under the lock a host finds the end of the chain and appends all records that
// wait by then with one write. It syncs the file after it has released the lock:
// now [Receipt.Wait] returns. A sync takes along what others wrote before, so no
// record is acknowledged whose predecessors are not on disk; the file before is
// synced when a new one begins. What cannot be synced is cut off again, unless
// others wrote behind it: then it stays, and is counted as lost. Records wait 3 ms
// for company, unless launches wait for them. A host trusts what it knows of the end
// while the file has the size and identity that it left; else it reads on from the
// last record that it knows, or where that is gone from the one that the head names.
//
// Any number of hosts may write. One waits for the lock as long as others take it in
// turns, and gives up on one that keeps it for ten seconds.
//
// # States
//
// A crash explains these states, and Verify takes them as intact, with a note:
//   - complete, valid records after the one that the head names: also while a
//     host runs, whose head follows;
//   - after them, at the end of the last file, one line without its line feed,
//     or an empty last file. Open moves the torn line to a side file and adds
//     a record of kind "repair". What was torn was never acknowledged.
//
// Everything else is damage: a line that is no canonical record, a hash that
// does not match, a seq or prev that does not follow, a file missing, torn or
// empty before the last, a head that is missing, unreadable, or names a record
// that is not there. A host that finds damage at the end of the log does not
// stop recording, which would be a gift to whoever did the damage: it goes on
// in a new file, from the record that the head names (from the last one that
// can be read, when there is no head), with a record of kind "damage". The gap
// stays visible for good, and Verify reports such a record as damage, too.
// Damage in the middle is left to Verify.
//
// # What cannot be found
//
// The chain proves that nothing was changed since a hash of it was seen
// elsewhere; it keeps no secret. Whoever can write to the directory, the user
// and every program of that user outside a sandbox among them, can
//   - write the whole log anew from some record on, with all hashes and the head,
//   - cut the end off and set the head back to match,
//   - delete the directory, or put an older copy of it in its place,
//   - write records that never happened, and stop a host before it writes.
//
// Nothing in the directory can show this. An anchor can: [Anchor] is the number
// and hash of a record, printed by `bulkhead audit verify` and `export`. Kept
// where that user cannot write (another machine, a ticket, a signed commit), it
// fixes every record up to it: `bulkhead audit verify --expect ANCHOR`. Records
// after the last anchor have no such proof. No grant lets a plugin write to the
// directory. One that was granted to read a directory around it reads it, too, and
// can keep the lock: then hosts wait for ten seconds, say so, and record nothing, or
// start nothing that must be recorded.
//
// # Failures
//
// Open and Receipt.Wait say what cannot be written and what to do. A host whose
// log cannot be written warns once and goes on, because a full disk must not
// stop a diagnosis; with Log.Required, [Receipt.Admit] returns the failure and
// the launch is refused. Records that were lost are counted in a record of kind
// "lost" as soon as writing works again.
package audit
