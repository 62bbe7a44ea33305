// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"math"
	"math/rand/v2"
	"runtime"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
)

// message is a protobuf message in the making. Field numbers are those of
// opentelemetry/proto, which are stable.
type message []byte

func (m *message) bytes(field protowire.Number, v []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, field, protowire.BytesType), v)
}

func (m *message) text(field protowire.Number, s string) {
	if s != "" {
		m.bytes(field, []byte(strings.ToValidUTF8(s, "\uFFFD")))
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

// attributes appends KeyValue messages.
func (m *message) attributes(field protowire.Number, list []attribute) {
	for _, a := range list {
		var value, pair message
		switch v := a.value.(type) {
		case string:
			value.bytes(1, []byte(strings.ToValidUTF8(v, "\uFFFD")))
		case bool:
			value.varint(2, protowire.EncodeBool(v))
		case int64:
			value.varint(3, uint64(v))
		case float64:
			value.double(4, v)
		}
		pair.text(1, a.key)
		pair.bytes(2, value)
		m.bytes(field, pair)
	}
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

// wrap puts items of one scope (spans or metrics) into an export request.
func wrap(resource message, items []message) []byte {
	var scoped, resourced, request message
	scoped.bytes(1, scope)
	for _, item := range items {
		scoped.bytes(2, item)
	}
	resourced.bytes(1, resource)
	resourced.bytes(2, scoped)
	request.bytes(1, resourced)
	return request
}

// encodeSpans makes an ExportTraceServiceRequest.
func encodeSpans(resource message, spans []*span) []byte {
	items := make([]message, len(spans))
	for i, s := range spans {
		items[i] = s.encode()
	}
	return wrap(resource, items)
}

func (s *span) encode() message {
	var m message
	m.bytes(1, s.trace[:])
	m.bytes(2, s.span[:])
	if s.parent != [8]byte{} {
		m.bytes(4, s.parent[:])
	}
	m.text(5, s.name)
	m.varint(6, uint64(s.kind))
	m.time(7, s.start)
	m.time(8, s.end)
	m.attributes(9, s.attributes)
	if s.more != nil {
		m.attributes(9, telling(s.more()))
	}
	if s.failure == "" {
		return m
	}
	m.attributes(9, []attribute{{"error.type", s.class}})
	var event, status message
	event.time(1, s.end)
	event.text(2, "exception")
	event.attributes(3, []attribute{{"exception.type", s.class}, {"exception.message", s.failure}})
	m.bytes(11, event)
	status.text(2, s.failure)
	status.varint(3, 2)
	m.bytes(15, status)
	return m
}

// encodeMetrics makes an ExportMetricsServiceRequest.
func encodeMetrics(resource message, families []snapshot, start, now time.Time) []byte {
	items := make([]message, 0, len(families))
	for _, f := range families {
		items = append(items, f.encode(start, now))
	}
	return wrap(resource, items)
}

// Temporality and the field numbers of the kinds of metrics.
const (
	cumulative     = 2
	fieldGauge     = 5
	fieldSum       = 7
	fieldHistogram = 9
)

func (f snapshot) encode(start, now time.Time) message {
	var m, data message
	m.text(1, f.name)
	m.text(2, f.help)
	m.text(3, f.unit)
	for _, s := range f.series {
		data.bytes(1, f.point(s, start, now))
	}
	field := protowire.Number(fieldGauge)
	switch f.kind {
	case counter:
		field = fieldSum
		data.varint(2, cumulative)
		data.varint(3, 1)
	case histogram:
		field = fieldHistogram
		data.varint(2, cumulative)
	}
	m.bytes(field, data)
	return m
}

// point is a NumberDataPoint or a HistogramDataPoint.
func (f snapshot) point(s series, start, now time.Time) message {
	var p message
	p.time(2, start)
	p.time(3, now)
	if f.kind != histogram {
		p.double(4, s.sum)
		p.attributes(7, f.attributesOf(s))
		return p
	}
	p.fixed(4, s.count)
	p.double(5, s.sum)
	var counts, bounds message
	for _, n := range s.buckets {
		counts = protowire.AppendFixed64(counts, n)
	}
	for _, b := range f.bounds {
		bounds = protowire.AppendFixed64(bounds, math.Float64bits(b))
	}
	p.bytes(6, counts)
	p.bytes(7, bounds)
	p.attributes(9, f.attributesOf(s))
	return p
}
