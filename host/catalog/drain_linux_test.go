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
	for patience, inOrder := range map[time.Duration]bool{0: false, 20 * time.Second: true} {
		l := launcher(t, "hello-check")
		l.DrainTimeout = patience
		r := mustStart(t, l, "hello-check")
		if err := syscall.Kill(r.PID(), syscall.SIGSTOP); err != nil {
			t.Fatal(err)
		}
		awake := time.AfterFunc(3*drainTimeout, func() { _ = syscall.Kill(r.PID(), syscall.SIGCONT) })
		err := l.Close(t.Context())
		awake.Stop()
		if (err == nil) != inOrder {
			t.Errorf("with a drain timeout of %v: %v", patience, err)
		}
	}
}
