// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/apache/arrow-go/v18/arrow"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

// outcome is what one kernel call gave.
type outcome struct {
	result *pluginv1.Result
	state  []byte
	// schema of the batches, where the kernel told it before them.
	schema *pluginv1.TableSchema
	// batches are the output, in order.
	batches []*pluginv1.Batch
	// rejected rows, in order.
	rejected []*pluginv1.RejectedRow
}

// rows decodes the output.
func (o *outcome) rows() ([]arrow.RecordBatch, error) {
	var out []arrow.RecordBatch
	for _, data := range o.batches {
		if data.GetSchema() == nil {
			data = &pluginv1.Batch{Schema: o.schema, Rows: data.GetRows(), Columns: data.GetColumns()}
		}
		batch, err := table.Decode(data)
		if err != nil {
			return nil, err
		}
		out = append(out, batch)
	}
	return out, nil
}

// failed reports whether the kernel answered with an error diagnostic.
func (o *outcome) failed() bool { return hasError(o.result.GetDiagnostics()) }

func hasError(ds []*pluginv1.Diagnostic) bool {
	for _, d := range ds {
		if d.GetSeverity() == pluginv1.Diagnostic_SEVERITY_ERROR {
			return true
		}
	}
	return false
}

// said quotes the first diagnostic.
func (o *outcome) said() string {
	for _, d := range o.result.GetDiagnostics() {
		return d.GetSummary() + ": " + d.GetDetail()
	}
	return "nothing"
}

// open begins a call of a kernel; nil settings are its defaults.
func (b *bench) open(k *pluginv1.KernelDescription, config []byte, schema *arrow.Schema) (*pluginv1.Open, error) {
	wire, err := table.EncodeSchema(schema)
	if config == nil {
		config = defaults(k.GetConfig())
	}
	return &pluginv1.Open{Kernel: k.GetName(), ConfigJson: config, Schema: wire, Seed: b.seed}, err
}

func encode(batches []arrow.RecordBatch) ([]*pluginv1.Batch, error) {
	var out []*pluginv1.Batch
	for _, b := range batches {
		data, err := table.Encode(b)
		if err != nil {
			return nil, err
		}
		out = append(out, data)
	}
	return out, nil
}

// take keeps a part of the output.
func (o *outcome) take(resp *pluginv1.TransformResponse) {
	if b := resp.GetBatch(); b != nil {
		o.batches = append(o.batches, b)
	}
	if s := resp.GetSchema(); s != nil {
		o.schema = s
	}
	o.rejected = append(o.rejected, resp.GetRejected().GetRows()...)
}

// fit sends a whole table and reads the answer. An error means that the
// transport or the process died.
func fit(ctx context.Context, p *Plugin, o *pluginv1.Open, batches []*pluginv1.Batch) (*outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, p.callTime())
	defer cancel()
	stream, err := pluginv1.NewKernelServiceClient(p.Conn).Fit(ctx)
	if err != nil {
		return nil, err
	}
	send := func() error {
		err := stream.Send(&pluginv1.FitRequest{Message: &pluginv1.FitRequest_Open{Open: o}})
		for _, b := range batches {
			if err == nil {
				err = stream.Send(&pluginv1.FitRequest{Message: &pluginv1.FitRequest_Batch{Batch: b}})
			}
		}
		return errors.Join(ignoreEOF(err), stream.CloseSend())
	}
	sent := make(chan error, 1)
	go func() { sent <- send() }()
	out := &outcome{}
	err = receive(out, func() (*pluginv1.Result, error) {
		resp, err := stream.Recv()
		out.state = append(out.state, resp.GetStateChunk()...)
		return resp.GetResult(), err
	})
	return out, errors.Join(err, <-sent)
}

// transform sends a state and a whole table and reads the answer.
func transform(ctx context.Context, p *Plugin, o *pluginv1.Open, state []byte, batches []*pluginv1.Batch) (*outcome, error) {
	ctx, cancel := context.WithTimeout(ctx, p.callTime())
	defer cancel()
	stream, err := pluginv1.NewKernelServiceClient(p.Conn).Transform(ctx)
	if err != nil {
		return nil, err
	}
	sent := make(chan error, 1)
	go func() { sent <- sendTransform(stream.Send, stream.CloseSend, o, state, batches) }()
	out := &outcome{}
	err = receive(out, func() (*pluginv1.Result, error) {
		resp, err := stream.Recv()
		out.take(resp)
		return resp.GetResult(), err
	})
	return out, errors.Join(err, <-sent)
}

func sendTransform(send func(*pluginv1.TransformRequest) error, done func() error, o *pluginv1.Open, state []byte, batches []*pluginv1.Batch) error {
	messages := []*pluginv1.TransformRequest{{Message: &pluginv1.TransformRequest_Open{Open: o}}}
	for len(state) > 0 {
		n := min(len(state), 1<<20)
		messages = append(messages, &pluginv1.TransformRequest{Message: &pluginv1.TransformRequest_StateChunk{StateChunk: state[:n]}})
		state = state[n:]
	}
	for _, b := range batches {
		messages = append(messages, &pluginv1.TransformRequest{Message: &pluginv1.TransformRequest_Batch{Batch: b}})
	}
	for _, m := range messages {
		if err := send(m); err != nil {
			return errors.Join(ignoreEOF(err), done())
		}
	}
	return done()
}

// ignoreEOF: a plugin may answer before it has read everything; then sending
// fails with io.EOF and the answer tells why.
func ignoreEOF(err error) error {
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}

// receive reads to the end of a response stream, which must hold one result.
func receive(out *outcome, next func() (*pluginv1.Result, error)) error {
	for {
		r, err := next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return fmt.Errorf("the call died: %w", err)
		}
		if r != nil && out.result != nil {
			return errors.New("the stream holds two results")
		}
		if r != nil {
			out.result = r
		}
	}
	if out.result == nil {
		return errors.New("the stream ended without a result")
	}
	return nil
}
