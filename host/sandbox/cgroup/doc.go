// SPDX-License-Identifier: Apache-2.0

// Package cgroup gives each plugin a control group of its own, a leaf, with a
// bound on memory, processes and processor time.
//
// It works on Linux with cgroup v2 (unified), with cgroup v1, and with both at
// once (hybrid), where each controller is taken from the version that holds it.
// On other systems the package has no contents.
//
// # Discovery
//
// Nothing is assumed about where control groups are mounted. /proc/self/mountinfo
// says where the hierarchies are and /proc/self/cgroup which group of each is the
// host's own. Both are read once for each process. The controllers that matter
// are pids, memory and cpu. A leaf needs pids; without it [New] fails with an
// [*Unavailable]. A leaf stands without memory or cpu when these cannot be had,
// and [Leaf.Controllers] lists only what is enforced: the caller decides whether
// that is enough.
//
// # Layout
//
// In each hierarchy the leaves of a host are
//
//	BASE/bulkhead/host-PID-START-PIDNS-RANDOM/N
//
// where START is the host's start time in clock ticks since boot (field 22 of
// /proc/PID/stat) and PIDNS the inode of its pid namespace. The name is the only
// record of the owner: [Sweep] removes the directories whose owner is gone, and
// leaves alone those of other pid namespaces, which it cannot judge. A pid that
// was given to another process has another start time.
//
// # Version 1
//
// BASE is the host's own group. Only root can usually write there. The kernel
// has no group-wide OOM kill: one process of the leaf dies and the others stay.
//
// The host's own groups may differ from one hierarchy to the next. One that is
// neither the own group of pids nor an ancestor of it was made by a supervisor
// that manages this hierarchy by itself, as Slurm does with memory. Such a
// supervisor finds its processes in that group and removes the group when it is
// empty, so that nothing is made there and the controller counts as missing.
//
// # Version 2
//
// Processes may sit in the leaves of the tree only (the rule of no internal
// processes), so BASE cannot be a group that holds processes, unless it is the
// root. BASE is the nearest of the host's own group and its ancestors in which
// directories can be made, processes moved and controllers switched on:
//
//   - the own group when it is the root of the tree, which may hold processes;
//   - the own group when the host is the only process in it: the host moves into
//     BASE/bulkhead/supervisor-PID-START-PIDNS-RANDOM first. This is the case of
//     `systemd-run --user --scope -p Delegate=yes`;
//   - else an ancestor, so that the leaves are siblings of the own group.
//
// An ancestor is out of bounds when a group below it that holds the host has a
// memory.max or cpu.max: leaves beside that group would not count against an
// administrator's limit.
//
// Controllers that were switched on in BASE stay on, and a supervisor group stays
// until a later [Sweep] finds it empty. Nothing else remains after [RemoveHost].
//
// # Limits
//
//	            version 2                          version 1
//	memory      memory.max, memory.swap.max = 0,   memory.limit_in_bytes,
//	            memory.oom.group = 1               memory.memsw.limit_in_bytes
//	pids        pids.max                           pids.max
//	cpu         cpu.max, period 100 ms             cpu.cfs_quota_us, period 100 ms
//
// A limit that is zero is not set. memory.swap.max and memory.memsw are absent
// from kernels that do not account for swap; swap is then not bounded. Version 1
// refuses a quota above that of an ancestor: the ancestor's holds, and cpu is not
// listed in [Leaf.Controllers].
//
// The files of a delegated group belong to the user. A program with the user's
// uid that sees the file system could lift its own limits: a leaf is a wall only
// together with one that hides or protects /sys/fs/cgroup.
//
// # Moving in
//
// A new process joins by writing "0" to each of [Leaf.Files] before it executes
// the program.
//
// To move a whole process, the kernel waits until no thread of the machine is in
// the middle of a fork or an exit; after a pause that takes an RCU grace period,
// about 10 ms. A thread that moves itself waits for nothing. So the files of
// version 1 are the "tasks" of each group, which move the writing thread alone: it
// must be the only thread of its process, or the one that executes the program,
// since the others end there. Version 2 moves whole processes only.
//
// # The end
//
// A leaf is killed with cgroup.kill (Linux 5.14, version 2), or else by setting
// pids.max to 0 and signalling every listed process through a pidfd until a
// listing shows no new one. A host that dies by SIGKILL leaves empty directories
// behind, because its plugins die by other means; the next [Sweep] removes them.
//
// Sources: the kernel's Documentation/admin-guide/cgroup-v2.rst and
// Documentation/admin-guide/cgroup-v1, cgroups(7), proc(5), and systemd's
// CGROUP_DELEGATION.
package cgroup
