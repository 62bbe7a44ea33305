// SPDX-License-Identifier: Apache-2.0

package runs

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"time"
)

// MaxTimes bounds the times that are kept of each method of a node: 512 KiB.
const MaxTimes = 1 << 16

// Latency sums up the calls of one method of a node. How the percentiles are
// found is said in the package's documentation.
type Latency struct {
	// Method is "validate", "fit", "transform", "batch" and so on.
	Method string `json:"method"`
	Count  int64  `json:"count"`
	Errors int64  `json:"errors"`
	// Percentiles and the largest of all times.
	P50 time.Duration `json:"p50_ns"`
	P95 time.Duration `json:"p95_ns"`
	P99 time.Duration `json:"p99_ns"`
	Max time.Duration `json:"max_ns"`
	// Total of all times.
	Total time.Duration `json:"total_ns"`
	// Sampled says that the percentiles are those of a sample.
	Sampled bool `json:"sampled,omitempty"`
}

// Calls gathers the times of the calls of a node, from any goroutine. The zero
// value is ready.
type Calls struct {
	mu      sync.Mutex
	methods map[string]*times
}

// times of one method.
type times struct {
	Latency
	kept   []time.Duration
	random *rand.Rand
}

// Add notes a call that ended.
func (c *Calls) Add(method string, took time.Duration, failed bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t := c.methods[method]
	if t == nil {
		if c.methods == nil {
			c.methods = map[string]*times{}
		}
		t = &times{Latency: Latency{Method: method}, random: rand.New(rand.NewPCG(1, 2))}
		c.methods[method] = t
	}
	t.add(took, failed)
}

func (t *times) add(took time.Duration, failed bool) {
	t.Count++
	if failed {
		t.Errors++
	}
	t.Max, t.Total = max(t.Max, took), t.Total+took
	if len(t.kept) < MaxTimes {
		t.kept = append(t.kept, took)
		return
	}
	t.Sampled = true
	if i := t.random.Int64N(t.Count); i < MaxTimes {
		t.kept[i] = took
	}
}

// Latencies sums up, in the order of the methods' names.
func (c *Calls) Latencies() []Latency {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := make([]Latency, 0, len(c.methods))
	for _, t := range c.methods {
		sorted := slices.Sorted(slices.Values(t.kept))
		l := t.Latency
		l.P50, l.P95, l.P99 = Percentile(sorted, 50), Percentile(sorted, 95), Percentile(sorted, 99)
		out = append(out, l)
	}
	slices.SortFunc(out, func(a, b Latency) int { return cmp.Compare(a.Method, b.Method) })
	return out
}

// Percentile is the p-th percentile, 1 to 100, of times in rising order, by the
// nearest rank; 0 of none.
func Percentile(sorted []time.Duration, p int) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[max((p*len(sorted)+99)/100, 1)-1]
}
