// SPDX-License-Identifier: Apache-2.0

package table

import (
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"sync"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// touch reads a batch in every way that the host and the kernels do. It panics
// or fails when a batch that was accepted is not sound.
func touch(batch arrow.RecordBatch) error {
	if err := array.ValidateRecordFull(batch); err != nil {
		return err
	}
	for i, col := range batch.Columns() {
		if int64(col.Len()) != batch.NumRows() {
			return fmt.Errorf("column %d has %d rows of %d", i, col.Len(), batch.NumRows())
		}
		read(col)
		if n := col.Len(); n > 0 {
			part := array.NewSlice(col, int64(n/3), int64(n))
			read(part)
			part.Release()
		}
	}
	return travel(batch)
}

// read reads an array value by value.
func read(a arrow.Array) {
	_ = a.String()
	if _, err := a.MarshalJSON(); err != nil {
		panic(err)
	}
	nulls := 0
	for i := range a.Len() {
		_ = a.ValueStr(i)
		if a.IsNull(i) {
			nulls++
		}
		value(a, i)
	}
	if nulls != a.NullN() {
		panic(fmt.Sprintf("%d nulls, and %d are counted", nulls, a.NullN()))
	}
	if l, ok := a.(array.ListLike); ok {
		_ = l.ListValues().String()
	}
}

// value reads a value as kernels do, some of them without a look at nulls.
func value(a arrow.Array, i int) {
	switch a := a.(type) {
	case *array.String:
		_ = len(a.Value(i))
	case *array.Binary:
		_ = len(a.Value(i))
	case *array.Boolean:
		_ = a.Value(i)
	case *array.Float64:
		_ = a.Float64Values()[i]
	case *array.Timestamp:
		_ = a.Value(i).ToTime(a.DataType().(*arrow.TimestampType).Unit)
	case *array.Date32:
		_ = a.Value(i).ToTime()
	case *array.Dictionary:
		if texts := a.Dictionary().(*array.String); texts.Len() > 0 {
			_ = len(texts.Value(a.GetValueIndex(i)))
		}
	case array.ListLike:
		from, to := a.ValueOffsets(i)
		part := array.NewSlice(a.ListValues(), from, to)
		for j := range part.Len() {
			value(part, j)
		}
		part.Release()
	}
}

// travel sends a batch on, both ways, whole and in parts.
func travel(batch arrow.RecordBatch) error {
	parts, err := Split(batch)
	if err != nil {
		return err
	}
	release(parts)
	if batch.NumRows() > 1 {
		part := batch.NewSlice(1, batch.NumRows())
		defer part.Release()
		if err := again(part); err != nil {
			return fmt.Errorf("a part: %w", err)
		}
	}
	return again(batch)
}

func again(batch arrow.RecordBatch) error {
	wire, err := Encode(batch)
	if err != nil {
		return err
	}
	got, err := Decode(wire)
	if err != nil {
		return err
	}
	l, err := NewLayout(got.Schema())
	if err != nil {
		return err
	}
	size, err := l.Size(got)
	if err != nil {
		return err
	}
	dst := slot(size)
	n, err := l.Put(dst, got, PutOptions{})
	if err != nil {
		return err
	}
	last, err := l.Get(dst[:n], got.NumRows(), GetOptions{})
	if err != nil {
		return err
	}
	if !array.RecordApproxEqual(got, last, array.WithNaNsEqual(true)) {
		return fmt.Errorf("%v becomes %v", got, last)
	}
	return nil
}

// tallied counts what became of hostile batches.
type tallied struct{ accepted, refused int }

// attack reads n hostile batches, half of them from memory, half from messages.
func attack(t *testing.T, seed uint64, n int) (sum tallied) {
	a := &attacker{Rand: rand.New(rand.NewPCG(seed, 5)), seeds: seeds(t)}
	for i := range n {
		if err := a.one(i%2 == 0, &sum); err != nil {
			t.Errorf("batch %d of seed %d: %v", i, seed, err)
			return sum
		}
	}
	return sum
}

func (a *attacker) one(memory bool, sum *tallied) (err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fmt.Errorf("panic: %v\n%s", r, stack())
		}
	}()
	var batch arrow.RecordBatch
	released := 0
	if memory {
		s, src, rows := a.memory()
		same := func(from int) (arrow.Array, error) {
			if from >= int(s.batch.NumCols()) {
				return nil, fmt.Errorf("no column %d", from)
			}
			return s.batch.Column(from), nil
		}
		batch, err = s.layout.Get(src, rows, GetOptions{Same: same, Release: func() { released++ }})
	} else {
		schema, p := a.message()
		batch, err = DecodeAs(schema, p)
		released = 1
	}
	if err != nil {
		sum.refused++
		return nil
	}
	sum.accepted++
	if err := touch(batch); err != nil {
		return err
	}
	if sum.accepted%8 == 0 { // it takes as long as all the rest
		if _, err := batch.MarshalJSON(); err != nil {
			return err
		}
	}
	if batch.Release(); released != 1 {
		return fmt.Errorf("released %d times", released)
	}
	return nil
}

