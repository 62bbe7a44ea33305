// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/binary"
	"fmt"
	"os"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The launch machine.
//
// What happens between fork and exec is a program of system calls. The host
// compiles it from a specification, in ordinary Go, before anything is forked;
// an executor then only carries it out. A program is a flat list of ops over one
// block of memory that holds all its texts, structures, constants and variables.
//
// An op makes one system call. Each of its six arguments is the offset of a
// 64-bit cell, whether that holds a constant, the address of a text, or what an
// earlier op returned; its result, 32 bits, goes to the offset that it names. So
// a descriptor that one op opened can become the argument of a later one, or a
// field of a structure that a later one passes. After an error an op notes the
// errno at an offset and leaves out as many of the following ops as it says, or
// it ends the program: then the number of the op and the errno are the report.
// One op is no system call: opEqual fails unless two cells agree.
//
// The last op of a program is execveat.
//
// There are two executors. The raw one (spawn_linux_*.s) is a loop of forty
// instructions that runs in a vfork child: it uses no stack, so that the host's
// is safe, and no Go code, so that the runtime need not know. The shim
// ([MaybeInit]) is the host's own binary executed again, with the loop in Go; it
// is slower, works on every architecture, and the tests hold each against the
// other.

// op is one instruction. The assembly knows its layout.
type op struct {
	Call   uint32     // system call number, or opEqual
	Result operand    // where the 32-bit result goes
	Args   [6]operand // the cells that hold the arguments
	Skip   uint32     // ops to leave out after an error, or opFail
	Note   operand    // where the errno of an error goes
}

// operand is the offset of a cell in a program's memory.
type operand uint32

const (
	opEqual = ^uint32(0) // fails with the errno in the third argument unless the first two agree
	opFail  = ^uint32(0) // an error ends the program
)

// The cells that every program has.
const (
	cellZero    operand = 0  // absent arguments
	cellDrop    operand = 8  // results and notes that nobody reads
	cellReached operand = 16 // not zero when nothing but the filter and exec is left
	cellsFixed          = 24
)

// place is where in the plan an op belongs, for the report of a failure.
type place struct {
	step string
	path string
	bind int     // index of the grant it serves, or -1
	note operand // the cell that knows better why a file is missing
}

// program is a list of ops and its memory.
type program struct {
	ops      []op
	memory   []byte
	pointers []uint32 // offsets of the cells that hold an offset and need an address
	files    []*os.File
	cells    []operand // parallel to files: where each one's number goes
	places   []place   // parallel to ops
	here     place
	values   map[uint64]operand
}

func newProgram() *program {
	return &program{
		ops: make([]op, 0, usualOps), places: make([]place, 0, usualOps), memory: make([]byte, cellsFixed, usualBytes),
		values: map[uint64]operand{0: cellZero}, here: place{bind: -1},
	}
}

// A program with a few grants is no larger, and grows in place.
const (
	usualOps   = 384
	usualBytes = 24 << 10
)

// data copies bytes into the memory, at a multiple of eight and padded to one.
func (p *program) data(text []byte) operand {
	at := operand(len(p.memory))
	p.memory = append(p.memory, text...)
	p.memory = append(p.memory, make([]byte, -len(p.memory)&7)...)
	return at
}

// cell makes a variable, zero at first.
func (p *program) cell() operand { return p.data(make([]byte, 8)) }

// value returns a cell that holds a constant. Equal constants share one.
func (p *program) value(v uint64) operand {
	at, ok := p.values[v]
	if !ok {
		at = p.data(binary.NativeEndian.AppendUint64(nil, v))
		p.values[v] = at
	}
	return at
}

// address returns a cell that holds the address of an offset.
func (p *program) address(of operand) operand {
	at := p.cell()
	p.point(at, of)
	return at
}

// point makes the eight bytes at an offset hold the address of another.
func (p *program) point(at, of operand) {
	binary.NativeEndian.PutUint64(p.memory[at:], uint64(of))
	p.pointers = append(p.pointers, uint32(at))
}

// text returns a cell that holds the address of a NUL-terminated text.
func (p *program) text(s string) operand { return p.address(p.data(append([]byte(s), 0))) }

