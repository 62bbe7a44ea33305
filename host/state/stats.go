// SPDX-License-Identifier: Apache-2.0

package state

import (
	"cmp"
	"encoding/json"
	"math"
	"strconv"

	container "github.com/bulkhead-ml/bulkhead/sdk/state"
)

// maxValue bounds the JSON that a description repeats, in bytes.
const maxValue = 1 << 10

// statsOf sums up an array of a decoded state.
func statsOf(s *container.State, a container.Array) ArrayStats {
	out := ArrayStats{Name: a.Name, DType: a.DType, Shape: append([]int{}, a.Shape...), Elements: a.Len, Bytes: a.Bytes()}
	valid, _ := s.Valid(a.Name) // the array is there
	for _, there := range valid {
		if !there {
			out.Nulls++
		}
	}
	// Every array is read by its own type, so there is no error to come.
	switch a.DType {
	case container.Float64:
		v, _ := s.Floats(a.Name)
		summed(&out, v, valid, float64Number)
	case container.Float32:
		v, _ := s.Floats32(a.Name)
		summed(&out, v, valid, float32Number)
	case container.Int64:
		v, _ := s.Ints(a.Name)
		summed(&out, v, valid, intNumber)
	case container.Int32:
		v, _ := s.Ints32(a.Name)
		summed(&out, v, valid, func(v int32) json.Number { return intNumber(int64(v)) })
	case container.Uint64:
		v, _ := s.Uints(a.Name)
		summed(&out, v, valid, uintNumber)
	case container.Uint8:
		v, _ := s.Blob(a.Name)
		summed(&out, v, valid, func(v byte) json.Number { return uintNumber(uint64(v)) })
	case container.Bool:
		v, _ := s.Bools(a.Name)
		summed(&out, bits(v), valid, func(v byte) json.Number { return uintNumber(uint64(v)) })
	case container.UTF8:
		v, _ := s.Strings(a.Name)
		summed(&out, lengths(v), valid, intNumber)
	case container.JSON:
		if raw, err := s.RawJSON(a.Name); err == nil && len(raw) <= maxValue {
			out.Value = raw
		}
	}
	return out
}

type number interface {
	float64 | float32 | int64 | int32 | uint64 | byte
}

// summed fills in the extremes, the mean and the count of what is not finite.
func summed[T number](out *ArrayStats, values []T, valid []bool, text func(T) json.Number) {
	var lowest, highest T
	mean, n := 0.0, 0
	for i, v := range values {
		if valid != nil && !valid[i] {
			continue
		}
		if f := float64(v); math.IsNaN(f) || math.IsInf(f, 0) {
			out.NonFinite++
			continue
		}
		if n++; n == 1 {
			lowest, highest = v, v
		}
		lowest, highest = min(lowest, v), max(highest, v)
		// In this form no sum overflows that a mean does not.
		mean += float64(v)/float64(n) - mean/float64(n)
	}
	if n > 0 {
		out.Min, out.Max, out.Mean = text(lowest), text(highest), float64Number(mean)
	}
}

func float64Number(v float64) json.Number {
	return json.Number(strconv.FormatFloat(v, 'g', -1, 64))
}

func float32Number(v float32) json.Number {
	return json.Number(strconv.FormatFloat(float64(v), 'g', -1, 32))
}

func intNumber(v int64) json.Number { return json.Number(strconv.FormatInt(v, 10)) }

func uintNumber(v uint64) json.Number { return json.Number(strconv.FormatUint(v, 10)) }

func bits(values []bool) []byte {
	out := make([]byte, len(values))
	for i, v := range values {
		if v {
			out[i] = 1
		}
	}
	return out
}

func lengths(texts []string) []int64 {
	out := make([]int64, len(texts))
	for i, s := range texts {
		out[i] = int64(len(s))
	}
	return out
}

// distance is |a-b| of types that hold it.
func distance[T number](a, b T) T {
	if cmp.Less(a, b) {
		return b - a
	}
	return a - b
}

// gap is |a-b|, which int64 does not always hold.
func gap(a, b int64) uint64 { return uint64(max(a, b)) - uint64(min(a, b)) }
