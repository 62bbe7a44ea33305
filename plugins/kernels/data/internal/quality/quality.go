// SPDX-License-Identifier: Apache-2.0

// Package quality scores how fit a table is to learn from, between 0 and 1.
//
// The score is the weighted mean of sub-scores, each a share counted over
// whole cells, rows or columns:
//
//	completeness  cells that are present
//	validity      present cells that are finite
//	usable_rows   rows in which every cell is present and finite
//	uniqueness    rows that are no exact copy of an earlier usable row
//	variation     columns with at least two distinct usable values
//	outlier_free  usable numeric cells within 1.5 interquartile ranges of the quartiles
//	balance       entropy of the target's classes over the largest possible
//
// The last two have a default weight of 0: they are information, because a
// natural outlier or a rare class is no fault. With the default weights:
//
//   - A clean table (nothing missing, all finite, no duplicate rows, no constant
//     column) scores exactly 1.
//   - A table without any usable cell scores exactly 0, in every sub-score.
//   - The score does not depend on the order of rows or columns, to the bit,
//     since every share is a ratio of counts.
//   - A fault never raises the score. A fault makes a usable cell missing or
//     infinite, overwrites a usable row with a copy of another, or overwrites a
//     usable column with one value; the shape of the table stays. For this,
//     rows with holes cannot count as duplicates, and the weight of uniqueness
//     may not exceed that of usable_rows: a hole in a copy costs the row at
//     least what hiding the copy gains.
package quality

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"sort"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/frame"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/scale"
)

// The sub-scores.
const (
	Completeness = "completeness"
	Validity     = "validity"
	UsableRows   = "usable_rows"
	Uniqueness   = "uniqueness"
	Variation    = "variation"
	OutlierFree  = "outlier_free"
	Balance      = "balance"
)

// names fixes the order of summation.
var names = []string{Completeness, Validity, UsableRows, Uniqueness, Variation, OutlierFree, Balance}

// DefaultWeights are used for weights that are not given.
func DefaultWeights() map[string]float64 {
	return map[string]float64{
		Completeness: 0.35, Validity: 0.2, UsableRows: 0.2, Uniqueness: 0.15, Variation: 0.1,
		OutlierFree: 0, Balance: 0,
	}
}

// Weights merges given weights into the defaults and checks them.
func Weights(given map[string]float64) (map[string]float64, error) {
	w := DefaultWeights()
	for name, v := range given {
		if _, ok := w[name]; !ok {
			return nil, fmt.Errorf("no sub-score is called %q; there are %v", name, names)
		}
		if !(v >= 0) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("the weight of %s is %v, but must be a finite number of at least 0", name, v)
		}
		w[name] = v
	}
	if w[Uniqueness] > w[UsableRows] {
		return nil, fmt.Errorf("the weight of uniqueness (%v) exceeds that of usable_rows (%v): a missing cell could then raise the score by hiding a duplicate row", w[Uniqueness], w[UsableRows])
	}
	if sum(w) == 0 {
		return nil, fmt.Errorf("all weights are 0")
	}
	return w, nil
}

func sum(w map[string]float64) float64 {
	total := 0.0
	for _, n := range names {
		total += w[n]
	}
	return total
}

// Assessment is the outcome. Every count behind a share is in it.
type Assessment struct {
	Score     float64            `json:"score"`
	Breakdown map[string]float64 `json:"quality_score_breakdown"`
	Weights   map[string]float64 `json:"weights"`

	Rows            int             `json:"rows"`
	Columns         int             `json:"columns"`
	MissingCells    int             `json:"missing_cells"`
	InfiniteCells   int             `json:"infinite_cells"`
	UnusableRows    int             `json:"unusable_rows"`  // with a missing or infinite cell; never counted as duplicates
	DuplicateRows   int             `json:"duplicate_rows"` // copies of an earlier usable row
	ConstantColumns int             `json:"constant_columns"`
	OutlierCells    int             `json:"outlier_cells"` // beyond 1.5 interquartile ranges
	WorstColumns    []ColumnQuality `json:"worst_columns"`
}

// ColumnQuality is one column's share of the faults.
type ColumnQuality struct {
	Name     string  `json:"name"`
	Usable   float64 `json:"usable"` // share of cells present and finite
	Missing  int     `json:"missing_cells"`
	Infinite int     `json:"infinite_cells"`
	Constant bool    `json:"constant"`
	Outliers int     `json:"outlier_cells"`
}

