// SPDX-License-Identifier: Apache-2.0

package kernel

import (
	"errors"
	"strings"
	"sync"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"github.com/bulkhead-ml/bulkhead/sdk/arena"
	"github.com/bulkhead-ml/bulkhead/sdk/diag"
	"github.com/bulkhead-ml/bulkhead/sdk/kernel/codec"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// transformSender serialises sends: rejected rows may come from any goroutine.
type transformSender struct {
	mu     sync.Mutex
	stream transformStream
}

func (t *transformSender) send(m *pluginv1.TransformResponse) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stream.Send(m)
}

// lend sends a message whose buffers go out where they lie, and waits until they
// have: a kernel may use its memory again when a batch is written.
func (t *transformSender) lend(m *pluginv1.TransformResponse) error {
	written := make(chan struct{})
	t.mu.Lock()
	held := &codec.Held{Message: m, Release: func() { close(written) }}
	err := t.stream.SendMsg(held)
	t.mu.Unlock()
	if err != nil || !held.Lent() {
		return err
	}
	select {
	case <-written:
		return nil
	case <-t.stream.Context().Done():
		return t.stream.Context().Err()
	}
}

// schema tells the columns of the output.
func (t *transformSender) schema(schema *arrow.Schema) error {
	wire, err := encodeSchema(schema)
	if err != nil {
		return err
	}
	return t.send(&pluginv1.TransformResponse{Message: &pluginv1.TransformResponse_Schema{Schema: wire}})
}

// encodeSchema says to the user which column cannot travel, and why.
func encodeSchema(schema *arrow.Schema) (*pluginv1.TableSchema, error) {
	wire, err := table.EncodeSchema(schema)
	if err != nil {
		return nil, diag.Errorf("Columns that cannot travel", "%v", err)
	}
	return wire, nil
}

// maxText bounds each text of a rejected row and of progress, in bytes: a message
// that quotes values must stay one that travels.
const maxText = 8 << 10

// short is a text within maxText that is fit for the wire.
func short(s string) string {
	if len(s) > maxText {
		s = s[:maxText] + "..."
	}
	return utf8(s)
}

// reject sends rows that were put aside.
func (t *transformSender) reject(rows []Rejected) error {
	out := &pluginv1.Rejected{}
	for _, r := range rows {
		out.Rows = append(out.Rows, &pluginv1.RejectedRow{Row: r.Row, Rule: short(r.Rule), Column: short(r.Column), Detail: short(r.Detail)})
	}
	return t.send(&pluginv1.TransformResponse{Message: &pluginv1.TransformResponse_Rejected{Rejected: out}})
}

// utf8 makes text fit for the wire, which carries nothing else. A message may
// quote a name from a foreign disk.
func utf8(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

// decode reads a batch of the input. Its schema was told by open.
func decode(schema *arrow.Schema, b *pluginv1.Batch) (arrow.RecordBatch, error) {
	if b == nil {
		return nil, errors.New("a message without a batch")
	}
	return table.DecodeAs(schema, b)
}

// transformMessages carries the batches of a transform in gRPC messages.
type transformMessages struct {
	stream  transformStream
	to      *transformSender
	schema  *arrow.Schema
	pending *pluginv1.Batch // the first batch, which came after the states
}

func (t *transformMessages) next() (arrow.RecordBatch, error) {
	if b := t.pending; b != nil {
		t.pending = nil
		return decode(t.schema, b)
	}
	req, err := t.stream.Recv()
	if err != nil {
		return nil, err
	}
	return decode(t.schema, req.GetBatch())
}

func (*transformMessages) keep() {}

func (*transformMessages) borrow() {}

func (t *transformMessages) declare(schema *arrow.Schema) error { return t.to.schema(schema) }

func (t *transformMessages) write(batch arrow.RecordBatch, from lineage) error {
	data, err := table.EncodeRows(batch)
	if err != nil {
		return err
	}
	data.Origins = from.wire()
	return t.to.lend(&pluginv1.TransformResponse{Message: &pluginv1.TransformResponse_Batch{Batch: data}})
}

func (*transformMessages) allocator() memory.Allocator { return arena.Shared }

func (*transformMessages) finish() {}
