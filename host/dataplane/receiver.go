// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"bytes"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// fitReceiver collects the state of a fit.
type fitReceiver struct {
	call     *call
	progress func(Progress)
	chunks   [][]byte
	bytes    int64
}

func (f *fitReceiver) take(m *pluginv1.FitResponse) (*pluginv1.Result, error) {
	switch m := m.GetMessage().(type) {
	case *pluginv1.FitResponse_Result:
		return m.Result, nil
	case *pluginv1.FitResponse_Progress:
		if f.progress != nil {
			f.progress(progress(m.Progress))
		}
		return nil, nil
	case *pluginv1.FitResponse_StateChunk:
		return nil, f.chunk(m.StateChunk)
	}
	return nil, broken("fit", "an empty message")
}

func (f *fitReceiver) chunk(chunk []byte) error {
	limit := f.call.options.Limits.StateBytes
	if f.bytes += int64(len(chunk)); f.bytes > limit {
		return broken("fit", "the fitted state is larger than %d bytes", limit)
	}
	if len(chunk) > 0 {
		f.chunks = append(f.chunks, chunk)
	}
	return nil
}

// state joins the chunks: once, since a state that grows as it arrives is copied
// again and again. nil when there is none.
func (f *fitReceiver) state() []byte { return bytes.Join(f.chunks, nil) }

// progress takes a fraction from the wire: a number of 0 to 1, or -1.
func progress(p *pluginv1.Progress) Progress {
	fraction := p.GetFraction()
	if math.IsNaN(fraction) || fraction < 0 {
		fraction = -1
	}
	return Progress{Fraction: min(fraction, 1), Message: cleanText(p.GetMessage())}
}

// transformReceiver validates the output of a transform.
type transformReceiver struct {
	call   *call
	out    func(arrow.RecordBatch) error
	schema *arrow.Schema
	passed bool // a batch was handed on
	empty  int  // batches without rows after that
}

func (t *transformReceiver) take(m *pluginv1.TransformResponse) (*pluginv1.Result, error) {
	switch m := m.GetMessage().(type) {
	case *pluginv1.TransformResponse_Result:
		return m.Result, nil
	case *pluginv1.TransformResponse_Batch:
		return nil, t.batch(m.Batch)
	}
	return nil, broken("transform", "an empty message")
}

func (t *transformReceiver) batch(data *pluginv1.Batch) error {
	if err := t.count(proto.Size(data)); err != nil {
		return err
	}
	batch, err := table.Decode(data)
	if err != nil {
		return broken("transform", "output batch %d: %v", t.call.metrics.BatchesOut, err)
	}
	defer batch.Release()
	if batch.NumCols() == 0 {
		return broken("transform", "output batch %d has no columns", t.call.metrics.BatchesOut)
	}
	if t.schema == nil {
		t.schema = batch.Schema()
	}
	if !t.schema.Equal(batch.Schema()) {
		return broken("transform", "output batch %d has the columns %v, and the first one had %v",
			t.call.metrics.BatchesOut, names(batch.Schema()), names(t.schema))
	}
	if batch.NumRows() == 0 && t.passed {
		return t.nothing()
	}
	t.passed = true
	t.call.metrics.RowsOut += batch.NumRows()
	t.call.out.add(batch, data)
	return t.out(batch)
}

// nothing drops a batch without rows: it says nothing, and a table of many such
// would take memory.
func (t *transformReceiver) nothing() error {
	if t.empty++; t.empty > maxEmpty {
		return broken("transform", "the output has more than %d batches without rows", maxEmpty)
	}
	return nil
}

// count bounds the output before anything of it is decoded.
func (t *transformReceiver) count(n int) error {
	m, l := &t.call.metrics, t.call.options.Limits
	m.BatchesOut++
	m.BytesOut += int64(n)
	switch {
	case m.BatchesOut > l.OutputBatches:
		return broken("transform", "the output has more than %d batches", l.OutputBatches)
	case m.BytesOut > l.OutputBytes:
		return broken("transform", "the output is larger than %d bytes", l.OutputBytes)
	}
	return nil
}

// names lists columns with types, at most 20 of them.
func names(schema *arrow.Schema) []string {
	var out []string
	for i, f := range schema.Fields() {
		if i == 20 {
			return append(out, "...")
		}
		out = append(out, cleanText(f.Name)+" "+f.Type.String())
	}
	return out
}
