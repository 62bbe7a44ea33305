// SPDX-License-Identifier: Apache-2.0

package main

import "github.com/bulkhead-ml/bulkhead/sdk/check"

func isRootless(c *check.Context) bool { return c.Facts.String("docker.engine.flavor") == "rootless" }

// engineCommand starts or restarts the engine as its system does. Under WSL
// there may be no systemd, and service works with and without it.
func engineCommand(c *check.Context, verb string) string {
	switch {
	case isRootless(c):
		return "systemctl --user " + verb + " docker"
	case c.Facts.Bool("os.wsl"):
		return "sudo service docker " + verb
	case c.Facts.String("os.id") == "alpine":
		return "sudo rc-service docker " + verb
	}
	return "sudo systemctl " + verb + " docker"
}

// engineLog prints the end of the engine's log.
func engineLog(c *check.Context) string {
	switch {
	case isRootless(c):
		return "journalctl --user -u docker -n 50 --no-pager"
	case c.Facts.Bool("os.wsl"), c.Facts.String("os.id") == "alpine":
		return "sudo tail -n 50 /var/log/docker.log"
	}
	return "journalctl -u docker -n 50 --no-pager"
}

// registerRuntime makes NVIDIA's runtime known to the engine. A rootless engine
// has a configuration of its own, and may not write into control groups.
func registerRuntime(c *check.Context) []string {
	if isRootless(c) {
		return []string{
			"nvidia-ctk runtime configure --runtime=docker --config=$HOME/.config/docker/daemon.json", engineCommand(c, "restart"),
			"sudo nvidia-ctk config --set nvidia-container-cli.no-cgroups --in-place",
		}
	}
	return []string{"sudo nvidia-ctk runtime configure --runtime=docker", engineCommand(c, "restart")}
}
