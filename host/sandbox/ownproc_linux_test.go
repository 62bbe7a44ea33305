// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"
)

// ownLimit is the most that this process may have of a resource.
func ownLimit(t *testing.T, resource int) uint64 {
	t.Helper()
	var limit unix.Rlimit
	if err := unix.Getrlimit(resource, &limit); err != nil {
		t.Fatal(err)
	}
	return limit.Max
}

// A host whose /proc shows other processes under its pids must not say that it has
// verified a program, nor measure a stranger in its place.
func TestForeignProc(t *testing.T) {
	asRoot(t)
	cmd := helper("^TestInForeignProc$", "FOREIGN_PROC=1")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWPID}
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), "--- PASS: TestInForeignProc ") {
		t.Errorf("%v\n%s", err, out)
	}
}

func TestInForeignProc(t *testing.T) {
	if os.Getenv("FOREIGN_PROC") == "" {
		t.Skip("TestForeignProc starts it in a pid namespace of its own")
	}
	for range 8 { // of so many some pids are of nobody in that /proc
		spec, _, finish := testSpec(t, "fds:")
		p, err := Launch(context.Background(), spec)
		finish()
		if step, ok := errors.AsType[*StepError](err); !ok || step.Path != "/proc" || !errors.Is(err, errProc) {
			t.Fatalf("%v, %v", p, err)
		}
		if strings.Contains(err.Error(), "less protection") {
			t.Errorf("it is advised what does not help: %v", err)
		}
	}
}
