// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"encoding/json"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

func observations(t *testing.T, values map[string]string) fact.Set {
	t.Helper()
	var all []fact.Fact
	for address, value := range values {
		if !json.Valid([]byte(value)) {
			t.Fatalf("%s: %s", address, value)
		}
		all = append(all, fact.Fact{Address: address, Value: json.RawMessage(value)})
	}
	return fact.NewSet(all)
}

func TestObserved(t *testing.T) {
	for name, c := range map[string]struct {
		facts    map[string]string
		findings []report.Finding
		want     string
	}{
		"driver":          {map[string]string{"probe.driver": `{"nvml": {"ok": true}, "cuda": {"ok": false, "error": "cuInit: 802"}}`}, nil, DriverFails},
		"driver foretold": {map[string]string{"probe.driver": `{"nvml": {"ok": true}, "cuda": {"ok": false, "error": "cuInit: 802"}}`}, []report.Finding{{Code: "gpu.fabric-manager", Severity: report.Error}}, ""},
		"driver works":    {map[string]string{"probe.driver": `{"nvml": {"ok": true}, "cuda": {"ok": true}}`}, nil, ""},
		"engine":          {map[string]string{"probe.docker": `{"ok": false, "endpoint": "unix:///x", "error": "connect: permission denied"}`, "docker.engine.running": "true"}, nil, EngineUnreachable},
		"engine is off":   {map[string]string{"probe.docker": `{"ok": false, "endpoint": "unix:///x", "error": "no such file"}`, "docker.engine.running": "false"}, nil, ""},
		"place":           {map[string]string{"probe.reach[pypi]": `{"url": "https://pypi.org", "ok": false, "stage": "tls", "error": "unknown authority"}`}, nil, PlaceUnreachable},
		"place gated":     {map[string]string{"probe.reach[hub]": `{"url": "https://x", "ok": true, "error": "Unauthorized"}`}, nil, ""},
		"slower":          {map[string]string{"bench[cpu.gemm]": `{"name": "cpu.gemm", "unit": "GFLOP/s", "median": 5, "then": 10, "ratio": 0.5, "verdict": "slower"}`}, nil, BenchSlower},
		"undecided":       {map[string]string{"bench[cpu.gemm]": `{"name": "cpu.gemm", "unit": "GFLOP/s", "median": 5, "verdict": "undecided"}`}, nil, ""},
		"lies":            {map[string]string{"probe.driver": `[1]`, "probe.docker": `"x"`, "probe.reach[a]": `{"ok": 3}`, "bench[b]": `null`}, nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			got := Observed(observations(t, c.facts), c.findings)
			if c.want == "" && len(got) > 0 || c.want != "" && (len(got) != 1 || got[0].Code != c.want) {
				t.Errorf("%+v, want %q", got, c.want)
			}
		})
	}
}
