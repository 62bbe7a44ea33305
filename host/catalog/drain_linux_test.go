// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"syscall"
	"testing"
	"time"
)

// TestDrainTimeout: a process that gets no processor for a while, as on a machine
// that is busy, ends in order when its host waits for that.
func TestDrainTimeout(t *testing.T) {
	l := launcher(t, "hello-check")
	l.DrainTimeout = 2 * time.Minute
	r := mustStart(t, l, "hello-check")
	if err := syscall.Kill(r.PID(), syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	awake := time.AfterFunc(3*drainTimeout, func() { _ = syscall.Kill(r.PID(), syscall.SIGCONT) })
	defer awake.Stop()
	if err := l.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
