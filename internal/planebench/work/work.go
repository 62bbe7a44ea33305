// SPDX-License-Identifier: Apache-2.0

// Package work is what the benchmarks of the data plane let kernels do: the same
// functions run in a sandboxed plugin and in the process of the benchmark.
package work

import (
	"context"
	"errors"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/bulkhead-ml/bulkhead/sdk/kernel"
)

// What Scale takes for the mean and the deviation of every column.
const (
	Mean      = 0.5
	Deviation = 0.25
)

// Scale standardises the float64 columns of a batch into memory of mem, and
// passes the others on. The caller releases the result.
func Scale(batch arrow.RecordBatch, mem memory.Allocator) arrow.RecordBatch {
	size := 0
	for _, c := range batch.Columns() {
		if c.DataType().ID() == arrow.FLOAT64 {
			size += stride(c.Len())
		}
	}
	all := memory.NewResizableBuffer(mem) // one piece of memory for all columns
	defer all.Release()
	all.Resize(size)
	columns, at := make([]arrow.Array, batch.NumCols()), 0
	for i, c := range batch.Columns() {
		if floats, ok := c.(*array.Float64); ok {
			columns[i] = scale(floats, all, at)
			at += stride(c.Len())
		} else {
			c.Retain()
			columns[i] = c
		}
	}
	out := array.NewRecordBatch(batch.Schema(), columns, batch.NumRows())
	for _, c := range columns {
		c.Release()
	}
	return out
}

// stride is what a column takes in bytes, so that the next one begins at a
// multiple of 64.
func stride(rows int) int { return (8*rows + 63) &^ 63 }

// scale makes a column at a place of all. Its nulls are those of the input.
func scale(c *array.Float64, all *memory.Buffer, at int) arrow.Array {
	values := memory.SliceBuffer(all, at, 8*c.Len())
	defer values.Release()
	out, in := arrow.Float64Traits.CastFromBytes(values.Bytes()), c.Values()
	for i, v := range in {
		out[i] = (v - Mean) * (1 / Deviation)
	}
	data := array.NewData(c.DataType(), c.Len(), []*memory.Buffer{c.Data().Buffers()[0], values}, nil, c.NullN(), 0)
	defer data.Release()
	return array.NewFloat64Data(data)
}

// scaler is Scale as a kernel.
type scaler struct{}

func (scaler) Transform(_ context.Context, in *kernel.Reader, out *kernel.Writer) (kernel.Report, error) {
	if err := out.Declare(in.Schema()); err != nil {
		return nil, err
	}
	in.Borrow()
	return nil, in.Each(func(batch arrow.RecordBatch) error {
		scaled := Scale(batch, out.Allocator())
		defer scaled.Release()
		return out.Write(scaled)
	})
}

// Kernels of the plugin.
func Kernels() []kernel.Kernel {
	return []kernel.Kernel{{
		Name: "scale", Summary: "Standardises.", Compartment: kernel.Data, Transforms: true, RowWise: true,
		New: func(*kernel.Setup) (kernel.Instance, error) { return scaler{}, nil },
	}}
}

// Methods of the plain service.
const (
	ScaleMethod = "/bulkhead.bench.Plain/Scale"
	PingMethod  = "/bulkhead.bench.Plain/Ping"
)

// Plain is the service that one writes without a data plane: tables are Arrow IPC
// in bytes, a stream of chunks each way.
var Plain = grpc.ServiceDesc{
	ServiceName: "bulkhead.bench.Plain", HandlerType: (*any)(nil),
	Streams: []grpc.StreamDesc{{StreamName: "Scale", Handler: plainScale, ServerStreams: true, ClientStreams: true}},
	Methods: []grpc.MethodDesc{{MethodName: "Ping", Handler: func(_ any, _ context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		in := &wrapperspb.BytesValue{}
		return in, decode(in)
	}}},
}

// chunk is how much of a table stands in one message, in bytes.
const chunk = 1 << 20

// Send sends a table of one batch in chunks; an empty one ends it.
func Send(send func(any) error, batch arrow.RecordBatch) error {
	data, err := Encode(batch)
	for err == nil && len(data) > 0 {
		n := min(len(data), chunk)
		err = send(wrapperspb.Bytes(data[:n]))
		data = data[n:]
	}
	if err != nil {
		return err
	}
	return send(wrapperspb.Bytes(nil))
}

// Receive is the other end of Send.
func Receive(recv func(any) error) (arrow.RecordBatch, error) {
	var data []byte
	for {
		var m wrapperspb.BytesValue
		if err := recv(&m); err != nil {
			return nil, err
		}
		if len(m.Value) == 0 {
			return Decode(data)
		}
		data = append(data, m.Value...)
	}
}

func plainScale(_ any, stream grpc.ServerStream) error {
	for {
		batch, err := Receive(stream.RecvMsg)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		scaled := Scale(batch, memory.DefaultAllocator)
		if err := Send(stream.SendMsg, scaled); err != nil {
			return err
		}
	}
}
