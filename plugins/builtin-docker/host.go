// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-docker/internal/mountinfo"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var hostCollector = fact.Collector{
	Name:    "container-host",
	Summary: "what of the machine decides whether containers get and keep a GPU, and the disk of the images",
	Facts: []fact.Description{
		{Address: "docker.dev_char", Summary: "links below /dev/char: {links, nvidia}, the number of all and the names of those to NVIDIA's devices", Type: "object"},
		{Address: "docker.nvidia_toolkit.config", Summary: "config.toml of NVIDIA's toolkit: {path, mode, no_cgroups, line}", Type: "object"},
		{Address: "docker.data_root", Summary: "directory of images and containers: {path, mount, from}", Type: "object"},
		{Address: "docker.data_root.total_bytes", Summary: "size of its file system", Type: "number", Unit: "bytes"},
		{Address: "docker.data_root.free_bytes", Summary: "what is free there", Type: "number", Unit: "bytes"},
		{Address: "docker.podman.hook", Summary: "NVIDIA's OCI hook of Podman, which older installations use in place of CDI", Type: "string"},
		{Address: "docker.container.driver_capabilities", Summary: "NVIDIA_DRIVER_CAPABILITIES of the process, where it is set", Type: "string"},
	},
	Collect: func(_ context.Context, t *fact.Target, r *fact.Recorder) error {
		if v, ok := t.Env["NVIDIA_DRIVER_CAPABILITIES"]; ok {
			r.Add("docker.container.driver_capabilities", v, fact.Call("environment", "NVIDIA_DRIVER_CAPABILITIES="+v))
		}
		if t.OS != "" && t.OS != "linux" {
			return nil
		}
		collectDevChar(t, r)
		collectToolkitConfig(t, r)
		collectDataRoot(t, r)
		collectPodmanHook(t, r)
		return nil
	},
}

// collectPodmanHook looks into the two directories that Podman reads by default.
func collectPodmanHook(t *fact.Target, r *fact.Recorder) {
	for _, dir := range []string{"/etc/containers/oci/hooks.d", "/usr/share/containers/oci/hooks.d"} {
		for _, hook := range t.Glob(dir + "/*nvidia*.json") {
			r.Add("docker.podman.hook", hook, fact.File(hook, 0, ""))
			return
		}
	}
}

// devChar is the value of docker.dev_char.
type devChar struct {
	Links int `json:"links"`
	// NVIDIA's links by their names, "195:0".
	NVIDIA []string `json:"nvidia"`
}

// maxDevices bounds the links that are looked at.
const maxDevices = 10_000

// nvidiaMajor is the number that Linux gave to NVIDIA's devices for good; that of
// nvidia-uvm differs from machine to machine.
const nvidiaMajor = "195:"

// collectDevChar records nothing where the directory is not there or is empty: a
// container, or a machine that is not running.
func collectDevChar(t *fact.Target, r *fact.Recorder) {
	entries, _, err := t.List("/dev/char", maxDevices)
	if err != nil || len(entries) == 0 {
		return
	}
	d := devChar{Links: len(entries), NVIDIA: []string{}}
	for _, e := range entries {
		name := e.Name()
		if strings.HasPrefix(name, nvidiaMajor) && len(d.NVIDIA) < 64 {
			d.NVIDIA = append(d.NVIDIA, name)
		}
	}
	r.Add("docker.dev_char", d, fact.File("/dev/char", 0, fmt.Sprintf("%d links, %d of them %s*", d.Links, len(d.NVIDIA), nvidiaMajor)))
}

// toolkitConfig is the value of docker.nvidia_toolkit.config.
type toolkitConfig struct {
	Path string `json:"path"`
	// Mode of nvidia-container-runtime: auto, legacy, cdi, jit-cdi; "" where it is
	// not set.
	Mode string `json:"mode,omitempty"`
	// NoCgroups is nvidia-container-cli.no-cgroups, and Line where it stands; 0
	// where it is not set.
	NoCgroups bool `json:"no_cgroups"`
	Line      int  `json:"line,omitempty"`
}

const toolkitConfigFile = "/etc/nvidia-container-runtime/config.toml"

