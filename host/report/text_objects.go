// SPDX-License-Identifier: Apache-2.0

package report

import (
	"cmp"
	"slices"
	"strings"
)

// leading are the columns that come first in a table of objects, and trailing
// those that come last; the rest is alphabetical in between.
var (
	leading  = []string{"rank", "name", "status", "score", "score_mean", "score_sd", "mean", "sd"}
	trailing = []string{"fit_seconds", "predict_seconds", "notes"}
)

// maxColumns bounds the columns of a terse table.
const maxColumns = 8

// keepColumns are never left out for want of width.
const keepColumns = 3

// objectTable writes a list of objects as a table, and below it the reasons
// that its rows give. The columns are the keys with a value that has no parts.
func (p *page) objectTable(indent int, items []object) {
	keys := p.keysOf(items)
	if len(keys) == 0 {
		p.line(indent, plural(len(items), "item"))
		return
	}
	t := table{keep: keepColumns}
	for _, key := range keys {
		t.heads = append(t.heads, p.clean(heading(key)))
		t.right = append(t.right, numeric(items, key))
	}
	for _, item := range items {
		row := make([]string, len(keys))
		for i, key := range keys {
			row[i] = cell(item, key)
		}
		t.add(row...)
	}
	p.table(indent, t)
	for _, item := range items {
		if reason := short(item["reason"]); item["reason"] != nil && reason != "" {
			p.hanging(indent, cut(p.clean(short(item["name"])), p.width/3)+": ", reason)
		}
	}
}

// cell is the text of one value; a rank of 0 means that there is none.
func cell(item object, key string) string {
	v, ok := item[key]
	if !ok {
		return ""
	}
	if f, isNumber := float(v); key == "rank" && isNumber && f == 0 {
		return "-"
	}
	return short(v)
}

func (p *page) keysOf(items []object) []string {
	var keys []string
	for _, item := range items {
		for key, v := range item {
			if key != "reason" && !slices.Contains(keys, key) && v != nil && isScalar(v) {
				keys = append(keys, key)
			}
		}
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(position(a)-position(b), strings.Compare(a, b))
	})
	if !p.opt.Verbose && len(keys) > maxColumns {
		keys = keys[:maxColumns]
	}
	return keys
}

// position orders the columns.
func position(key string) int {
	if i := slices.Index(leading, key); i >= 0 {
		return i
	}
	if i := slices.Index(trailing, key); i >= 0 {
		return len(leading) + 1 + i
	}
	return len(leading)
}

// heading shortens the well-known names of columns.
func heading(key string) string {
	switch key {
	case "score_mean":
		return "score"
	case "score_sd":
		return "sd"
	case "fit_seconds":
		return "fit s"
	case "predict_seconds":
		return "predict s"
	}
	return label(key)
}

// numeric reports whether every value under key is a number or missing.
func numeric(items []object, key string) bool {
	for _, item := range items {
		v, ok := item[key]
		if !ok || v == nil {
			continue
		}
		if _, ok := float(v); !ok {
			return false
		}
	}
	return true
}
