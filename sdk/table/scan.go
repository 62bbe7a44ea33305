// SPDX-License-Identifier: Apache-2.0

package table

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"unicode/utf8"
)

// The loops in this file look at every byte that strangers send, so they gather
// what is wrong in a variable and branch once at the end.

// rising reports whether offsets never fall and are not negative.
func rising(offsets []byte) bool {
	var wrong int32
	last := int32(0)
	for len(offsets) >= 8 {
		pair := binary.LittleEndian.Uint64(offsets)
		a, b := int32(pair), int32(pair>>32)
		wrong |= (a - last) | a | (b - a) | b
		last = b
		offsets = offsets[8:]
	}
	if len(offsets) >= 4 {
		a := int32(binary.LittleEndian.Uint32(offsets))
		wrong |= (a - last) | a
	}
	return wrong >= 0
}

// below reports whether every uint32 is less than n.
func below(keys []byte, n uint32) bool {
	if n == 0 {
		return len(keys) == 0
	}
	var a, b uint32
	for len(keys) >= 16 {
		x, y := binary.LittleEndian.Uint64(keys), binary.LittleEndian.Uint64(keys[8:])
		a = max(a, uint32(x), uint32(x>>32))
		b = max(b, uint32(y), uint32(y>>32))
		keys = keys[16:]
	}
	most := max(a, b)
	for len(keys) >= 4 {
		most = max(most, binary.LittleEndian.Uint32(keys))
		keys = keys[4:]
	}
	return most < n
}

func zero(b []byte) bool {
	var all byte
	for _, x := range b {
		all |= x
	}
	return all == 0
}

const highBits = 0x8080808080808080

// ascii returns the number of bytes at the beginning, in steps of 8, that are
// ASCII.
func ascii(text []byte) int {
	n := 0
	for len(text) >= 32 {
		a, b := binary.LittleEndian.Uint64(text), binary.LittleEndian.Uint64(text[8:])
		c, d := binary.LittleEndian.Uint64(text[16:]), binary.LittleEndian.Uint64(text[24:])
		if (a|b|c|d)&highBits != 0 {
			break
		}
		n += 32
		text = text[32:]
	}
	for len(text) >= 8 && binary.LittleEndian.Uint64(text)&highBits == 0 {
		n += 8
		text = text[8:]
	}
	return n
}

// text insists that values are UTF-8 and that no offset cuts a character.
func (b *buffers) text() error {
	if err := b.ends(len(b.values)); err != nil || b.trusted {
		return err
	}
	n := ascii(b.values)
	for n < len(b.values) && b.values[n] < utf8.RuneSelf {
		n++
	}
	if n == len(b.values) {
		return nil
	}
	if !validText(b.values[n:]) {
		return errors.New("text that is not UTF-8")
	}
	if cuts(b.values, b.offsets) {
		return errors.New("an offset cuts a character")
	}
	return nil
}

// validText is utf8.Valid for text of which most is ASCII: that goes byte by
// byte after the first other character, this goes on in words.
func validText(text []byte) bool {
	for len(text) > 0 {
		if text[0] < utf8.RuneSelf {
			text = text[leading(text):]
			continue
		}
		n := character(text)
		if n == 0 {
			return false
		}
		text = text[n:]
	}
	return true
}

// leading returns the number of ASCII bytes that text, whose first byte is one,
// begins with, of the first 8, or of all when the first 8 are.
func leading(text []byte) int {
	if len(text) < 8 {
		return 1
	}
	high := binary.LittleEndian.Uint64(text) & highBits
	if high == 0 {
		return ascii(text)
	}
	return bits.TrailingZeros64(high) / 8
}

// character returns the length of the character of several bytes that text
// begins with, 0 when it is none. The limits are those of table 3-7 of the
// Unicode standard.
func character(text []byte) int {
	first := text[0]
	switch {
	case first >= 0xc2 && first <= 0xdf:
		if len(text) >= 2 && follows(text[1]) {
			return 2
		}
	case first >= 0xe0 && first <= 0xef:
		if len(text) >= 3 && follows(text[1]) && follows(text[2]) && (first != 0xe0 || text[1] >= 0xa0) && (first != 0xed || text[1] <= 0x9f) {
			return 3
		}
	case first >= 0xf0 && first <= 0xf4:
		if len(text) >= 4 && follows(text[1]) && follows(text[2]) && follows(text[3]) && (first != 0xf0 || text[1] >= 0x90) && (first != 0xf4 || text[1] <= 0x8f) {
			return 4
		}
	}
	return 0
}

// follows reports whether b continues a character.
func follows(b byte) bool { return b&0xc0 == 0x80 }

// cuts reports whether an offset, all of which lie in text, points into the
// middle of a character.
func cuts(text, offsets []byte) bool {
	cut := false
	for len(offsets) >= 4 {
		at := int(binary.LittleEndian.Uint32(offsets))
		if at < len(text) && follows(text[at]) {
			cut = true
		}
		offsets = offsets[4:]
	}
	return cut
}
