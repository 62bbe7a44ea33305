// SPDX-License-Identifier: Apache-2.0

package abtest

import "math"

// Kind of a column.
type Kind string

// Numbers are compared by their means, texts by their shares; values of other
// types only row by row, as texts.
const (
	Numeric  Kind = "number"
	Category Kind = "text"
	Other    Kind = "other"
)

// Bounds of a comparison.
const (
	// MaxColumns is how many columns are compared.
	MaxColumns = 64
	// MaxCategories is how many different texts a column may have.
	MaxCategories = 100
	// DefaultMinRows is how many rows an arm needs before anything is told.
	DefaultMinRows = 30
	// DefaultAlpha is the chance of a false alarm.
	DefaultAlpha = 0.05
)

// Column that is compared.
type Column struct {
	Name string
	Kind Kind
}

// Design says what is compared, and how.
type Design struct {
	Mode  Mode
	Split Split
	// Alpha and MinRows; zeros take the defaults.
	Alpha   float64
	MinRows int64
	// Columns of the output, MaxColumns at most.
	Columns []Column
	// Metrics are names of Metrics; empty without a label.
	Metrics []string
	// Seen: none was held out, and an arm learnt from the rows that metrics are computed of.
	Seen bool
}

// Value of one row in one column.
type Value struct {
	Null bool
	// Number of a numeric column; 0 or 1 of a bool.
	Number float64
	// Text of a category, or the value of another type.
	Text string
	// Numeric says which of them counts.
	Numeric bool
}

func (v Value) missing() bool {
	return v.Null || v.Numeric && (math.IsNaN(v.Number) || math.IsInf(v.Number, 0))
}

// same reports whether two values are equal to the bit.
func (v Value) same(w Value) bool {
	return v.Null == w.Null && (v.Null || v.Text == w.Text && math.Float64bits(v.Number) == math.Float64bits(w.Number))
}

// Collector takes the rows of both arms one by one, in bounded memory.
type Collector struct {
	design  Design
	columns []*column
	metrics []*metric
	pairs   Pairs
	// unpaired: nobody knows which rows of mode shadow belong together.
	unpaired bool
}

// NewCollector begins a comparison.
func NewCollector(d Design) *Collector {
	if d.Alpha <= 0 || d.Alpha >= 1 {
		d.Alpha = DefaultAlpha
	}
	if d.MinRows <= 0 {
		d.MinRows = DefaultMinRows
	}
	c := &Collector{design: d}
	for _, spec := range d.Columns[:min(len(d.Columns), MaxColumns)] {
		c.columns = append(c.columns, newColumn(spec))
	}
	for _, name := range d.Metrics {
		c.metrics = append(c.metrics, &metric{name: name})
	}
	return c
}

// Unpair says that an arm of mode shadow does not tell where its rows come from.
// They are compared as if the arms had seen different rows, which tells less.
func (c *Collector) Unpair() { c.unpaired = true }

// Row takes a row that one arm wrote, a value for each column of the design; of
// mode split, and of mode shadow when the other arm did not write it.
func (c *Collector) Row(arm Arm, row int64, values []Value) {
	for i, col := range c.columns {
		col.add(arm, row, values[i])
	}
	if arm == A {
		c.pairs.OnlyA++
	} else {
		c.pairs.OnlyB++
	}
}

// Pair takes a row that both arms wrote.
func (c *Collector) Pair(row int64, a, b []Value) {
	c.pairs.Both++
	equal := true
	for i, col := range c.columns {
		equal = col.pair(row, a[i], b[i]) && equal
	}
	if equal {
		c.pairs.Equal++
	}
}

// Score takes the label of a row and what an arm predicted.
func (c *Collector) Score(arm Arm, row int64, label, prediction Value) {
	for _, m := range c.metrics {
		m.add(arm, row, label, prediction)
	}
}

// ScorePair takes the label of a row and what both arms predicted.
func (c *Collector) ScorePair(row int64, label, a, b Value) {
	for _, m := range c.metrics {
		m.pair(row, label, a, b)
	}
}
