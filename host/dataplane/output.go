// SPDX-License-Identifier: Apache-2.0

package dataplane

import (
	"github.com/apache/arrow-go/v18/arrow"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// output checks what a transform makes and hands it on.
type output struct {
	call   *call
	out    Output
	schema *arrow.Schema // pinned by the first thing that the plugin tells
	passed bool          // a batch was handed on
	empty  int           // batches without rows after that
	lines  lineage
}

func newOutput(c *call, open Open, out Output) *output {
	return &output{call: c, out: out, lines: lineage{rowWise: open.RowWise || len(open.Then) > 0}}
}

// take handles one message of the stream and returns the result when it is one.
func (t *output) take(m *pluginv1.TransformResponse) (*pluginv1.Result, error) {
	switch m := m.GetMessage().(type) {
	case *pluginv1.TransformResponse_Result:
		return m.Result, nil
	case *pluginv1.TransformResponse_Batch:
		return nil, t.message(m.Batch)
	case *pluginv1.TransformResponse_Schema:
		return nil, t.tell(m.Schema)
	case *pluginv1.TransformResponse_Rejected:
		return nil, t.reject(m.Rejected)
	}
	return nil, broken("transform", "an empty message")
}

// tell takes the columns that the plugin tells before the first batch.
func (t *output) tell(wire *pluginv1.TableSchema) error {
	if t.schema != nil {
		return broken("transform", "it tells the columns of its output twice, or after the first batch")
	}
	schema, err := table.DecodeSchema(wire)
	if err != nil {
		return broken("transform", "its output schema: %v", err)
	}
	return t.pin(schema)
}

// pin fixes the columns of every output batch.
func (t *output) pin(schema *arrow.Schema) error {
	t.schema = schema
	if x := t.call.lane; x != nil {
		if err := x.pinned(schema); err != nil {
			return err
		}
	}
	if t.out.Schema == nil {
		return nil
	}
	return t.out.Schema(schema)
}

// message takes a batch from a gRPC message.
func (t *output) message(data *pluginv1.Batch) error {
	if err := t.count(proto.Size(data)); err != nil {
		return err
	}
	schema, err := t.columns(data)
	if err != nil {
		return err
	}
	batch, err := table.DecodeAs(schema, data)
	if err != nil {
		return broken("transform", "output batch %d: %v", t.call.metrics.BatchesOut, err)
	}
	defer batch.Release()
	if t.schema == nil {
		if err := t.pin(schema); err != nil {
			return err
		}
	}
	return t.batch(batch, data.GetOrigins())
}

// columns are those of a batch: the pinned ones, which a batch may repeat.
func (t *output) columns(data *pluginv1.Batch) (*arrow.Schema, error) {
	if data.GetSchema() == nil && t.schema != nil {
		return t.schema, nil
	}
	schema, err := table.DecodeSchema(data.GetSchema())
	if err != nil {
		return nil, broken("transform", "output batch %d: %v", t.call.metrics.BatchesOut, err)
	}
	if t.schema == nil {
		return schema, nil
	}
	if !t.schema.Equal(schema) || !t.schema.Metadata().Equal(schema.Metadata()) {
		return nil, broken("transform", "output batch %d has the columns %v; the first one had %v",
			t.call.metrics.BatchesOut, names(schema), names(t.schema))
	}
	return t.schema, nil
}

// batch takes a valid batch and the origins of its rows as they travel.
func (t *output) batch(batch arrow.RecordBatch, wire []byte) error {
	if batch.NumCols() == 0 && batch.NumRows() > 0 {
		return broken("transform", "output batch %d has %d rows and no columns", t.call.metrics.BatchesOut, batch.NumRows())
	}
	origins, err := t.lines.batch(batch.NumRows(), wire, t.call.sender.offered.Load())
	if err != nil {
		return broken("transform", "output batch %d: %v", t.call.metrics.BatchesOut, err)
	}
	if batch.NumRows() == 0 && t.passed {
		return t.nothing()
	}
	t.passed = true
	t.call.metrics.RowsOut += batch.NumRows()
	t.call.out.add(batch)
	if t.out.Batch == nil {
		return nil
	}
	return t.out.Batch(Part{Batch: batch, Origins: origins})
}

// reject takes rows that the kernel put aside.
func (t *output) reject(wire *pluginv1.Rejected) error {
	rows := make([]Rejected, 0, len(wire.GetRows()))
	for _, r := range wire.GetRows() {
		if err := t.lines.reject(r.GetRow(), t.call.sender.offered.Load()); err != nil {
			return broken("transform", "%v", err)
		}
		rows = append(rows, Rejected{
			Row: r.GetRow(), Rule: cleanText(r.GetRule()), Column: cleanText(r.GetColumn()), Detail: cleanText(r.GetDetail()),
		})
	}
	if t.out.Rejected == nil || len(rows) == 0 {
		return nil
	}
	return t.out.Rejected(rows)
}

// nothing drops a batch without rows: it says nothing, and a table of many such
// would take memory.
func (t *output) nothing() error {
	if t.empty++; t.empty > maxEmpty {
		return broken("transform", "the output has more than %d batches without rows", maxEmpty)
	}
	return nil
}

// count bounds the output before anything of it is decoded.
func (t *output) count(n int) error {
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
