// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

// TestPipes puts a pipe in every place that is read: none may block.
func TestPipes(t *testing.T) {
	target := machine{tree: runningEngine}.target(t)
	for _, name := range []string{
		"/etc/docker/daemon.json", "/etc/cdi/nvidia.yaml", "/etc/nvidia-container-runtime/config.toml", "/dev/char", "/proc/self/mountinfo",
		"/home/ada/train/Dockerfile", "/home/ada/train/compose.yaml", "/home/ada/train/.devcontainer/devcontainer.json", "/home/ada/train/app/Dockerfile", "/var/lib/docker/engine-id",
	} {
		file := filepath.Join(target.Root, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(file, 0o644); err != nil {
			t.Skipf("no pipes here: %v", err)
		}
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		plugintest.Observe(t, target, collectors()...)
	}()
	select {
	case <-done:
	case <-time.After(2 * time.Minute):
		t.Fatal("a collector waits for a pipe")
	}
}
