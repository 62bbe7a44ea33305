// SPDX-License-Identifier: Apache-2.0

// Command data is the plugin of the data compartment. It serves one kernel:
//
//	data.prepare   impute, encode and scale columns, and score the table's quality
//
// What the steps do, and the numbers they reproduce, is documented in the
// packages under internal: quality (the score), impute, scale, encode, and
// prepare (the decisions per column and the saved state).
package main

import (
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

func main() {
	plugin.Serve(plugin.Info{Name: "data"}, kernel.Serve(prepareKernel()))
}