// vector returns a cell that holds the address of a NULL-terminated array of texts.
func (p *program) vector(texts []string) operand {
	array := p.data(make([]byte, 8*(len(texts)+1)))
	for i, s := range texts {
		p.point(array+operand(8*i), p.data(append([]byte(s), 0)))
	}
	return p.address(array)
}

// file returns a cell that holds the number of one of the host's descriptors.
func (p *program) file(f *os.File) operand {
	at := p.cell()
	p.files, p.cells = append(p.files, f), append(p.cells, at)
	return at
}

// later makes room for a descriptor that is not there yet and returns its place
// among the files.
func (p *program) later() int {
	p.file(nil)
	return len(p.files) - 1
}

// ref names an op of a program that grows.
type ref struct {
	p *program
	i int
}

// call adds a system call. An argument is a number, a text or an operand.
func (p *program) call(number int, args ...any) ref { return p.add(uint32(number), args) }

// equal adds the comparison of two cells.
func (p *program) equal(a, b operand, otherwise unix.Errno) ref {
	return p.add(opEqual, []any{a, b, int(otherwise)})
}

// jump leaves out the following ops until the label of the ref it returns.
func (p *program) jump() ref { return p.equal(cellZero, p.value(1), unix.EINVAL) }

func (p *program) add(call uint32, args []any) ref {
	o := op{Call: call, Result: cellDrop, Skip: opFail, Note: cellDrop}
	for i, a := range args {
		o.Args[i] = p.operand(a)
	}
	p.ops, p.places = append(p.ops, o), append(p.places, p.here)
	return ref{p, len(p.ops) - 1}
}

func (p *program) operand(a any) operand {
	switch v := a.(type) {
	case operand:
		return v
	case string:
		return p.text(v)
	case int:
		return p.value(uint64(v))
	case uint64:
		return p.value(v)
	}
	panic(fmt.Sprintf("sandbox: a system call cannot take a %T", a))
}

// into sends the result of the op to a cell or a field.
func (r ref) into(at operand) ref {
	r.p.ops[r.i].Result = at
	return r
}

// noted keeps the errno of an error.
func (r ref) noted(at operand) ref {
	r.p.ops[r.i].Note = at
	return r
}

// ignored goes on after an error.
func (r ref) ignored() ref {
	r.p.ops[r.i].Skip = 0
	return r
}

// otherwiseHere makes an error of the op continue with the next op to be added.
func (r ref) otherwiseHere() { r.p.ops[r.i].Skip = uint32(len(r.p.ops) - r.i - 1) }

// image is a copy of the memory with the numbers of the files in it.
func (p *program) image(numbers []int) []uint64 {
	arena := make([]uint64, len(p.memory)/8)
	copy(bytesOf(arena), p.memory)
	for i, at := range p.cells {
		arena[at/8] = uint64(numbers[i])
	}
	return arena
}

// load is an image with real addresses.
func (p *program) load(numbers []int) []uint64 {
	arena := p.image(numbers)
	relocate(arena, p.pointers)
	return arena
}

// bytesOf is the memory of a slice.
func bytesOf[T any](s []T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(unsafe.SliceData(s))), len(s)*int(unsafe.Sizeof(*new(T))))
}

// relocate turns offsets into addresses. The arena must be on the heap, where
// nothing moves.
func relocate(arena []uint64, pointers []uint32) {
	base := uint64(uintptr(unsafe.Pointer(&arena[0])))
	for _, at := range pointers {
		arena[at/8] += base
	}
}

// outcome is how far an executor came.
type outcome struct {
	failed int // the op that ended the program, or -1
	errno  unix.Errno
	notes  map[operand]unix.Errno
	ready  bool // cellReached was
}

// note is the errno that was kept at an offset, 0 for none.
func (o *outcome) note(at operand) unix.Errno { return o.notes[at] }

// noteCells lists the cells in which a program keeps errnos.
func (p *program) noteCells() []operand {
	var out []operand
	for _, o := range p.ops {
		if o.Note != cellDrop {
			out = append(out, o.Note)
		}
	}
	return out
}
