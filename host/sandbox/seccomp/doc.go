// SPDX-License-Identifier: Apache-2.0

// Package seccomp builds the system call filter of a sandboxed program and
// watches what the program is refused. It works on Linux, on amd64 and arm64.
//
// # Verdicts
//
// A [Policy] says for what kind of program the filter is. The filter lists what
// such a program needs; everything else is refused. A call is
//
//   - allowed;
//   - refused with EPERM, or with ENOSYS where programs know how to do without
//     (io_uring, memfd_create, inotify), and counted if the policy says Notify;
//   - refused, counted, and the end of the program if a [Monitor] with
//     Options.Kill watches: calls that no program of ours makes even to find out
//     what the system can do, such as ptrace, bpf, mount, unshare and keyctl;
//   - answered with ENOSYS or EPERM by the kernel and not counted: what runtimes
//     and C libraries try in good faith at every start, such as clone3, and every
//     number above the newest that the tables know;
//   - the end of the program by SIGSYS: calls of another ABI (i386 and x32 on
//     amd64, 32-bit ARM on arm64), whose numbers mean other things.
//
// Nothing that was refused is ever let through later: a listener could do that,
// but a program can change what its arguments point to after they were looked at.
//
// # What is allowed
//
// The zero policy runs programs of Go and of Python with numpy, pyarrow, grpcio,
// scikit-learn and torch on the processor: files and memory, threads, timers,
// polling, and serving on a stream socket of the machine. What hangs on
// arguments, with int parameters compared by their lower half as the kernel
// takes them:
//
//   - clone makes threads only, which share the table of descriptors, never a
//     namespace. clone3 does not exist. close_range makes no new table either.
//   - execveat with AT_EMPTY_PATH only, because that is how the launcher itself
//     ends; see [Policy.ExecFD].
//   - socket makes AF_UNIX stream sockets, socketpair those and packets. There is
//     no connect: descriptors that the host passes are the only way out.
//     setsockopt loads no programs and asks for no larger buffers, and there is no
//     urgent data.
//   - mmap refuses MAP_SHARED|MAP_ANONYMOUS, MAP_GROWSDOWN and MAP_HUGETLB: the
//     kernel does not count such memory against RLIMIT_DATA. Shared memory from a
//     descriptor is allowed. madvise merges no pages with those of others.
//   - fallocate reserves no room beyond the end of a file, where RLIMIT_FSIZE does
//     not count it.
//   - ioctl knows six requests: FIONREAD, FIONBIO, FIOCLEX, FIONCLEX, TCGETS and
//     TIOCGWINSZ.
//   - chmod and its kin set no set-uid and set-gid bits, which would outlive the
//     program where it may write.
//   - fcntl refuses signals to others, leases and larger pipes.
//   - prctl knows harmless options, not PR_SET_PDEATHSIG: it must not outlive the
//     host.
//   - prlimit64 and setpriority reach the program itself, personality tells. The
//     limit of core files stays, since 0 would start the machine's collector.
//
// Exec adds programs: fork, execve, sessions and groups. Devices adds requests to
// devices except those for terminals, consoles and sockets, shared anonymous
// memory, packet sockets and memory placement, as CUDA needs them. Sockets adds
// connect. Unspaced, for levels without namespaces, takes away what changes files
// of the same uid behind Landlock's back (modes, owners, times, truncate by name),
// what reads attributes by name,
// and signals to any process but the program itself.
//
// # What programs notice
//
// Python's mmap.mmap(-1, n) and subprocess fail with PermissionError. At Unspaced
// so do os.chmod, os.utime and therefore shutil.copy and shutil.copy2, and
// pthread_kill of musl, which names no process. A server of grpcio makes four
// sockets at its start to see which families there are, and glibc tries to
// connect to the name service cache when it is asked about a user: both count as
// refused and both go on without.
//
// # What the filter cannot do
//
// It sees numbers, not what they point to. So it cannot tell execveat of a
// descriptor from execveat of an absolute path: what else may be executed is the
// affair of mounts and Landlock. Which files, which addresses in bind
// and which descriptors are the affair of mounts, namespaces and Landlock. A
// shared mapping of /dev/zero is memory outside RLIMIT_DATA too, so that a
// program should not have that device. Locks (flock) on files that it may read
// are allowed, since databases and HDF5 take them. It bounds no rates.
//
// # How it is installed
//
// The launcher fills in [Filter.PIDSlots], sets no_new_privs and calls
// seccomp(SECCOMP_SET_MODE_FILTER) with [Policy.Flags] on the thread that then
// executes the program. With Notify that call returns the listener, which the
// host must get before the launcher makes any call that the policy refuses: no
// one else answers. Sending it over a socket is allowed by every policy.
//
// # How it is checked
//
// The filters are assembled from tables of rules. Tests run them in an
// interpreter of the kernel's instruction set and compare the outcome with the
// rules, for every number, both architectures, every policy and every value that
// a rule asks about; and real programs run behind real filters.
package seccomp
