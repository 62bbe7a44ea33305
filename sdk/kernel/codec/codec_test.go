// SPDX-License-Identifier: Apache-2.0

package codec

import (
	"bytes"
	"math/rand/v2"
	"testing"
	"unsafe"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/proto"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/table"
)

func sizes() *pluginv1.Batch {
	b := &pluginv1.Batch{Rows: 70_000, Schema: &pluginv1.TableSchema{Columns: []*pluginv1.TableColumn{{Name: "a", Type: 2}}}, Origins: make([]byte, 5000)}
	for _, n := range []int{0, 1, 127, 128, worthy - 1, worthy, worthy + 1, 100_003, 1 << 20} {
		values := make([]byte, n)
		for i := range values {
			values[i] = byte(i * 7)
		}
		b.Columns = append(b.Columns, &pluginv1.ColumnBuffers{Values: values, Validity: values[:n/8], Offsets: values[:n/2]},
			&pluginv1.ColumnBuffers{Offsets: values, ChildRows: int64(n), Child: &pluginv1.ColumnBuffers{Values: values}})
	}
	return b
}

func messages(b *pluginv1.Batch) []proto.Message {
	return []proto.Message{
		&pluginv1.FitRequest{Message: &pluginv1.FitRequest_Batch{Batch: b}},
		&pluginv1.TransformRequest{Message: &pluginv1.TransformRequest_Batch{Batch: b}},
		&pluginv1.TransformResponse{Message: &pluginv1.TransformResponse_Batch{Batch: b}},
	}
}

// others go the ordinary way.
func others() []proto.Message {
	return []proto.Message{
		&pluginv1.FitRequest{Message: &pluginv1.FitRequest_Open{Open: &pluginv1.Open{Kernel: "k"}}},
		&pluginv1.TransformResponse{Message: &pluginv1.TransformResponse_Result{Result: &pluginv1.Result{RowsIn: 3}}},
		&pluginv1.ValidateRequest{Open: &pluginv1.Open{Kernel: "k", Lane: 1}}, &pluginv1.TransformRequest{},
	}
}

// split cuts bytes at random, as they come from the network.
func split(data []byte, random *rand.Rand) mem.BufferSlice {
	var out mem.BufferSlice
	for len(data) > 0 {
		n := min(len(data), 1+random.IntN(40_000))
		out = append(out, mem.SliceBuffer(data[:n]))
		data = data[n:]
	}
	return out
}

// TestSameBytes: both codecs write the same bytes and read the same messages.
func TestSameBytes(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	all := append(messages(sizes()), others()...)
	all = append(all, messages(&pluginv1.Batch{})...)
	all = append(all, messages(&pluginv1.Batch{Rows: -1, Schema: &pluginv1.TableSchema{}, Columns: []*pluginv1.ColumnBuffers{{}, {Child: &pluginv1.ColumnBuffers{}}}})...)
	for _, m := range all {
		want, err := proto.MarshalOptions{Deterministic: true}.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range []any{m, &Held{Message: m}} {
			out, err := New().Marshal(v)
			if err != nil || !bytes.Equal(out.Materialize(), want) {
				t.Fatalf("%T: %d bytes, want %d, %v", m, out.Len(), len(want), err)
			}
		}
		got := m.ProtoReflect().New().Interface()
		if err := New().Unmarshal(split(want, random), got); err != nil || !proto.Equal(got, m) {
			t.Errorf("%T is read as another, %v", m, err)
		}
	}
}

func TestBuffersAreHandedOn(t *testing.T) {
	b, released := sizes(), 0
	held := &Held{Message: messages(b)[2], Release: func() { released++ }}
	out, err := New().Marshal(held)
	if err != nil || !held.Lent() {
		t.Fatal(err)
	}
	shared := 0
	for _, part := range out {
		for _, c := range b.GetColumns() {
			if len(c.GetValues()) > 0 && unsafe.SliceData(part.ReadOnlyData()) == unsafe.SliceData(c.GetValues()) {
				shared++
			}
		}
	}
	if shared < 4 || released != 0 {
		t.Errorf("%d buffers are shared, released %d times", shared, released)
	}
	out.Ref()
	out.Free()
	if released != 0 {
		t.Error("released while gRPC has it")
	}
	if out.Free(); released != 1 {
		t.Errorf("released %d times", released)
	}
	small := messages(&pluginv1.Batch{Rows: 1, Columns: []*pluginv1.ColumnBuffers{{Values: make([]byte, 8)}}})[0]
	for _, m := range []proto.Message{others()[0], small} {
		copied := &Held{Message: m, Release: func() { released++ }}
		if _, err := New().Marshal(copied); err != nil || released != 1 || copied.Lent() {
			t.Errorf("a copied message is released %d times, %v", released, err)
		}
	}
	want, _ := proto.Marshal(messages(b)[2])
	if out, err := encoding.GetCodecV2("proto").Marshal(held); err != nil || !bytes.Equal(out.Materialize(), want) {
		t.Errorf("another codec writes %d bytes, %v", out.Len(), err)
	}
}

