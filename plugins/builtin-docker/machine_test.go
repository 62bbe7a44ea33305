// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"path"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
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
	files := map[string]string{}
	for _, f := range txtar.Parse([]byte(m.tree)).Files {
		text := string(f.Data)
		if strings.HasPrefix(text, "-> ") { // a link, without the line end that txtar adds
			text = strings.TrimSpace(text)
		}
		files["/"+f.Name] = text
	}
	target := plugintest.Machine(t, files)
	target.Env, target.OS = m.env, cmp.Or(m.os, target.OS)
	return target
}

// observe runs the collectors on a machine.
func observe(t *testing.T, m machine) []fact.Fact {
	t.Helper()
	return plugintest.Observe(t, m.target(t), collectors()...)
}

// diagnose returns the findings by code, and fails for one that is not whole.
func (m machine) diagnose(t *testing.T) map[string][]check.Finding {
	t.Helper()
	facts := append(plugintest.Observe(t, m.target(t), collectors()...), plugintest.Facts(m.facts)...)
	out := plugintest.Diagnose(t, facts, checks(), nil)
	for code, findings := range out {
		for _, f := range findings {
			if f.Detail == "" || f.Cause == "" || len(f.Evidence) == 0 || len(f.Remedies) == 0 || len(f.Verify) == 0 {
				t.Errorf("%s lacks a part: %+v", code, f)
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
