// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"math"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message in the making. Field numbers are those of
// opentelemetry/proto, which are stable.
type message []byte

func (m *message) bytes(field protowire.Number, v []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), v)
}

// string writes v also when it is empty. Protobuf takes UTF-8 only.
func (m *message) string(field protowire.Number, v string) {
	if !utf8.ValidString(v) {
		v = strings.ToValidUTF8(v, "\uFFFD")
	}
	*m = protowire.AppendString(protowire.AppendTag(*m, field, protowire.BytesType), v)
}

func (m *message) text(field protowire.Number, s string) {
	if s != "" {
		m.string(field, s)
	}
}

func (m *message) varint(field protowire.Number, v uint64) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, field, protowire.VarintType), v)
}

func (m *message) fixed(field protowire.Number, v uint64) {
	*m = protowire.AppendFixed64(protowire.AppendTag(*m, field, protowire.Fixed64Type), v)
}

func (m *message) double(field protowire.Number, v float64) { m.fixed(field, math.Float64bits(v)) }

func (m *message) time(field protowire.Number, t time.Time) { m.fixed(field, uint64(t.UnixNano())) }

// begin opens a message in field: what follows belongs to it until end gets
// what begin gave. The length has one byte at first, which is what most need.
func (m *message) begin(field protowire.Number) (at int) {
	*m = append(protowire.AppendTag(*m, field, protowire.BytesType), 0)
	return len(*m)
}

// end writes the length of the message that began at at.
func (m *message) end(at int) {
	size := len(*m) - at
	if more := protowire.SizeVarint(uint64(size)) - 1; more > 0 {
		*m = append(*m, make([]byte, more)...)
		copy((*m)[at+more:], (*m)[at:at+size])
	}
	protowire.AppendVarint((*m)[:at-1], uint64(size))
}

// attribute is a KeyValue: value is a string, an int64, a float64 or a bool.
type attribute struct {
	key   string
	value any
}

func (m *message) attributes(field protowire.Number, list []attribute) {
	for _, a := range list {
		m.attribute(field, a.key, a.value)
	}
}

// attribute appends a KeyValue message. The key is a word of this program.
func (m *message) attribute(field protowire.Number, key string, value any) {
	pair := m.begin(field)
	*m = protowire.AppendString(protowire.AppendTag(*m, 1, protowire.BytesType), key)
	inner := m.begin(2)
	switch v := value.(type) {
	case string:
		m.string(1, v)
	case bool:
		m.varint(2, protowire.EncodeBool(v))
	case int64:
		m.varint(3, uint64(v))
	case float64:
		m.double(4, v)
	}
	m.end(inner)
	m.end(pair)
}

// attributeKey is how each KeyValue of a key begins: field 1 with the key, and the
// tag of field 2, the value.
func attributeKey(key string) message {
	var m message
	m.string(1, key)
	return protowire.AppendTag(m, 2, protowire.BytesType)
}

// spanText appends a text to the attributes of a span, which are field 9.
func (m *message) spanText(key message, v string) {
	if !utf8.ValidString(v) {
		v = strings.ToValidUTF8(v, "\uFFFD")
	}
	b := m.spanValue(key, sizeField(1, len(v)))
	*m = protowire.AppendString(protowire.AppendTag(b, 1, protowire.BytesType), v)
}

// spanNumber appends a number to the attributes of a span.
func (m *message) spanNumber(key message, v int64) {
	b := m.spanValue(key, protowire.SizeTag(3)+protowire.SizeVarint(uint64(v)))
	*m = protowire.AppendVarint(protowire.AppendTag(b, 3, protowire.VarintType), uint64(v))
}

// spanValue is m with the beginning of an attribute whose value has a size in
// bytes. Sizes that are known before spare the moves of begin and end: most of a
// span is attributes.
func (m *message) spanValue(key message, size int) []byte {
	b := protowire.AppendTag(*m, 9, protowire.BytesType)
	b = protowire.AppendVarint(b, uint64(len(key)+protowire.SizeBytes(size)))
	return protowire.AppendVarint(append(b, key...), uint64(size))
}

