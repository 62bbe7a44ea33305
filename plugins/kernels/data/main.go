// SPDX-License-Identifier: Apache-2.0

// Command data is the plugin of the data compartment. It serves
//
//	data.prepare    impute, encode and scale columns, and score the table's quality
//	data.impute     fill missing cells, in one pass
//	data.scale      scale numbers, in one pass
//	data.select     keep some columns and leave out the others
//	data.validate   learn what columns look like, and put aside rows that break it
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
	plugin.Serve(plugin.Info{Name: "data"}, kernel.Serve(kernels()...))
}

func kernels() []kernel.Kernel {
	return []kernel.Kernel{prepareKernel(), imputeKernel(), scaleKernel(), selectKernel(), validateKernel()}
}
