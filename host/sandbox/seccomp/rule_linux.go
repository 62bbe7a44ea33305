// SPDX-License-Identifier: Apache-2.0

package seccomp

import "golang.org/x/sys/unix"

// effect is what becomes of a call.
type effect uint8

const (
	allowed  effect = iota // runs
	silent                 // the kernel answers with the errno and nobody is told
	refused                // counted by the listener, if any, and answered with the errno
	fatal                  // as refused, and the listener ends the program
	observed               // runs, after the listener was told
)

// verdict is an effect with the errno that the program sees.
type verdict struct {
	effect effect
	errno  unix.Errno
}

var (
	allow  = verdict{effect: allowed}
	refuse = verdict{refused, unix.EPERM}
	absent = verdict{refused, unix.ENOSYS}
	end    = verdict{fatal, unix.EPERM}
	unseen = verdict{silent, unix.ENOSYS}
	unheld = verdict{silent, unix.EPERM}

	observe = verdict{effect: observed}
)

// rule decides over the arguments of one call: the first clause that holds, else
// last.
type rule struct {
	clauses []clause
	last    verdict
}

// clause holds when all of its conditions do.
type clause struct {
	when []condition
	then verdict
}

// condition looks at one argument. The kernel passes every argument as 64 bits,
// but most parameters are an int, and then the upper half means nothing to the
// kernel and must mean nothing to the filter: a list of what is refused could
// else be passed by setting a bit there.
type condition struct {
	arg  int    // 0..5
	mask uint32 // what of the lower half counts
	any  []uint32
	own  bool // the program's own pid is one more of any
	zero bool // the upper half must be 0: the parameter is an unsigned long
}

const whole = ^uint32(0)

// is holds if the lower half of an argument is one of the values.
func is(arg int, values ...uint32) condition {
	return condition{arg: arg, mask: whole, any: values}
}

// bits holds if the masked lower half of an argument is the value.
func bits(arg int, mask, value uint32) condition {
	return condition{arg: arg, mask: mask, any: []uint32{value}}
}

// self holds if an argument is the program's own pid or one of the values.
func self(arg int, values ...uint32) condition {
	return condition{arg: arg, mask: whole, any: values, own: true}
}

// always decides without a look at the arguments.
func always(v verdict) rule { return rule{last: v} }

// only allows what meets all conditions and refuses the rest.
func only(when ...condition) rule {
	return rule{clauses: []clause{{when, allow}}, last: refuse}
}

// orElse adds another way to be allowed.
func (r rule) orElse(when ...condition) rule {
	r.clauses = append(r.clauses, clause{when, allow})
	return r
}

// but decides otherwise about what meets all conditions, before everything else.
func (r rule) but(v verdict, when ...condition) rule {
	r.clauses = append([]clause{{when, v}}, r.clauses...)
	return r
}

// granted allows a call that one feature of the policy stands for.
func granted(on bool) rule {
	if on {
		return always(allow)
	}
	return always(refuse)
}