func stack() []byte {
	b := make([]byte, 4096)
	return b[:runtime.Stack(b, false)]
}

// TestHostileBatches is the smoke of what FuzzLayout and FuzzDecode search for:
// a batch that is accepted and then breaks who reads it. BULKHEAD_LONG_TESTS=1
// reads 10 million.
func TestHostileBatches(t *testing.T) {
	n := 100_000
	if testing.Short() {
		n = 10_000
	}
	if os.Getenv("BULKHEAD_LONG_TESTS") == "1" {
		n = 10_000_000
	}
	workers := runtime.GOMAXPROCS(0)
	var wg sync.WaitGroup
	sums := make([]tallied, workers)
	for i := range workers {
		wg.Go(func() { sums[i] = attack(t, uint64(i), n/workers) })
	}
	wg.Wait()
	var sum tallied
	for _, s := range sums {
		sum.accepted += s.accepted
		sum.refused += s.refused
	}
	t.Logf("%d hostile batches: %d refused, %d accepted and read", sum.refused+sum.accepted, sum.refused, sum.accepted)
	if sum.accepted < n/20 || sum.refused < n/4 {
		t.Error("the mutations do not try both ways")
	}
	if r := recovered.Load(); r != 0 {
		t.Errorf("%d panics of Arrow were caught; check is meant to leave none", r)
	}
}

// FuzzLayout reads memory of strangers; whatever is accepted must be safe to
// read in every way.
func FuzzLayout(f *testing.F) {
	all := seeds(f)
	for i, s := range all {
		f.Add(uint16(i), s.batch.NumRows(), s.src)
	}
	f.Fuzz(func(t *testing.T, which uint16, rows int64, memory []byte) {
		s := all[int(which)%len(all)]
		src := slot(len(memory))
		copy(src, memory)
		same := func(from int) (arrow.Array, error) {
			if from >= int(s.batch.NumCols()) {
				return nil, fmt.Errorf("no column %d", from)
			}
			return s.batch.Column(from), nil
		}
		batch, err := s.layout.Get(src, rows, GetOptions{Same: same})
		if recovered.Load() != 0 {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		if err := touch(batch); err != nil {
			t.Fatal(err)
		}
		if _, err := batch.MarshalJSON(); err != nil {
			t.Fatal(err)
		}
	})
}

// FuzzDecode reads messages of strangers; whatever is accepted must be safe to
// read in every way.
func FuzzDecode(f *testing.F) {
	for _, s := range seeds(f) {
		schema, err := EncodeSchema(s.batch.Schema())
		if err != nil {
			f.Fatal(err)
		}
		p := proto.CloneOf(s.wire)
		p.Schema = schema
		data, err := proto.Marshal(p)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		var p pluginv1.Batch
		if proto.Unmarshal(data, &p) != nil {
			return
		}
		batch, err := Decode(&p)
		if recovered.Load() != 0 {
			t.Fatal(err)
		}
		if err != nil {
			return
		}
		if err := touch(batch); err != nil {
			t.Fatal(err)
		}
		if _, err := batch.MarshalJSON(); err != nil {
			t.Fatal(err)
		}
	})
}
