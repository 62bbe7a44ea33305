// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"math/bits"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/host/abtest"
	"github.com/bulkhead-ml/bulkhead/host/dataplane"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
)

// armRows remembers which rows of the input an arm got: one bit a row. Every pass
// over the input sets the same bits.
type armRows struct {
	arm *Arm

	mu   sync.Mutex
	bits []uint64
}

// split gives the rows of in that go to the arm; to learn from, those that are not
// held out, of which there must be one.
func (r *armRows) split(in dataplane.Batches, learning bool) dataplane.Batches {
	return func(yield func(arrow.RecordBatch, error) bool) {
		s := splitter{rows: r, learning: learning}
		if r.arm.Split != nil {
			s.assign = r.arm.Split.Assigner()
		}
		if learning && r.arm.Holdout != nil {
			s.hold = r.arm.Holdout.Assigner()
		}
		for batch, err := range in {
			if err == nil {
				batch, err = s.part(batch)
			}
			if err != nil {
				yield(nil, err)
				return
			}
			more := batch.NumRows() == 0 || yield(batch, nil)
			batch.Release()
			if !more {
				return
			}
		}
		if err := s.nothing(); err != nil {
			yield(nil, err)
		}
	}
}

// splitter is one pass over the input of an arm.
type splitter struct {
	rows *armRows
	// assign and hold are nil for an arm that gets all rows, and where none is
	// held out.
	assign *abtest.Assigner
	hold   *abtest.Assigner
	next   int64 // number of the first row of the next batch
	// taken are the rows of the arm so far, given those of them that were not held
	// out.
	taken, given int64
	learning     bool
	schema       *arrow.Schema
	keys         []int
}

// part is what the arm gets of a batch, which the caller releases.
func (s *splitter) part(batch arrow.RecordBatch) (arrow.RecordBatch, error) {
	if s.assign != nil && s.schema != batch.Schema() {
		keys, err := keyColumns(*s.rows.arm.Split, batch.Schema())
		if err != nil {
			return nil, err
		}
		s.schema, s.keys = batch.Schema(), keys
	}
	takers := make([]func(int), len(s.keys))
	for i, at := range s.keys {
		take, err := s.taker(batch.Column(at))
		if err != nil {
			return nil, err
		}
		takers[i] = take
	}
	mine := []int64{}
	for i := range int(batch.NumRows()) {
		if !s.mine(i, takers) {
			continue
		}
		s.taken++
		if !held(s.hold, s.next+int64(i)) {
			mine = append(mine, int64(i))
		}
	}
	s.given += int64(len(mine))
	if s.hold == nil {
		s.rows.learn(s.next, mine)
	}
	s.next += batch.NumRows()
	return gatherRows(batch, mine)
}

// nothing is why an arm has no rows to learn from, though its input has rows. A
// kernel would only say that its table is empty.
func (s *splitter) nothing() error {
	if !s.learning || s.given > 0 || s.next == 0 {
		return nil
	}
	arm := s.rows.arm
	if s.taken > 0 {
		return diag.Errorf("Arm without rows", "All %d rows that arm %s gets are held out, so it has nothing to learn from. Give more rows, or a smaller holdout.", s.taken, arm.Name)
	}
	told := fmt.Sprintf("At share = %v and seed = %d the split sends all %d rows to arm %s, so arm %s has nothing to learn from. ",
		arm.Split.Share, arm.Split.Seed, s.next, abtest.B-arm.Name, arm.Name)
	if len(arm.Split.Key) == 0 {
		return diag.Errorf("Arm without rows", "%sGive more rows, or another share or seed.", told)
	}
	return diag.Errorf("Arm without rows", "%sRows with the same %s go to one arm together: name a key with more values, leave key out to split row by row, or give another share or seed.",
		told, strings.Join(arm.Split.Key, ", "))
}

// mine reports whether a row of the batch goes to the arm.
func (s *splitter) mine(i int, takers []func(int)) bool {
	if s.assign == nil {
		return true
	}
	s.assign.Begin()
	if len(takers) == 0 {
		s.assign.Row(s.next + int64(i))
	}
	for _, take := range takers {
		take(i)
	}
	return s.assign.Arm() == s.rows.arm.Name
}

// held reports whether a row is held out.
func held(hold *abtest.Assigner, row int64) bool {
	if hold == nil {
		return false
	}
	hold.Begin()
	hold.Row(row)
	return hold.Arm() == abtest.B
}

// learn notes the rows that the arm gets of a batch, by their places in it.
func (r *armRows) learn(first int64, places []int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, place := range places {
		row := first + place
		for int64(len(r.bits)) <= row/64 {
			r.bits = append(r.bits, 0)
		}
		r.bits[row/64] |= 1 << (row % 64)
	}
}

