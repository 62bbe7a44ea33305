// SPDX-License-Identifier: Apache-2.0

package table

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
)

// image is a batch in memory, to be spoilt.
type image struct {
	src  []byte
	rows int64
}

// set writes a uint64 at a place of an entry.
func (i *image) set(entry, at int, n uint64) {
	binary.LittleEndian.PutUint64(i.src[entryBytes*entry+at:], n)
}

func (i *image) get(entry, at int) uint64 {
	return binary.LittleEndian.Uint64(i.src[entryBytes*entry+at:])
}

// memory is the buffer that a place of an entry names.
func (i *image) memory(entry, at int) []byte { return i.src[i.get(entry, at):][:i.get(entry, at+8)] }

// Places in an entry.
const (
	atKind     = 0
	atRows     = 8
	atValidity = 16
	atValues   = 32
	atOffsets  = 48
)

func TestGetRefuses(t *testing.T) {
	// Entries: 0 int64, 1 utf8, 2 list, 3 its int32, 4 dictionary, 5 its texts, 6 fixed-size list, 7 its bools.
	schema := schemaOf(arrow.PrimitiveTypes.Int64, arrow.BinaryTypes.String, arrow.ListOf(arrow.PrimitiveTypes.Int32), dictionaryType,
		arrow.FixedSizeListOf(3, arrow.FixedWidthTypes.Boolean))
	m := newMaker(9)
	batch := m.batch(schema, 64)
	for batch.Column(0).NullN() == 0 || batch.Column(1).NullN() == 0 || batch.Column(3).NullN() == 64 {
		batch = m.batch(schema, 64)
	}
	l := layoutOf(t, schema)
	for name, spoil := range map[string]func(*image){
		"negative rows":        func(i *image) { i.rows = -1 },
		"fewer rows":           func(i *image) { i.rows = 63 },
		"many rows":            func(i *image) { i.rows = MaxRows + 1 },
		"no table":             func(i *image) { i.src = i.src[:entryBytes*8-1] },
		"truncated":            func(i *image) { i.src = i.src[:len(i.src)-1] },
		"odd address":          func(i *image) { i.src = append(slot(1 + len(i.src))[:1], i.src...)[1:] },
		"kind 0":               func(i *image) { i.src[0] = 0 },
		"kind 3":               func(i *image) { i.src[0] = 3 },
		"large kind":           func(i *image) { i.src[3] = 1 },
		"kind of a child":      func(i *image) { i.src[entryBytes*3] = 2 },
		"rows of an entry":     func(i *image) { i.set(0, atRows, 1<<32+64) },
		"offset outside":       func(i *image) { i.set(0, atValues, uint64(len(i.src))) },
		"offset overflows":     func(i *image) { i.set(0, atValues, math.MaxUint64-7) },
		"length overflows":     func(i *image) { i.set(0, atValues+8, math.MaxUint64) },
		"length negative":      func(i *image) { i.set(0, atValues+8, 1<<63) },
		"in the table":         func(i *image) { i.set(0, atValues, 0) },
		"not aligned":          func(i *image) { i.set(0, atValues, i.get(0, atValues)+1) },
		"offsets not aligned":  func(i *image) { i.set(1, atOffsets, i.get(1, atOffsets)+2) },
		"short values":         func(i *image) { i.set(0, atValues+8, 63*8) },
		"no values":            func(i *image) { i.set(0, atValues+8, 0) },
		"stray offsets":        func(i *image) { copy(i.src[atOffsets:atOffsets+16], i.src[atValidity:atValidity+16]) },
		"short bitmap":         func(i *image) { i.set(0, atValidity+8, 7) },
		"no offsets":           func(i *image) { i.set(1, atOffsets+8, 0) },
		"first offset":         func(i *image) { i.memory(1, atOffsets)[0] = 1 },
		"negative offset":      func(i *image) { i.memory(1, atOffsets)[43] = 0x80 },
		"falling offset":       func(i *image) { i.memory(1, atOffsets)[42] = 1 },
		"last offset":          func(i *image) { i.memory(1, atOffsets)[256]-- },
		"unused text":          func(i *image) { i.set(1, atValues+8, i.get(1, atValues+8)-1) },
		"not UTF-8":            func(i *image) { i.memory(1, atValues)[3] = 0xff },
		"list offset":          func(i *image) { i.memory(2, atOffsets)[256]++ },
		"list rises and falls": func(i *image) { i.memory(2, atOffsets)[129] = 7 },
		"values of a list":     func(i *image) { copy(i.src[entryBytes*2+atValues:][:16], i.src[atValues:][:16]) },
		"many values":          func(i *image) { i.set(3, atRows, 1<<40) },
		"fewer values":         func(i *image) { i.set(3, atRows, i.get(3, atRows)-1) },
		"negative key": func(i *image) {
			m := i.memory(4, atValues)
			binary.LittleEndian.PutUint32(m[validRow(batch.Column(3))*4:], math.MaxUint32)
		},
		"key outside": func(i *image) {
			binary.LittleEndian.PutUint32(i.memory(4, atValues)[validRow(batch.Column(3))*4:], uint32(i.get(5, atRows)))
		},
		"null in a dictionary": func(i *image) {
			copy(i.src[entryBytes*5+atValidity:][:16], i.src[entryBytes*7+atValues:][:16])
			clear(i.memory(7, atValues))
			i.set(5, atValidity+8, (i.get(5, atRows)+7)/8)
		},
		"text of a dictionary": func(i *image) { i.memory(5, atValues)[0] = 0xc0 },
		"fixed values":         func(i *image) { i.set(7, atRows, 191) },
		"validity of a child":  func(i *image) { i.set(7, atValidity, i.get(0, atValues)); i.set(7, atValidity+8, 3) },
		"overlapping buffers": func(i *image) {
			i.set(0, atValidity+8, uint64(len(i.src))-i.get(0, atValidity))
		},
	} {
		t.Run(name, func(t *testing.T) {
			i := &image{src: put(t, l, batch), rows: 64}
			spoil(i)
			if got, err := l.Get(i.src, i.rows, GetOptions{}); err == nil {
				t.Errorf("it is read as %.300v", got)
			}
		})
	}
}

