// SPDX-License-Identifier: Apache-2.0

package runs_test

import (
	"encoding/json"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/runs"
)

// run is a run of one kernel.
func run(store *runs.Store, alpha, rmse string) string {
	model := runs.Node{Name: "model", Kind: "kernel", Use: "algorithms.ridge", Config: json.RawMessage(`{"alpha":` + alpha + `}`), Status: runs.Pending}
	r, err := store.Begin(runs.Record{Pipeline: "churn", Host: runs.Host{Version: "0.3.0"}, Nodes: []runs.Node{model}})
	if err != nil {
		panic(err)
	}
	var calls runs.Calls
	calls.Add("fit", 40*time.Millisecond, false)
	model.Status, model.Attempts, model.Calls = runs.OK, 1, calls.Latencies()
	model.Metrics, model.MetricsDropped = runs.Metrics(json.RawMessage(`{"metrics":{"rmse":` + rmse + `}}`))
	if err := r.Node(model); err != nil {
		panic(err)
	}
	if err := r.End(runs.OK, ""); err != nil {
		panic(err)
	}
	return r.ID()
}

func Example() {
	dir, err := os.MkdirTemp("", "runs")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	store := runs.Open(dir, runs.Options{})
	a, b := run(store, "0.5", "2"), run(store, "1.0", "1.5")

	list, err := store.List(runs.Filter{Pipeline: "churn", Status: runs.OK})
	fmt.Println(len(list), err)

	c, err := store.Compare(a, b)
	if err != nil {
		panic(err)
	}
	fmt.Println(c.First.Node, c.First.Results[0].Field, c.First.Results[0].Values, c.First.Results[0].Deltas)
	fmt.Println(c.First.Causes[0].Field, c.First.Causes[0].Values)

	record, err := store.Get(b)
	if err != nil {
		panic(err)
	}
	var text strings.Builder
	err = runs.WritePrometheus(&text, record)
	fmt.Println(strings.Contains(text.String(), `metric="metrics.rmse"} 1.5`), err)
	// Output:
	// 2 <nil>
	// model metrics.rmse [2 1.5] [0 -0.5]
	// config.alpha [0.5 1.0]
	// true <nil>
}
