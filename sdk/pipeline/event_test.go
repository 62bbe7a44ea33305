// SPDX-License-Identifier: Apache-2.0

package pipeline_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/pipeline"
)

func TestDecodeEvent(t *testing.T) {
	e, err := pipeline.DecodeEvent([]byte(`{"event":"call_ended","time":"2026-11-22T09:33:52.857Z","node":"kernel.clean","call":"fit","wall_ms":9.666,"of_the_future":[1]}`))
	if err != nil || e.Kind != pipeline.CallEnded || e.Node != "kernel.clean" || e.WallMS != 9.666 || e.Time.Year() != 2026 {
		t.Errorf("event = %+v, %v", e, err)
	}
	e, err = pipeline.DecodeEvent([]byte(nodeLine("kernel.clean", "ok")))
	if err != nil || e.Result.Reason != "because" {
		t.Errorf("event = %+v, %v", e, err)
	}
	for line, want := range map[string]string{
		"":                         "no event",
		"null":                     "has no",
		"[]":                       "no event",
		"{}":                       "has no \"event\"",
		`{"event":7}`:              "no event",
		`{"event":"hello"}`:        "has no protocol",
		`{"event":"run_started"}`:  "has no plan",
		`{"event":"node_started"}`: "names no node",
		`{"event":"node_ended","node":"kernel.x"}`: "has no result",
		`{"event":"progress","node":"kernel.x"}`:   "has no progress",
		`{"event":"run_ended"}`:                    "has no report",
		`{"event":"failed"}`:                       "has no failure",
		`{"event":"x","time":"yesterday"}`:         "no event",
		`{"event":"x"} {}`:                         "no event",
	} {
		if _, err := pipeline.DecodeEvent([]byte(line)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", line, err)
		}
	}
}

func TestReportNode(t *testing.T) {
	r := pipeline.Report{Nodes: []pipeline.NodeResult{{Name: "source.a", RowsOut: 1}, {Name: "kernel.a", RowsOut: 2}, {Name: "sink.b"}}}
	for name, want := range map[string]int64{"a": 2, "source.a": 1, "kernel.a": 2, "b": 0} {
		if n, ok := r.Node(name); !ok || n.RowsOut != want {
			t.Errorf("%s = %+v", name, n)
		}
	}
	if _, ok := r.Node("c"); ok {
		t.Error("c is no node")
	}
}

// FuzzDecodeEvent: whatever a process prints is an event or an error, and an
// event has what its kind promises.
func FuzzDecodeEvent(f *testing.F) {
	for _, line := range []string{helloLine, planLine, doneLine, nodeLine("kernel.clean", "ok"), "{}", "null", `{"event":"progress","node":"a","progress":{"fraction":0.5}}`, `{"event":"\ud800"}`} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		e, err := pipeline.DecodeEvent(line)
		if err != nil {
			return
		}
		if e.Kind == "" || e.Kind == pipeline.NodeEnded && e.Result == nil || e.Kind == pipeline.RunEnded && e.Report == nil {
			t.Fatalf("%s gives %+v", line, e)
		}
		if _, err := json.Marshal(e); err != nil {
			t.Fatalf("%s cannot be written again: %v", line, err)
		}
	})
}