func validRow(a arrow.Array) int {
	for i := range a.Len() {
		if a.IsValid(i) {
			return i
		}
	}
	return -1
}

// TestTrustedSkipsTextsOnly: what a trusted writer is believed is the content of
// texts, and nothing about where buffers lie.
func TestTrustedSkipsTextsOnly(t *testing.T) {
	batch := newMaker(11).batch(schemaOf(arrow.BinaryTypes.String, dictionaryType), 64)
	l := layoutOf(t, batch.Schema())
	for name, c := range map[string]struct {
		spoil    func(*image)
		accepted bool
	}{
		"not UTF-8":    {func(i *image) { i.memory(0, atValues)[3] = 0xff }, true},
		"last offset":  {func(i *image) { i.memory(0, atOffsets)[256]-- }, false},
		"first offset": {func(i *image) { i.memory(0, atOffsets)[0] = 1 }, false},
		"outside":      {func(i *image) { i.set(0, atValues, uint64(len(i.src))) }, false},
		"key outside": {func(i *image) {
			binary.LittleEndian.PutUint32(i.memory(1, atValues)[validRow(batch.Column(1))*4:], uint32(i.get(2, atRows)))
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			i := &image{src: put(t, l, batch), rows: 64}
			c.spoil(i)
			got, err := l.Get(i.src, i.rows, GetOptions{Trusted: true})
			if (err == nil) != c.accepted {
				t.Errorf("batch %.300v, error %v", got, err)
			}
			if _, err := l.Get(i.src, i.rows, GetOptions{}); err == nil {
				t.Error("without trust it is accepted, too")
			}
		})
	}
}

// TestGetBoundsWhatOverlaps: a little memory, named by many columns, must not
// become a large batch.
func TestGetBoundsWhatOverlaps(t *testing.T) {
	types := make([]arrow.DataType, 100)
	for i := range types {
		types[i] = arrow.PrimitiveTypes.Int64
	}
	l := layoutOf(t, schemaOf(types...))
	src := slot(l.HeaderBytes() + 8*1000)
	e := entry{kind: kindOwn, rows: 1000, values: span{uint64(l.HeaderBytes()), 8000}}
	for i := range types {
		e.write(src[entryBytes*i:])
	}
	if _, err := l.Get(src, 1000, GetOptions{}); err == nil || !strings.Contains(err.Error(), "with it, buffers of") {
		t.Errorf("error %v", err)
	}
}

// TestGetIsQuickToRefuse: the text that all columns share is looked at once, not
// once a column.
func TestGetIsQuickToRefuse(t *testing.T) {
	types := make([]arrow.DataType, 20_000)
	for i := range types {
		types[i] = arrow.BinaryTypes.String
	}
	l := layoutOf(t, schemaOf(types...))
	src := slot(l.HeaderBytes() + 8 + 4<<20)
	text := src[l.HeaderBytes()+8:]
	for i := range text {
		text[i] = 'x'
	}
	binary.LittleEndian.PutUint64(src[l.HeaderBytes():], uint64(len(text))<<32)
	at := uint64(l.HeaderBytes())
	e := entry{kind: kindOwn, rows: 1, values: span{at + 8, uint64(len(text))}, offsets: span{at, 8}}
	for i := range types {
		e.write(src[entryBytes*i:])
	}
	began := time.Now()
	if _, err := l.Get(src, 1, GetOptions{}); err == nil {
		t.Error("it is accepted")
	}
	if took := time.Since(began); took > time.Minute {
		t.Errorf("it takes %v", took)
	}
}
