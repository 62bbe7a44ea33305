// SPDX-License-Identifier: Apache-2.0

package table

import (
	"encoding/binary"
	"math"
)

// full says whether all rows bits of a bitmap from bit at < 8 on are set. Every bitmap
// of every batch is asked, so it looks at words, and stops at the first null.
func full(bitmap []byte, at, rows int) bool {
	last := len(bitmap) - 1
	before, after := byte(1)<<at-1, ^(byte(0xff) >> (-(at + rows) & 7))
	if last == 0 {
		return bitmap[0]|before|after == 0xff
	}
	return bitmap[0]|before == 0xff && allSet(bitmap[1:last]) && bitmap[last]|after == 0xff
}

func allSet(bytes []byte) bool {
	for ; len(bytes) >= 8; bytes = bytes[8:] {
		if binary.LittleEndian.Uint64(bytes) != math.MaxUint64 {
			return false
		}
	}
	for _, b := range bytes {
		if b != 0xff {
			return false
		}
	}
	return true
}
