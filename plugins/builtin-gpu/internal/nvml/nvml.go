// SPDX-License-Identifier: Apache-2.0

// Package nvml asks NVIDIA's management library about the GPUs of a live
// machine.
//
// Built with cgo on Linux it loads libnvidia-ml.so.1 at run time through
// go-nvml; no header and no library is needed to build, and the executable starts
// where there is none. Releases are built so for Linux with glibc. In every other
// build Read answers "not built in", with how it was built, and the plugin goes by
// files alone: go-nvml has no Windows, and macOS no such library.
//
// The library is closed code of any age. Calling a function that it does not
// have ends the process, with nothing to recover from, so only functions that
// the oldest supported driver (450) has are called without looking; every
// newer one is looked up first.
package nvml

import (
	"fmt"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Reading is what NVML answered.
type Reading struct {
	// Status is facts.NVMLOk, or why there is nothing else.
	Status string
	Driver string // "570.158.01"
	CUDA   string // newest CUDA of the driver, "12.8"
	// Devices in NVML's order. One that could not be read has its index and
	// its Fault only.
	Devices []facts.Device
	// Evidence is the calls that gave the devices, or that NVML is not built in.
	Evidence []fact.Evidence
}

// Reader loads the library at a path ("" for the loader's choice) and asks it.
// It may block for seconds while GPUs wake up.
type Reader func(library string) Reading

// cudaVersion spells NVML's 12040 as "12.4"; "" for nonsense.
func cudaVersion(n int) string {
	if n < 1000 {
		return ""
	}
	return fmt.Sprintf("%d.%d", n/1000, n%1000/10)
}
