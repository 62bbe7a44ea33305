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
	target := plugintest.Machine(t, map[string]string{hub + "/models--a--b/snapshots/r/": "", "/home/ada/train/": ""})
	target.Env = env("HF_TOKEN_PATH=/token", "PIP_CONFIG_FILE=/pipconf", "UV_CONFIG_FILE=/uvconf", "SSL_CERT_FILE=/cert")
	for _, name := range []string{
		dmiDir + "sys_vendor", cpuinfoFile, cloudIDFile, namespaceFile, "/etc/pip.conf", "/token", "/pipconf", "/uvconf", "/cert", "/proc/meminfo", "/proc/self/status",
		hub + "/models--a--b/blobs/1.incomplete", hub + "/models--a--b/snapshots/r/model.safetensors", hub + "/models--a--b/snapshots/r/model.safetensors.index.json",
		hub + "/models--pipe", "/home/ada/train/model.gguf", "/home/ada/train/uv.toml", "/home/ada/train/pytorch_model.bin.index.json",
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
