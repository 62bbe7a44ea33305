// SPDX-License-Identifier: Apache-2.0

package sandbox

import "github.com/bulkhead-ml/bulkhead/host/sandbox/seccomp"

// canTrace drops a level whose traced program would name the same files as every
// other program: what it looks for in vain would look as if it were there.
func (a *attempt) canTrace() error {
	if a.spec.Trace != nil && !(a.walls.spaced() && a.walls.seccomp) {
		return a.failed("trace", "", ErrNoTrace)
	}
	return nil
}

// listens wants the listener of a traced program.
func (a *attempt) listens(m *mail) error {
	if a.spec.Trace != nil && m.listener == nil {
		return a.failed("trace", "", ErrNoTrace)
	}
	return nil
}

// touched puts what the monitor sees into the words of this package.
func (a *attempt) touched() func(seccomp.Touch) {
	if a.spec.Trace == nil {
		return nil
	}
	return func(t seccomp.Touch) {
		a.spec.Trace(Touch{Call: t.Call, Use: uses[t.Use], Path: t.Path, Found: t.Found, Directory: t.Directory, Device: t.Device})
	}
}

var uses = map[seccomp.Use]Use{seccomp.Look: UseLook, seccomp.Read: UseRead, seccomp.Write: UseWrite, seccomp.Start: UseStart}