// taker feeds one column of the key, row by row.
func (s *splitter) taker(column arrow.Array) (func(int), error) {
	value, err := s.valueTaker(column)
	if err != nil {
		return nil, err
	}
	return func(i int) {
		if column.IsNull(i) {
			s.assign.Null()
			return
		}
		value(i)
	}, nil
}

func (s *splitter) valueTaker(column arrow.Array) (func(int), error) {
	a := s.assign
	switch c := column.(type) {
	case *array.Boolean:
		return func(i int) { a.Bool(c.Value(i)) }, nil
	case *array.String:
		return func(i int) { a.Text(c.Value(i)) }, nil
	case *array.Dictionary:
		if texts, ok := c.Dictionary().(*array.String); ok {
			return func(i int) { a.Text(texts.Value(c.GetValueIndex(i))) }, nil
		}
	case *array.Float32:
		return func(i int) { a.Float(float64(c.Value(i))) }, nil
	case *array.Float64:
		return func(i int) { a.Float(c.Value(i)) }, nil
	case *array.Uint64:
		return func(i int) { a.Uint(c.Value(i)) }, nil
	case *array.Date32:
		return func(i int) { a.Int(int64(c.Value(i))) }, nil
	case *array.Timestamp:
		return func(i int) { a.Int(int64(c.Value(i))) }, nil
	}
	if take := integerOf(column); take != nil {
		return func(i int) { a.Int(take(i)) }, nil
	}
	return nil, fmt.Errorf("a column of type %s cannot be split by", column.DataType())
}

// integerOf reads an integer column that fits into 64 bits with a sign; nil for
// any other.
func integerOf(column arrow.Array) func(int) int64 {
	switch c := column.(type) {
	case *array.Int8:
		return func(i int) int64 { return int64(c.Value(i)) }
	case *array.Int16:
		return func(i int) int64 { return int64(c.Value(i)) }
	case *array.Int32:
		return func(i int) int64 { return int64(c.Value(i)) }
	case *array.Int64:
		return c.Value
	case *array.Uint8:
		return func(i int) int64 { return int64(c.Value(i)) }
	case *array.Uint16:
		return func(i int) int64 { return int64(c.Value(i)) }
	case *array.Uint32:
		return func(i int) int64 { return int64(c.Value(i)) }
	}
	return nil
}

// rowFinder translates the number of a row that the kernel of an arm got into the
// number of that row in the input of the comparison. Numbers rise.
type rowFinder struct {
	rows *armRows
	seen int64 // rows of the arm before word
	word int
}

// find is -1 for a row that the arm has not got.
func (f *rowFinder) find(n int64) int64 {
	if f.rows.arm.Split == nil {
		return n
	}
	f.rows.mu.Lock()
	defer f.rows.mu.Unlock()
	for ; f.word < len(f.rows.bits); f.word++ {
		here := int64(bits.OnesCount64(f.rows.bits[f.word]))
		if n < f.seen+here {
			return int64(f.word)*64 + nthBit(f.rows.bits[f.word], int(n-f.seen))
		}
		f.seen += here
	}
	return -1
}

// places translates the numbers of rows that a kernel got, in rising order, into
// those of the rows of its input, which differ for an arm in mode split.
func (f *feed) places() func(int64) int64 {
	if f.arm == nil {
		return func(n int64) int64 { return n }
	}
	return (&rowFinder{rows: f.arm}).find
}

// nthBit is the place of the n-th set bit, from 0.
func nthBit(word uint64, n int) int64 {
	for range n {
		word &= word - 1
	}
	return int64(bits.TrailingZeros64(word))
}

// number puts behind a batch the numbers of its rows. Without origins the rows of
// a row-wise kernel are the next ones; those of any other have none.
func (f *rowFinder) number(batch arrow.RecordBatch, schema *arrow.Schema, origins []int64, first int64, rowWise bool) arrow.RecordBatch {
	b := array.NewInt64Builder(memory.DefaultAllocator)
	defer b.Release()
	for i := range batch.NumRows() {
		row := int64(-1)
		switch {
		case origins != nil:
			row = f.find(origins[i])
		case rowWise:
			row = f.find(first + i)
		}
		if row < 0 {
			b.AppendNull()
			continue
		}
		b.Append(row)
	}
	numbers := b.NewArray()
	defer numbers.Release()
	return array.NewRecordBatch(schema, append(batch.Columns()[:batch.NumCols():batch.NumCols()], numbers), batch.NumRows())
}