// worstListed bounds the list of worst columns.
const worstListed = 5

// Assess scores columns of equal length. Target names the column whose balance
// is told; empty for none. Weights come from Weights.
func Assess(cols []frame.Column, target string, weights map[string]float64) Assessment {
	a := Assessment{Columns: len(cols), Weights: maps.Clone(weights)}
	if len(cols) > 0 {
		a.Rows = cols[0].Len()
	}
	per := make([]ColumnQuality, len(cols))
	frame.Each(len(cols), func(i int) { per[i] = assessColumn(cols[i]) })
	numeric := 0
	for i, c := range cols {
		a.add(per[i])
		if c.Kind == frame.Numeric {
			numeric += c.Len() - per[i].Missing - per[i].Infinite
		}
	}
	a.countRows(cols)
	a.Breakdown = a.breakdown(numeric, balanceOf(cols, target))
	a.Score = a.score()
	a.WorstColumns = worst(per)
	return a
}

func (a *Assessment) add(q ColumnQuality) {
	a.MissingCells += q.Missing
	a.InfiniteCells += q.Infinite
	a.OutlierCells += q.Outliers
	if q.Constant {
		a.ConstantColumns++
	}
}

func assessColumn(c frame.Column) ColumnQuality {
	q := ColumnQuality{Name: c.Name, Missing: c.MissingCells(), Constant: !varies(c)}
	for i := range c.Len() {
		if c.Infinite(i) {
			q.Infinite++
		}
	}
	q.Usable = share(c.Len()-q.Missing-q.Infinite, c.Len())
	if c.Kind == frame.Numeric {
		q.Outliers = outliers(c.Finite())
	}
	return q
}

// varies reports whether two usable cells differ.
func varies(c frame.Column) bool {
	first := -1
	for i := range c.Len() {
		switch {
		case !c.Usable(i):
		case first < 0:
			first = i
		case c.Kind == frame.Text && c.Text[i] != c.Text[first],
			c.Kind != frame.Text && c.Numbers[i] != c.Numbers[first]:
			return true
		}
	}
	return false
}

// outliers counts values beyond Tukey's inner fences.
func outliers(v []float64) int {
	if len(v) == 0 {
		return 0
	}
	s := slices.Clone(v)
	slices.Sort(s)
	q1, q3 := scale.Quantile(s, 0.25), scale.Quantile(s, 0.75)
	reach := 1.5 * (q3 - q1)
	n := 0
	for _, x := range s {
		if x < q1-reach || x > q3+reach {
			n++
		}
	}
	return n
}

func (a *Assessment) breakdown(numeric int, balance float64) map[string]float64 {
	cells := a.Rows * a.Columns
	usable := cells - a.MissingCells - a.InfiniteCells
	if usable == 0 {
		return map[string]float64{Completeness: 0, Validity: 0, UsableRows: 0, Uniqueness: 0, Variation: 0, OutlierFree: 0, Balance: 0}
	}
	free := 1.0
	if numeric > 0 {
		free = share(numeric-a.OutlierCells, numeric)
	}
	return map[string]float64{
		Completeness: share(cells-a.MissingCells, cells),
		Validity:     share(usable, cells-a.MissingCells),
		UsableRows:   share(a.Rows-a.UnusableRows, a.Rows),
		Uniqueness:   share(a.Rows-a.DuplicateRows, a.Rows),
		Variation:    share(a.Columns-a.ConstantColumns, a.Columns),
		OutlierFree:  free,
		Balance:      balance,
	}
}

func (a *Assessment) score() float64 {
	total := 0.0
	for _, n := range names {
		total += a.Weights[n] * a.Breakdown[n]
	}
	return total / sum(a.Weights)
}

func share(part, whole int) float64 {
	if whole == 0 {
		return 0
	}
	return float64(part) / float64(whole)
}

// worst lists the columns with faults, worst first; equals by name.
func worst(per []ColumnQuality) []ColumnQuality {
	faulty := slices.DeleteFunc(slices.Clone(per), func(q ColumnQuality) bool { return q.Usable == 1 && !q.Constant })
	sort.Slice(faulty, func(i, j int) bool {
		a, b := faulty[i], faulty[j]
		if a.Usable != b.Usable {
			return a.Usable < b.Usable
		}
		if a.Constant != b.Constant {
			return a.Constant
		}
		return a.Name < b.Name
	})
	return faulty[:min(len(faulty), worstListed)]
}
