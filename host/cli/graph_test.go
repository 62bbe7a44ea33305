// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/runs"
)

// TestEdgesHaveTheBytesOfTheirRows: a kernel that fits reads its rows twice, and the
// edge has them once.
func TestEdgesHaveTheBytesOfTheirRows(t *testing.T) {
	twice := []runs.Latency{{Method: "validate"}, {Method: "fit"}, {Method: "transform"}}
	for want, n := range map[int64]runs.Node{
		50:  {Status: runs.OK, Calls: twice},
		100: {Status: runs.Failed, Calls: twice}, // of the fit: the transform gave no account
		101: {Status: runs.OK, Calls: []runs.Latency{{Method: "transform"}}},
		102: {Status: runs.OK}, // of a sink
	} {
		n.Name, n.Inputs, n.RowsIn, n.BytesIn = "k", []string{"rows"}, 7, max(100, want)
		g := recordGraph(&runs.Record{ID: "0123456789abcdef", Nodes: []runs.Node{{Name: "rows"}, n}})
		if e := g.Edges[0]; e.Bytes != want || e.Rows != 7 {
			t.Errorf("%+v: edge %+v, want %d bytes", n, e, want)
		}
	}
}
