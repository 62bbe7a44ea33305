// SPDX-License-Identifier: Apache-2.0

package state

import (
	"encoding/json"
	"math"
	"slices"

	"github.com/bulkhead-ml/bulkhead/host/state/leaves"
	container "github.com/bulkhead-ml/bulkhead/sdk/state"
)

// changeOf compares the arrays x of a and y of b, which differ.
func changeOf(a, b *container.State, x, y container.Array) ArrayChange {
	out := ArrayChange{Name: x.Name, A: statsOf(a, x), B: statsOf(b, y)}
	if x.DType != y.DType || !slices.Equal(x.Shape, y.Shape) {
		return out
	}
	p := pair{name: x.Name}
	p.validA, _ = a.Valid(x.Name) // the array is there
	p.validB, _ = b.Valid(x.Name)
	p.compare(&out, a, b, x.DType)
	return out
}

// pair is an array of two states, of one type and shape.
type pair struct {
	name           string
	validA, validB []bool
}

// compare reads the arrays by their own type, so there is no error to come.
func (p pair) compare(out *ArrayChange, a, b *container.State, d container.DType) {
	switch d {
	case container.Float64:
		numbers(p, out, values(p, a.Floats), values(p, b.Floats), func(a, b float64) bool { return math.Float64bits(a) == math.Float64bits(b) }, distance, float64Number)
	case container.Float32:
		numbers(p, out, values(p, a.Floats32), values(p, b.Floats32), func(a, b float32) bool { return math.Float32bits(a) == math.Float32bits(b) }, distance, float32Number)
	case container.Int64:
		numbers(p, out, values(p, a.Ints), values(p, b.Ints), equal, gap, uintNumber)
	case container.Int32:
		numbers(p, out, values(p, a.Ints32), values(p, b.Ints32), equal, func(a, b int32) uint64 { return gap(int64(a), int64(b)) }, uintNumber)
	case container.Uint64:
		numbers(p, out, values(p, a.Uints), values(p, b.Uints), equal, distance, uintNumber)
	case container.Uint8:
		numbers(p, out, values(p, a.Blob), values(p, b.Blob), equal, func(a, b byte) uint64 { return uint64(distance(a, b)) }, uintNumber)
	case container.Bool:
		p.others(out, len(values(p, a.Bools)), differ(values(p, a.Bools), values(p, b.Bools)))
	case container.UTF8:
		p.others(out, len(values(p, a.Strings)), differ(values(p, a.Strings), values(p, b.Strings)))
	case container.JSON:
		before, _ := a.RawJSON(p.name)
		after, _ := b.RawJSON(p.name)
		changes := leaves.Diff(before, after)
		out.Elements, out.Values = len(changes), fields(changes)
	}
}

func values[T any](p pair, get func(string, ...int) ([]T, error)) []T {
	out, _ := get(p.name)
	return out
}

func equal[T comparable](a, b T) bool { return a == b }

func differ[T comparable](a, b []T) func(int) bool {
	return func(i int) bool { return a[i] != b[i] }
}

// missing reports whether element i is missing in one array or both.
func (p pair) missing(i int) (one, both bool) {
	a, b := p.validA != nil && !p.validA[i], p.validB != nil && !p.validB[i]
	return a || b, a && b
}

// count notes an element that differs.
func (c *ArrayChange) count(i int) {
	if c.Elements++; c.Elements == 1 {
		c.First = i
	}
}

// others compares elements that are no numbers.
func (p pair) others(out *ArrayChange, n int, differs func(int) bool) {
	for i := range n {
		one, both := p.missing(i)
		if both || !one && !differs(i) {
			continue
		}
		out.count(i)
		if one {
			out.NonFinite++
		}
	}
}

// numbers compares numbers, and finds the largest gap between two.
func numbers[T, G number](p pair, out *ArrayChange, a, b []T, same func(a, b T) bool, gap func(a, b T) G, text func(G) json.Number) {
	var largest G
	for i := range a {
		one, both := p.missing(i)
		if both || !one && same(a[i], b[i]) {
			continue
		}
		out.count(i)
		apart := gap(a[i], b[i])
		if f := float64(apart); one || math.IsNaN(f) || math.IsInf(f, 0) {
			out.NonFinite++
			continue
		}
		if out.MaxAbs == "" || apart > largest {
			largest, out.At, out.MaxAbs = apart, i, text(apart)
		}
	}
}
