// SPDX-License-Identifier: Apache-2.0

package arena

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Supported reports whether this system has arenas.
const Supported = true

// Writer says who writes an arena.
type Writer bool

// Who writes an arena: its maker alone, or whoever gets it as well.
const (
	MakerWrites  Writer = false
	ReaderWrites Writer = true
)

// Memory is an arena mapped into this process.
type Memory struct {
	data     []byte
	file     *os.File
	writable bool
	ready    int // bytes from the start on that have pages
}

// Make makes an arena of at least size bytes, maps it for writing, and seals it.
func Make(size int, w Writer) (*Memory, error) {
	if size <= 0 {
		return nil, fmt.Errorf("an arena of %d bytes", size)
	}
	size = (size + hugePage - 1) / hugePage * hugePage
	fd, err := unix.MemfdCreate("bulkhead-arena", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, unix.EINVAL) { // before Linux 6.3
		fd, err = unix.MemfdCreate("bulkhead-arena", unix.MFD_CLOEXEC|unix.MFD_ALLOW_SEALING)
	}
	if err != nil {
		return nil, fmt.Errorf("making shared memory: %w", err)
	}
	file := os.NewFile(uintptr(fd), "arena")
	m, err := made(file, size, w)
	if err != nil {
		return nil, errors.Join(fmt.Errorf("shared memory of %d bytes: %w", size, err), file.Close())
	}
	return m, nil
}

// made sizes, maps and seals, in this order: what is sealed cannot be mapped for
// writing.
func made(file *os.File, size int, w Writer) (*Memory, error) {
	fd := int(file.Fd())
	if err := unix.Ftruncate(fd, int64(size)); err != nil {
		return nil, err
	}
	data, err := mapped(fd, size, unix.PROT_READ|unix.PROT_WRITE)
	if err != nil {
		return nil, err
	}
	seals := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL
	if w == MakerWrites {
		seals |= unix.F_SEAL_FUTURE_WRITE
	}
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return nil, errors.Join(err, unmapped(data))
	}
	return &Memory{data: data, file: file, writable: true}, nil
}

// Open maps an arena that was received, of size bytes. It takes over file, which
// is closed when that fails. It insists on seals against resizing, and on one
// against writing if it is not writable.
func Open(file *os.File, size int, writable bool) (*Memory, error) {
	data, err := received(int(file.Fd()), size, writable)
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return &Memory{data: data, file: file, writable: writable}, nil
}

func received(fd, size int, writable bool) ([]byte, error) {
	seals, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return nil, fmt.Errorf("a descriptor that is no shared memory: %w", err)
	}
	want := unix.F_SEAL_SHRINK | unix.F_SEAL_GROW
	if !writable {
		want |= unix.F_SEAL_FUTURE_WRITE
	}
	if seals&want != want {
		return nil, fmt.Errorf("shared memory with the seals %#x, and %#x are needed", seals, want)
	}
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, err
	}
	if size <= 0 || st.Size != int64(size) || size%hugePage != 0 {
		return nil, fmt.Errorf("shared memory of %d bytes, which was said to have %d", st.Size, size)
	}
	prot := unix.PROT_READ
	if writable {
		prot |= unix.PROT_WRITE
	}
	return mapped(fd, size, prot)
}

// mapped maps at a multiple of hugePage: else huge pages are of no use.
func mapped(fd, size, prot int) ([]byte, error) {
	wide := uintptr(size + hugePage)
	room, err := unix.MmapPtr(-1, 0, nil, wide, unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|unix.MAP_NORESERVE)
	if err != nil {
		return nil, err
	}
	before := (hugePage - uintptr(room)%hugePage) % hugePage
	start := unsafe.Add(room, before)
	if _, err := unix.MmapPtr(fd, 0, start, uintptr(size), prot, unix.MAP_SHARED|unix.MAP_FIXED); err != nil {
		return nil, errors.Join(err, unix.MunmapPtr(room, wide))
	}
	var errs []error
	if before > 0 {
		errs = append(errs, unix.MunmapPtr(room, before))
	}
	if after := hugePage - before; after > 0 {
		errs = append(errs, unix.MunmapPtr(unsafe.Add(start, size), after))
	}
	return unsafe.Slice((*byte)(start), size), errors.Join(errs...)
}

func unmapped(data []byte) error {
	return unix.MunmapPtr(unsafe.Pointer(unsafe.SliceData(data)), uintptr(len(data)))
}

// Bytes of the arena.
func (m *Memory) Bytes() []byte { return m.data }

// File to send to the other side. It stays the arena's.
func (m *Memory) File() *os.File { return m.file }

// Ready gives the first n bytes their pages, huge ones where the kernel has them
// and n is large enough to be worth it. It saves faults and is never needed.
func (m *Memory) Ready(n int) {
	if !m.writable || n <= m.ready {
		return
	}
	from := m.ready / hugePage * hugePage
	for ; from < n; from += hugePage {
		if n-from < hugePage/4 { // a little: its pages come one by one
			m.ready = max(m.ready, from)
			return
		}
		// MADV_COLLAPSE wants a page to begin with. What stands there stays.
		atomic.OrUint32((*uint32)(unsafe.Pointer(&m.data[from])), 0)
		if unix.Madvise(m.data[from:from+hugePage], unix.MADV_COLLAPSE) != nil {
			_ = unix.Madvise(m.data[from:from+hugePage], unix.MADV_POPULATE_WRITE)
		}
		m.ready = from + hugePage
	}
}

// Close unmaps the arena. Nothing may use its bytes any more.
func (m *Memory) Close() error {
	data := m.data
	m.data = nil
	if data == nil {
		return nil
	}
	return errors.Join(unmapped(data), m.file.Close())
}
