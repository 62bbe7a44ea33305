// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestPercentile(t *testing.T) {
	for _, tt := range []struct {
		n, p int
		want time.Duration
	}{{0, 50, 0}, {1, 1, 1}, {1, 99, 1}, {2, 50, 1}, {2, 51, 2}, {4, 50, 2}, {5, 50, 3}, {20, 95, 19}, {100, 99, 99}, {101, 99, 100}, {100, 100, 100}} {
		var times []time.Duration
		for i := range tt.n {
			times = append(times, time.Duration(i+1))
		}
		if got := Percentile(times, tt.p); got != tt.want {
			t.Errorf("p%d of 1 to %d is %d, want %d", tt.p, tt.n, got, tt.want)
		}
	}
}

func TestCalls(t *testing.T) {
	var c Calls
	if got := c.Latencies(); len(got) != 0 {
		t.Error(got)
	}
	var wg sync.WaitGroup
	for i := range 100 {
		wg.Go(func() { c.Add("transform", time.Duration(i+1), i < 3) })
	}
	wg.Wait()
	c.Add("fit", 7, false)
	want := []Latency{
		{Method: "fit", Count: 1, P50: 7, P95: 7, P99: 7, Max: 7, Total: 7},
		{Method: "transform", Count: 100, Errors: 3, P50: 50, P95: 95, P99: 99, Max: 100, Total: 5050},
	}
	if diff := cmp.Diff(want, c.Latencies()); diff != "" {
		t.Error(diff)
	}
}

// TestMoreCallsThanAreKept wants exact counts, and percentiles of a sample that
// are near.
func TestMoreCallsThanAreKept(t *testing.T) {
	var c Calls
	const n = 4 * MaxTimes
	for _, i := range rand.New(rand.NewPCG(3, 4)).Perm(n) {
		c.Add("batch", time.Duration(i+1), false)
	}
	l := c.Latencies()[0]
	if !l.Sampled || l.Count != n || l.Max != n || len(c.methods["batch"].kept) != MaxTimes {
		t.Errorf("%+v", l)
	}
	for p, got := range map[float64]time.Duration{0.5: l.P50, 0.95: l.P95, 0.99: l.P99} {
		if math.Abs(float64(got)/n-p) > 0.01 {
			t.Errorf("p%v is %d of %d", p, got, n)
		}
	}
}

func TestMetrics(t *testing.T) {
	got, dropped := Metrics(json.RawMessage(`{"model":{"kind":"ridge"},"metrics":{"rmse":0.5,"a.b":-1e3,"on":true,"none":null,"list":[1,{"x":2}]},"n":3}`))
	if diff := cmp.Diff(map[string]float64{"metrics.rmse": 0.5, `metrics["a.b"]`: -1000, "n": 3}, got); diff != "" || dropped != 0 {
		t.Error(diff, dropped)
	}
	for _, report := range []string{"", "7", "null", "not JSON", `{"a":1e999}`} {
		if got, dropped := Metrics(json.RawMessage(report)); len(got) != 0 || dropped != 0 {
			t.Errorf("%q: %v, %d", report, got, dropped)
		}
	}
	var b strings.Builder
	for i := range MaxMetrics + 5 {
		fmt.Fprintf(&b, `"m%d":%d,`, i, i)
	}
	if got, dropped := Metrics(json.RawMessage("{" + strings.TrimSuffix(b.String(), ",") + "}")); len(got) != MaxMetrics || dropped != 5 {
		t.Errorf("%d, %d dropped", len(got), dropped)
	}
}
