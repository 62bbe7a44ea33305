// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"slices"
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
	// index is that in instruments.
	index int
}

// maxSeries bounds the series of an instrument.
const maxSeries = 2000

// labels are the values of the labels of an instrument, in their order.
type labels [4]string

// series has the values of one set of labels.
type series struct {
	// sum is the value of a counter or gauge, and of a histogram the sum.
	sum      float64
	count    uint64
	buckets  []uint64
	values   labels
	overflow bool
}

// family has all series of an instrument; beyond is that of what is too much.
type family struct {
	series map[labels]*series
	beyond *series
}

// registry keeps all series of all instruments, in their order.
type registry struct {
	start time.Time
	mu    sync.Mutex
	all   []family
}

func newRegistry() *registry {
	return &registry{start: time.Now(), all: make([]family, len(instruments))}
}

// at finds or makes the series of the values. The lock is held.
func (r *registry) at(i *instrument, values []string) *series {
	f := &r.all[i.index]
	if f.series == nil {
		f.series = map[labels]*series{}
	}
	var key labels
	copy(key[:], values)
	if s := f.series[key]; s != nil {
		return s
	}
	if len(f.series) < maxSeries {
		f.series[key] = i.newSeries(key)
		return f.series[key]
	}
	if f.beyond == nil {
		f.beyond = i.newSeries(labels{})
		f.beyond.overflow = true
	}
	return f.beyond
}

func (i *instrument) newSeries(values labels) *series {
	s := &series{values: values}
	if i.kind == histogram {
		s.buckets = make([]uint64, len(i.bounds)+1)
	}
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
	for n, f := range r.all {
		if f.series == nil {
			continue
		}
		s := snapshot{instrument: instruments[n]}
		for _, one := range f.series {
			s.series = append(s.series, one.copy())
		}
		if f.beyond != nil {
			s.series = append(s.series, f.beyond.copy())
		}
		slices.SortFunc(s.series, func(a, b series) int { return slices.Compare(a.values[:], b.values[:]) })
		out = append(out, s)
	}
	return out
}

func (s *series) copy() series {
	c := *s
	c.buckets = slices.Clone(s.buckets)
	return c
}

// overflowLabel is what OpenTelemetry calls the series of what is beyond the
// bound.
const overflowLabel = "otel.metric.overflow"

func (f snapshot) attributesOf(s series) []attribute {
	if s.overflow {
		return []attribute{{overflowLabel, true}}
	}
	out := make([]attribute, 0, len(f.labels))
	for i, name := range f.labels {
		out = append(out, attribute{"bulkhead." + name, s.values[i]})
	}
	return out
}
