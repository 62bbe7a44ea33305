// SPDX-License-Identifier: Apache-2.0

// Package container runs one program in a container of a runtime that the user
// chose: an OCI runtime (runc, crun, runsc, or any other by its path), or a
// Docker engine through its API. It is a wall beside the host's own ones, for
// users who trust a runtime more, or who want gVisor's kernel between a plugin
// and theirs.
//
// # The view
//
// The program sees
//
//	/program      itself, copied from the file that the caller has verified
//	/run/p        its private directory ([PrivateDir]), writable, no programs
//	/run/secrets  its secrets, where it has any ([SecretsDir])
//	/tmp          a tmpfs bounded in bytes and files
//	/proc, /dev   of its own namespaces, with the usual parts masked
//	...           what [Request.Binds] grants, at the targets named there
//
// on a read-only root, with no network, no capabilities, no_new_privs, and
// namespaces of its own for mounts, processes, IPC, host name, control groups,
// and for an ordinary user's runtime, users. An OCI runtime gets a seccomp
// profile of ours, which refuses what no plugin needs; Docker uses its own one.
//
// Runtimes do not let a program choose its argv[0]: it is the path that is
// executed. That is "/program", or where the first of [Request.Args] is an
// absolute path, that path: the same copy is mounted there too, since an
// interpreter finds its libraries, and Python its virtual environment, by it.
//
// # The monitor
//
// A container belongs to a runtime, and would outlive a host that was killed. So
// the host starts itself again under the name bulkhead-container-monitor. The
// monitor creates and starts the container, waits for its end, and clears away
// what it left. It reads its plan from fd 3 and reports on fd 4. Whoever holds the
// other end of fd 3 keeps the container alive: when that is closed, by
// [Handle.Kill] or by the death of the host, the monitor kills the program.
//
// The monitor is the program's parent where the runtime is an OCI runtime, since
// it is a child subreaper, so that the exit status and the resources used are the
// kernel's own. Docker reports an exit code only: one above 128 is taken for a
// signal, as is its custom.
//
// What is left when monitor and host are killed together carries the host's pid
// and start time in its name, and is removed by [Sweep].
//
// # What is verified
//
// After the start /proc/PID must show no_new_privs, no capabilities, the uid, a
// seccomp filter where one was asked for, and namespaces that differ from the
// host's. If one of them does not stand, the program is killed and the start
// fails. What this host may not look at (another user's process) is reported as
// not verified. gVisor's processes are its own kernel, not the program, and say
// nothing about the program's walls: they are reported as the runtime's promise.
package container
