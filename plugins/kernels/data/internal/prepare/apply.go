// SPDX-License-Identifier: Apache-2.0

package prepare

import (
	"fmt"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/frame"
)

// Counts tells what Apply did to the rows of a call. Fields add up over batches.
type Counts struct {
	ImputedCells      int            `json:"imputed_cells"`
	InfiniteCells     int            `json:"infinite_cells"` // among the imputed, or left missing
	LeftMissing       int            `json:"missing_cells_left"`
	UnknownCategories map[string]int `json:"unknown_categories"` // cells by column
}

// UnknownError means that a text value was not seen at fit and the setting
// unknown asks to stop.
type UnknownError struct {
	Column, Value string
	Row           int // within the batch, from 0
}

// Error describes the value and the remedy.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("column %q holds %q, which did not occur at fit (row %d of the batch): set unknown to \"ignore\", or fit again with rows that hold it", e.Column, e.Value, e.Row)
}

// Apply prepares columns, given in the order and with the names of the fit. It
// adds to n. The output columns are those of p in order.
func (p *Plan) Apply(cols []frame.Column, n *Counts) ([]frame.Column, error) {
	if err := p.match(cols); err != nil {
		return nil, err
	}
	var out []frame.Column
	for i, cp := range p.Columns {
		made, err := p.applyColumn(cp, cols[i], n)
		if err != nil {
			return nil, err
		}
		out = append(out, made...)
	}
	return out, nil
}

// match checks that the columns are those of the fit.
func (p *Plan) match(cols []frame.Column) error {
	want, got := make([]string, len(p.Columns)), make([]string, len(cols))
	for i, cp := range p.Columns {
		want[i] = fmt.Sprintf("%s (%s)", cp.Name, cp.Kind)
	}
	for i, c := range cols {
		got[i] = fmt.Sprintf("%s (%s)", c.Name, c.Kind)
	}
	for i := range max(len(want), len(got)) {
		if i >= len(want) || i >= len(got) || want[i] != got[i] {
			return fmt.Errorf("the feature columns differ from those of the fit: %s was fitted, %s is given", at(want, i), at(got, i))
		}
	}
	return nil
}

func at(list []string, i int) string {
	if i >= len(list) {
		return "nothing"
	}
	return "column " + list[i]
}

func (p *Plan) applyColumn(cp ColumnPlan, c frame.Column, n *Counts) ([]frame.Column, error) {
	switch {
	case cp.Drop != "":
		return nil, nil
	case cp.OneHot != nil:
		return p.indicate(cp, c, n)
	case c.Kind == frame.Text:
		return []frame.Column{cp.fillText(c, n)}, nil
	default:
		return []frame.Column{cp.fillNumber(c, n)}, nil
	}
}

func (cp ColumnPlan) fillNumber(c frame.Column, n *Counts) frame.Column {
	out := frame.Column{Name: cp.Outputs[0], Kind: frame.Numeric, Numbers: make([]float64, c.Len()), Missing: make([]bool, c.Len())}
	for i := range c.Len() {
		v := c.Numbers[i]
		if !c.Usable(i) {
			v = cp.Number
			out.Missing[i] = cp.countHole(c.Infinite(i), n)
		}
		if cp.Scaler != nil {
			v = cp.Scaler.Apply(v)
		}
		out.Numbers[i] = v
	}
	return out
}

// countHole counts an unusable cell and reports whether it stays missing.
func (cp ColumnPlan) countHole(infinite bool, n *Counts) bool {
	if infinite {
		n.InfiniteCells++
	}
	if cp.fills() {
		n.ImputedCells++
		return false
	}
	n.LeftMissing++
	return true
}

func (cp ColumnPlan) fillText(c frame.Column, n *Counts) frame.Column {
	out := frame.Texts(cp.Outputs[0], make([]string, c.Len()), nil)
	for i := range c.Len() {
		out.Text[i] = c.Text[i]
		if c.Missing[i] {
			out.Text[i] = cp.Text
			out.Missing[i] = cp.countHole(false, n)
		}
	}
	return out
}

// indicate writes the indicator columns of a text column.
func (p *Plan) indicate(cp ColumnPlan, c frame.Column, n *Counts) ([]frame.Column, error) {
	out := make([]frame.Column, len(cp.Outputs))
	for k, name := range cp.Outputs {
		out[k] = frame.Numbers(name, make([]float64, c.Len()))
	}
	for i := range c.Len() {
		text, missing := c.Text[i], c.Missing[i]
		if missing && cp.fills() {
			text, missing = cp.Text, false
			n.ImputedCells++
		}
		k, known := cp.OneHot.Position(text, missing)
		if k >= 0 {
			out[k].Numbers[i] = 1
		}
		if !known {
			if err := p.unknown(cp, text, missing, i, n); err != nil {
				return nil, err
			}
		}
	}
	return out, nil
}

// unknown handles a cell for which no indicator exists.
func (p *Plan) unknown(cp ColumnPlan, text string, missing bool, row int, n *Counts) error {
	if missing {
		n.LeftMissing++
		return nil
	}
	if p.Unknown == "error" {
		return &UnknownError{Column: cp.Name, Value: strings.ToValidUTF8(text, "?"), Row: row}
	}
	if n.UnknownCategories == nil {
		n.UnknownCategories = map[string]int{}
	}
	n.UnknownCategories[cp.Name]++
	return nil
}
