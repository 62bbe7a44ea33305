// SPDX-License-Identifier: Apache-2.0

package telemetry

import (
	"encoding/binary"
	"encoding/hex"
	"math/rand/v2"
	"time"
)

// spanContext names a span among all traces.
type spanContext struct {
	trace [16]byte
	span  [8]byte
}

func (c spanContext) valid() bool { return c.trace != [16]byte{} && c.span != [8]byte{} }

// under makes the context of a child, of a new trace when c is not valid.
func (c spanContext) under() spanContext {
	child := spanContext{trace: c.trace}
	for child.trace == [16]byte{} {
		binary.BigEndian.PutUint64(child.trace[:8], rand.Uint64())
		binary.BigEndian.PutUint64(child.trace[8:], rand.Uint64())
	}
	for child.span == [8]byte{} {
		binary.BigEndian.PutUint64(child.span[:], rand.Uint64())
	}
	return child
}

// traceparent writes the header of W3C Trace Context, version 00, sampled.
func (c spanContext) traceparent() string {
	b := make([]byte, 0, 55)
	b = append(b, "00-"...)
	b = hex.AppendEncode(b, c.trace[:])
	b = append(b, '-')
	b = hex.AppendEncode(b, c.span[:])
	return string(append(b, "-01"...))
}

// parseTraceparent reads a header of version 00 or later.
func parseTraceparent(s string) (c spanContext, ok bool) {
	if len(s) < 55 || s[2] != '-' || s[35] != '-' || s[52] != '-' || s[:2] == "ff" {
		return c, false
	}
	if s[:2] == "00" && len(s) != 55 || len(s) > 55 && s[55] != '-' {
		return c, false
	}
	for _, part := range []struct {
		to   []byte
		from string
	}{{make([]byte, 1), s[:2]}, {c.trace[:], s[3:35]}, {c.span[:], s[36:52]}, {make([]byte, 1), s[53:55]}} {
		for _, r := range part.from {
			if r >= 'A' && r <= 'F' {
				return spanContext{}, false
			}
		}
		if _, err := hex.Decode(part.to, []byte(part.from)); err != nil {
			return spanContext{}, false
		}
	}
	if !c.valid() {
		return spanContext{}, false
	}
	return c, true
}

// Kinds of spans, by the numbers of OTLP.
const (
	internal = 1
	client   = 3
)

// The attributes of spans that are texts.
const (
	rpcSystem = iota
	rpcMethod
	rpcStatus
	serverAddress
	pipelineName
	runID
	runStatus
	nodeName
	nodeUse
	nodeKind
	nodeStatus
	nodeCache
	pluginName
	kernelName
	outcome
	reason
	errorType
	texts
)

// The attributes of spans that are numbers.
const (
	fused = iota
	attempts
	rowsIn
	rowsOut
	rowsDropped
	rowsRejected
	bytesIn
	bytesOut
	batchesIn
	batchesOut
	cpuTime
	memoryPeak
	numbers
)

var (
	textKeys = [texts]message{
		rpcSystem: attributeKey("rpc.system.name"), rpcMethod: attributeKey("rpc.method"), rpcStatus: attributeKey("rpc.response.status_code"), serverAddress: attributeKey("server.address"),
		pipelineName: attributeKey("bulkhead.pipeline"), runID: attributeKey("bulkhead.run.id"), runStatus: attributeKey("bulkhead.run.status"),
		nodeName: attributeKey("bulkhead.node"), nodeUse: attributeKey("bulkhead.node.use"), nodeKind: attributeKey("bulkhead.node.kind"), nodeStatus: attributeKey("bulkhead.node.status"), nodeCache: attributeKey("bulkhead.node.cache"),
		pluginName: attributeKey("bulkhead.plugin"), kernelName: attributeKey("bulkhead.kernel"), outcome: attributeKey("bulkhead.outcome"), reason: attributeKey("bulkhead.reason"), errorType: attributeKey("error.type"),
	}
	numberKeys = [numbers]message{
		fused: attributeKey("bulkhead.fused"), attempts: attributeKey("bulkhead.node.attempts"),
		rowsIn: attributeKey("bulkhead.rows.in"), rowsOut: attributeKey("bulkhead.rows.out"), rowsDropped: attributeKey("bulkhead.rows.dropped"), rowsRejected: attributeKey("bulkhead.rows.rejected"),
		bytesIn: attributeKey("bulkhead.bytes.in"), bytesOut: attributeKey("bulkhead.bytes.out"), batchesIn: attributeKey("bulkhead.batches.in"), batchesOut: attributeKey("bulkhead.batches.out"),
		cpuTime: attributeKey("bulkhead.cpu_ns"), memoryPeak: attributeKey("bulkhead.memory.peak"),
	}
)

// span is a stretch of work. Texts that are empty and numbers that are zero say
// nothing and are left out.
type span struct {
	spanContext
	parent     [8]byte
	name       string
	kind       int
	start, end time.Time
	texts      [texts]string
	numbers    [numbers]int64
	// failure is empty when it went well; then errorType is, too.
	failure string
}

// fail gives the span the status ERROR.
func (s *span) fail(class, message string) { s.texts[errorType], s.failure = class, message }
