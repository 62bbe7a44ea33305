// SPDX-License-Identifier: Apache-2.0

// Bulkhead diagnoses ML environments and runs pipelines of ML kernels in
// sandboxed plugins.
package main

import (
	"os"

	"github.com/bulkhead-ml/bulkhead/host/cli"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

func main() {
	sandbox.MaybeInit()
	os.Exit(cli.Main(os.Args[1:], os.Stdout, os.Stderr))
}
