// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
)

// helloKernels are the kernels of a real plugin, and its name.
func helloKernels(t *testing.T) (*kernels, string) {
	t.Helper()
	dir := t.TempDir()
	build := exec.Command("go", "build", "-o", filepath.Join(dir, "hello-kernel"), "../../examples/hello-kernel")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	c, err := catalog.Open(nil, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	name, err := c.AddPath(filepath.Join(dir, "hello-kernel"))
	if err != nil {
		t.Fatal(err)
	}
	l := &catalog.Launcher{Catalog: c, Logger: hclog.NewNullLogger()}
	t.Cleanup(func() { _ = l.Close(context.Background()) })
	return &kernels{launcher: l}, name
}

func openWatched(t *testing.T, k *kernels, name string) *watched {
	t.Helper()
	kernel, err := k.Open(t.Context(), name)
	if err != nil {
		t.Fatal(err)
	}
	return kernel.(*watched)
}

// nothing is a call that ends at once with an error.
func nothing(err error) func(dataplane.Kernel) error {
	return func(dataplane.Kernel) error { return err }
}

func TestKernelIsKilledWhenItsCallIsGivenUp(t *testing.T) {
	k, name := helloKernels(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for what, tt := range map[string]struct {
		ctx    context.Context
		err    error
		killed bool
	}{
		"a call that succeeded":     {t.Context(), nil, false},
		"a kernel that refused":     {t.Context(), &diag.Diagnostic{}, false},
		"a connection that broke":   {t.Context(), &dataplane.TransportError{}, false},
		"a call over its budget":    {cancelled, cancelled.Err(), true},
		"a result that is not read": {t.Context(), errors.New("disk full"), true},
		"a broken protocol":         {t.Context(), &dataplane.ProtocolError{}, true},
	} {
		t.Run(what, func(t *testing.T) {
			w := openWatched(t, k, name)
			first := w.running
			if err := w.call(tt.ctx, nothing(tt.err)); !errors.Is(err, tt.err) {
				t.Errorf("the error became %v", err)
			}
			if killed := first.Exit() != nil; killed != tt.killed {
				t.Fatalf("killed %v", killed)
			}
			// Whoever still holds the kernel goes on, in another process if need be.
			if err := w.call(t.Context(), nothing(nil)); err != nil || (w.running != first) != tt.killed {
				t.Errorf("the next call: %v, in process %d after %d", err, w.running.PID(), first.PID())
			}
		})
	}
}

// A process in which one call was given up is left to the others, and killed
// when the last of them is done with it.
func TestKernelSparesTheCallsOfOthers(t *testing.T) {
	k, name := helloKernels(t)
	patient, hasty := openWatched(t, k, name), openWatched(t, k, name)
	shared := patient.running
	if hasty.running != shared {
		t.Fatal("two processes")
	}
	entered, release, done := make(chan struct{}), make(chan struct{}), make(chan error, 1)
	go func() {
		done <- patient.call(context.Background(), func(dataplane.Kernel) error {
			close(entered)
			<-release
			return nil
		})
	}()
	<-entered
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	_ = hasty.call(cancelled, nothing(cancelled.Err()))
	if shared.Exit() != nil {
		t.Fatal("killed in the middle of another's call")
	}
	close(release)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if shared.Exit() == nil {
		t.Error("the call that was given up goes on for ever")
	}
}

// While the process is being killed, new calls wait for the next one.
func TestKernelCallsDuringAKill(t *testing.T) {
	k, name := helloKernels(t)
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	results := make(chan error, 20)
	for i := range cap(results) {
		w := openWatched(t, k, name)
		go func() {
			if i%5 == 0 {
				_ = w.call(cancelled, nothing(cancelled.Err()))
				results <- nil
				return
			}
			results <- w.call(context.Background(), func(dataplane.Kernel) error {
				time.Sleep(time.Millisecond)
				if w.running.Exit() != nil {
					return errors.New("killed in the middle of a call")
				}
				return nil
			})
		}()
	}
	for range cap(results) {
		if err := <-results; err != nil {
			t.Error(err)
		}
	}
}
