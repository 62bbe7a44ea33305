// SPDX-License-Identifier: Apache-2.0

//go:build !(cgo && linux)

package nvml

import (
	"runtime"
	"runtime/debug"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Read answers that NVML is not part of this build, and how it was built.
func Read(string) Reading {
	return Reading{Status: facts.NVMLNotBuilt, Evidence: []fact.Evidence{fact.Call("debug.ReadBuildInfo", build())}}
}

// build names what keeps NVML out: the system, or that cgo was off.
func build() string {
	out := "GOOS=" + runtime.GOOS
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, s := range info.Settings {
			if s.Key == "CGO_ENABLED" {
				out += " CGO_ENABLED=" + s.Value
			}
		}
	}
	return out
}
