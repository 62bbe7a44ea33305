// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"bytes"
	"runtime"
	"strings"
	"testing"

	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/structpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func field(number protowire.Number, data []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, number, protowire.BytesType), data)
}

// decode passes a message through the codec in pieces, as a connection does.
func decode(data []byte, m proto.Message) error {
	var pieces mem.BufferSlice
	for len(data) > 0 {
		n := min(len(data), 16<<10)
		pieces = append(pieces, mem.SliceBuffer(data[:n]))
		data = data[n:]
	}
	return newWeighingCodec(0).Unmarshal(pieces, m)
}

// Each of these is small on the wire and would take hundreds of megabytes.
func TestBombsAreNotDecoded(t *testing.T) {
	for name, c := range map[string]struct {
		into  proto.Message
		field protowire.Number
		says  string
	}{
		"findings":    {&pluginv1.CheckResponse{}, 1, `"findings"`},
		"outcomes":    {&pluginv1.CheckResponse{}, 2, `"outcomes"`},
		"facts":       {&pluginv1.CollectResponse{}, 1, `"facts"`},
		"strings":     {&pluginv1.DescribeResponse{}, 4, `"capabilities"`},
		"columns":     {&pluginv1.Batch{}, 3, `"columns"`},
		"map entries": {&pluginv1.TableSchema{}, 2, `"metadata"`},
		"values":      {&structpb.ListValue{}, 1, `"values"`},
	} {
		t.Run(name, func(t *testing.T) {
			bomb := bytes.Repeat(field(c.field, nil), 1<<20)
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			err := decode(bomb, c.into)
			runtime.ReadMemStats(&after)
			if err == nil || !strings.Contains(err.Error(), c.says) {
				t.Errorf("got %v", err)
			}
			if took := after.TotalAlloc - before.TotalAlloc; took > 4*uint64(len(bomb)) {
				t.Errorf("refusing %d bytes took %d", len(bomb), took)
			}
			if proto.Size(c.into) > 0 {
				t.Error("some of it was decoded")
			}
		})
	}
}

func TestNestingIsBounded(t *testing.T) {
	var schema []byte
	for range maxNesting {
		schema = field(2, field(5, schema))
	}
	if err := decode(schema, &pluginv1.Schema{}); err == nil || !strings.Contains(err.Error(), "nests more than") {
		t.Errorf("got %v", err)
	}
}

// What honest plugins send is far below the bounds.
func TestHonestMessagesAreDecoded(t *testing.T) {
	check := &pluginv1.CheckResponse{}
	for range 5000 {
		check.Findings = append(check.Findings, &pluginv1.Finding{Code: "a.b", Evidence: []*pluginv1.Evidence{{Path: "/etc/x"}, {Value: "y"}}, Verify: []string{"true"}})
	}
	facts := &pluginv1.CollectResponse{}
	for range 20_000 {
		facts.Facts = append(facts.Facts, &pluginv1.Fact{Address: "a.b", ValueJson: []byte("1"), Evidence: []*pluginv1.Evidence{{Path: "/etc/x"}}})
	}
	for _, m := range []proto.Message{check, facts, wrapperspb.Bytes(make([]byte, DefaultMessageBytes)), &pluginv1.DrainResponse{}} {
		data, err := proto.Marshal(m)
		if err != nil {
			t.Fatal(err)
		}
		got := m.ProtoReflect().New().Interface()
		if err := decode(data, got); err != nil || !proto.Equal(got, m) {
			t.Errorf("%T: %v", m, err)
		}
	}
}

// FuzzWeigh: what the scale lets pass the decoder may refuse, and never the other
// way round for messages that are small.
func FuzzWeigh(f *testing.F) {
	f.Add(field(6, field(5, field(1, field(1, []byte("a"))))))
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01})
	f.Add(protowire.AppendTag(nil, 1, protowire.StartGroupType))
	f.Fuzz(func(t *testing.T, data []byte) {
		if len(data) > 1<<12 {
			return
		}
		refused := decode(data, &pluginv1.DescribeResponse{})
		if err := proto.Unmarshal(data, &pluginv1.DescribeResponse{}); err == nil && refused != nil && !strings.Contains(refused.Error(), "nests") {
			t.Errorf("%v", refused)
		}
	})
}
