// SPDX-License-Identifier: Apache-2.0

package table

import (
	"errors"
	"fmt"
	"unsafe"

	"github.com/apache/arrow-go/v18/arrow"
)

// PutOptions are what the writer of a batch knows about it.
type PutOptions struct {
	// Same tells that column col holds, row by row, what the column from of the
	// input does, which the reader has: then it is named and not written.
	Same func(col int, a arrow.Array) (from int, ok bool)
	// Free is the first byte of the memory that nothing lives in; what lies
	// before it, and what the arrays of the batch use, is left as it is. 0 means
	// that nothing but the batch may live in the memory.
	Free int
}

// Put writes a batch of the schema into dst, which begins at a multiple of 8,
// and returns how many bytes from its start on the reader needs. A buffer that
// lies in dst already is named and not copied. ErrNoRoom means that dst is too
// small. After an error the content of dst means nothing.
func (l *Layout) Put(dst []byte, batch arrow.RecordBatch, o PutOptions) (int, error) {
	if err := l.fits(batch); err != nil {
		return 0, err
	}
	if err := checkBase(dst); err != nil {
		return 0, err
	}
	p := putter{dst: dst, header: l.HeaderBytes(), base: address(dst), next: max(l.HeaderBytes(), o.Free)}
	if p.next > len(dst) || o.Free < 0 {
		return 0, fmt.Errorf("%w: %d bytes, and %d are taken", ErrNoRoom, len(dst), p.next)
	}
	p.end = p.header
	if err := l.avoid(&p, batch); err != nil {
		return 0, err
	}
	at := 0
	for i := range l.columns {
		if err := l.put(&p, at, i, batch, o); err != nil {
			return 0, err
		}
		at += entryBytes * l.columns[i].nodes()
	}
	return p.end, nil
}

// avoid moves the first free byte behind all arrays that lie in dst, and checks
// the bounds of a batch.
func (l *Layout) avoid(p *putter, batch arrow.RecordBatch) error {
	var c columnView
	total := int64(0)
	for i := range l.columns {
		if err := l.view(i, &c, batch); err != nil {
			return err
		}
		total += c.size(&l.columns[i])
		for _, v := range [...]*view{&c.self, &c.child} {
			if !p.avoid(v.validity) || !p.avoid(v.values) || !p.avoid(v.offsets) {
				return l.in(i, errors.New("an array lies in the table of buffers"))
			}
		}
	}
	return checkBytes(total)
}

// put writes one column at entry at.
func (l *Layout) put(p *putter, at, i int, batch arrow.RecordBatch, o PutOptions) error {
	n := &l.columns[i]
	if o.Same != nil {
		if from, ok := o.Same(i, batch.Column(i)); ok {
			if from < 0 {
				return l.in(i, fmt.Errorf("the same as column %d of the input", from))
			}
			same := entry{kind: kindSame, from: uint32(from)}
			same.write(p.dst[at:])
			clear(p.dst[at+entryBytes : at+entryBytes*n.nodes()])
			return nil
		}
	}
	var c columnView
	if err := l.view(i, &c, batch); err != nil {
		return err
	}
	if err := p.node(at, n.leaf, &c.self); err != nil {
		return err
	}
	if n.nested() {
		return p.node(at+entryBytes, n.child, &c.child)
	}
	return nil
}

// putter writes buffers one after the other.
type putter struct {
	dst    []byte
	base   uintptr
	header int
	next   int // first free byte
	end    int // first byte that the reader does not need
}

func address(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// checkBase refuses memory that numbers cannot be read from in place.
func checkBase(b []byte) error {
	if len(b) > 0 && address(b)%8 != 0 {
		return fmt.Errorf("memory at address %#x; it has to begin at a multiple of 8", address(b))
	}
	return nil
}

// place finds b in dst.
func (p *putter) place(b []byte) (at int, ok bool) {
	if len(b) == 0 || len(p.dst) == 0 {
		return 0, false
	}
	if a := address(b); a < p.base || a-p.base >= uintptr(len(p.dst)) {
		return 0, false
	}
	return int(address(b) - p.base), true
}

// avoid moves next behind b, and reports false when b lies in the table.
func (p *putter) avoid(b []byte) bool {
	at, ok := p.place(b)
	if !ok {
		return true
	}
	p.next = max(p.next, at+len(b))
	return at >= p.header
}

// node writes an entry and its buffers.
func (p *putter) node(at int, l leaf, v *view) (err error) {
	e := entry{kind: kindOwn, rows: uint64(v.rows)}
	if e.validity, err = p.bits(v.validity, v.validityAt, v.rows); err != nil {
		return err
	}
	if l.form == formBits {
		e.values, err = p.bits(v.values, v.valuesAt, v.rows)
	} else {
		e.values, err = p.bytes(v.values, l.width)
	}
	if err != nil {
		return err
	}
	if e.offsets, err = p.offsets(v); err != nil {
		return err
	}
	e.write(p.dst[at:])
	return nil
}

// bytes writes a buffer as it is, or names it where it lies.
func (p *putter) bytes(b []byte, width int) (span, error) {
	if at, ok := p.place(b); ok && at%width == 0 {
		return p.used(at, len(b)), nil
	}
	return p.copy(b)
}

func (p *putter) copy(b []byte) (span, error) {
	s, to, err := p.take(len(b))
	copy(to, b)
	return s, err
}

// bits writes n bits that may begin inside a byte.
func (p *putter) bits(b []byte, at, n int) (span, error) {
	if at == 0 && len(b) == (n+7)/8 {
		if at, ok := p.place(b); ok {
			return p.used(at, len(b)), nil
		}
	}
	if len(b) == 0 {
		return span{}, nil
	}
	s, to, err := p.take((n + 7) / 8)
	if err == nil {
		copyBits(to, b, at, n)
	}
	return s, err
}

// offsets writes offsets that begin at 0.
func (p *putter) offsets(v *view) (span, error) {
	if v.first == 0 {
		return p.bytes(v.offsets, 4)
	}
	s, to, err := p.take(len(v.offsets))
	if err == nil {
		rebase(to, v.offsets, v.first)
	}
	return s, err
}

// take reserves n bytes.
func (p *putter) take(n int) (span, []byte, error) {
	if n == 0 {
		return span{}, nil, nil
	}
	at := align(p.next)
	if at > len(p.dst) || n > len(p.dst)-at {
		return span{}, nil, fmt.Errorf("%w: a buffer of %d bytes behind %d of %d", ErrNoRoom, n, p.next, len(p.dst))
	}
	p.next = at + n
	return p.used(at, n), p.dst[at : at+n], nil
}

func (p *putter) used(at, n int) span {
	p.end = max(p.end, at+n)
	return span{uint64(at), uint64(n)}
}
