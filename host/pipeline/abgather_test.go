// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"math/rand/v2"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// TestGather copies rows of every type out of a slice, and what it makes is good
// for the wire.
func TestGather(t *testing.T) {
	numbers := make([]int64, 100)
	for i := range numbers {
		numbers[i] = int64(i)
	}
	whole := wireRows(t, numbers)
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 2))
		from := r.Int64N(60)
		part := whole.NewSlice(from, from+1+r.Int64N(40))
		var places, want []int64
		for at := range part.NumRows() {
			if r.IntN(3) == 0 {
				places, want = append(places, at), append(want, from+at)
			}
		}
		got, err := gatherRows(part, places)
		if err != nil {
			t.Fatal(err)
		}
		if rows := wireRows(t, want); !sameRows(rows, got) {
			t.Errorf("seed %d: rows %v are\n%v\nwant\n%v", seed, want, got, rows)
		}
		wire, err := table.Encode(got)
		if err != nil {
			t.Fatalf("seed %d: %v", seed, err)
		}
		back, err := table.Decode(wire)
		if err != nil || !sameRows(back, got) {
			t.Errorf("seed %d: %v over the wire, error %v", seed, back, err)
		}
	}
}
