// SPDX-License-Identifier: Apache-2.0

// Package sandbox starts one program behind walls and says which walls really stand.
//
// # Levels
//
// A level is a conjunction of walls. If one step of a level fails, the level is
// not reached: the half-built process is discarded and the next lower level is
// tried, but only when the caller's floor ([Spec.Floor]) allows it. Nothing is
// best effort inside a level. In this version the levels are, from low to high:
//
//   - none: an environment and standard streams of our making, a session of its
//     own, and on Linux the parent-death signal. No wall.
//   - weak: none, plus no_new_privs, no capabilities, lowered rlimits, and for a
//     root host a uid of its own. The program still sees every file, process
//     and network that its uid may see.
//   - namespaced: weak, plus mount, pid, network, ipc and uts namespaces (and a
//     user namespace for an ordinary user), a private read-only root that holds
//     only what was granted, and a bounded scratch file system. It needs
//     Linux 5.14.
//
// The levels walls-only, full and full+quota (seccomp, Landlock, cgroups) are
// not implemented; their walls are listed as off in every [Report]. On macOS and
// Windows only none exists, and the report says why.
//
// A level is verified from outside after the start: /proc/PID/status must show
// no_new_privs, empty capability sets and the uid that was chosen, and
// /proc/PID/ns/* must differ from the host's.
//
// # The view
//
// At namespaced the program sees
//
//	/target/...   what [Spec.Binds] grants, read-only, never executable
//	/tmp          scratch: a tmpfs bounded in bytes and inodes; its home, its
//	              working files and its socket live here
//	/dev          null zero full random urandom
//	/proc         only when [Spec.Proc] is set, and then its own processes only
//	/lib /usr/lib the loader and the libraries, executable, only when the
//	              program is dynamically linked
//
// and nothing else: the old root is unmounted and the new one is read-only.
// The program itself is not in the view. It is executed from [Spec.Exe], the
// open file that the caller has verified, so that no path is looked up twice.
//
// # Identity
//
// Under a root host the program gets a uid and gid of its own and no groups, or,
// when asked, keeps uid 0 without capabilities ([Identity]). An ordinary user's
// program keeps the user's uid, and the user's supplementary groups still count
// for the files that were granted: only root can drop groups.
//
// # Sources
//
// A source is opened once with openat2 and bound by that handle. Symbolic links
// in a source are followed, and the object found is bound at the target path as
// it was asked for: a bind of /lib that is a link to usr/lib gives a directory
// /target/lib. With [Spec.Root] every link is resolved inside that directory, so
// that an image from a stranger cannot point out of itself. Magic links of /proc
// are never followed.
//
// # How it starts
//
// The host executes itself again under the name bulkhead-sandbox-init in the new
// namespaces. That process reads its plan from fd 3, builds the walls on its main
// thread and replaces itself with the program. A failed step is reported as
// {step, errno, path} through fd 4; end of file on fd 4 without a failure means
// that the program runs, because the descriptor is closed by exec. fd 3 stays
// open in the host as a lifeline until then. See [MaybeInit].
//
// Forks happen on one thread that never ends, because the parent-death signal
// follows the thread that forked, not the process.
package sandbox
