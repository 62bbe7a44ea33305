// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

// TestGrantsSuffice observes machines whole and through the manifest's grants:
// both must say the same, or the sandboxed plugin is blind to something.
func TestGrantsSuffice(t *testing.T) {
	remote := map[string]string{"DOCKER_HOST": "ssh://box", "DOCKER_CONTEXT": "box", "NVIDIA_VISIBLE_DEVICES": "void"}
	rootless := map[string]string{"XDG_RUNTIME_DIR": "/run/user/1000"}
	for name, m := range map[string]machine{
		"engine":   {tree: runningEngine + toolkit + nvidiaConfig + cdi570},
		"stopped":  {tree: stoppedEngine + "-- etc/systemd/system/sockets.target.wants/docker.socket --\n"},
		"remote":   {tree: "-- usr/local/bin/docker --\nELF\n-- home/ada/.docker/contexts/meta/ab/meta.json --\n{}\n", env: remote},
		"rootless": {tree: runningEngine + "-- home/ada/.config/systemd/user/docker.service --\n-- home/ada/.config/docker/daemon.json --\n{}\n-- run/user/1000/docker.pid --\n7\n", env: rootless},
		"snap":     {tree: "-- snap/bin/docker --\n-- snap/docker/current/meta/snap.yaml --\n-- var/snap/docker/current/config/daemon.json --\n{}\n"},
		"desktop":  {tree: "-- usr/bin/docker --\nELF\n-- opt/docker-desktop/bin/com.docker.backend --\n"},
		"podman":   {tree: "-- usr/bin/podman --\nELF\n-- usr/bin/docker --\n#!/bin/sh\nexec podman\n"},
		"project":  {tree: inProject("FROM a\nRUN pip install a>1\n") + "-- home/ada/train/compose.yaml --\n-- home/ada/train/x.dockerfile --\n-- home/ada/train/Containerfile.gpu --\n"},
		"host":     {tree: hostGPU + devChars + nvidiaDev + tomlSet + rootMount + podman + "-- usr/share/containers/oci/hooks.d/oci-nvidia-hook.json --\n{}\n-- etc/os-release --\nID=x\n", env: map[string]string{"NVIDIA_DRIVER_CAPABILITIES": "all"}},
		"lints": {tree: composed("services: {a: {image: x}}\n", "-- home/ada/train/.devcontainer/devcontainer.json --\n{\"image\": \"x\"}\n-- home/ada/train/.devcontainer/Dockerfile --\nFROM a\n"+
			"-- home/ada/train/.devcontainer/gpu/devcontainer.json --\n{\"image\": \"y\"}\n-- home/ada/train/app/Dockerfile.gpu --\nFROM b\n-- home/ada/train/.devcontainer/compose.yml --\nservices: {b: {gpus: all}}\n")},
	} {
		t.Run(name, func(t *testing.T) {
			plugintest.GrantsSuffice(t, "manifest.json", m.target(t), collectors()...)
		})
	}
}

// TestGrantsAreNarrow keeps the engine's socket, the client's passwords and
// whole trees out of the manifest.
func TestGrantsAreNarrow(t *testing.T) {
	for _, g := range plugintest.Grants(t, "manifest.json") {
		for _, forbidden := range []string{"docker.sock", "config.json", ".docker/contexts/tls", "/proc/self"} {
			if strings.HasSuffix(g.Path, forbidden) || strings.Contains(g.Path, forbidden+"/") {
				t.Errorf("grant of %s reaches %s", g.Path, forbidden)
			}
		}
		for _, wide := range []string{"/run", "/var/run", "/etc", "/etc/docker", "~", "~/.docker", ".", "/proc", "/usr/bin"} {
			if g.Path == wide {
				t.Errorf("grant of %s is too wide", g.Path)
			}
		}
	}
}
