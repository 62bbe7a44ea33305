// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/bitutil"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// masked makes every third value of the first float64 column a null, with other
// bytes under it each time: what used memory looks like.
func masked(b arrow.RecordBatch) arrow.RecordBatch {
	columns := slices.Clone(b.Columns())
	at := slices.IndexFunc(columns, func(c arrow.Array) bool { return c.DataType().ID() == arrow.FLOAT64 })
	if at < 0 {
		return b
	}
	own := columns[at].(*array.Float64)
	values, valid := make([]float64, own.Len()), make([]byte, (own.Len()+7)/8)
	for i := range values {
		whole := own.IsValid(i) && !(own.Value(i) > 0.5)
		bitutil.SetBitTo(valid, i, whole)
		if values[i] = rand.Float64(); whole {
			values[i] = own.Value(i)
		}
	}
	data := array.NewData(arrow.PrimitiveTypes.Float64, own.Len(),
		[]*memory.Buffer{memory.NewBufferBytes(valid), memory.NewBufferBytes(arrow.Float64Traits.CastToBytes(values))}, nil, array.UnknownNullCount, 0)
	columns[at] = array.NewFloat64Data(data)
	return array.NewRecordBatch(b.Schema(), columns, b.NumRows())
}

// TestWhatStandsUnderANullDoesNotCount: a kernel that leaves there what its memory
// held keeps every rule.
func TestWhatStandsUnderANullDoesNotCount(t *testing.T) {
	p := sound()
	p.kernel.RowWise = true
	p.kernel.New = copying(func(out *kernel.Writer, b arrow.RecordBatch) error { return out.Write(masked(b)) })
	p.learner.New = func(*kernel.Setup) (kernel.Instance, error) {
		return &learner{copier: copier{write: func(out *kernel.Writer, b arrow.RecordBatch) error { return out.Write(masked(b)) }}}, nil
	}
	subject := sharing(p.subject(), func(out []arrow.RecordBatch) ([]arrow.RecordBatch, error) { return out, nil })
	if got := failures(RunWith(t.Context(), subject, Options{Only: []string{"kernel"}})); len(got) > 0 {
		t.Errorf("fails %v", got)
	}
}
