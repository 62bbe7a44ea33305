// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"errors"
	"fmt"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-docker/internal/daemonjson"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var daemonCollector = fact.Collector{
	Name:    "daemon-config",
	Summary: "daemon.json of the engine and the runtimes it defines",
	Facts: []fact.Description{
		{Address: "docker.daemon_config", Summary: "daemon.json: {path, problem, line, default_runtime, cgroup_driver, pid_file, data_root, default_shm_bytes}", Type: "object"},
		{Address: "docker.runtimes", Summary: "runtimes of daemon.json: {name, path, type, line, found}; found is absent where it cannot be told", Type: "list"},
	},
	Collect: func(_ context.Context, t *fact.Target, r *fact.Recorder) error {
		c := readDaemonConfig(t)
		if c.Path == "" {
			return nil
		}
		r.Add("docker.daemon_config", c, fact.File(c.Path, c.Line, c.Problem))
		runtimes, evidence := findRuntimes(t, c)
		if len(runtimes) > 0 {
			r.Add("docker.runtimes", runtimes, evidence...)
		}
		return nil
	},
}

// daemonConfig is the value of docker.daemon_config.
type daemonConfig struct {
	Path string `json:"path"`
	// Problem is why dockerd refuses the file, and Line where; "" for a sound one.
	Problem        string `json:"problem,omitempty"`
	Line           int    `json:"line,omitempty"`
	DefaultRuntime string `json:"default_runtime,omitempty"`
	CgroupDriver   string `json:"cgroup_driver,omitempty"`
	PidFile        string `json:"pid_file,omitempty"`
	DataRoot       string `json:"data_root,omitempty"`
	// DefaultShmBytes is what containers get for /dev/shm; 0 for Docker's own.
	DefaultShmBytes int64 `json:"default_shm_bytes,omitempty"`

	runtimes []daemonjson.Runtime
}

// readDaemonConfig reads the file of the engine that is installed; the zero
// value when there is none.
func readDaemonConfig(t *fact.Target) daemonConfig {
	name := "/etc/docker/daemon.json"
	switch flavor, _ := engineFlavor(t); flavor {
	case "rootless":
		name = path.Join(t.Home, ".config/docker/daemon.json")
	case "snap":
		name = "/var/snap/docker/current/config/daemon.json"
	}
	data, err := t.ReadFile(name)
	if err != nil {
		return daemonConfig{}
	}
	parsed, err := daemonjson.Parse(data)
	c := daemonConfig{
		Path: name, DefaultRuntime: parsed.DefaultRuntime, CgroupDriver: parsed.CgroupDriver, PidFile: parsed.PidFile, DataRoot: parsed.DataRoot,
		DefaultShmBytes: parsed.DefaultShmBytes,
		runtimes:        parsed.Runtimes,
	}
	if f, ok := errors.AsType[*daemonjson.Fault](err); ok {
		c.Problem, c.Line = f.Reason, f.Line
	}
	return c
}

// runtimeEntry is an element of docker.runtimes.
type runtimeEntry struct {
	daemonjson.Runtime
	// Found is nil for a program outside of the places that are looked at.
	Found *bool `json:"found,omitempty"`
}

// runtimeDirs are the places of NVIDIA's runtimes, in the order of dockerd's PATH.
var runtimeDirs = []string{"/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/usr/local/nvidia/toolkit"}

const nvidiaRuntime = "nvidia-container-runtime"

// maxRuntimes bounds the list.
const maxRuntimes = 100

func findRuntimes(t *fact.Target, c daemonConfig) ([]runtimeEntry, []fact.Evidence) {
	var (
		out      []runtimeEntry
		evidence []fact.Evidence
	)
	for _, r := range c.runtimes[:min(len(c.runtimes), maxRuntimes)] {
		out = append(out, runtimeEntry{Runtime: r, Found: findRuntime(t, r.Path)})
		evidence = append(evidence, fact.File(c.Path, r.Line, fmt.Sprintf("%s: %s%s", r.Name, r.Path, r.Type)))
	}
	return out, evidence
}

func findRuntime(t *fact.Target, program string) *bool {
	dir, base := path.Split(program)
	if !strings.HasPrefix(base, nvidiaRuntime) {
		return nil
	}
	dirs := runtimeDirs
	if dir != "" {
		dirs = nil
		for _, known := range runtimeDirs {
			if path.Clean(dir) == known {
				dirs = []string{known}
			}
		}
		if dirs == nil {
			return nil
		}
	}
	for _, d := range dirs {
		if linked(t, path.Join(d, base)) {
			return new(true)
		}
	}
	return new(false)
}
