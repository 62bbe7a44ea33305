// SPDX-License-Identifier: Apache-2.0

package seccomp

// hot are the calls that the filter decides first: they make up nearly all calls
// of a program that computes and talks over one socket.
var hot = []string{"mmap", "futex", "read", "write", "epoll_pwait", "nanosleep", "madvise"}

// free lists the calls that every program may make with any argument. Each acts
// on the caller alone or on a descriptor or path that it was granted.
var free = set(`
	read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2
	lseek sendfile splice copy_file_range
	close dup dup2 dup3 pipe pipe2
	fsync fdatasync sync_file_range ftruncate fadvise64 readahead flock

	open openat openat2 creat access faccessat faccessat2
	stat fstat lstat newfstatat statx statfs fstatfs
	getdents getdents64 readlink readlinkat getcwd chdir fchdir umask
	mkdir mkdirat rmdir unlink unlinkat rename renameat renameat2
	link linkat symlink symlinkat
	fgetxattr flistxattr

	brk munmap mremap mprotect pkey_mprotect pkey_alloc pkey_free mseal
	mincore msync mlock mlock2 munlock mlockall munlockall membarrier

	poll ppoll select pselect6
	epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2
	eventfd eventfd2 signalfd signalfd4
	timerfd_create timerfd_settime timerfd_gettime

	futex futex_waitv futex_wake futex_wait futex_requeue
	set_robust_list set_tid_address rseq rseq_slice_yield restart_syscall
	sched_yield sched_getaffinity sched_getparam sched_getscheduler sched_getattr
	sched_get_priority_max sched_get_priority_min sched_rr_get_interval
	getcpu getpriority ioprio_get

	rt_sigaction rt_sigprocmask rt_sigreturn rt_sigpending rt_sigtimedwait
	rt_sigsuspend sigaltstack pause

	nanosleep clock_nanosleep clock_gettime clock_getres gettimeofday time times
	alarm getitimer setitimer
	timer_create timer_settime timer_gettime timer_getoverrun timer_delete

	getpid gettid getppid getpgid getpgrp getsid
	getuid geteuid getgid getegid getresuid getresgid getgroups capget
	getrlimit getrusage sysinfo uname getrandom
	wait4 waitid exit exit_group

	bind listen accept accept4 shutdown getsockname getpeername getsockopt
	recvfrom recvmsg
`)
