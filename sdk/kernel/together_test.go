// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"strings"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// full is a result of one kernel that says as much as it may.
func full(report, diagnostics int, failed bool) *pluginv1.Result {
	r := &pluginv1.Result{ReportJson: []byte(`{"all":"` + strings.Repeat("x", report) + `"}`)}
	var ds []*diag.Diagnostic
	for range diagnostics {
		ds = append(ds, diag.Warningf("Odd", "%s", strings.Repeat("x", 60<<10)))
	}
	if failed {
		ds = append(ds, diag.Errorf("Last", "It is an error."))
	}
	r.Diagnostics = diag.ToProto(ds)
	return r
}

// Results of fused kernels travel in one message, each says what of its own was left
// out, and nothing that failed succeeds by that.
func TestResultsTravelTogether(t *testing.T) {
	const much = MaxReportBytes - 100
	for name, c := range map[string]struct {
		results []*pluginv1.Result
		reports int // that are kept
	}{
		"one alone":           {[]*pluginv1.Result{full(much, 60, true)}, 1},
		"small ones":          {[]*pluginv1.Result{full(10, 1, false), full(10, 1, false), full(10, 1, true)}, 3},
		"two reports":         {[]*pluginv1.Result{full(much, 0, false), full(much, 0, false)}, 2},
		"four reports":        {[]*pluginv1.Result{full(much, 0, false), full(much-9, 0, false), full(10, 0, false), full(much, 0, false), full(much, 0, false)}, 4},
		"messages":            {[]*pluginv1.Result{full(10, 60, false), full(10, 60, true), full(10, 60, false), full(10, 60, true)}, 4},
		"both":                {[]*pluginv1.Result{full(much, 60, false), full(much, 60, true), full(much, 60, false), full(much, 60, false)}, 0},
		"many that say a lot": {repeated(300, func() *pluginv1.Result { return full(60<<10, 2, true) }), 0},
	} {
		t.Run(name, func(t *testing.T) {
			failed := make([]bool, len(c.results))
			for i, r := range c.results {
				failed[i] = hasError(r)
			}
			together(c.results)
			total, kept := 0, 0
			for i, r := range c.results {
				total += proto.Size(r)
				if string(r.GetReportJson()) != "{}" {
					kept++
				} else if said := r.GetDiagnostics(); !told(said) {
					t.Errorf("the report of kernel %d is gone, and it says %d messages, the last %.80q", i, len(said), said[len(said)-1].GetDetail())
				}
				if hasError(r) != failed[i] {
					t.Errorf("kernel %d failed: %t, before it was %t", i, hasError(r), failed[i])
				}
			}
			if total > MaxResultsBytes || c.reports > 0 && kept != c.reports {
				t.Errorf("%d bytes with %d reports", total, kept)
			}
		})
	}
}

func repeated(n int, make func() *pluginv1.Result) (out []*pluginv1.Result) {
	for range n {
		out = append(out, make())
	}
	return out
}

func told(ds []*pluginv1.Diagnostic) bool {
	for _, d := range ds {
		if d.GetSummary() == "Report left out" || strings.Contains(d.GetDetail(), "more are left out") {
			return true
		}
	}
	return false
}

func hasError(r *pluginv1.Result) bool {
	for _, d := range r.GetDiagnostics() {
		if d.GetSeverity() == pluginv1.Diagnostic_SEVERITY_ERROR {
			return true
		}
	}
	return false
}
