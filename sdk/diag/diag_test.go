// SPDX-License-Identifier: Apache-2.0

package diag_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func TestFrom(t *testing.T) {
	setting := diag.Errorf("Bad range", "low is %d.", 3).At("low")
	for name, c := range map[string]struct {
		err  error
		want []string
	}{
		"nothing":       {nil, nil},
		"a plain one":   {errors.New("disk full"), []string{"It failed: disk full"}},
		"a diagnostic":  {setting, []string{"Bad range: low is 3."}},
		"a wrapped one": {fmt.Errorf("reading: %w", setting), []string{"Bad range: low is 3."}},
		"joined ones": {errors.Join(setting, errors.New("x"), nil, errors.Join(diag.Warningf("W", ""), setting)),
			[]string{"Bad range: low is 3.", "It failed: x", "W", "Bad range: low is 3."}},
	} {
		var got []string
		for _, d := range diag.From("It failed", c.err) {
			got = append(got, d.Error())
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: got %q", name, got)
		}
	}
	if d := diag.From("x", setting)[0]; !slices.Equal(d.Path, []string{"low"}) || d.Severity != diag.Error {
		t.Errorf("got %+v", d)
	}
}

func TestHasErrors(t *testing.T) {
	mild := []*diag.Diagnostic{diag.Warningf("w", ""), diag.Infof("i", "")}
	if diag.HasErrors(nil) || diag.HasErrors(mild) || !diag.HasErrors(append(mild, diag.Errorf("e", ""))) {
		t.Error("severities are confused")
	}
}

func TestThereAndBack(t *testing.T) {
	in := []*diag.Diagnostic{
		diag.Errorf("a", "b %d", 1).At("x", "0"), diag.Warningf("w", "%s", "d"), diag.Infof("i", "none"),
	}
	out := diag.FromProto(diag.ToProto(in))
	for i, d := range out {
		if d.Error() != in[i].Error() || d.Severity != in[i].Severity || !slices.Equal(d.Path, in[i].Path) {
			t.Errorf("%+v came back as %+v", in[i], d)
		}
	}
}

// A severity of a later version must not pass as a note.
func TestUnknownSeverityIsAnError(t *testing.T) {
	for _, severity := range []pluginv1.Diagnostic_Severity{0, 4, -1} {
		d := diag.FromProto([]*pluginv1.Diagnostic{{Severity: severity, Summary: "x"}})
		if !diag.HasErrors(d) {
			t.Errorf("severity %d reads as %d", severity, d[0].Severity)
		}
	}
}

// Messages quote names from foreign disks, and the wire carries UTF-8 only: one
// such name must not cost the whole answer.
func TestInvalidTextTravels(t *testing.T) {
	wire := diag.ToProto([]*diag.Diagnostic{diag.Errorf("a\xff", "b\xfe").At("c\xfd")})
	if _, err := proto.Marshal(wire[0]); err != nil {
		t.Fatal(err)
	}
	if d := wire[0]; d.Summary != "a\ufffd" || d.Detail != "b\ufffd" || d.Path[0] != "c\ufffd" {
		t.Errorf("got %v", d)
	}
}
