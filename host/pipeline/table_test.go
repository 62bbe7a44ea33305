// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"errors"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/host/pipeline/edge"
	"github.com/bulkhead-ml/bulkhead/host/source"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

func TestBytesText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 B", 1023: "1023 B", 1536: "1.5 KiB", 2 << 30: "2 GiB", 5 << 50: "5120 TiB"} {
		if got := bytesText(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}

func TestCallProblems(t *testing.T) {
	for says, err := range map[string]error{
		"Kernel process lost":              &dataplane.TransportError{Op: "fit", Message: "EOF"},
		"breaks the kernel protocol":       &dataplane.ProtocolError{Op: "fit", Reason: "it lies"},
		"Plugin that cannot be started":    &startError{errors.New("no such file")},
		"do not fit":                       &edge.FullError{Memory: 1, Disk: 2},
		"no space left":                    &edge.SpillError{Err: errors.New("no space left on device")},
		"/d/x.csv:3: Why.":                 &source.Error{Path: "/d/x.csv", Line: 3, Summary: "Ragged row", Detail: "Why."},
		"Empty range: low is above high.":  diag.Errorf("Empty range", "low is above high."),
		"Row that is too large":            table.ErrRowTooLarge,
		"Call that failed: something else": errors.New("something else"),
	} {
		p := callProblem("a", err)
		if !strings.Contains(p.Error(), says) || p.Node != "a" || p.Severity != SeverityError || !errors.Is(p, err) {
			t.Errorf("problem %v does not say %q", p, says)
		}
	}
}

func TestDiagnosticsKeepSeverityAndPath(t *testing.T) {
	ps := fromDiagnostics("a", []*diag.Diagnostic{diag.Warningf("w", ""), diag.Infof("i", "").At("low", "0"), diag.Errorf("e", "why")})
	if ps[0].Severity != SeverityWarning || ps[1].Severity != SeverityInfo || strings.Join(ps[1].Path, ".") != "config.low.0" || ps[0].Path != nil {
		t.Errorf("problems %+v", ps)
	}
	if ps[2].Error() != "a: e: why" || HasErrors(ps[:2]) || !HasErrors(ps) {
		t.Errorf("problem %q", ps[2].Error())
	}
}
