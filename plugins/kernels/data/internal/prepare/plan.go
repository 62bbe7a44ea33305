// SPDX-License-Identifier: Apache-2.0

// Package prepare decides at fit what happens to each feature column, and
// applies those decisions row by row at transform.
//
// A numeric column is imputed, then scaled. A boolean column becomes 0 and 1,
// is imputed with its most frequent value and not scaled. A text column is
// imputed, then becomes indicators, which are not scaled either; or, with
// one_hot off, stays text. Infinite cells count as missing. Columns are dropped
// only for a named reason. Each decision carries the numbers behind it.
//
// Statistics are learned from all rows given to Fit. When these rows are later
// cross-validated, a filled cell has seen the rows held out; the plan counts
// such cells in ImputedCells. Scaling alone is harmless there for models that
// standardise inside the fold or do not depend on scale: standardising twice
// equals standardising once.
package prepare

import (
	"errors"
	"fmt"
	"slices"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/encode"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/frame"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/impute"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/scale"
)

// Version of the plan's form. Decode refuses others.
const Version = 1

// Reasons for which a column is dropped.
const (
	ReasonEmpty       = "no_values"
	ReasonConstant    = "constant"
	ReasonCardinality = "too_many_categories"
	ReasonIDLike      = "id_like"
)

// Plan is the fitted preparation.
type Plan struct {
	Version      int          `json:"version"`
	Columns      []ColumnPlan `json:"columns"`
	Unknown      string       `json:"unknown"`
	RowsSeen     int          `json:"rows_seen"`
	ImputedCells int          `json:"imputed_cells"` // filled cells in the rows seen
	// QualityScore of the table seen at fit, 0 to 1, and its parts.
	QualityScore float64            `json:"quality_score"`
	Breakdown    map[string]float64 `json:"quality_score_breakdown,omitempty"`
}

// ColumnPlan is what happens to one feature column, and why.
type ColumnPlan struct {
	Name     string          `json:"name"`
	Kind     frame.Kind      `json:"kind"`
	Drop     string          `json:"drop,omitempty"` // a reason, or empty
	Impute   impute.Strategy `json:"impute,omitempty"`
	Number   float64         `json:"fill_number"`
	Text     string          `json:"fill_text,omitempty"`
	Fallback string          `json:"fallback,omitempty"` // why the fill differs from what was asked
	Scaler   *scale.Scaler   `json:"scaler,omitempty"`
	OneHot   *encode.OneHot  `json:"one_hot,omitempty"`
	Outputs  []string        `json:"outputs"`

	Missing  int `json:"missing_cells"`
	Infinite int `json:"infinite_cells"`
	Distinct int `json:"distinct_values"`
}

// ErrNoColumns means that nothing is left to learn from.
var ErrNoColumns = errors.New("no feature column is left")

// Fit decides for each column. Reserved holds names of columns that pass by, so
// that no indicator takes one of them.
func Fit(cols []frame.Column, opt Options, reserved []string) (*Plan, error) {
	p := &Plan{Version: Version, Unknown: opt.Unknown}
	taken := newNames(cols, reserved)
	fitted, errs := make([]ColumnPlan, len(cols)), make([]error, len(cols))
	frame.Each(len(cols), func(i int) { fitted[i], errs[i] = fitColumn(cols[i], opt) })
	for i, cp := range fitted {
		if errs[i] != nil {
			return nil, fmt.Errorf("column %q: %w", cols[i].Name, errs[i])
		}
		cp.Outputs = taken.unique(cp.outputs())
		p.RowsSeen = cols[i].Len()
		p.Columns = append(p.Columns, cp)
		if cp.fills() {
			p.ImputedCells += cp.Missing + cp.Infinite
		}
	}
	if len(p.outputs()) == 0 {
		return nil, fmt.Errorf("%w: %s", ErrNoColumns, p.dropReasons())
	}
	return p, nil
}

func fitColumn(c frame.Column, opt Options) (ColumnPlan, error) {
	cp := ColumnPlan{Name: c.Name, Kind: c.Kind, Missing: c.MissingCells(), Distinct: distinct(c)}
	for i := range c.Len() {
		if c.Infinite(i) {
			cp.Infinite++
		}
	}
	if cp.Drop = dropReason(c, cp, opt); cp.Drop != "" {
		return cp, nil
	}
	if c.Kind == frame.Text {
		return cp.fitText(c, opt), nil
	}
	return cp.fitNumber(c, opt)
}

// dropReason names why a column cannot stay; empty when it can.
func dropReason(c frame.Column, cp ColumnPlan, opt Options) string {
	switch {
	case cp.Distinct == 0 && opt.DropEmpty:
		return ReasonEmpty
	case cp.Distinct == 1 && cp.Missing+cp.Infinite == 0 && opt.DropConstant:
		return ReasonConstant
	case c.Kind != frame.Text || !opt.OneHot:
		return ""
	case cp.Distinct > opt.MaxCategories:
		return ReasonCardinality
	case idLike(cp.Distinct, c.Len()-cp.Missing):
		return ReasonIDLike
	}
	return ""
}

