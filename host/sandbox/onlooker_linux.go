// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"runtime"

	"golang.org/x/sys/unix"
)

// onlooker is how the host looks at what a program has open and mapped. The kernel
// shows that to the program's own uid and to CAP_SYS_PTRACE, which root in a
// container may lack, where it can give programs uids of their own all the same.
type onlooker struct {
	uid int // to look as; 0 is the host's own
}

func (a *attempt) onlooker() onlooker {
	if a.uid < 0 || a.host.can(unix.CAP_SYS_PTRACE) {
		return onlooker{}
	}
	return onlooker{a.uid}
}

// look calls a function that reads files of the program in /proc.
func (s onlooker) look(fn func()) {
	if s.uid == 0 {
		fn()
		return
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		// Never unlocked, so that the thread ends with the goroutine and its ids.
		runtime.LockOSThread()
		_, _ = unix.SetfsgidRetGid(s.uid)
		_, _ = unix.SetfsuidRetUid(s.uid)
		fn()
	}()
	<-done
}
