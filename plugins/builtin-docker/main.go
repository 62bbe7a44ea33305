// SPDX-License-Identifier: Apache-2.0

// Command builtin-docker is the plugin that looks at Docker and Podman on the
// machine and at the Dockerfiles, compose files and development containers of the
// project. Findings about a file name its line.
//
// Collectors read files only. The engine's socket is never opened, nor asked
// for: who may connect to it is root, and no diagnosis is worth that grant. The
// engine counts as running when its process-id file is there, which dockerd
// removes when it stops.
//
// Facts of other plugins (GPUs, the kind of container, WSL) decide whether a
// missing GPU runtime matters. A machine without Docker is silent, and so is
// one that uses Docker without a GPU.
package main

import (
	"runtime"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-docker/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

func main() {
	runtime.GOMAXPROCS(1) // its work takes a millisecond: more processors cost more to wake
	plugin.Serve(plugin.Info{Name: "docker", Tables: tables.Versions}, fact.Serve(collectors()...), check.Serve(checks()...))
}

func collectors() []fact.Collector {
	return fact.Keep(10*time.Minute, engineCollector, daemonCollector, toolkitCollector, hostCollector, projectCollector)
}

func checks() []check.Check {
	return []check.Check{
		engineAbsent, engineDown, daemonConfigInvalid,
		noNvidiaRuntime, runtimeBinaryMissing, cdiStale, snapDocker, containerWithoutGPU,
		driverCapabilities, devCharMissing, cgroupDriver, rootlessCgroups, desktopNoGPU, podmanNoCDI, diskLow,
		unquotedVersion, baseTooNew, cpuBase, missingIndex,
		composeNoGPU, composeShmSmall, composeRuntime, devcontainerNoGPU,
	}
}