// idLike reports whether nearly every row has a value of its own: indicators
// would name rows, not properties.
func idLike(distinct, present int) bool {
	return present > 20 && float64(distinct) > 0.9*float64(present)
}

func distinct(c frame.Column) int {
	if c.Kind == frame.Text {
		seen := map[string]struct{}{}
		for _, s := range c.Present() {
			seen[s] = struct{}{}
		}
		return len(seen)
	}
	v := c.Finite() // a copy
	slices.Sort(v)
	return len(slices.Compact(v))
}

func (cp ColumnPlan) fitNumber(c frame.Column, opt Options) (ColumnPlan, error) {
	values := c.Finite()
	cp.Impute, cp.Fallback = numberStrategy(c.Kind, len(values), opt.strategy())
	switch cp.Impute {
	case impute.None:
	case impute.Constant:
		cp.Number = opt.FillNumber
	default:
		fill, err := impute.Number(cp.Impute, values)
		if err != nil {
			return cp, err
		}
		cp.Number = fill
	}
	if c.Kind == frame.Bool {
		return cp, nil
	}
	if cp.fills() {
		for range cp.Missing + cp.Infinite {
			values = append(values, cp.Number)
		}
	}
	s, err := scale.Fit(opt.scaling(), values)
	cp.Scaler = &s
	return cp, err
}

// numberStrategy resolves auto, and falls back where a statistic is impossible.
func numberStrategy(k frame.Kind, present int, asked impute.Strategy) (impute.Strategy, string) {
	switch {
	case asked == impute.None:
		return impute.None, ""
	case present == 0:
		return impute.Constant, "the column has no values: filled with fill_number"
	case asked == impute.Constant:
		return asked, ""
	case k == frame.Bool && asked != impute.MostFrequent && asked != impute.Auto:
		return impute.MostFrequent, fmt.Sprintf("booleans have no %s", asked)
	case k == frame.Bool:
		return impute.MostFrequent, ""
	case asked == impute.Auto:
		return impute.Median, ""
	}
	return asked, ""
}

func (cp ColumnPlan) fitText(c frame.Column, opt Options) ColumnPlan {
	present := c.Present()
	cp.Impute, cp.Fallback = textStrategy(len(present), opt)
	switch cp.Impute {
	case impute.MostFrequent:
		// Present values exist here, so there is a most frequent one.
		cp.Text, _ = impute.Text(present)
	case impute.Constant:
		cp.Text = opt.FillText
	}
	if !opt.OneHot {
		return cp
	}
	text, missing := cp.filled(c)
	e := encode.Fit(text, missing, encode.Options{MinFrequency: opt.MinFrequency, NullCategory: opt.NullCategory})
	cp.OneHot = &e
	return cp
}

// filled is a text column as the encoder sees it.
func (cp ColumnPlan) filled(c frame.Column) ([]string, []bool) {
	if !cp.fills() {
		return c.Text, c.Missing
	}
	text := make([]string, c.Len())
	for i := range text {
		text[i] = c.Text[i]
		if c.Missing[i] {
			text[i] = cp.Text
		}
	}
	return text, make([]bool, c.Len())
}

func textStrategy(present int, opt Options) (impute.Strategy, string) {
	switch asked := opt.strategy(); {
	case asked == impute.None, opt.NullCategory && opt.OneHot:
		return impute.None, ""
	case present == 0:
		return impute.Constant, "the column has no values: filled with fill_text"
	case asked == impute.Constant:
		return asked, ""
	case asked == impute.Mean, asked == impute.Median:
		return impute.MostFrequent, fmt.Sprintf("text has no %s", asked)
	}
	return impute.MostFrequent, ""
}

func (cp ColumnPlan) fills() bool { return cp.Drop == "" && cp.Impute != impute.None }

// outputs are the columns that this one becomes, before names are made unique.
func (cp ColumnPlan) outputs() []string {
	switch {
	case cp.Drop != "":
		return nil
	case cp.OneHot != nil:
		return cp.OneHot.Names(cp.Name)
	default:
		return []string{cp.Name}
	}
}

func (p *Plan) outputs() []string {
	var out []string
	for _, cp := range p.Columns {
		out = append(out, cp.Outputs...)
	}
	return out
}

func (p *Plan) dropReasons() string {
	text := "the input has none"
	for i, cp := range p.Columns {
		if i == 0 {
			text = ""
		} else {
			text += ", "
		}
		text += fmt.Sprintf("%s (%s)", cp.Name, cp.Drop)
	}
	return text
}
