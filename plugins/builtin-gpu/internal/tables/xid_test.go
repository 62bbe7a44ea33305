// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"slices"
	"testing"
)

// TestCatalogue: numbers stand once, in order, and mean what NVIDIA's page says.
func TestCatalogue(t *testing.T) {
	rows := xids().Rows
	if !slices.IsSortedFunc(rows, func(a, b Xid) int { return a.Number - b.Number }) {
		t.Error("the rows are not in order")
	}
	seen := map[int]bool{}
	for _, r := range rows {
		if seen[r.Number] || !slices.Contains(XidClasses, r.Class) {
			t.Errorf("row %+v", r)
		}
		seen[r.Number] = true
		if r.Severity == "error" && r.Class == "application" {
			t.Errorf("Xid %d is a program's fault and an error of the machine", r.Number)
		}
		if r.Action == ResetGPU && r.Severity == "info" || r.Action == Ignore && r.Severity == "error" {
			t.Errorf("Xid %d: action %s and severity %s", r.Number, r.Action, r.Severity)
		}
	}
	if len(rows) != 172 {
		t.Errorf("%d rows", len(rows))
	}
	for number, want := range map[int][3]string{
		13: {"application", RestartApp, "info"}, 31: {"application", RestartApp, "info"}, 43: {"application", Ignore, "info"}, 45: {"application", "WORKFLOW_XID_45", "info"},
		48: {"memory", "WORKFLOW_XID_48", "error"}, 63: {"memory", Ignore, "info"}, 64: {"memory", ResetGPU, "error"}, 79: {"bus", RestartMachine, "error"},
		94: {"memory", RestartApp, "warning"}, 95: {"memory", ResetGPU, "error"}, 119: {"firmware", ResetGPU, "error"}, 151: {"virtualisation", RestartVM, "error"},
		111: {"unused", ContactSupport, "unknown"},
	} {
		if r, ok := LookupXid(number); !ok || [3]string{r.Class, r.Action, r.Severity} != want {
			t.Errorf("Xid %d: %+v, want %q", number, r, want)
		}
	}
	if r, ok := LookupXid(173); ok {
		t.Errorf("an unknown number became %+v", r)
	}
}

func TestMaxGCC(t *testing.T) {
	for cuda, want := range map[string]int{"11.8.0": 11, "12.2": 12, "12.4.1": 13, "12.8.1": 14, "13.0.0": 15, "14.0": 0, "12": 0, "": 0} {
		if got, ok := MaxGCC(cuda); got != want || ok != (want > 0) {
			t.Errorf("MaxGCC(%q) = %d, %v; want %d", cuda, got, ok, want)
		}
	}
}

// TestChipsThatMatter: the GPUs that ML work runs on are in the table, with the
// capability that their chip has.
func TestChipsThatMatter(t *testing.T) {
	for device, want := range map[string]string{
		"1eb8": "7.5" /* T4 */, "1db6": "7.0" /* V100 */, "20b2": "8.0" /* A100 */, "2236": "8.6" /* A10 */, "2237": "8.6" /* A10G */, "27b8": "8.9", /* L4 */
		"26b5": "8.9" /* L40 */, "26b9": "8.9" /* L40S */, "2330": "9.0" /* H100 */, "2335": "9.0" /* H200 */, "2342": "9.0" /* GH200 */, "2901": "10.0", /* B200 */
		"2941": "10.0" /* GB200 */, "3182": "10.3" /* B300 */, "31c2": "10.3" /* GB300 */, "2b85": "12.0" /* RTX 5090 */, "2d04": "12.0" /* RTX 5060 Ti */, "2bb5": "12.0", /* RTX PRO 6000 */
		"2e12": "12.1" /* GB10 */, "2684": "8.9" /* RTX 4090 */, "2204": "8.6", /* RTX 3090 */
	} {
		if g, ok := LookupGPU(device); !ok || g.ComputeCapability != want {
			t.Errorf("%s: %+v, want %s", device, g, want)
		}
	}
}
