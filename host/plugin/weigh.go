// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"

	"google.golang.org/grpc/encoding"
	_ "google.golang.org/grpc/encoding/proto" // the codec that weighingCodec stands before
	"google.golang.org/grpc/mem"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A message in memory is larger than on the wire: an empty finding takes two
// bytes there and some three hundred here, so that sixteen megabytes of them
// would take two gigabytes. Messages are weighed before they are decoded.

// What a decoded message takes beside its texts, in bytes: estimates, on the safe
// side.
const (
	messageWeight = 64  // a message
	fieldWeight   = 24  // each field that it may have
	elementWeight = 40  // an element of a list: a string's header, or a pointer
	entryWeight   = 128 // an entry of a map
)

// maxNesting is how deep messages may nest. Settings are the only ones that do.
const maxNesting = 100

// minWeight is what every message may weigh, whatever its size on the wire.
const minWeight = DefaultMessageBytes

// weighingCodec decodes messages that are not too heavy.
type weighingCodec struct {
	encoding.CodecV2
	most int // bytes beside texts
}

// newWeighingCodec makes the codec for messages of at most so many bytes. In
// memory they may take as much again, and 16 MiB in any case.
func newWeighingCodec(messageBytes int) weighingCodec {
	return weighingCodec{encoding.GetCodecV2("proto"), max(messageBytes, minWeight)}
}

// Unmarshal refuses what is too heavy.
func (c weighingCodec) Unmarshal(data mem.BufferSlice, v any) error {
	m, ok := v.(proto.Message)
	if !ok {
		return c.CodecV2.Unmarshal(data, v)
	}
	whole := data.MaterializeToBuffer(mem.DefaultBufferPool())
	defer whole.Free()
	s := scale{left: c.most}
	if err := s.weigh(whole.ReadOnlyData(), m.ProtoReflect().Descriptor(), 0); err != nil {
		return err
	}
	return c.CodecV2.Unmarshal(mem.BufferSlice{whole}, v)
}

// scale adds up what a message would take in memory.
type scale struct{ left int }

// weigh walks over the wire form of a message. What is malformed is left to the
// decoder to refuse.
func (s *scale) weigh(data []byte, d protoreflect.MessageDescriptor, depth int) error {
	if depth > maxNesting {
		return fmt.Errorf("the message nests more than %d deep", maxNesting)
	}
	fields := d.Fields()
	for len(data) > 0 {
		number, kind, n := protowire.ConsumeTag(data)
		if n < 0 {
			return nil
		}
		data = data[n:]
		size := protowire.ConsumeFieldValue(number, kind, data)
		if size < 0 {
			return nil
		}
		if f := fields.ByNumber(number); f != nil {
			if err := s.field(data[:size], kind, f, depth); err != nil {
				return err
			}
		}
		data = data[size:]
	}
	return nil
}

// field adds one occurrence of a field.
func (s *scale) field(value []byte, kind protowire.Type, f protoreflect.FieldDescriptor, depth int) error {
	switch {
	case f.IsMap():
		s.left -= entryWeight
	case f.IsList() && kind == protowire.BytesType && packable(f.Kind()):
		s.left -= 8 * len(value) // packed numbers, of one byte at least
	case f.IsList():
		s.left -= elementWeight
	}
	inner := f.Message()
	if inner != nil {
		s.left -= messageWeight + fieldWeight*inner.Fields().Len()
	}
	if s.left < 0 {
		return fmt.Errorf("the message has so many parts that it would not fit into memory (%q)", f.Name())
	}
	if inner == nil || kind != protowire.BytesType {
		return nil
	}
	content, n := protowire.ConsumeBytes(value)
	if n < 0 {
		return nil
	}
	return s.weigh(content, inner, depth+1)
}

// packable reports whether a list of such values may be packed into one field.
func packable(kind protoreflect.Kind) bool {
	switch kind {
	case protoreflect.StringKind, protoreflect.BytesKind, protoreflect.MessageKind, protoreflect.GroupKind:
		return false
	}
	return true
}
