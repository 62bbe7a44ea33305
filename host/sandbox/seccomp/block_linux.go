// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"slices"

	"golang.org/x/sys/unix"
)

// block decides by the arguments: clause after clause, each of which returns or
// goes on to the next.
func (p Policy) block(r rule) []instruction {
	var code []instruction
	for _, c := range r.clauses {
		code = append(code, p.clause(c)...)
	}
	return append(code, ret(p.action(r.last)))
}

// clause is written from its end, so that each condition knows how far the end
// is that a miss must skip to.
func (p Policy) clause(c clause) []instruction {
	code := []instruction{ret(p.action(c.then))}
	for _, when := range slices.Backward(c.when) {
		code = append(when.code(len(code)), code...)
	}
	return code
}

// code goes on to the next instruction if the condition holds, and else skips
// after more.
func (c condition) code(after int) []instruction {
	code := c.compare(after)
	if c.mask != whole {
		and := instruction{SockFilter: unix.SockFilter{Code: unix.BPF_ALU | unix.BPF_AND | unix.BPF_K, K: c.mask}}
		code = append([]instruction{and}, code...)
	}
	code = append([]instruction{load(c.offset())}, code...)
	if c.zero {
		code = append([]instruction{load(c.offset() + 4), jump(unix.BPF_JEQ, 0, 0, len(code)+after)}, code...)
	}
	return code
}

func (c condition) offset() uint32 { return argumentOffset + 8*uint32(c.arg) }

// compare tests the loaded value against each alternative; the last one decides.
func (c condition) compare(after int) []instruction {
	var tests []instruction
	for _, value := range c.any {
		tests = append(tests, instruction{SockFilter: unix.SockFilter{K: value}})
	}
	if c.own {
		tests = append(tests, instruction{SockFilter: unix.SockFilter{K: noPID}, pid: true})
	}
	for i := range tests {
		left, miss := len(tests)-i-1, 0
		if left == 0 {
			miss = after
		}
		tests[i].SockFilter = jump(unix.BPF_JEQ, tests[i].K, left, miss).SockFilter
	}
	return tests
}
