// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/abtest"
)

// shadow hands on the rows of arm a and compares them with those of arm b, row by
// row where both tell which row of the input they wrote.
func (c *comparison) shadow(a, b *armReader, emit func(arrow.RecordBatch) error) error {
	p := pairing{c: c, a: side{reader: a, arm: abtest.A}, b: side{reader: b, arm: abtest.B}}
	for {
		if err := p.a.advance(emit); err != nil {
			return err
		}
		if err := p.b.advance(nil); err != nil {
			return err
		}
		if a.done() && b.done() {
			return nil
		}
		if c.failed() {
			a.at = a.batch.NumRows() // nothing to compare with
			continue
		}
		p.step()
	}
}

// pairing walks over both tables by the numbers of their rows.
type pairing struct {
	c    *comparison
	a, b side
}

// side is one arm of a pairing.
type side struct {
	reader *armReader
	arm    abtest.Arm
	of     arrow.RecordBatch // that values reads
	values rowReader
	row    []abtest.Value
	seen   int64 // rows that were alone
}

// advance moves to the next batch where one is used up, and hands it to emit.
func (s *side) advance(emit func(arrow.RecordBatch) error) error {
	before := s.reader.batch
	if err := s.reader.advance(); err != nil {
		return err
	}
	if emit == nil || s.reader.done() || s.reader.batch == before {
		return nil
	}
	return emit(s.reader.batch)
}

// load reads the values of the row that the side is at.
func (s *side) load(c *comparison) []abtest.Value {
	if s.of != s.reader.batch {
		s.of, s.values = s.reader.batch, c.reader(s.reader.batch)
	}
	s.row = s.values.values(s.reader.at, s.row)
	return s.row
}

// placed reports whether the row that the side is at has a number.
func (s *side) placed() bool { return s.reader.numbers.IsValid(int(s.reader.at)) }

// step takes rows until one of the batches is used up.
func (p *pairing) step() {
	a, b := p.a.reader, p.b.reader
	for (a.done() || a.at < a.batch.NumRows()) && (b.done() || b.at < b.batch.NumRows()) {
		switch {
		case a.done():
			p.alone(&p.b)
		case b.done() || !p.a.placed():
			p.alone(&p.a)
		case !p.b.placed() || b.row(b.at) < a.row(a.at):
			p.alone(&p.b)
		case a.row(a.at) < b.row(b.at):
			p.alone(&p.a)
		default:
			p.both()
		}
	}
}

// alone takes a row that the other arm did not write, or one without a number.
func (p *pairing) alone(s *side) {
	at := s.reader.at
	p.c.collect.Row(s.arm, s.seen, s.load(p.c))
	if !s.placed() {
		p.c.collect.Unpair()
		if s.values.label != nil && p.c.hold == nil { // which rows were held out is not known
			p.c.collect.Score(s.arm, s.seen, s.values.label(int(at)), s.values.prediction(int(at)))
		}
	}
	s.seen++
	s.reader.at++
}

// both takes a row that both arms wrote.
func (p *pairing) both() {
	a, b := &p.a, &p.b
	row, at := a.reader.row(a.reader.at), int(a.reader.at)
	p.c.collect.Pair(row, a.load(p.c), b.load(p.c))
	if a.values.label != nil && p.c.measured(row) {
		p.c.collect.ScorePair(row, a.values.label(at), a.values.prediction(at), b.values.prediction(int(b.reader.at)))
	}
	a.reader.at++
	b.reader.at++
}
