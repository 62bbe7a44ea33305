// SPDX-License-Identifier: Apache-2.0

package kernel_test

import (
	"context"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// wordy are columns of which one has a dictionary of many megabytes.
func wordy() *arrow.Schema {
	meta := arrow.MetadataFrom(map[string]string{"categories": strings.Repeat("x", 17<<20)})
	return arrow.NewSchema([]arrow.Field{
		{Name: "a", Type: arrow.PrimitiveTypes.Float64}, {Name: "city", Type: arrow.PrimitiveTypes.Float64, Metadata: meta},
	}, nil)
}

// TestWhatDoesNotFitIntoAMessage: a kernel that says more than a message holds ends
// with a diagnostic that says what to do, and not with a call that died.
func TestWhatDoesNotFitIntoAMessage(t *testing.T) {
	for name, c := range map[string]struct {
		transform func(*kernel.Setup, *kernel.Writer) (kernel.Report, error)
		want      []string
	}{
		"columns": {func(_ *kernel.Setup, out *kernel.Writer) (kernel.Report, error) { return nil, out.Declare(wordy()) },
			[]string{"Columns that cannot travel", `column "city" has 178`, "leave it out"}},
		"a report": {func(*kernel.Setup, *kernel.Writer) (kernel.Report, error) {
			return kernel.Report{"all": strings.Repeat("x", 17<<20)}, nil
		}, []string{"Report too large", "write what is long as columns"}},
		"an error": {func(*kernel.Setup, *kernel.Writer) (kernel.Report, error) {
			return nil, diag.Errorf("Odd text", "%s", strings.Repeat("x", 17<<20))
		}, []string{"Odd text"}},
		"diagnostics": {func(setup *kernel.Setup, _ *kernel.Writer) (kernel.Report, error) {
			for range 2000 {
				setup.Diagnose(diag.Warningf("Odd text", "%s", strings.Repeat("x", 16<<10)))
			}
			return nil, diag.Errorf("Last", "It is an error.")
		}, []string{"More diagnostics than travel"}},
		"rejected rows": {func(setup *kernel.Setup, _ *kernel.Writer) (kernel.Report, error) {
			long := strings.Repeat("x", 1<<20)
			for i := range 50 {
				setup.Reject(kernel.Rejected{Row: int64(i), Rule: long, Column: long, Detail: long})
			}
			return nil, diag.Errorf("Last", "It is an error.")
		}, []string{"Last"}},
	} {
		s := script{transform: func(_ context.Context, setup *kernel.Setup, _ *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
			return c.transform(setup, out)
		}}
		a := transform(t, scripted(t, s), transformOpen(open()))
		failed := false
		said := ""
		for _, d := range a.result.GetDiagnostics() {
			failed = failed || d.GetSeverity() == pluginv1.Diagnostic_SEVERITY_ERROR
			said += d.GetSummary() + ": " + d.GetDetail() + "\n"
		}
		if !failed {
			t.Errorf("%s: no error among %d diagnostics", name, len(a.result.GetDiagnostics()))
		}
		for _, want := range c.want {
			if !strings.Contains(said, want) {
				t.Errorf("%s: %.1000s", name, said)
			}
		}
	}
}

// teller tells its columns when settings are validated.
type teller struct{ script }

func (*teller) OutputSchema() (*arrow.Schema, error) { return wordy(), nil }

func TestColumnsThatValidateCannotTell(t *testing.T) {
	c := client(t, kernel.Kernel{Name: "k", Transforms: true, New: func(*kernel.Setup) (kernel.Instance, error) { return &teller{}, nil }})
	resp, err := c.Validate(t.Context(), &pluginv1.ValidateRequest{Open: open()})
	if err != nil {
		t.Fatal(err)
	}
	if len(resp.GetDiagnostics()) != 1 || !strings.Contains(resp.GetDiagnostics()[0].GetDetail(), `column "city"`) || resp.GetOutput() != nil {
		t.Errorf("%.1000v", resp)
	}
}
