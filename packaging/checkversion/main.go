// SPDX-License-Identifier: Apache-2.0

// Checkversion refuses a source tree whose places disagree about the version.
//
//	checkversion [TAG]
//
// It runs in the root of the source tree. With a TAG it refuses a release that
// does not fit, see package versions.
package main

import (
	"fmt"
	"os"

	"github.com/bulkhead-ml/bulkhead/packaging/versions"
)

func main() {
	if len(os.Args) > 2 {
		fmt.Fprintln(os.Stderr, "usage: checkversion [TAG]")
		os.Exit(2)
	}
	tag := ""
	if len(os.Args) == 2 {
		tag = os.Args[1]
	}
	if err := versions.Check(".", tag); err != nil {
		fmt.Fprintln(os.Stderr, "checkversion:", err)
		os.Exit(1)
	}
}
