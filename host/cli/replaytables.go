// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Bounds on what is told of a table.
const (
	maxClassPairs = 1000 // different pairs of values that are counted in a column
	maxShownPairs = 5
)

// tableChange says how the table of a node differs between two versions.
type tableChange struct {
	Node    string `json:"node"`
	OldRows int64  `json:"old_rows"`
	NewRows int64  `json:"new_rows"`
	// Differing rows, of those that both have: the first of one belongs to the first
	// of the other.
	Differing int64          `json:"differing_rows"`
	Columns   []columnChange `json:"columns"` // that differ
	// Gone and Added are columns that only one of them has.
	Gone  []string `json:"gone,omitempty"`
	Added []string `json:"added,omitempty"`
}

// columnChange says how a column differs.
type columnChange struct {
	Name string `json:"name"`
	Rows int64  `json:"rows"` // that differ
	// Of pairs of finite numbers: the largest difference, and the largest relative to
	// the larger of both values; absent where there are none.
	MaxAbsolute *float64 `json:"max_absolute,omitempty"`
	MaxRelative *float64 `json:"max_relative,omitempty"`
	// Classes are the most frequent changes of other values, also to and from a
	// missing one, NaN and infinity.
	Classes []classChange `json:"classes,omitempty"`
}

// classChange is one value that became another.
type classChange struct {
	Old  string `json:"old"`
	New  string `json:"new"`
	Rows int64  `json:"rows"`
}

// savedTable reads a table that a run saved, row by row.
type savedTable struct {
	file    *os.File
	columns []string
	next    func() ([]string, error)
	held    []string // a row that was read for its columns
}

// openSaved opens the table of a node in a directory; fs.ErrNotExist without one.
func openSaved(dir, node string) (*savedTable, error) {
	if f, err := os.Open(filepath.Join(dir, node+".csv")); err == nil {
		t := &savedTable{file: f}
		r := csv.NewReader(f)
		r.ReuseRecord = true
		t.next = r.Read
		columns, err := r.Read()
		t.columns = slices.Clone(columns)
		return t, t.begun(err)
	}
	f, err := os.Open(filepath.Join(dir, node+".jsonl"))
	if err != nil {
		return nil, err
	}
	t := &savedTable{file: f}
	t.lines(json.NewDecoder(f))
	t.held, err = t.next()
	return t, t.begun(err)
}

func (t *savedTable) begun(err error) error {
	if err == nil || errors.Is(err, io.EOF) {
		return nil
	}
	return errors.Join(err, t.file.Close())
}

// lines reads objects; the first one names the columns.
func (t *savedTable) lines(d *json.Decoder) {
	t.next = func() ([]string, error) {
		var object map[string]json.RawMessage
		if err := d.Decode(&object); err != nil {
			return nil, err
		}
		if t.columns == nil {
			t.columns = slices.Sorted(maps.Keys(object))
		}
		row := make([]string, len(t.columns))
		for i, name := range t.columns {
			row[i] = string(object[name])
		}
		return row, nil
	}
}

// row is the next row; io.EOF at the end.
func (t *savedTable) row() ([]string, error) {
	if t.held != nil {
		row := t.held
		t.held = nil
		return row, nil
	}
	return t.next()
}

// rest counts the rows that are left.
func (t *savedTable) rest() (n int64, err error) {
	for {
		if _, err := t.row(); errors.Is(err, io.EOF) {
			return n, nil
		} else if err != nil {
			return n, err
		}
		n++
	}
}

// compareTables compares what two runs saved of a node.
func compareTables(node, before, after string) (tableChange, error) {
	old, err := openSaved(before, node)
	if err != nil {
		return tableChange{}, err
	}
	defer old.file.Close()
	now, err := openSaved(after, node)
	if err != nil {
		return tableChange{}, err
	}
	defer now.file.Close()
	c := newTableComparison(node, old.columns, now.columns)
	if err := c.rows(old, now); err != nil {
		return c.change, err
	}
	return c.finish(), nil
}

// tableComparison is under way.
type tableComparison struct {
	change  tableChange
	columns []*columnComparison
}

type columnComparison struct {
	columnChange
	old, new int // indices
	pairs    map[classChange]int64
}

func newTableComparison(node string, old, now []string) *tableComparison {
	c := &tableComparison{change: tableChange{Node: node, Columns: []columnChange{}}}
	for i, name := range old {
		j := slices.Index(now, name)
		if j < 0 {
			c.change.Gone = append(c.change.Gone, name)
			continue
		}
		c.columns = append(c.columns, &columnComparison{columnChange: columnChange{Name: name}, old: i, new: j, pairs: map[classChange]int64{}})
	}
	for _, name := range now {
		if !slices.Contains(old, name) {
			c.change.Added = append(c.change.Added, name)
		}
	}
	return c
}

// rows walks over both tables at once.
func (c *tableComparison) rows(old, now *savedTable) error {
	for {
		a, err := old.row()
		if errors.Is(err, io.EOF) {
			n, err := now.rest()
			c.change.NewRows += n
			return err
		}
		if err != nil {
			return err
		}
		c.change.OldRows++
		b, err := now.row()
		if errors.Is(err, io.EOF) {
			n, err := old.rest()
			c.change.OldRows += n
			return err
		}
		if err != nil {
			return err
		}
		c.change.NewRows++
		if c.row(a, b) {
			c.change.Differing++
		}
	}
}

func (c *tableComparison) row(a, b []string) (differs bool) {
	for _, col := range c.columns {
		if x, y := a[col.old], b[col.new]; x != y {
			col.add(x, y)
			differs = true
		}
	}
	return differs
}

// add takes two values that differ.
func (c *columnComparison) add(old, now string) {
	c.Rows++
	x, isX := finite(old)
	y, isY := finite(now)
	if isX && isY {
		c.MaxAbsolute = largest(c.MaxAbsolute, math.Abs(x-y))
		c.MaxRelative = largest(c.MaxRelative, math.Abs(x-y)/max(math.Abs(x), math.Abs(y)))
		return
	}
	if pair := (classChange{Old: short(old), New: short(now)}); len(c.pairs) < maxClassPairs || c.pairs[pair] > 0 {
		c.pairs[pair]++
	}
}

func finite(text string) (float64, bool) {
	x, err := strconv.ParseFloat(text, 64)
	return x, err == nil && !math.IsNaN(x) && !math.IsInf(x, 0)
}

// short is the beginning of a value that is shown.
func short(text string) string {
	const most = 60
	if r := []rune(text); len(r) > most {
		return string(r[:most]) + "..."
	}
	return text
}

// largest keeps the largest number that JSON can say.
func largest(so *float64, x float64) *float64 {
	switch {
	case math.IsNaN(x):
		return so
	case math.IsInf(x, 0):
		x = math.MaxFloat64
	}
	if so == nil || x > *so {
		return &x
	}
	return so
}

// finish keeps the columns that differ.
func (c *tableComparison) finish() tableChange {
	for _, col := range c.columns {
		if col.Rows == 0 {
			continue
		}
		col.Classes = mostFrequent(col.pairs)
		c.change.Columns = append(c.change.Columns, col.columnChange)
	}
	return c.change
}

func mostFrequent(pairs map[classChange]int64) (out []classChange) {
	for pair, n := range pairs {
		pair.Rows = n
		out = append(out, pair)
	}
	slices.SortFunc(out, func(a, b classChange) int {
		return cmp.Or(cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Old, b.Old), cmp.Compare(a.New, b.New))
	})
	return out[:min(len(out), maxShownPairs)]
}
