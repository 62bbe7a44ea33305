// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

// Parts of machines.
const (
	devChars  = "-- dev/char/1:3 --\n\n-- dev/char/5:0 --\n\n"
	nvidiaDev = "-- dev/char/195:0 --\n\n-- dev/char/195:255 --\n\n"
	hostGPU   = runningEngine + toolkit
	rootless  = "-- home/ada/.config/systemd/user/docker.service --\n"
	tomlNone  = "-- etc/nvidia-container-runtime/config.toml --\ndisable-require = false\n[nvidia-container-cli]\n#no-cgroups = false\n[nvidia-container-runtime]\nmode = \"auto\"\n"
	tomlSet   = "-- etc/nvidia-container-runtime/config.toml --\n[nvidia-container-cli]\nno-cgroups = true # rootless\n[nvidia-container-runtime]\nmode = \"auto\"\n"
	tomlCDI   = "-- etc/nvidia-container-runtime/config.toml --\n[nvidia-container-runtime]\nmode = \"cdi\"\n"
	podman    = "-- usr/bin/podman --\nELF\n"
	cgroupfs  = "-- etc/docker/daemon.json --\n{\"exec-opts\": [\"native.cgroupdriver=cgroupfs\"]}\n"
	systemdOn = "-- etc/docker/daemon.json --\n{\"exec-opts\": [\"native.cgroupdriver=systemd\"]}\n"
)

// unified is a machine with a GPU and control groups of version 2.
func unified() map[string]any { return with(gpu("570.158"), "cgroup.version", 2) }

func TestHostChecks(t *testing.T) {
	inside := func() map[string]any {
		return with(with(gpu("570.158"), "os.container", "docker"), "gpu.driver.libraries", []map[string]string{})
	}
	capabilities := func(v string) map[string]string { return map[string]string{"NVIDIA_DRIVER_CAPABILITIES": v} }
	for _, tt := range []struct {
		name string
		machine
		want string
	}{
		{"links missing under systemd", machine{tree: hostGPU + devChars, facts: unified()}, "docker.dev-char-missing:warning"},
		{"links missing, driver by name", machine{tree: hostGPU + devChars + systemdOn, facts: with(unified(), "cgroup.version", 1)}, "docker.dev-char-missing:warning"},
		{"links there", machine{tree: hostGPU + devChars + nvidiaDev, facts: unified()}, ""},
		{"links not seen", machine{tree: hostGPU, facts: unified()}, ""},
		{"links missing, control groups version 1", machine{tree: hostGPU + devChars, facts: with(unified(), "cgroup.version", 1)}, ""},
		{"links missing, CDI", machine{tree: hostGPU + devChars + cdi570, facts: unified()}, ""},
		{"links missing, runtime with CDI", machine{tree: hostGPU + devChars + tomlCDI, facts: unified()}, ""},
		{"links missing, no GPU", machine{tree: hostGPU + devChars, facts: map[string]any{"gpu.count": 0, "cgroup.version": 2}}, ""},
		{"links missing in a container", machine{tree: hostGPU + devChars, facts: with(unified(), "os.container", "docker")}, ""},
		{"links missing, cgroupfs", machine{tree: hostGPU + devChars + cgroupfs, facts: unified()}, "docker.cgroup-driver:info"},
		{"cgroupfs without a GPU", machine{tree: hostGPU + cgroupfs, facts: map[string]any{"gpu.count": 0, "cgroup.version": 2}}, ""},
		{"cgroupfs on version 1", machine{tree: hostGPU + cgroupfs, facts: with(unified(), "cgroup.version", 1)}, ""},

		{"rootless with the toolkit of root", machine{tree: hostGPU + rootless + tomlNone, facts: unified()}, "docker.rootless-no-cgroups:warning"},
		{"rootless that is configured", machine{tree: hostGPU + rootless + tomlSet, facts: unified()}, ""},
		{"rootless with CDI", machine{tree: hostGPU + rootless + tomlNone + cdi570, facts: unified()}, ""},
		{"engine of root", machine{tree: hostGPU + tomlNone, facts: unified()}, ""},

		{"desktop with a GPU", machine{tree: "-- usr/bin/docker --\nELF\n-- opt/docker-desktop/bin/com.docker.backend --\n", facts: unified()}, "docker.desktop-no-gpu:warning"},
		{"desktop without a GPU", machine{tree: "-- opt/docker-desktop/bin/com.docker.backend --\n", facts: map[string]any{"gpu.count": 0}}, ""},

		{"podman without CDI", machine{tree: podman, facts: unified()}, "podman.no-cdi:info"},
		{"podman for the project", machine{tree: podman + "-- home/ada/train/Containerfile --\nFROM nvidia/cuda:12.4.1-base-ubuntu22.04\n", facts: unified()}, "podman.no-cdi:warning"},
		{"podman with CDI", machine{tree: podman + cdi570, facts: unified()}, ""},
		{"podman with the hook", machine{tree: podman + "-- usr/share/containers/oci/hooks.d/oci-nvidia-hook.json --\n{}\n", facts: unified()}, ""},
		{"podman without a GPU", machine{tree: podman, facts: map[string]any{"gpu.count": 0}}, ""},

		{"container for graphics", machine{facts: inside(), env: capabilities("graphics,display")}, "docker.driver-capabilities:error"},
		{"container for graphics that has CUDA", machine{env: capabilities("graphics"),
			facts: with(inside(), "gpu.driver.libraries", []map[string]string{{"soname": "libcuda.so.1"}, {"soname": "libnvidia-ml.so.1"}})}, ""},
		{"container for compute", machine{facts: inside(), env: capabilities("compute")}, "docker.driver-capabilities:info"},
		{"container for all", machine{facts: inside(), env: capabilities("all")}, ""},
		{"container for nothing named", machine{facts: inside(), env: capabilities("")}, ""},
		{"capabilities outside of a container", machine{facts: gpu("570.158"), env: capabilities("graphics")}, ""},
		{"container with none", machine{facts: inside(), env: map[string]string{"NVIDIA_VISIBLE_DEVICES": "none"}}, "docker.container-without-gpu:error"},
		{"container with none that has one", machine{env: map[string]string{"NVIDIA_VISIBLE_DEVICES": "none"},
			facts: with(inside(), "gpu.device_nodes", []map[string]any{{"path": "/dev/nvidiactl"}, {"path": "/dev/nvidia0"}})}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := codes(tt.diagnose(t)); got != tt.want {
				t.Errorf("findings %q, want %q", got, tt.want)
			}
		})
	}
}

