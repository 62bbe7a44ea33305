// SPDX-License-Identifier: Apache-2.0

package attack

import (
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Bombs of memory that RLIMIT_DATA does not count.
var linuxMemory = []Attack{
	{Name: "protect-memory-bomb", Area: "resources", Aim: "use 2 GiB of memory and protect it against writing, which limits do not count", try: protectBomb},
	{Name: "moved-stack-bomb", Area: "resources", Aim: "use 2 GiB of memory as a stack that it has moved", try: movedStackBomb},
	{Name: "page-table-bomb", Area: "resources", Aim: "use 768 MiB of page tables with pages far apart", try: pageTableBomb},
	{Name: "socket-bomb", Area: "resources", Aim: "fill the buffers of 500 sockets with 512 MiB", try: socketBomb},
	{Name: "timer-bomb", Area: "resources", Aim: "make 100,000 timers", try: timerBomb},
	{Name: "descriptor-tables", Area: "resources", Aim: "open as many files once more in a table of a thread's own", try: descriptorTables},
	{Name: "merge-pages", Area: "kernel", Aim: "have its memory merged with equal pages of others, which tells what they hold", try: mergePages},
}

// protectBomb takes memory in blocks that are private and writable for a moment.
func protectBomb(*Scene) Outcome {
	const size = 32 << 20
	for n := range 64 {
		block, err := unix.Mmap(-1, 0, size, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		if err != nil {
			return missed(fmt.Sprintf("%d MiB, then %s", n*size>>20, plain(err)))
		}
		for i := 0; i < len(block); i += 4096 {
			block[i] = 1
		}
		if err := unix.Mprotect(block, unix.PROT_READ); err != nil {
			return missed(plain(err))
		}
	}
	return Outcome{true, "used 2 GiB"}
}

// movedStackBomb makes the page of the main stack that holds the arguments grow.
func movedStackBomb(*Scene) Outcome {
	const size = 2 << 30
	page := uintptr(unsafe.Pointer(unsafe.StringData(os.Args[0]))) &^ 4095
	os.Args = nil
	at, _, errno := unix.RawSyscall6(unix.SYS_MREMAP, page, 4096, size, unix.MREMAP_MAYMOVE, 0, 0)
	if errno != 0 {
		return missed(errno.Error())
	}
	return fill(unsafe.Slice((*byte)(mapped(at)), size), nil)
}

// mapped is the memory at an address outside of the runtime's heap.
func mapped(at uintptr) unsafe.Pointer { return *(*unsafe.Pointer)(unsafe.Pointer(&at)) }

// pageTableBomb reads pages in places of which each takes a table of its own. No
// memory but the tables is used.
func pageTableBomb(*Scene) Outcome {
	const first, apart = 0x10_0000_0000, 256 << 20
	var count int
	for at := uintptr(first); at < 0x7000_0000_0000; at += apart {
		_, _, errno := unix.RawSyscall6(unix.SYS_MMAP, at, 4096, unix.PROT_READ,
			unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_FIXED_NOREPLACE|unix.MAP_POPULATE, ^uintptr(0), 0)
		if errno == unix.EEXIST {
			continue
		}
		if errno != 0 {
			break
		}
		count++
	}
	return Outcome{count*4096 >= 768<<20, fmt.Sprintf("%d MiB of tables", count*4096>>20)}
}

// socketBomb counts what the kernel keeps for it in buffers.
func socketBomb(*Scene) Outcome {
	var total int
	block := make([]byte, 64<<10)
	for range 250 {
		pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK, 0)
		if err != nil {
			break
		}
		for _, fd := range pair {
			_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, 8<<20)
			for total < 512<<20 {
				n, err := unix.Write(fd, block)
				if err != nil {
					break
				}
				total += n
			}
		}
	}
	return Outcome{total >= 512<<20, fmt.Sprintf("%d MiB in buffers", total>>20)}
}

func timerBomb(*Scene) Outcome {
	event := [64]byte{12: 1} // SIGEV_NONE
	for n := range 100_000 {
		var id int32
		_, _, errno := unix.RawSyscall(unix.SYS_TIMER_CREATE, unix.CLOCK_MONOTONIC, uintptr(unsafe.Pointer(&event)), uintptr(unsafe.Pointer(&id)))
		if errno != 0 {
			return missed(fmt.Sprintf("%d timers, then %s", n, errno))
		}
	}
	return Outcome{true, "made 100,000 timers"}
}

// descriptorTables asks for a second table in two ways. The flags of the second
// are ones that the kernel refuses as invalid, if it comes to see them.
func descriptorTables(*Scene) Outcome {
	const unshare = 2
	_, _, closed := unix.RawSyscall(unix.SYS_CLOSE_RANGE, 1<<30, 1<<30, unshare)
	return attempts(attempt(failure(closed), "has a table of its own"), call(unix.SYS_CLONE, unix.CLONE_THREAD)(nil))
}

func mergePages(*Scene) Outcome {
	block, err := unix.Mmap(-1, 0, 4096, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
	if err != nil {
		return missed(plain(err))
	}
	err = unix.Madvise(block, unix.MADV_MERGEABLE)
	if err == unix.EINVAL {
		return missed("the kernel cannot merge pages")
	}
	return attempt(err, "may be merged")
}
