// SPDX-License-Identifier: Apache-2.0

// Bulkhead diagnoses ML environments and runs pipelines of ML kernels in
// sandboxed plugins.
package main

import (
	"os"

	"github.com/bulkhead-ml/bulkhead/host/cli"
	"github.com/bulkhead-ml/bulkhead/host/probe"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/internal/attack"
)

func main() {
	sandbox.MaybeInit()
	probe.MaybeSpeak() // in the sandbox only: see package probe
	attack.MaybeRun()  // in the sandbox only: see `bulkhead sandbox selftest`
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
