// SPDX-License-Identifier: Apache-2.0

package tablefile

// nodeEntrySize is the size of an entry in the table of buffers that a batch
// begins with; see package table.
const nodeEntrySize = 64

// node is the memory of a column, or of the values of one, in a batch that Put
// made.
type node struct{ validity, values, offsets []byte }

// nodeAt reads the entry at a byte of a batch.
func nodeAt(batch []byte, at int) node {
	buffer := func(i int) []byte {
		start, length := le.Uint64(batch[at+i:]), le.Uint64(batch[at+i+8:])
		return batch[start : start+length]
	}
	return node{validity: buffer(16), values: buffer(32), offsets: buffer(48)}
}

// valid reports whether a row is not null.
func (b node) valid(row int) bool { return len(b.validity) == 0 || bit(b.validity, row) }

// span is where the values of a row begin and end.
func (b node) span(row int) (start, end int) {
	return int(le.Uint32(b.offsets[4*row:])), int(le.Uint32(b.offsets[4*row+4:]))
}

func bit(bitmap []byte, i int) bool { return bitmap[i/8]>>(i%8)&1 == 1 }

// clearGaps zeroes what alignment leaves behind each buffer of a batch: there it
// holds bytes of another table.
func clearGaps(batch []byte, table int) {
	for at := 0; at < table; at += nodeEntrySize {
		for i := at + 16; i < at+nodeEntrySize; i += 16 {
			if length := le.Uint64(batch[i+8:]); length > 0 {
				end := int64(le.Uint64(batch[i:]) + length)
				clear(batch[end:padded(end)])
			}
		}
	}
}
