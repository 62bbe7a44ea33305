// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"encoding/binary"
	"fmt"

	"golang.org/x/sys/unix"
)

// interpret runs a filter over one call as the kernel does: classic BPF with
// 32-bit words over struct seccomp_data, forward jumps only. It fails on
// everything that the kernel would not install.
func interpret(code []unix.SockFilter, c call) (uint32, error) {
	data := packed(c)
	var acc uint32
	for pc := 0; pc < len(code); pc++ {
		in := code[pc]
		switch in.Code {
		case unix.BPF_LD | unix.BPF_W | unix.BPF_ABS:
			if in.K%4 != 0 || in.K > 60 {
				return 0, fmt.Errorf("instruction %d loads from %d", pc, in.K)
			}
			acc = binary.LittleEndian.Uint32(data[in.K:])
		case unix.BPF_ALU | unix.BPF_AND | unix.BPF_K:
			acc &= in.K
		case unix.BPF_JMP | unix.BPF_JA:
			pc += int(in.K)
		case unix.BPF_JMP | unix.BPF_JEQ | unix.BPF_K:
			pc += branch(in, acc == in.K)
		case unix.BPF_JMP | unix.BPF_JGE | unix.BPF_K:
			pc += branch(in, acc >= in.K)
		case unix.BPF_RET | unix.BPF_K:
			return in.K, nil
		default:
			return 0, fmt.Errorf("instruction %d has the unknown code %#x", pc, in.Code)
		}
	}
	return 0, fmt.Errorf("the filter ends without a verdict")
}

func branch(in unix.SockFilter, taken bool) int {
	if taken {
		return int(in.Jt)
	}
	return int(in.Jf)
}

// packed lays a call out as struct seccomp_data.
func packed(c call) []byte {
	out := binary.LittleEndian.AppendUint32(nil, uint32(c.number))
	out = binary.LittleEndian.AppendUint32(out, c.arch)
	out = binary.LittleEndian.AppendUint64(out, c.instruction)
	for _, arg := range c.arguments {
		out = binary.LittleEndian.AppendUint64(out, arg)
	}
	return out
}

// judge is the same decision straight from the tables, with no code in between.
func judge(p Policy, a *arch, c call, pid uint32) uint32 {
	nr := uint32(c.number)
	switch {
	case c.arch != a.audit, a.second != 0 && nr >= a.second:
		return unix.SECCOMP_RET_KILL_PROCESS
	case nr > uint32(a.newest):
		return unix.SECCOMP_RET_ERRNO | uint32(unix.ENOSYS)
	}
	v := p.rule(a.called[int(nr)]).judge(c.arguments, pid)
	switch {
	case v.effect == allowed:
		return unix.SECCOMP_RET_ALLOW
	case v.effect == silent, !p.Notify:
		return unix.SECCOMP_RET_ERRNO | uint32(v.errno)
	}
	return unix.SECCOMP_RET_USER_NOTIF
}

func (r rule) judge(args [6]uint64, pid uint32) verdict {
	for _, c := range r.clauses {
		if c.holds(args, pid) {
			return c.then
		}
	}
	return r.last
}

func (c clause) holds(args [6]uint64, pid uint32) bool {
	for _, when := range c.when {
		if !when.holds(args[when.arg], pid) {
			return false
		}
	}
	return true
}

func (c condition) holds(value uint64, pid uint32) bool {
	if c.zero && value>>32 != 0 {
		return false
	}
	for _, want := range c.any {
		if uint32(value)&c.mask == want {
			return true
		}
	}
	return c.own && uint32(value)&c.mask == pid
}