// TestMemoryOfItsSize: a message takes the memory that it needs, and comes whole
// out of many pieces, on both sides of what gRPC's pool is for.
func TestMemoryOfItsSize(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, n := range []int{0, 40_000, 200_000, pooled, 3 * pooled} {
		m := &pluginv1.CheckRequest{Facts: []*pluginv1.Fact{{Address: "a.b", ValueJson: bytes.Repeat([]byte("7"), n)}}}
		out, err := New().Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		data := out.Materialize()
		for _, part := range out {
			if size := cap(part.ReadOnlyData()); n < pooled && size > 2*len(data)+64 {
				t.Errorf("a message of %d bytes takes %d", len(data), size)
			}
		}
		var got pluginv1.CheckRequest
		if err := New().Unmarshal(split(data, random), &got); err != nil || !proto.Equal(&got, m) {
			t.Errorf("%d bytes are read as another message, %v", len(data), err)
		}
	}
	if _, err := New().Marshal(&pluginv1.Fact{Address: "\xff"}); err == nil {
		t.Error("text that is not UTF-8 travels")
	}
}

func TestBuffersAreAligned(t *testing.T) {
	data, _ := proto.Marshal(messages(sizes())[2])
	var got pluginv1.TransformResponse
	if err := New().Unmarshal(mem.BufferSlice{mem.SliceBuffer(data)}, &got); err != nil {
		t.Fatal(err)
	}
	for _, c := range got.GetBatch().GetColumns() {
		if b := c.GetValues(); len(b) > 0 && uintptr(unsafe.Pointer(unsafe.SliceData(b)))%align != 0 {
			t.Errorf("a buffer of %d bytes at %p", len(b), b)
		}
	}
}

// TestManyColumns: a message of a few bytes does not become a batch of gigabytes.
func TestManyColumns(t *testing.T) {
	b := &pluginv1.Batch{Columns: make([]*pluginv1.ColumnBuffers, table.MaxColumns+1)}
	for i := range b.Columns {
		b.Columns[i] = &pluginv1.ColumnBuffers{}
	}
	data, _ := proto.Marshal(messages(b)[2])
	var got pluginv1.TransformResponse
	if err := New().Unmarshal(mem.BufferSlice{mem.SliceBuffer(data)}, &got); err == nil {
		t.Error("all columns are made")
	}
	data, _ = proto.Marshal(messages(&pluginv1.Batch{Columns: b.Columns[1:]})[2])
	if err := New().Unmarshal(mem.BufferSlice{mem.SliceBuffer(data)}, &got); err != nil || len(got.GetBatch().GetColumns()) != table.MaxColumns {
		t.Errorf("as many as travel: %v", err)
	}
}

// FuzzUnmarshal: whatever comes, it is read as the ordinary codec reads it.
func FuzzUnmarshal(f *testing.F) {
	for _, m := range append(messages(&pluginv1.Batch{Rows: 3, Origins: []byte("12345678"), Schema: &pluginv1.TableSchema{}, Columns: []*pluginv1.ColumnBuffers{
		{Values: []byte("abc"), Validity: []byte{1}, Offsets: []byte{2}, ChildRows: 7, Child: &pluginv1.ColumnBuffers{Values: []byte("x")}},
	}}), others()...) {
		data, err := proto.Marshal(m)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, uint8(5))
	}
	f.Fuzz(func(t *testing.T, data []byte, cut uint8) {
		at := min(int(cut), len(data))
		for _, fresh := range messages(nil) {
			want, got := fresh.ProtoReflect().New().Interface(), fresh.ProtoReflect().New().Interface()
			wantErr := proto.Unmarshal(data, want)
			gotErr := New().Unmarshal(mem.BufferSlice{mem.SliceBuffer(data[:at]), mem.SliceBuffer(data[at:])}, got)
			if (wantErr == nil) != (gotErr == nil) || wantErr == nil && !proto.Equal(want, got) {
				t.Fatalf("%x is %v (%v), and here %v (%v)", data, want, wantErr, got, gotErr)
			}
		}
	})
}
