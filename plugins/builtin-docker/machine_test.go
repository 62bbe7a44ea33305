// SPDX-License-Identifier: Apache-2.0

package main

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// machine is a fake machine.
type machine struct {
	// tree is a txtar archive of the files below the root.
	tree string
	env  map[string]string
	os   string
	// facts of other plugins.
	facts map[string]any
}

func (m machine) target(t *testing.T) *fact.Target {
	t.Helper()
	root := t.TempDir()
	for _, f := range txtar.Parse([]byte(m.tree)).Files {
		full := filepath.Join(root, f.Name)
		if err := os.MkdirAll(filepath.Dir(full), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(full, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	system := "linux"
	if m.os != "" {
		system = m.os
	}
	return &fact.Target{
		Root: root, ProcessDir: "/proc/self", Env: m.env, Home: "/home/ada", ProjectDir: "/home/ada/train", OS: system, Arch: "amd64",
	}
}

func (m machine) observe(t *testing.T) fact.Set {
	t.Helper()
	facts, diags := fact.Observe(t.Context(), m.target(t), collectors()...)
	for _, d := range diags {
		t.Fatal(d)
	}
	declared := declaredFacts()
	for _, f := range facts {
		if !declared[withoutKey(f.Address)] {
			t.Errorf("fact %s is not declared by a collector", f.Address)
		}
	}
	for address, value := range m.facts {
		var r fact.Recorder
		r.Add(address, value)
		facts = append(facts, r.Facts()...)
	}
	return fact.NewSet(facts)
}

func declaredFacts() map[string]bool {
	out := map[string]bool{}
	for _, c := range collectors() {
		for _, f := range c.Facts {
			out[f.Address] = true
		}
	}
	return out
}

func withoutKey(address string) string {
	before, rest, keyed := strings.Cut(address, "[")
	if !keyed {
		return address
	}
	return before + rest[strings.LastIndexByte(rest, ']')+1:]
}

// diagnose returns the findings by code.
func (m machine) diagnose(t *testing.T) map[string][]check.Finding {
	t.Helper()
	out := map[string][]check.Finding{}
	for _, o := range check.Run(t.Context(), m.observe(t), checks(), nil) {
		if strings.HasPrefix(o.Reason, "panic") {
			t.Fatalf("%s: %s", o.Code, o.Reason)
		}
		for _, f := range o.Findings {
			out[f.Code] = append(out[f.Code], f)
			if f.Detail == "" || f.Cause == "" || len(f.Evidence) == 0 || len(f.Remedies) == 0 || len(f.Verify) == 0 {
				t.Errorf("%s lacks a part: %+v", f.Code, f)
			}
		}
	}
	return out
}

func codes(findings map[string][]check.Finding) string {
	var out []string
	for _, c := range checks() {
		for _, f := range findings[c.Code] {
			out = append(out, c.Code+":"+f.Severity.String())
		}
	}
	return strings.Join(out, " ")
}

const (
	runningEngine = `
-- proc/sys/kernel/osrelease --
6.8.0
-- usr/bin/docker --
ELF
-- usr/bin/dockerd --
ELF
-- etc/systemd/system/multi-user.target.wants/docker.service --
[Unit]
-- run/docker.pid --
812
`
	stoppedEngine = `
-- proc/sys/kernel/osrelease --
6.8.0
-- usr/bin/docker --
ELF
-- usr/bin/dockerd --
ELF
-- etc/systemd/system/multi-user.target.wants/docker.service --
[Unit]
`
	toolkit = `
-- usr/bin/nvidia-ctk --
ELF
-- usr/bin/nvidia-container-runtime --
ELF
-- usr/bin/nvidia-container-runtime-hook --
ELF
`
	nvidiaConfig = `
-- etc/docker/daemon.json --
{
  "runtimes": {
    "nvidia": {"path": "nvidia-container-runtime", "args": []}
  }
}
`
	cdi570 = `
-- etc/cdi/nvidia.yaml --
cdiVersion: 0.5.0
kind: nvidia.com/gpu
devices: [{name: all}]
containerEdits:
  mounts:
  - hostPath: /usr/lib/x86_64-linux-gnu/libcuda.so.570.158
    containerPath: /usr/lib/x86_64-linux-gnu/libcuda.so.570.158
`
)

func gpu(version string) map[string]any {
	return map[string]any{
		"gpu.count": 1, "gpu.driver.loaded": true, "gpu.driver.version": version, "os.container": "",
		"gpu.device_nodes": []map[string]any{{"path": "/dev/nvidiactl", "readable": true}},
	}
}

func with(facts map[string]any, address string, value any) map[string]any {
	facts[address] = value
	return facts
}

func inProject(dockerfile string) string {
	return "-- " + path.Join("home/ada/train", "Dockerfile") + " --\n" + dockerfile
}
