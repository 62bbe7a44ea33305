// SPDX-License-Identifier: Apache-2.0

// Command algorithms is the plugin of the algorithms compartment. It serves
//
//	algorithms.auto      race a line-up on the same folds and keep the best
//	algorithms.logistic  logistic regression
//	algorithms.ridge     ridge regression and least squares
//	algorithms.linear    the same in one pass over rows that need not fit into memory
//	algorithms.knn       k nearest neighbours
//	algorithms.dummy     the baseline
//
// Every kernel but linear cross-validates what it fits on unshuffled folds,
// reports the scores, and fits the model on all rows. Transform passes the input's
// columns on and adds the prediction, for a classification also one probability
// per class.
//
// Features must be numbers without missing values; data.prepare makes them so.
// The packages under internal document the models, the folds, the scores and
// the race.
package main

import (
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	"github.com/bulkhead-ml/bulkhead/sdk/plugin"
)

func main() {
	plugin.Serve(plugin.Info{Name: "algorithms"}, kernel.Serve(kernels()...))
}
