// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"slices"

	"golang.org/x/sys/unix"
)

// The layout of a filter:
//
//	load arch;  not ours -> kill
//	load nr;    of a second ABI (x32) -> kill
//	hot calls:  nr == mmap -> verdict, nr == futex -> verdict, ...
//	tree:       binary search over ranges of numbers with the same verdict
//	blocks:     one per distinct rule about arguments
//
// A conditional jump of classic BPF reaches 255 instructions, an unconditional
// one any distance, and both go forward only. So a node of the tree is
//
//	nr >= first of the right half ? skip the left half : go on
//	left half
//	right half
//
// with an unconditional jump in between where the left half is longer than 255,
// and a leaf is one instruction: a return, or an unconditional jump to the block
// of its rule. Trees and blocks hold relative jumps only and can be put together
// in any way; the jumps to blocks are filled in when all places are known.
//
// Since Linux 5.11 the kernel runs the filter once per number when it is
// installed and remembers the numbers that are allowed whatever the arguments;
// those calls skip the filter. It can do so only because nothing before a block
// loads an argument.

// Offsets in struct seccomp_data. Both architectures are little-endian.
const (
	numberOffset   = 0
	archOffset     = 4
	argumentOffset = 16
)

// noPID is no process: pids are below 2^22.
const noPID = 0x7fff_ffff

// instruction is one of the filter, with what is not known yet.
type instruction struct {
	unix.SockFilter
	block int  // 1 + the block that K jumps to; 0 for none
	pid   bool // K is the program's own pid
}

func load(offset uint32) instruction {
	return instruction{SockFilter: unix.SockFilter{Code: unix.BPF_LD | unix.BPF_W | unix.BPF_ABS, K: offset}}
}

// jump compares with K and skips as many instructions as hit or miss says.
func jump(test uint16, k uint32, hit, miss int) instruction {
	return instruction{SockFilter: unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_K | test, Jt: reach(hit), Jf: reach(miss), K: k}}
}

// reach is a distance of a conditional jump. The builders below never ask for
// more than one can hold; a filter that jumped elsewhere would be a hole.
func reach(distance int) uint8 {
	if distance < 0 || distance > 255 {
		panic("seccomp: a conditional jump cannot reach that far")
	}
	return uint8(distance)
}

func skip(distance int) instruction {
	return instruction{SockFilter: unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA, K: uint32(distance)}}
}

func ret(action uint32) instruction {
	return instruction{SockFilter: unix.SockFilter{Code: unix.BPF_RET | unix.BPF_K, K: action}}
}

// action is a verdict as the kernel takes it.
func (p Policy) action(v verdict) uint32 {
	switch {
	case v.effect == allowed, v.effect == observed && !p.Notify:
		return unix.SECCOMP_RET_ALLOW
	case p.Notify && v.effect != silent:
		return unix.SECCOMP_RET_USER_NOTIF
	}
	return unix.SECCOMP_RET_ERRNO | uint32(v.errno)
}

// assembler puts one filter together.
type assembler struct {
	policy Policy
	arch   *arch
	blocks [][]instruction
}

// assemble builds the filter for an architecture.
func (p Policy) assemble(a *arch) *Filter {
	asm := &assembler{policy: p, arch: a}
	code := asm.prologue()
	for _, call := range hot {
		code = append(code, jump(unix.BPF_JEQ, uint32(a.number[call]), 0, 1), asm.leaf(p.rule(call)))
	}
	code = append(code, tree(asm.spans())...)
	return asm.link(code)
}

// prologue ends foreign architectures and leaves the number of the call loaded.
func (asm *assembler) prologue() []instruction {
	code := []instruction{
		load(archOffset),
		jump(unix.BPF_JEQ, asm.arch.audit, 1, 0),
		ret(unix.SECCOMP_RET_KILL_PROCESS),
		load(numberOffset),
	}
	if asm.arch.second != 0 {
		code = append(code, jump(unix.BPF_JGE, asm.arch.second, 0, 1), ret(unix.SECCOMP_RET_KILL_PROCESS))
	}
	return code
}

// leaf is the one instruction that decides by a rule.
func (asm *assembler) leaf(r rule) instruction {
	if len(r.clauses) == 0 {
		return ret(asm.policy.action(r.last))
	}
	code := asm.policy.block(r)
	i := slices.IndexFunc(asm.blocks, func(b []instruction) bool { return slices.Equal(b, code) })
	if i < 0 {
		i = len(asm.blocks)
		asm.blocks = append(asm.blocks, code)
	}
	return instruction{SockFilter: unix.SockFilter{Code: unix.BPF_JMP | unix.BPF_JA}, block: i + 1}
}

// span is a range of numbers, up to the next one's first, with the same leaf.
type span struct {
	first int
	leaf  instruction
}

// spans lists the ranges of all numbers, in order.
func (asm *assembler) spans() []span {
	var out []span
	for nr := 0; nr <= asm.arch.newest+1; nr++ {
		leaf := asm.leaf(asm.ruleOf(nr))
		if len(out) == 0 || out[len(out)-1].leaf != leaf {
			out = append(out, span{nr, leaf})
		}
	}
	return out
}

// ruleOf is the rule for a number. One above the newest known is a call that this
// table does not know yet, and programs know how to do without.
func (asm *assembler) ruleOf(nr int) rule {
	if nr > asm.arch.newest {
		return always(unseen)
	}
	return asm.policy.rule(asm.arch.called[nr])
}

// tree searches the loaded number.
func tree(spans []span) []instruction {
	if len(spans) == 1 {
		return []instruction{spans[0].leaf}
	}
	middle := len(spans) / 2
	left, right := tree(spans[:middle]), tree(spans[middle:])
	pivot := uint32(spans[middle].first)
	head := []instruction{jump(unix.BPF_JGE, pivot, min(len(left), 255), 0)}
	if len(left) > 255 {
		head = []instruction{jump(unix.BPF_JGE, pivot, 0, 1), skip(len(left))}
	}
	return slices.Concat(head, left, right)
}

// link puts the blocks behind the code and fills the jumps to them in.
func (asm *assembler) link(code []instruction) *Filter {
	var starts []int
	for _, block := range asm.blocks {
		starts = append(starts, len(code))
		code = append(code, block...)
	}
	f := &Filter{}
	for i, in := range code {
		if in.block > 0 {
			in.K = uint32(starts[in.block-1] - i - 1)
		}
		if in.pid {
			f.PIDSlots = append(f.PIDSlots, i)
		}
		f.Code = append(f.Code, in.SockFilter)
	}
	return f
}
