// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sys/unix"
)

// Policy says for what kind of program a filter is. The zero value is the
// strictest: a program that computes and serves on one socket.
type Policy struct {
	// Exec allows to start programs: fork, execve, and sessions and groups for
	// them where namespaces stand.
	Exec bool
	// Devices allows what drivers need: requests to devices, shared anonymous
	// memory, memory placement. Never what types into a terminal.
	Devices bool
	// Unspaced is for levels without namespaces, where a program sees the files
	// and processes of its uid: the attributes of files cannot be changed and
	// signals reach the program itself only. With Exec, its children cannot be
	// signalled either.
	Unspaced bool
	// Sockets allows connect, to sockets of the machine only. It is for programs
	// with a root and a network namespace of their own.
	Sockets bool
	// Notify sends refused calls to a listener ([Watch]) instead of answering
	// them at once. The kernel gives a process one listener: where the host is
	// itself behind a filter with one, as in some containers, the installation
	// fails with EBUSY and only a policy without Notify is left.
	Notify bool
	// ExecFD, if not 0, is the one descriptor that a program without Exec may
	// execute. If it is at or above RLIMIT_NOFILE and closed by exec, then no other
	// descriptor can be executed: the program can get none of that number again.
	// An absolute path can be put in its place all the same, and with 0 any
	// descriptor will do: what keeps the program from executing others must be a
	// mount or Landlock.
	ExecFD int
	// Trace tells the listener of the calls that name files, too, and lets them go
	// on ([Options].Touched). It needs Notify. Processes can then be made without
	// Exec, and start no program.
	Trace bool
}

// Filter is a program for the kernel.
type Filter struct {
	// Code is installed with seccomp(SECCOMP_SET_MODE_FILTER) and [Policy.Flags]
	// after no_new_privs.
	Code []unix.SockFilter
	// PIDSlots are the instructions whose K must be set to the program's own pid
	// as it sees it. Until then no pid counts as its own.
	PIDSlots []int
}

// Filter builds the filter for the running architecture. It fails on others than
// amd64 and arm64, and for an ExecFD that is no descriptor.
func (p Policy) Filter() (*Filter, error) {
	a, err := host()
	if err != nil {
		return nil, err
	}
	if p.ExecFD < 0 || p.ExecFD > 1<<30 {
		return nil, fmt.Errorf("seccomp: %d is not the number of an open file", p.ExecFD)
	}
	f, ok := built.Load(p)
	if !ok {
		f, _ = built.LoadOrStore(p, p.assemble(a))
	}
	return f.(*Filter).clone(), nil
}

// built keeps the filters by policy: hosts launch many programs of few kinds.
var built sync.Map

// clone is a copy whose slots can be filled in.
func (f *Filter) clone() *Filter {
	return &Filter{Code: slices.Clone(f.Code), PIDSlots: slices.Clone(f.PIDSlots)}
}

// rule is the rule for a call by name.
func (p Policy) rule(call string) rule {
	if r, ok := p.traceRule(call); ok {
		return r
	}
	if of, ok := ruled[call]; ok {
		return of(p)
	}
	return always(standing(call))
}

// standing is the verdict on a call that no policy and no argument changes. For a
// ruled call it is what a refusal means.
func standing(call string) verdict {
	switch {
	case free[call]:
		return allow
	case probes[call]:
		return unseen
	case missing[call]:
		return absent
	case ends[call]:
		return end
	}
	return refuse
}
