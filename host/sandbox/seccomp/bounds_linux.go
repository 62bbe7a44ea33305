// SPDX-License-Identifier: Apache-2.0

package seccomp

import "golang.org/x/sys/unix"

// The rules below close ways around the limits of a process.

// coreRule keeps RLIMIT_CORE at one byte, the only value with which the kernel
// starts no collector of core files: to a pipe it gives the core whatever the
// limit, 0 included, and a collector runs as root, outside of every wall. The
// resource is an unsigned int.
func coreRule(r rule, resource int) rule { return r.but(unheld, is(resource, unix.RLIMIT_CORE)) }

// prlimitRule: pid_t pid, unsigned int resource, new and old limit. Limits of
// others are not the program's affair; raising its own is the kernel's to refuse.
func prlimitRule(Policy) rule {
	question := condition{arg: 2, mask: whole, any: []uint32{0}, zero: true} // no new limit
	return coreRule(only(self(0, 0)), 1).but(allow, self(0, 0), question)
}

func setrlimitRule(Policy) rule { return coreRule(always(allow), 0) }

// fallocateRule: int fd, int mode. Room within the size of a file, which
// RLIMIT_FSIZE bounds, and holes. Blocks beyond the end of a file
// (FALLOC_FL_KEEP_SIZE alone) no limit bounds. Programs take EOPNOTSUPP as a
// property of the file system.
func fallocateRule(Policy) rule {
	r := only(is(1, 0, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE))
	r.last = verdict{silent, unix.EOPNOTSUPP}
	return r
}

// closeRangeRule: unsigned int first, last, flags. CLOSE_RANGE_UNSHARE makes a
// table of descriptors of the thread's own.
func closeRangeRule(Policy) rule {
	return always(allow).but(refuse, bits(2, unix.CLOSE_RANGE_UNSHARE, unix.CLOSE_RANGE_UNSHARE))
}

// madviseRule: start, length, int advice. A page that the kernel has merged with
// an equal one is slower to write, which tells what others have in theirs.
func madviseRule(Policy) rule {
	return always(allow).but(verdict{silent, unix.EINVAL}, is(2, unix.MADV_MERGEABLE))
}

// urgent refuses to send urgent data, which no program of ours needs and whose
// handling in the kernel has had holes. The flags are an int.
func urgent(flags int) func(Policy) rule {
	return func(Policy) rule { return always(allow).but(refuse, bits(flags, unix.MSG_OOB, unix.MSG_OOB)) }
}
