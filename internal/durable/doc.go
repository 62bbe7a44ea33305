// SPDX-License-Identifier: Apache-2.0

// Package durable writes files that are complete or not there, locks what
// several hosts share, and knows where a user's data and records are.
//
// # Writing
//
// Replace writes a file under another name in the same directory, brings it to
// disk, renames it and brings the name to disk. Whoever reads sees what was
// before or what is after, also when the process or the machine dies. A file that
// was never renamed begins with TempPrefix; Abandoned says which of them nobody
// will rename any more.
//
// # Locks
//
// A Lock is a lock on an open file, flock(2) or LockFileEx: the system gives it
// back when the process ends, whatever ended it. It is between open files, so it
// keeps two stores of one process apart, too. On a file system of the network it
// holds as far as the server keeps such locks.
//
// # Places
//
// DataDir and StateDir follow the XDG Base Directory Specification; on Windows
// both are in the Known Folder LocalAppData.
package durable
