// SPDX-License-Identifier: Apache-2.0

// Command builtin-system is the plugin that looks at the machine under an ML
// job: operating system, container, CPUs, memory, process limits, control
// groups, shared memory, disks, what Slurm, Kubernetes or a cloud gave to the
// job, models and their cache, and the variables that steer downloads.
//
// Collectors read files of /proc, /sys and /etc below the target's root and
// never run a program or open a connection; package internal/procfs has the
// formats, package internal/cgroup the walk over control groups, internal/hubcache
// and internal/safetensors the models, internal/pkgindex the settings of pip and
// uv, internal/tables what is known about products of others. Sizes of file
// systems come from statfs(2) where the target allows it.
//
// Checks keep quiet on a healthy machine. What every distribution ships by
// default (1024 open files, a few MiB of locked memory) is a finding only where
// it is known to stop ML work: locked memory, for example, only together with
// an RDMA device. Thresholds are settings of each check.
package main

import (
	"runtime"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

func main() {
	runtime.GOMAXPROCS(1) // its work takes a millisecond: more processors cost more to wake
	plugin.Serve(plugin.Info{Name: "system", Tables: tables.Versions}, fact.Serve(collectors()...), check.Serve(checks()...))
}

func collectors() []fact.Collector {
	return fact.Keep(10*time.Minute,
		platformCollector, libcCollector, resourceCollector, limitCollector,
		cgroupCollector, storageCollector, networkCollector,
		cloudCollector, clusterCollector, hubCollector, indexCollector, hostCollector,
	)
}

func checks() []check.Check {
	return []check.Check{
		shmSmall, shmFull,
		memlockLow, nofileLow, nprocLow, pidsLow,
		memoryLow, oomKilled, cpuThrottled,
		diskLow, tmpLow, cacheDiskLow,
		tlsMissing, proxyInvalid, noProxyInvalid, noProxyLoopback, hubOffline,
		tokenMissing, partialDownloads, endpointInvalid, modelMemory,
		threadOversubscription, conflictingEnv,
		slurmNoGPU, slurmMemoryLow, podNoGPU, longPaths,
		wsl1, glibcOld, muslLibc,
	}
}
