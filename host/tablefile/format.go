// SPDX-License-Identifier: Apache-2.0

package tablefile

import (
	"crypto/sha256"
	"encoding/binary"
	"hash/crc32"
)

// Sizes of the parts of a file, in bytes.
const (
	headerSize  = 64
	trailerSize = 128
	entrySize   = 16
	// align is what the schema and every batch are padded to.
	align = 64
	// maxSchema bounds the schema message.
	maxSchema = 16 << 20

	formatVersion = 1
)

// The first byte is no ASCII and the line ends show a transfer as text.
const (
	headerMagic  = "\x89BHT\r\n\x1a\n"
	trailerMagic = "\x89BHE\r\n\x1a\n"
)

var (
	castagnoli = crc32.MakeTable(crc32.Castagnoli)
	le         = binary.LittleEndian
)

func checksum(data []byte) uint32 { return crc32.Checksum(data, castagnoli) }

// padded rounds a length up to the alignment.
func padded(n int64) int64 { return (n + align - 1) &^ (align - 1) }

// header is what a file begins with.
type header struct {
	schemaLength uint32
	schemaSum    uint32 // of the padded schema
}

func (h header) encode() []byte {
	out := make([]byte, headerSize)
	copy(out, headerMagic)
	le.PutUint32(out[8:], formatVersion)
	le.PutUint32(out[12:], h.schemaLength)
	le.PutUint32(out[16:], h.schemaSum)
	le.PutUint32(out[60:], checksum(out[:60]))
	return out
}

// sum is the header's own checksum.
func (h header) sum() uint32 { return le.Uint32(h.encode()[60:]) }

// decodeHeader reads headerSize bytes.
func decodeHeader(data []byte) (header, error) {
	switch version := le.Uint32(data[8:]); {
	case string(data[:8]) != headerMagic:
		return header{}, wrong("it begins with %q, which is no table file", data[:8])
	case le.Uint32(data[60:]) != checksum(data[:60]):
		return header{}, wrong("its checksum is %08x, and it says %08x", checksum(data[:60]), le.Uint32(data[60:]))
	case version != formatVersion:
		return header{}, wrong("it has version %d; this program reads version %d", version, formatVersion)
	case !zero(data[20:60]):
		return header{}, wrong("reserved bytes are not zero")
	}
	return header{schemaLength: le.Uint32(data[12:]), schemaSum: le.Uint32(data[16:])}, nil
}

// entry describes one batch in the index.
type entry struct {
	length uint32 // in bytes, without padding
	rows   uint32
	sum    uint32 // of the padded batch
}

func (e entry) put(dst []byte) {
	le.PutUint32(dst, e.length)
	le.PutUint32(dst[4:], e.rows)
	le.PutUint32(dst[8:], e.sum)
	le.PutUint32(dst[12:], 0)
}

func decodeEntry(data []byte) (entry, error) {
	if !zero(data[12:entrySize]) {
		return entry{}, wrong("reserved bytes of an entry are not zero")
	}
	return entry{length: le.Uint32(data), rows: le.Uint32(data[4:]), sum: le.Uint32(data[8:])}, nil
}

// trailer is what a file ends with.
type trailer struct {
	batches, rows, index, size uint64
	indexSum, headerSum        uint32
	digest                     [sha256.Size]byte
}

func (t trailer) encode() []byte {
	out := make([]byte, trailerSize)
	copy(out, trailerMagic)
	for i, v := range []uint64{t.batches, t.rows, t.index, t.size} {
		le.PutUint64(out[8+8*i:], v)
	}
	le.PutUint32(out[40:], t.indexSum)
	le.PutUint32(out[44:], t.headerSum)
	copy(out[48:], t.digest[:])
	le.PutUint32(out[124:], checksum(out[:124]))
	return out
}

// decodeTrailer reads trailerSize bytes, the last of a file of that size.
func decodeTrailer(data []byte, size int64) (trailer, error) {
	t := trailer{
		batches: le.Uint64(data[8:]), rows: le.Uint64(data[16:]), index: le.Uint64(data[24:]), size: le.Uint64(data[32:]),
		indexSum: le.Uint32(data[40:]), headerSum: le.Uint32(data[44:]), digest: [sha256.Size]byte(data[48:80]),
	}
	switch {
	case string(data[:8]) != trailerMagic:
		return trailer{}, wrong("there is none: the file was not finished or is cut short")
	case le.Uint32(data[124:]) != checksum(data[:124]):
		return trailer{}, wrong("its checksum is %08x, and it says %08x", checksum(data[:124]), le.Uint32(data[124:]))
	case !zero(data[80:124]):
		return trailer{}, wrong("reserved bytes are not zero")
	case t.size != uint64(size):
		return trailer{}, wrong("it says that the file has %d bytes, and it has %d", t.size, size)
	}
	return t, t.checkIndex()
}

// checkIndex insists that the index fills what is left before the trailer. The
// size is known to be that of the file.
func (t trailer) checkIndex() error {
	end := t.size - trailerSize
	if t.index < headerSize || t.index > end || t.index%align != 0 ||
		(end-t.index)%entrySize != 0 || (end-t.index)/entrySize != t.batches {
		return wrong("an index of %d batches at byte %d does not fit in a file of %d", t.batches, t.index, t.size)
	}
	return nil
}

// zero reports whether all bytes are 0.
func zero(data []byte) bool {
	for _, b := range data {
		if b != 0 {
			return false
		}
	}
	return true
}
