// SPDX-License-Identifier: Apache-2.0

package check

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func facts(pairs map[string]any) fact.Set {
	var r fact.Recorder
	for address, v := range pairs {
		if reason, ok := v.(error); ok {
			r.Unknown(address, reason.Error())
			continue
		}
		r.Add(address, v)
	}
	return fact.NewSet(r.Facts())
}

type errText string

func (e errText) Error() string { return string(e) }

func TestNeeds(t *testing.T) {
	s := facts(map[string]any{
		"gpu.count": 1, "gpu.driver.version": errText("permission denied"), "python.env[/a].torch.version": "2.0",
	})
	for need, want := range map[string]string{
		"gpu.count":                "",
		"gpu.driver.version":       "permission denied",
		"docker.engine":            "not observed",
		"python.env.torch.version": "",
		"python.env.jax.version":   "not observed",
		"python.env":               "not observed",
	} {
		ran := false
		c := Check{Code: "a.b", Needs: []string{need}, Run: func(*Context) { ran = true }}
		out := Run(t.Context(), s, []Check{c}, nil)[0]
		if ran != (want == "") || !strings.Contains(out.Reason, want) {
			t.Errorf("need %s: ran %v, reason %q; want %q", need, ran, out.Reason, want)
		}
	}
}

type limits struct {
	Minimum int `json:"minimum" default:"5" doc:"Smallest count."`
}

func TestRun(t *testing.T) {
	few := Check{
		Code: "a.few", Title: "Too few", Config: limits{},
		Run: func(c *Context) {
			var l limits
			c.Config(&l)
			if n, _ := c.Facts.Int("n"); int(n) < l.Minimum {
				c.Report(Finding{Severity: Warning, Evidence: c.Evidence("n")})
			}
		},
	}
	crash := Check{Code: "a.crash", Run: func(*Context) { panic("oops") }}
	s := facts(map[string]any{"n": 3})
	out := Run(t.Context(), s, []Check{few, crash}, nil)
	if len(out[0].Findings) != 1 || out[0].Findings[0].Title != "Too few" || out[0].Findings[0].Confidence != 1 {
		t.Errorf("findings %+v", out[0].Findings)
	}
	if out[1].Status != pluginv1.CheckOutcome_STATUS_FAILED || !strings.Contains(out[1].Reason, "oops") {
		t.Errorf("a crash gives %+v", out[1])
	}
	out = Run(t.Context(), s, []Check{few}, map[string][]byte{"a.few": []byte(`{"minimum": 2}`)})
	if len(out[0].Findings) != 0 {
		t.Error("the user's setting is not read")
	}
}

// TestRunMany: of more checks than processors each has its own outcome, in its own
// place, whichever crashed before it.
func TestRunMany(t *testing.T) {
	checks := make([]Check, 300)
	for i := range checks {
		checks[i] = Check{Code: fmt.Sprintf("a.n%d", i), Run: func(c *Context) {
			if i%3 == 0 {
				panic("oops")
			}
			c.Report(Finding{Severity: Info, Detail: fmt.Sprint(i)})
		}}
	}
	for i, out := range Run(t.Context(), fact.Set{}, checks, nil) {
		crashed := out.Status == pluginv1.CheckOutcome_STATUS_FAILED
		if out.Code != checks[i].Code || crashed != (i%3 == 0) || !crashed && (len(out.Findings) != 1 || out.Findings[0].Detail != fmt.Sprint(i)) {
			t.Errorf("check %d gives %+v", i, out)
		}
	}
	if out := Run(t.Context(), fact.Set{}, nil, nil); len(out) != 0 {
		t.Errorf("no checks give %+v", out)
	}
}

func TestFindingRoundTrip(t *testing.T) {
	in := Finding{
		Code: "a.b", Title: "t", Severity: Warning, Confidence: 0.5, Subject: "s", Detail: "d", Cause: "c",
		Evidence: []fact.Evidence{{Fact: "n", Path: "/p", Line: 2, Value: "v"}}, Explains: []string{"x.*"},
		Remedies: []Remedy{{ID: "r", Summary: "s", Kind: Advice, Risk: Medium, Preview: []string{"p"}}}, Verify: []string{"v"},
	}
	out := FromProto(in.toProto())
	if out.Code != in.Code || out.Severity != in.Severity || len(out.Evidence) != 1 || out.Evidence[0] != in.Evidence[0] ||
		len(out.Remedies) != 1 || out.Remedies[0].Risk != Medium || out.Explains[0] != "x.*" || out.Verify[0] != "v" {
		t.Errorf("round trip gives %+v", out)
	}
	if FromProto(&pluginv1.Finding{Severity: 99}).Severity != Unknown {
		t.Error("a severity from the future does not read as unknown")
	}
}

func TestSeverityNames(t *testing.T) {
	for severity, want := range map[Severity]string{Info: "info", Warning: "warning", Error: "error", Unknown: "unknown", 99: "unknown"} {
		if got := severity.String(); got != want {
			t.Errorf("%d is %q", severity, got)
		}
	}
}
