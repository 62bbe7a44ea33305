// SPDX-License-Identifier: Apache-2.0

package table

import (
	"encoding/binary"
	"math"
	"math/rand/v2"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// nasty are numbers that arithmetic on lengths goes wrong with.
var nasty = []uint64{0, 1, 2, 3, 4, 7, 8, 63, 64, 65, 127, 128, 255, 1 << 15, MaxRows, MaxRows + 1, MaxBytes, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32,
	1<<61 + 1, 1<<62 - 1, math.MaxInt64, 1 << 63, math.MaxUint64 - 63, math.MaxUint64}

// seedBatch is a batch that mutations begin with.
type seedBatch struct {
	layout *Layout
	batch  arrow.RecordBatch
	src    []byte
	wire   *pluginv1.Batch
}

// seeds are batches of every type, small ones, since what is accepted is read
// whole.
func seeds(t testing.TB) []seedBatch {
	m := newMaker(11)
	var out []seedBatch
	add := func(schema *arrow.Schema, rows int) {
		batch := m.batch(schema, rows)
		wire, err := EncodeRows(batch)
		if err != nil {
			t.Fatal(err)
		}
		l := layoutOf(t, schema)
		out = append(out, seedBatch{l, batch, put(t, l, batch), proto.CloneOf(wire)})
	}
	for _, typ := range allTypes() {
		add(schemaOf(typ), 1+m.IntN(9))
	}
	for range 60 {
		add(m.schema(), m.IntN(9))
	}
	return out
}

// attacker mutates batches.
type attacker struct {
	*rand.Rand
	seeds   []seedBatch
	scratch []byte
}

// number is one that a length, an offset or a key might be.
func (a *attacker) number(size int) uint64 {
	switch a.IntN(4) {
	case 0:
		return nasty[a.IntN(len(nasty))]
	case 1:
		return uint64(size + a.IntN(17) - 8)
	}
	return a.Uint64N(uint64(min(max(size, 0), 1<<40)) + 1)
}

// memory returns a layout with spoilt memory and a number of rows.
func (a *attacker) memory() (seedBatch, []byte, int64) {
	s := a.seeds[a.IntN(len(a.seeds))]
	if cap(a.scratch) < 2*len(s.src) {
		a.scratch = slot(4 * len(s.src))
	}
	src := a.scratch[:len(s.src)]
	copy(src, s.src)
	rows := s.batch.NumRows()
	for range 1 + a.IntN(3) {
		src, rows = a.mutate(s, src, rows)
	}
	return s, src, rows
}

func (a *attacker) mutate(s seedBatch, src []byte, rows int64) ([]byte, int64) {
	header := min(s.layout.HeaderBytes(), len(src))
	if header < entryBytes {
		return src, int64(a.number(int(rows)))
	}
	switch a.IntN(10) {
	case 0:
		src[a.IntN(len(src))] ^= 1 << a.IntN(8)
	case 1:
		src[a.IntN(len(src))] = byte(a.Uint32())
	case 2, 3: // a field of the table
		binary.LittleEndian.PutUint64(src[8*a.IntN(header/8):], a.number(len(src)))
	case 4: // an offset or a key
		if at := header + 4*a.IntN(1+(len(src)-header)/4); at+4 <= len(src) {
			binary.LittleEndian.PutUint32(src[at:], uint32(a.number(16)))
		}
	case 5:
		src = src[:a.IntN(len(src)+1)]
	case 6: // one entry, or one half of it, for another
		copy(src[32*a.IntN(header/32):header], src[32*a.IntN(header/32):][:32])
	case 7: // the table of another batch
		other := a.seeds[a.IntN(len(a.seeds))]
		copy(src[:header], other.src)
	case 8: // bytes of another batch
		other := a.seeds[a.IntN(len(a.seeds))].src
		if len(other) > 0 {
			copy(src[a.IntN(len(src)):], other[a.IntN(len(other)):])
		}
	case 9:
		rows = int64(a.number(int(rows)))
	}
	return src, rows
}

// message returns a schema with a spoilt message.
func (a *attacker) message() (*arrow.Schema, *pluginv1.Batch) {
	s := a.seeds[a.IntN(len(a.seeds))]
	p := proto.CloneOf(s.wire)
	for range 1 + a.IntN(3) {
		a.spoil(p)
	}
	return s.batch.Schema(), p
}

func (a *attacker) spoil(p *pluginv1.Batch) {
	if len(p.Columns) == 0 || a.IntN(20) == 0 {
		p.Rows = int64(a.number(int(p.Rows)))
		return
	}
	i := a.IntN(len(p.Columns))
	c := p.Columns[i]
	if c.Child != nil && a.IntN(2) == 0 {
		c = c.Child
	}
	switch a.IntN(8) {
	case 0:
		p.Columns[i] = p.Columns[a.IntN(len(p.Columns))]
	case 1:
		p.Columns = p.Columns[:i]
	case 2:
		c.ChildRows = int64(a.number(int(c.ChildRows)))
	case 3:
		other := a.seeds[a.IntN(len(a.seeds))].wire.Columns
		if len(other) > 0 {
			p.Columns[i] = proto.CloneOf(other[a.IntN(len(other))])
		}
	case 4:
		c.Child, c.ChildRows = &pluginv1.ColumnBuffers{Child: c.Child}, 1
	default:
		a.bytes([]*[]byte{&c.Validity, &c.Values, &c.Offsets}[a.IntN(3)])
	}
}

func (a *attacker) bytes(b *[]byte) {
	if len(*b) == 0 {
		*b = make([]byte, a.IntN(9))
		return
	}
	switch at := a.IntN(len(*b)); a.IntN(5) {
	case 0:
		*b = (*b)[:at]
	case 1:
		*b = append(*b, byte(a.Uint32()))
	case 2:
		(*b)[at] = byte(a.Uint32())
	case 3:
		(*b)[at] ^= 1 << a.IntN(8)
	default:
		if at &^= 3; at+4 <= len(*b) {
			binary.LittleEndian.PutUint32((*b)[at:], uint32(a.number(16)))
		}
	}
}
