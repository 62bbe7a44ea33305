// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/binary"
	"errors"
	"io"
	"os"
	"runtime"
	"unsafe"

	"golang.org/x/sys/unix"
)

// shimName is the argv[0] by which the host's own binary knows that it is to
// carry out a program.
const shimName = "bulkhead-sandbox-init"

// shimExit is the exit status after a failure; its place is on the socket.
const shimExit = 126

// The descriptors of a shim: its program, and the files of the program in their
// order.
const (
	shimProgram = 3
	shimFiles   = 4
)

// init runs the shim before the packages that the host needs are initialised,
// which saves several milliseconds for each start.
func init() { MaybeInit() }

// MaybeInit turns this process into the sandboxed program when it was started to
// be one, and then never returns. In every other process it does nothing.
//
// Importing this package already calls it, as early as Go allows. Call it as the
// first statement of main, and of TestMain, all the same: it states that the
// binary is its own shim, and it must come before anything that reads arguments.
func MaybeInit() {
	if len(os.Args) == 0 || os.Args[0] != shimName {
		return
	}
	runtime.LockOSThread()
	os.Exit(runShim())
}

// header is what goes before the parts of a program on the way to a shim.
type header struct {
	Magic                        uint64
	Ops, Words, Pointers, Socket uint32
}

const (
	shimMagic   = 0x31_6d_69_68_73_68_6b_62 // "bkhshim1"
	maxShimPart = 1 << 20
)

// runShim carries out the program on the descriptor. It returns only when it failed.
func runShim() int {
	s, err := readProgram(fdReader(shimProgram))
	if err != nil {
		return shimExit
	}
	unix.CloseOnExec(shimProgram)
	failed, errno := s.interpret()
	s.tell(letterFailure, uint32(failed), uint32(errno))
	return shimExit
}

// loaded is a program in a shim.
type loaded struct {
	ops    []op
	memory []uint64
	socket operand
}

// readProgram decodes a program and gives it real addresses.
func readProgram(r io.Reader) (*loaded, error) {
	heads := make([]header, 1)
	if _, err := io.ReadFull(r, bytesOf(heads)); err != nil {
		return nil, err
	}
	h := heads[0]
	if h.Magic != shimMagic || max(h.Ops, h.Words, h.Pointers) > maxShimPart || min(h.Ops, h.Words) == 0 {
		return nil, errors.New("this is no program for a shim")
	}
	s := &loaded{ops: make([]op, h.Ops), memory: make([]uint64, h.Words), socket: operand(h.Socket)}
	pointers := make([]uint32, h.Pointers)
	for _, part := range [][]byte{bytesOf(s.ops), bytesOf(s.memory), bytesOf(pointers)} {
		if _, err := io.ReadFull(r, part); err != nil {
			return nil, err
		}
	}
	if err := s.check(pointers); err != nil {
		return nil, err
	}
	relocate(s.memory, pointers)
	return s, nil
}

// check refuses a program that would reach out of its memory.
func (s *loaded) check(pointers []uint32) error {
	end := operand(8*len(s.memory) - 7)
	for _, at := range pointers {
		if at%8 != 0 || operand(at) >= end {
			return errors.New("a pointer lies outside of the memory")
		}
	}
	for _, o := range s.ops {
		furthest := max(o.Result, o.Note, s.socket)
		for _, a := range o.Args {
			furthest = max(furthest, a)
		}
		if furthest >= end+4 || o.Skip != opFail && o.Skip > uint32(len(s.ops)) {
			return errors.New("an instruction reaches outside of the program")
		}
	}
	return nil
}

// interpret is the loop of the raw executor, in Go.
func (s *loaded) interpret() (failed int, errno unix.Errno) {
	for i := 0; i < len(s.ops); i++ {
		o := &s.ops[i]
		result, errno := s.step(o)
		if errno == 0 {
			*s.word(o.Result) = uint32(result)
			if o.Result == cellReached {
				s.tell(letterReady, 0, 0)
			}
			continue
		}
		*s.word(o.Note) = uint32(errno)
		if o.Note != cellDrop {
			s.tell(letterNote, uint32(o.Note), uint32(errno))
		}
		if o.Skip == opFail {
			return i, errno
		}
		i += int(o.Skip)
	}
	return len(s.ops), unix.ENOEXEC
}

func (s *loaded) step(o *op) (uintptr, unix.Errno) {
	var a [6]uintptr
	for i, at := range o.Args {
		a[i] = uintptr(*(*uint64)(unsafe.Pointer(s.word(at))))
	}
	switch o.Call {
	case opEqual:
		if a[0] == a[1] {
			return 0, 0
		}
		return 0, unix.Errno(a[2])
	case unix.SYS_CLOSE_RANGE:
		// Exec closes them. Go ends a process whose poller has lost its descriptors, and
		// another package may have started it before.
		a[2] |= unix.CLOSE_RANGE_CLOEXEC
	}
	result, _, errno := unix.RawSyscall6(uintptr(o.Call), a[0], a[1], a[2], a[3], a[4], a[5])
	return result, errno
}

// word is a 32-bit word of the memory.
func (s *loaded) word(at operand) *uint32 {
	return (*uint32)(unsafe.Add(unsafe.Pointer(&s.memory[0]), at))
}

// tell sends two numbers to the host.
func (s *loaded) tell(letter byte, a, b uint32) {
	text := binary.NativeEndian.AppendUint32([]byte{letter}, a)
	_, _ = unix.Write(int(*s.word(s.socket)), binary.NativeEndian.AppendUint32(text, b))
}

// fdReader reads a descriptor without the runtime's poller.
type fdReader int

func (fd fdReader) Read(p []byte) (int, error) {
	for {
		n, err := unix.Read(int(fd), p)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 0, err
		case n == 0:
			return 0, io.EOF
		default:
			return n, nil
		}
	}
}
