// SPDX-License-Identifier: Apache-2.0

package table

import (
	"bytes"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/bitutil"
)

// TestFull: the answer is that of counting, wherever the one null lies, and bits
// before the first and behind the last row do not matter.
func TestFull(t *testing.T) {
	for at := range 8 {
		for rows := 1; rows < 150; rows++ {
			n := (at + rows + 7) / 8
			outside := make([]byte, n)
			bitutil.SetBitsTo(outside, int64(at), int64(rows), true)
			if !full(outside, at, rows) || !full(bytes.Repeat([]byte{0xff}, n), at, rows) {
				t.Fatalf("%d rows from bit %d have no null", rows, at)
			}
			for null := range rows {
				bitmap := bytes.Repeat([]byte{0xff}, n)
				bitutil.ClearBit(bitmap, at+null)
				if full(bitmap, at, rows) {
					t.Fatalf("row %d of %d from bit %d is null", null, rows, at)
				}
			}
		}
	}
}