const rootMount = "-- proc/self/mountinfo --\n22 1 259:2 / / rw shared:1 - ext4 /dev/nvme0n1p2 rw\n23 22 259:3 / /data rw shared:2 - xfs /dev/sdb1 rw\n"

func TestDataRoot(t *testing.T) {
	for _, tt := range []struct {
		name, tree string
		disks      map[string]fact.Usage
		count      int
		want       string
		root       dataRoot
	}{
		{"room", runningEngine + rootMount, map[string]fact.Usage{"/": {Total: 500 << 30, Free: 200 << 30}}, 1, "docker.no-nvidia-runtime:warning", dataRoot{"/var/lib/docker", "/", "default"}},
		{"little room", hostGPU + rootMount, map[string]fact.Usage{"/": {Total: 500 << 30, Free: 3 << 30}}, 1, "docker.disk-low:warning", dataRoot{"/var/lib/docker", "/", "default"}},
		{"little room, nothing to do with GPUs", hostGPU + rootMount, map[string]fact.Usage{"/": {Total: 500 << 30, Free: 3 << 30}}, 0, "", dataRoot{"/var/lib/docker", "/", "default"}},
		{"moved", hostGPU + rootMount + "-- etc/docker/daemon.json --\n{\"data-root\": \"/data/docker\"}\n", map[string]fact.Usage{"/": {Free: 200 << 30}, "/data": {Total: 1 << 40, Free: 1 << 30}}, 1,
			"docker.disk-low:warning", dataRoot{"/data/docker", "/data", "/etc/docker/daemon.json"}},
		{"behind a link", hostGPU + rootMount + "-- var/lib/docker --\n-> /data/docker\n-- data/docker/engine-id --\nx\n", map[string]fact.Usage{"/": {Total: 500 << 30, Free: 3 << 30}, "/data": {Total: 1 << 40, Free: 1 << 39}}, 1,
			"", dataRoot{"/var/lib/docker", "/data", "default"}},
		{"not measured", hostGPU, nil, 1, "", dataRoot{"/var/lib/docker", "", "default"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := machine{tree: tt.tree}
			target := m.target(t)
			target.Filesystems = tt.disks
			facts := plugintest.Observe(t, target, collectors()...)
			if got, _ := fact.Get[dataRoot](fact.NewSet(facts), "docker.data_root"); got != tt.root {
				t.Errorf("data root %+v, want %+v", got, tt.root)
			}
			facts = append(facts, plugintest.Facts(with(gpu("570.158"), "gpu.count", tt.count))...)
			if got := codes(plugintest.Diagnose(t, facts, checks(), nil)); got != tt.want {
				t.Errorf("findings %q, want %q", got, tt.want)
			}
		})
	}
}

func TestToolkitConfig(t *testing.T) {
	for tree, want := range map[string]toolkitConfig{
		tomlNone: {Path: toolkitConfigFile, Mode: "auto"},
		tomlSet:  {Path: toolkitConfigFile, Mode: "auto", NoCgroups: true, Line: 2},
		tomlCDI:  {Path: toolkitConfigFile, Mode: "cdi"},
		"-- etc/nvidia-container-runtime/config.toml --\n[[[\n= = \n" + strings.Repeat("x", 5000): {Path: toolkitConfigFile},
	} {
		set := fact.NewSet(plugintest.Observe(t, machine{tree: tree}.target(t), hostCollector))
		if got, _ := fact.Get[toolkitConfig](set, "docker.nvidia_toolkit.config"); got != want {
			t.Errorf("%s\n gives %+v", tree, got)
		}
	}
}
