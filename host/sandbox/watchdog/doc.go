// SPDX-License-Identifier: Apache-2.0

// Package watchdog ends programs when the process that started them dies,
// whatever it dies of. It stands in for the parent-death signal where a system
// has none. It needs the signals and sessions of a unix system.
//
// The watchdog is this binary, started again under the name bulkhead-watchdog in
// a session of its own. It reads from a pipe whose only writing end the host
// holds: a line "+PID" adds a process group, "-PID" takes it away, and the end of
// the file means that the host is gone, since the kernel closes the files of the
// dead. Where the system can tell of the death of a process, the watchdog listens
// to that too, in case that another process has inherited the pipe. Then it kills
// what is left on its list, and ends.
//
// One watchdog serves all programs of a host. If it dies itself, the next [Guard]
// starts another one for all of them.
package watchdog
