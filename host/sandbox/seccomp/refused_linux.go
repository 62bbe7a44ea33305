// SPDX-License-Identifier: Apache-2.0

package seccomp

import "strings"

// Every known call that is neither free nor ruled nor named here is refused with
// EPERM and counted.

// ends lists the calls that no program of ours makes, not even to find out what
// the system can do: the first try ends the program where a listener watches.
var ends = set(`
	ptrace process_vm_readv process_vm_writev
	bpf perf_event_open userfaultfd
	init_module finit_module delete_module kexec_load kexec_file_load reboot
	mount umount2 pivot_root mount_setattr move_mount
	open_tree open_tree_attr fsopen fsconfig fsmount fspick
	setns unshare
	keyctl add_key request_key
	open_by_handle_at
	swapon swapoff iopl ioperm
`)

// missing lists the calls that are counted but answered with ENOSYS, since
// programs know what to do on a kernel without them:
//
//   - io_uring_*: a second way to make most calls, past this filter. Libraries
//     probe for it and fall back to epoll.
//   - memfd_create, memfd_secret: memory outside RLIMIT_DATA. Libraries fall
//     back to a file in TMPDIR, which is bounded. Descriptors of such memory
//     that the host passes in can be mapped as ever.
//   - inotify_*: watches count against a limit per user of the whole machine.
//     Watchers fall back to looking again and again.
//   - io_setup and the rest of the old asynchronous I/O: its contexts count
//     against a limit of the whole machine. Databases fall back to threads.
var missing = set(`
	io_uring_setup io_uring_enter io_uring_register
	memfd_create memfd_secret
	inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
	io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents
`)

// probes lists the calls that runtimes and libraries make in good faith at every
// start and go on without. They get ENOSYS from the kernel itself and are not
// counted, because a report of them would be a false alarm:
//
//   - clone3: its flags are in memory, where a filter cannot look. glibc and Go
//     fall back to clone, whose flags are an argument.
//   - pidfd_open, pidfd_send_signal: Go's os package tries them before the
//     first process and goes back to pids.
//   - landlock_*: programs that wall themselves in; a missing Landlock is usual.
//   - cachestat, map_shadow_stack, process_madvise: advice and hardening that C
//     libraries and allocators try.
//   - move_pages, migrate_pages, set_mempolicy_home_node: libnuma; the answer
//     that tells it that the machine is not one of several nodes.
//   - uretprobe, uprobe: made by the kernel's own trampoline.
var probes = set(`
	clone3
	pidfd_open pidfd_send_signal
	landlock_create_ruleset landlock_add_rule landlock_restrict_self
	cachestat map_shadow_stack process_madvise
	move_pages migrate_pages set_mempolicy_home_node
	uretprobe uprobe
`)

func set(names string) map[string]bool {
	out := map[string]bool{}
	for _, name := range strings.Fields(names) {
		out[name] = true
	}
	return out
}