var tomlValue = pattern.Lazy(`^([A-Za-z-]+)\s*=\s*"?([A-Za-z-]+)"?\s*(?:#.*)?$`)

// collectToolkitConfig reads two values of the file; both stand on a line of
// their own in every file that the toolkit writes.
func collectToolkitConfig(t *fact.Target, r *fact.Recorder) {
	data, err := t.ReadFile(toolkitConfigFile)
	if err != nil {
		return
	}
	c := toolkitConfig{Path: toolkitConfigFile}
	table, n := "", 0
	for line := range strings.Lines(string(data)) {
		n++
		line = strings.TrimSpace(line)
		if strings.HasPrefix(line, "[") {
			table = strings.Trim(line, "[] ")
		}
		m := tomlValue().FindStringSubmatch(line)
		switch {
		case m == nil:
		case table == "nvidia-container-cli" && m[1] == "no-cgroups":
			c.NoCgroups, c.Line = m[2] == "true", n
		case table == "nvidia-container-runtime" && m[1] == "mode":
			c.Mode = m[2]
		}
	}
	r.Add("docker.nvidia_toolkit.config", c, fact.File(toolkitConfigFile, c.Line, fmt.Sprintf("no-cgroups = %v", c.NoCgroups)))
}

// dataRoot is the value of docker.data_root.
type dataRoot struct {
	Path  string `json:"path"`
	Mount string `json:"mount,omitempty"`
	// From is "default" or the file that names it.
	From string `json:"from"`
}

func collectDataRoot(t *fact.Target, r *fact.Recorder) {
	flavor, _ := engineFlavor(t)
	root := dataRoot{From: "default"}
	switch flavor {
	case "docker":
		root.Path = "/var/lib/docker"
	case "rootless":
		root.Path = path.Join(t.Home, ".local/share/docker")
	default:
		return
	}
	if c := readDaemonConfig(t); path.IsAbs(c.DataRoot) {
		root.Path, root.From = path.Clean(c.DataRoot), c.Path
	}
	data, err := t.ReadFile(path.Join(t.ProcessDir, "mountinfo"))
	if err == nil && t.ProcessDir != "" {
		root.Mount = mountinfo.Point(data, reallyAt(t, root.Path))
	}
	r.Add("docker.data_root", root, fact.File(root.Path, 0, root.From))
	if usage, asked, ok := dataRootUsage(t, root, data); ok {
		call := fact.Call("statfs", fmt.Sprintf("%s: total %d, free %d", asked, usage.Total, usage.Free))
		r.Add("docker.data_root.total_bytes", usage.Total, call)
		r.Add("docker.data_root.free_bytes", usage.Free, call)
	}
}

// reallyAt follows a link that puts the directory on another disk. Where the
// directory cannot be seen, the file in it that was granted may show the way.
func reallyAt(t *fact.Target, dir string) string {
	if resolved, err := t.Resolve(path.Join(dir, "engine-id")); err == nil {
		return path.Dir(resolved)
	}
	for up := dir; up != "/" && path.IsAbs(up); up = path.Dir(up) {
		if resolved, err := t.Resolve(up); err == nil {
			return path.Join(resolved, strings.TrimPrefix(dir, up))
		}
	}
	return dir
}

// dataRootUsage asks a granted path on the same mount: statfs(2) of one that was
// not granted would tell of the plugin's own view.
func dataRootUsage(t *fact.Target, root dataRoot, mounts []byte) (fact.Usage, string, bool) {
	for _, name := range []string{root.Path, root.Mount} {
		if u, ok := t.Filesystems[name]; ok && name != "" {
			return u, name, true
		}
	}
	if root.Mount == "" {
		return fact.Usage{}, "", false
	}
	for _, anchor := range []string{"/var/lib/docker/engine-id", "/etc/os-release", "/usr/lib/os-release"} {
		resolved, err := t.Resolve(anchor)
		if err == nil && mountinfo.Point(mounts, resolved) == root.Mount {
			u, ok := t.Statfs(resolved)
			return u, resolved, ok
		}
	}
	return fact.Usage{}, "", false
}
