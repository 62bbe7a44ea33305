// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"slices"
	"strings"
	"sync"
	"time"
)

// kind of an instrument.
type kind int

const (
	counter kind = iota
	gauge
	histogram
)

// instrument is what is measured.
type instrument struct {
	// name and unit are those of OpenTelemetry, in UCUM; prometheus is the name
	// there.
	name, unit, prometheus, help string
	kind                         kind
	labels                       []string
	// bounds of a histogram, rising.
	bounds []float64
}

// maxSeries bounds the series of an instrument.
const maxSeries = 2000

// series has the values of one set of labels.
type series struct {
	values   []string
	overflow bool
	// sum is the value of a counter or gauge, and of a histogram the sum.
	sum     float64
	count   uint64
	buckets []uint64
}

// registry keeps all series of all instruments.
type registry struct {
	start time.Time
	mu    sync.Mutex
	all   map[*instrument]map[string]*series
}

func newRegistry() *registry {
	return &registry{start: time.Now(), all: map[*instrument]map[string]*series{}}
}

// at finds or makes the series of the values. The lock is held.
func (r *registry) at(i *instrument, values []string) *series {
	byKey := r.all[i]
	if byKey == nil {
		byKey = map[string]*series{}
		r.all[i] = byKey
	}
	key := strings.Join(values, "\xff")
	if s := byKey[key]; s != nil {
		return s
	}
	s := &series{values: slices.Clone(values)}
	if len(byKey) >= maxSeries {
		key, s.values, s.overflow = "\xff\xff", nil, true
		if old := byKey[key]; old != nil {
			return old
		}
	}
	if i.kind == histogram {
		s.buckets = make([]uint64, len(i.bounds)+1)
	}
	byKey[key] = s
	return s
}

// add raises a counter.
func (r *registry) add(i *instrument, by float64, values ...string) {
	if by == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at(i, values).sum += by
}

// highest raises a gauge to a value.
func (r *registry) highest(i *instrument, value float64, values ...string) {
	if value == 0 {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.at(i, values)
	s.sum = max(s.sum, value)
}

// move changes a gauge.
func (r *registry) move(i *instrument, by float64, values ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.at(i, values).sum += by
}

// observe puts a value into a histogram.
func (r *registry) observe(i *instrument, value float64, values ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s := r.at(i, values)
	s.sum += value
	s.count++
	at, _ := slices.BinarySearch(i.bounds, value)
	s.buckets[at]++
}

// snapshot is an instrument with a copy of its series, in a fixed order.
type snapshot struct {
	*instrument
	series []series
}

func (r *registry) snapshots() []snapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out []snapshot
	for _, i := range instruments {
		if len(r.all[i]) == 0 {
			continue
		}
		s := snapshot{instrument: i}
		for _, one := range r.all[i] {
			c := *one
			c.buckets = slices.Clone(one.buckets)
			s.series = append(s.series, c)
		}
		slices.SortFunc(s.series, func(a, b series) int { return slices.Compare(a.values, b.values) })
		out = append(out, s)
	}
	return out
}

// overflowLabel is what OpenTelemetry calls the series of what is beyond the
// bound.
const overflowLabel = "otel.metric.overflow"

func (f snapshot) attributesOf(s series) []attribute {
	if s.overflow {
		return []attribute{{overflowLabel, true}}
	}
	out := make([]attribute, 0, len(s.values))
	for i, v := range s.values {
		out = append(out, attribute{"bulkhead." + f.labels[i], v})
	}
	return out
}
