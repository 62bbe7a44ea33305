// SPDX-License-Identifier: Apache-2.0

// Package sandbox starts one program behind walls and says which walls really stand.
//
// # Levels
//
// A level is a conjunction of walls. If one step of a level fails, the level is
// not reached: the half-built process is discarded and the next lower level is
// tried, but only when the caller's floor ([Spec.Floor]) allows it. Nothing is
// best effort inside a level. On Linux the levels are, from low to high:
//
//   - none: an environment, standard streams, descriptors and signals of our
//     making, a session of its own (higher levels: a group of its own, where no
//     terminal can be reached), and the parent-death signal. No wall.
//   - weak: none, plus no_new_privs, no capabilities, lowered rlimits, a filter of
//     system calls (package seccomp), and for a root host a uid of its own. The
//     program still sees every file that its uid may see.
//   - walls-only: weak, plus Landlock, which leaves it the files that were granted,
//     and a host whose memory is hidden from programs of its own uid. It is for
//     containers and other places where no namespaces can be made.
//   - namespaced: weak, plus mount, pid, network, ipc, uts and cgroup namespaces
//     (and a user namespace where the host may not make the others without), and
//     a private read-only root that holds only what was granted. It is for
//     kernels without Landlock, and needs Linux 5.14. A FIFO in what was granted
//     for reading can be written to there, as on any read-only mount.
//   - full: namespaced and Landlock.
//   - full+quota: full in a control group of its own (package cgroup), which
//     bounds the program with all its descendants. Which resources it bounds
//     depends on the machine; the report says.
//
// macOS has seatbelt, Windows partial; see their walls in a report. With
// [Spec.Runtime] a container runtime builds the walls, at level container.
//
// A level is verified from outside after the start: /proc/PID/status must show
// no_new_privs, a filter that is not the host's, empty capability sets and the
// uid that was chosen, and /proc/PID/ns/* must differ from the host's. Landlock
// shows nowhere; that its calls succeeded is the proof. Where /proc is not that of the
// host's own pid namespace nothing can be verified, and no level but none is reached.
//
// A level that the machine refuses for a reason that lasts is tried once by a
// process. Later launches leave it out and still list it in Report.Fallen.
//
// # The view
//
// With namespaces the program sees
//
//	/target/...   what [Spec.Binds] grants to read or to write, never executable
//	/plugin/...   files of the plugin itself
//	/run/secrets  [Spec.Secrets], readable by the program alone
//	/tmp          scratch: a tmpfs bounded in bytes and inodes; its home, its
//	              working files and its socket live here
//	/dev          null full random urandom, and devices that were granted
//	/proc         only when [Spec.Proc] is set, and then its own processes only
//	/lib /usr/lib the loader and the libraries, only when the program, or one that
//	              it may start, is dynamically linked
//
// code at its own place where [Library] or [Exec] grants it, and nothing else:
// the old root is unmounted and the new one is read-only. Landlock then allows
// the same once more, by inode. At walls-only the same objects stay at their own
// places, and Landlock alone refuses the others; there it does not keep a
// readable file from being mapped as code, or the names, sizes and times of files
// from being seen.
//
// # What the host watches
//
// Some uses of memory and disk the kernel does not count towards a limit. So the
// host looks at the running program, at first after a few milliseconds and then
// four times a second, and ends it ([Exit.Exceeded]) when
//
//   - the private memory that it really uses, with its page tables, is more than
//     [Limits.DataBytes] by a quarter and 64 MiB: RLIMIT_DATA forgets memory that
//     was protected against writing after it was used, and stacks that were moved;
//   - it has more watches of descriptors (epoll) and locks of files than
//     [HeldPerFile] for each file that it may open: no limit of a process counts
//     them, and a user has only so many watches;
//   - without a private root, its private directory holds more than
//     [Limits.ScratchBytes] or [Limits.ScratchInodes], counting files that it has
//     deleted and still holds open or mapped.
//
// Between two looks a program can use what the machine gives in that time, of
// memory up to [Limits.AddressSpaceBytes]. What it keeps in messages to itself alone
// is not seen: deleted files, which [Limits.FileBytes] and [Limits.OpenFiles] bound,
// and sets of watches, which the kernel bounds by 4 % of the machine's memory and
// for a user. The private directory is emptied when the program has ended.
//
// The program itself is not in the view. It is executed from [Spec.Exe], the
// open file that the caller has verified, so that no path is looked up twice.
// Its descriptor lies at a number beyond RLIMIT_NOFILE, and the filter allows to
// execute that descriptor only. An absolute path, which a filter cannot see, can
// stand for it: there Landlock allows the program itself and its loader only,
// unless [Exec] grants others, and without Landlock the mounts allow what lies
// among the libraries. At weak a program can become another, behind the same walls.
//
// Descriptors are the standard streams, then [Spec.Inherit] from 3 upwards, and no
// others.
//
// # Identity
//
// Under a root host the program gets a uid and gid of its own and no groups, or,
// when asked, keeps uid 0 without capabilities ([Identity]). An ordinary user's
// program keeps the user's uid, and the user's supplementary groups still count
// for the files that were granted: only root can drop groups. Root without
// CAP_SYS_ADMIN, in a container, is treated like a user: its programs keep uid 0,
// whose processes the kernel does not count, so RLIMIT_NPROC does not bind.
//
// # Sources
//
// Before the launch the host looks every source up and notes its path without
// links, its device and its inode. Links are followed if root or the host's own
// user made them, or, inside [Spec.Root], always, but never out of it, so that an
// image from a stranger cannot point out of itself. Magic links of /proc are never
// followed. The launched process opens the noted path, in which no link may be
// any more, and compares device and inode: a file that was swapped meanwhile is
// an error of its grant and not a grant of something else.
//
// # Refused calls
//
// A refused system call gets an error, is counted, and is shown with the grant
// that would allow it ([Process.Denials]). Some calls no program makes in good
// faith: they end it, and [Exit] names them. With [Spec.Strict] every refused
// call does. Both need a listener of the kernel (Linux 5.5), which a container
// that has one already may lack; then refused calls only get their errors, and
// the report says so.
//
// # Traces
//
// With [Spec.Trace] the filter also asks about each call that names a file. The host
// reads the name from the program's memory, looks whether the program's root has it,
// tells the tracer, and lets the call go on, so that the walls decide as ever. A
// million calls are looked at, the rest go on unseen. It takes a root of the program's
// own: elsewhere the files that were not granted have the same names as those that
// were.
//
// # How it starts
//
// The host compiles a launch into a flat list of system calls before anything is
// forked; see the launch machine in machine_linux.go. On amd64 a vfork child,
// which shares the host's memory instead of copying it, carries the list out in
// forty instructions of assembly and executes the program; the cost does not
// depend on the size of the host. Elsewhere, or with BULKHEAD_SANDBOX_SHIM=1, the
// host executes itself under the name bulkhead-sandbox-init and carries the same
// list out there; see [MaybeInit].
//
// Making a network namespace takes the kernel longer than all other walls. Where no
// user namespace has to own it, another thread makes it while the host still looks
// its grants up, or even before ([Anticipate]), and the launched process enters it.
// It belongs to that launch alone, and ends with the program.
//
// Forks happen on threads that never end, because the parent-death signal
// follows the thread that forked, not the process. While a launch is under way
// the host's PR_SET_DUMPABLE may change; it is put back, or stays 0 while
// programs run at walls-only or weak.
//
// The program is process 1 of its pid namespace: signals of its own with their
// default action do nothing to it, and a program that starts others has to wait
// for those that they leave behind.
package sandbox
