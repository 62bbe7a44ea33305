// SPDX-License-Identifier: Apache-2.0

// Command probe is a plugin whose one collector does what the files of the tests say
// it does, and nothing else.
package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
	"github.com/bulkhead-ml/bulkhead/sdk/network"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

var collector = fact.Collector{
	Name: "probe", Summary: "Opens files, starts a program and connects.",
	Facts: []fact.Description{{Address: "probe.done", Summary: "how many files it could read", Type: "number"}},
	Collect: func(ctx context.Context, target *fact.Target, record *fact.Recorder) error {
		read := 0
		for _, name := range []string{"/etc/os-release", "/proc/meminfo", "/nowhere/to/be/found"} {
			if _, err := os.ReadFile(filepath.Join(os.Getenv(handshake.EnvTargetRoot), name)); err == nil {
				read++
			}
		}
		_, _ = os.ReadFile(filepath.Join(os.Getenv(handshake.EnvTargetRoot), target.ProcessDir, "limits"))
		_ = exec.CommandContext(ctx, "/usr/bin/true").Run()
		if conn, err := network.Dial(ctx, "tcp", "learn.invalid:443"); err == nil {
			_ = conn.Close()
		}
		record.Add("probe.done", read, fact.File("/proc/meminfo", 1, ""))
		return nil
	},
}

func main() {
	plugin.Serve(plugin.Info{Name: "probe", Version: "0.1.0"}, fact.Serve(collector))
}
