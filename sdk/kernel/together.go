// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"cmp"
	"fmt"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// MaxResultsBytes bounds the results of kernels that run as one call, together: they
// travel in one message, of which plugin.MaxMessageBytes is the bound.
const MaxResultsBytes = 12 << 20

// smallReport is the size up to which a report is never left out, in bytes.
const smallReport = 1 << 10

// together leaves out what does not travel in one message, the largest first: reports,
// and then diagnostics. Each kernel says what of its own was left out, and one that
// failed still says so: no kernel chose to run with the others.
func together(results []*pluginv1.Result) {
	total := 0
	for _, r := range results {
		total += proto.Size(r)
	}
	whole := total
	for total > MaxResultsBytes {
		r, cut := largest(results, whole)
		if r == nil {
			return
		}
		total -= proto.Size(r)
		cut(r)
		total += proto.Size(r)
	}
}

// largest finds the result to cut, and how; nil when nothing is left to cut.
func largest(results []*pluginv1.Result, whole int) (*pluginv1.Result, func(*pluginv1.Result)) {
	r := slices.MaxFunc(results, func(a, b *pluginv1.Result) int { return cmp.Compare(len(a.GetReportJson()), len(b.GetReportJson())) })
	if len(r.GetReportJson()) > smallReport {
		return r, func(r *pluginv1.Result) { cutReport(r, len(results), whole) }
	}
	r = slices.MaxFunc(results, func(a, b *pluginv1.Result) int { return cmp.Compare(said(a), said(b)) })
	if len(r.GetDiagnostics()) > 1 || said(r) > 2*maxText {
		return r, cutDiagnostics
	}
	return nil, nil
}

// said is the size of all diagnostics, in bytes.
func said(r *pluginv1.Result) (bytes int) {
	for _, d := range r.GetDiagnostics() {
		bytes += proto.Size(d)
	}
	return bytes
}

func cutReport(r *pluginv1.Result, kernels, whole int) {
	d := diag.Warningf("Report left out", "%d kernels ran as one call, and their results have %d bytes together, of which %d travel. The report of this one, %d bytes of JSON, is among what was left out. Report sums and examples.",
		kernels, whole, MaxResultsBytes, len(r.GetReportJson()))
	r.ReportJson = []byte("{}")
	r.Diagnostics = append(r.Diagnostics, diag.ToProto([]*diag.Diagnostic{d})...)
}

// cutDiagnostics leaves the gravest one, with the number of the others.
func cutDiagnostics(r *pluginv1.Result) {
	worst := slices.MinFunc(r.GetDiagnostics(), func(a, b *pluginv1.Diagnostic) int { return cmp.Compare(a.GetSeverity(), b.GetSeverity()) })
	detail := short(worst.GetDetail())
	if n := len(r.GetDiagnostics()) - 1; n > 0 {
		detail += fmt.Sprintf("\n%d more are left out: kernels that run as one call said more than travels.", n)
	}
	r.Diagnostics = []*pluginv1.Diagnostic{{Severity: worst.GetSeverity(), Summary: short(worst.GetSummary()), Detail: detail}}
}
