// SPDX-License-Identifier: Apache-2.0

// Command builtin-gpu is the gpu plugin: facts and checks about NVIDIA GPUs,
// their driver and CUDA toolkits.
//
// It reads files of the examined machine and, on a live one where it was built
// with cgo for Linux, asks NVML. It runs no program and opens no connection.
// Its parts:
//
//	internal/facts    the addresses and shapes of its facts
//	internal/tables   what it knows about products, as data with sources
//	internal/ldcache  the loader's cache
//	internal/nvlog    the driver's lines in the kernel's log
//	internal/nvml     NVIDIA's management library, behind a small interface
//	internal/collect  the collectors
//	internal/judge    the checks
//
// manifest.json lists what it asks to read.
package main

import (
	"runtime"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/collect"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/judge"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/nvml"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

func main() {
	runtime.GOMAXPROCS(1) // its work takes a millisecond: more processors cost more to wake
	plugin.Serve(plugin.Info{Name: "gpu", Tables: tables.Versions}, services()...)
}

func services() []plugin.Service {
	return []plugin.Service{
		fact.Serve(collect.Collectors(nvml.Read)...),
		check.Serve(judge.All()...),
	}
}