// newResource describes this process, by the conventions for resources. Host
// and user are not named.
func newResource(version string) message {
	var m message
	m.attributes(1, []attribute{
		{"service.name", "bulkhead"}, {"service.version", version}, {"service.instance.id", strconv.FormatUint(rand.Uint64(), 16)},
		{"telemetry.sdk.name", "bulkhead"}, {"telemetry.sdk.language", "go"}, {"telemetry.sdk.version", version},
		{"os.type", runtime.GOOS}, {"host.arch", runtime.GOARCH},
	})
	return m
}

// scope is the InstrumentationScope of everything.
var scope = func() message {
	var m message
	m.text(1, "github.com/bulkhead-ml/bulkhead")
	return m
}()

// request makes an export request of items, spans or metrics of one scope, each
// of which is a field 2.
func request(resource, items message) message {
	inner := sizeField(1, len(scope)) + len(items)
	size := sizeField(1, len(resource)) + sizeField(2, inner)
	m := make(message, 0, sizeField(1, size))
	m = protowire.AppendVarint(protowire.AppendTag(m, 1, protowire.BytesType), uint64(size))
	m.bytes(1, resource)
	m = protowire.AppendVarint(protowire.AppendTag(m, 2, protowire.BytesType), uint64(inner))
	m.bytes(1, scope)
	return append(m, items...)
}

// sizeField is what a field of bytes takes with its tag and length.
func sizeField(field protowire.Number, size int) int {
	return protowire.SizeTag(field) + protowire.SizeBytes(size)
}

// encode appends the span as an item of a request.
func (s *span) encode(m message) message {
	at := m.begin(2)
	m.bytes(1, s.trace[:])
	m.bytes(2, s.span[:])
	if s.parent != [8]byte{} {
		m.bytes(4, s.parent[:])
	}
	m.text(5, s.name)
	m.varint(6, uint64(s.kind))
	m.time(7, s.start)
	m.time(8, s.end)
	for i, v := range s.texts {
		if v != "" {
			m.spanText(textKeys[i], v)
		}
	}
	for i, v := range s.numbers {
		if v != 0 {
			m.spanNumber(numberKeys[i], v)
		}
	}
	s.encodeFailure(&m)
	m.end(at)
	return m
}

// encodeFailure appends an event and the status ERROR, if there is a failure.
func (s *span) encodeFailure(m *message) {
	if s.failure == "" {
		return
	}
	event := m.begin(11)
	m.time(1, s.end)
	m.text(2, "exception")
	m.attribute(3, "exception.type", s.texts[errorType])
	m.attribute(3, "exception.message", s.failure)
	m.end(event)
	status := m.begin(15)
	m.text(2, s.failure)
	m.varint(3, 2)
	m.end(status)
}

// encodeMetrics makes an ExportMetricsServiceRequest.
func encodeMetrics(resource message, families []snapshot, start, now time.Time) message {
	var m message
	for _, f := range families {
		f.encode(&m, start, now)
	}
	return request(resource, m)
}

// Temporality and the field numbers of the kinds of metrics.
const (
	cumulative     = 2
	fieldGauge     = 5
	fieldSum       = 7
	fieldHistogram = 9
)

func (f snapshot) encode(m *message, start, now time.Time) {
	at := m.begin(2)
	m.text(1, f.name)
	m.text(2, f.help)
	m.text(3, f.unit)
	data := m.begin([...]protowire.Number{gauge: fieldGauge, counter: fieldSum, histogram: fieldHistogram}[f.kind])
	for _, s := range f.series {
		point := m.begin(1)
		f.point(m, s, start, now)
		m.end(point)
	}
	if f.kind != gauge {
		m.varint(2, cumulative)
	}
	if f.kind == counter {
		m.varint(3, 1)
	}
	m.end(data)
	m.end(at)
}

// point is a NumberDataPoint or a HistogramDataPoint.
func (f snapshot) point(m *message, s series, start, now time.Time) {
	m.time(2, start)
	m.time(3, now)
	if f.kind != histogram {
		m.double(4, s.sum)
		m.attributes(7, f.attributesOf(s))
		return
	}
	m.fixed(4, s.count)
	m.double(5, s.sum)
	counts := m.begin(6)
	for _, n := range s.buckets {
		*m = protowire.AppendFixed64(*m, n)
	}
	m.end(counts)
	bounds := m.begin(7)
	for _, b := range f.bounds {
		*m = protowire.AppendFixed64(*m, math.Float64bits(b))
	}
	m.end(bounds)
	m.attributes(9, f.attributesOf(s))
}
