// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protowire"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// most is nearly the largest message that a host takes, in bytes.
const most = 16<<20 - 1024

// answerLies by name. What a lie costs a host that decodes before it looks is in
// the comment.
var answerLies = map[string]answerLie{
	"huge-describe":     {methodDescribe, once(func() []byte { return make([]byte, most+2048) })},
	"garbage-describe":  {methodDescribe, once(garbage)},
	"bomb-collectors":   {methodDescribe, once(empties(5))}, // 8 million messages: 1 GiB
	"bomb-checks":       {methodDescribe, once(empties(6))},
	"bomb-small":        {methodDescribe, once(func() []byte { return small(6) })}, // within the bound of a description
	"bomb-capabilities": {methodDescribe, once(empties(4))},                        // 8 million strings: 128 MiB
	"bomb-settings":     {methodDescribe, once(settingsBomb)},
	"deep-settings":     {methodDescribe, once(deepSettings)},
	"odd-settings":      {methodDescribe, once(oddSettings)},
	"headers-describe":  {methodDescribe, func(s grpc.ServerStream) error { _ = s.SendHeader(metadataBomb()); return never(s) }},
	"broker-flood":      {methodBroker, forever(func() []byte { return []byte{0x08, 1, 0x12, 4, 'u', 'n', 'i', 'x'} })},
	"stdio-flood":       {methodStdio, forever(func() []byte { return stdio(2, bytes.Repeat([]byte("flood\n"), 10000)) })},
	"stdio-huge":        {methodStdio, forever(func() []byte { return stdio(2, make([]byte, most)) })},
	"stdio-empty":       {methodStdio, forever(func() []byte { return nil })}, // a busy loop in go-plugin

	"never-collect":    {methodCollect, never},
	"huge-collect":     {methodCollect, once(func() []byte { return make([]byte, most+2048) })},
	"garbage-collect":  {methodCollect, once(garbage)},
	"wrong-collect":    {methodCollect, once(func() []byte { return encode(description("evil")) })},
	"two-collect":      {methodCollect, forever(func() []byte { return nil })},
	"headers-collect":  {methodCollect, func(s grpc.ServerStream) error { _ = s.SendHeader(metadataBomb()); return never(s) }},
	"trailers-collect": {methodCollect, func(s grpc.ServerStream) error { s.SetTrailer(metadataBomb()); return s.SendMsg([]byte{}) }},
	"status-collect": {methodCollect, func(grpc.ServerStream) error {
		return status.Error(codes.OK+99, "\x1b[2Jbulkhead: all is well\u202e"+blank(30<<10))
	}},
	"cancel-collect": {methodCollect, func(grpc.ServerStream) error { return status.Error(codes.Canceled, "the user wanted it") }},
	"late-collect":   {methodCollect, func(grpc.ServerStream) error { return status.Error(codes.DeadlineExceeded, "too late") }},
	"bomb-facts":     {methodCollect, once(empties(1))},
	"bomb-messages":  {methodCollect, once(empties(2))},
	"bomb-evidence":  {methodCollect, once(evidenceBomb)},
	"bomb-paths":     {methodCollect, once(pathBomb)},
	"bomb-value":     {methodCollect, once(deepValue)},
	"collide":        {methodCollect, once(collisions)},
	"bomb-findings":  {methodCheck, once(empties(1))},
	"bomb-outcomes":  {methodCheck, once(empties(2))},
	"many-findings":  {methodCheck, once(manyFindings)},

	"endless-batches": {methodTransform, forever(func() []byte { return batch(1) })},
	"big-batches":     {methodTransform, forever(func() []byte { return batch(65536) })},
	"empty-batches":   {methodTransform, forever(func() []byte { return batch(0) })},
	"empty-messages":  {methodTransform, forever(func() []byte { return nil })},
	"bomb-columns":    {methodTransform, once(func() []byte { return nested(empties(3)(), 1) })},
	"bomb-schema":     {methodTransform, once(func() []byte { return nested(nested(empties(1)(), 1), 1) })},
	"garbage-batch":   {methodTransform, once(garbage)},
	"report-bomb":     {methodTransform, once(func() []byte { return nested(text(1, bytes.Repeat([]byte("["), 3<<20)), 2) })},
	"bomb-results":    {methodTransform, once(func() []byte { return nested(empties(5)(), 2) })},
	"never-transform": {methodTransform, never},
	"bomb-validate":   {methodValidate, once(empties(1))},
}

// empties is as many empty elements of a repeated field as fit.
func empties(field protowire.Number) func() []byte {
	return func() []byte { return bytes.Repeat(text(field, nil), most/2-100) }
}

// small is a description with as many empty elements as its own bound allows.
func small(field protowire.Number) []byte {
	return append(encode(description("bomb-small")), bytes.Repeat(text(field, nil), (2<<20)-4096)...)
}

// text is a field of bytes, a string or a message.
func text(field protowire.Number, data []byte) []byte {
	return protowire.AppendBytes(protowire.AppendTag(nil, field, protowire.BytesType), data)
}

func nested(data []byte, field protowire.Number) []byte { return text(field, data) }

func garbage() []byte {
	data := make([]byte, 1<<20)
	for i := range data {
		data[i] = byte(rand.Uint32())
	}
	return data
}

// settingsBomb is a description of one check with two million settings.
func settingsBomb() []byte {
	schema := bytes.Repeat(text(1, text(1, []byte("a"))), 3<<20/5)
	check := append(text(1, []byte("evil.found")), text(5, schema)...)
	return append(encode(description("bomb-settings")), text(6, check)...)
}

// deepSettings is a block in a block, five thousand times.
func deepSettings() []byte {
	var schema []byte
	for range 5000 {
		block := append(text(1, []byte("b")), text(5, schema)...)
		schema = text(2, block)
	}
	kernel := append(text(1, []byte("deep")), text(4, schema)...)
	return append(encode(description("deep-settings")), text(7, kernel)...)
}

// oddSettings are types, defaults and bounds that make no sense.
func oddSettings() []byte {
	d := description("odd-settings")
	deep := string(bytes.Repeat([]byte(`["list",`), 100_000)) + `"string"` + string(bytes.Repeat([]byte("]"), 100_000))
	var attributes []*pluginv1.Attribute
	for _, typ := range []string{"", "nonsense", deep, `["object",{"a":["tuple",["string"]]}]`, "dynamic"} {
		attributes = append(attributes, &pluginv1.Attribute{Name: "x", Type: typ, DefaultJson: "[[[[[["}, &pluginv1.Attribute{Name: escape, Type: "string", DefaultJson: `"` + escape})
	}
	d.Kernels[0].Config = &pluginv1.Schema{Attributes: attributes}
	d.Checks[0].Config = d.Kernels[0].Config
	return encode(d)
}

func stdio(channel uint64, data []byte) []byte {
	return append(protowire.AppendVarint(protowire.AppendTag(nil, 1, protowire.VarintType), channel), text(2, data)...)
}

// evidenceBomb is one fact with eight million pieces of evidence.
func evidenceBomb() []byte {
	return nested(append(text(1, []byte("evil.seen")), empties(4)()...), 1)
}

// pathBomb is one diagnostic with a path of eight million steps.
func pathBomb() []byte {
	return nested(append(text(2, []byte("a")), empties(4)()...), 2)
}

// deepValue is JSON that nests a million times.
func deepValue() []byte {
	return encode(&pluginv1.CollectResponse{Facts: []*pluginv1.Fact{
		{Address: "evil.seen", ValueJson: append(bytes.Repeat([]byte("["), 1<<20), bytes.Repeat([]byte("]"), 1<<20)...)},
	}})
}

// collisions are facts of other plugins, facts that nobody described, addresses
// with everything that does not belong there, and one fact many times.
func collisions() []byte {
	facts := []*pluginv1.Fact{{Address: "evil.seen", ValueJson: []byte("true")}}
	for _, address := range []string{"gpu.driver.version", "system.os.id", "python.version", "evil.seen[" + escape + "]", escape, "", "evil.seen[x].y", "evil.seen"} {
		facts = append(facts, &pluginv1.Fact{Address: address, ValueJson: []byte(`"` + "forged" + `"`)})
	}
	for i := range 30_000 {
		facts = append(facts, &pluginv1.Fact{Address: fmt.Sprintf("evil.seen[%d]", i), ValueJson: []byte("1")})
	}
	return encode(&pluginv1.CollectResponse{Facts: facts, Diagnostics: []*pluginv1.Diagnostic{
		{Severity: 77, Summary: "Plugin gpu crashed" + escape, Detail: "goroutine 1 [running]:\n" + escape, Path: []string{"/etc/passwd", escape}},
	}})
}

// manyFindings are fifty thousand with everything set.
func manyFindings() []byte {
	r := &pluginv1.CheckResponse{Outcomes: []*pluginv1.CheckOutcome{{Code: "evil.found", Status: pluginv1.CheckOutcome_STATUS_RAN}}}
	for i := range 50_000 {
		r.Findings = append(r.Findings, &pluginv1.Finding{
			Code: "evil.found", Severity: pluginv1.Finding_SEVERITY_ERROR, Confidence: 1, Subject: fmt.Sprint(i), Title: "x", Detail: blank(100),
			Explains: []string{"*", "gpu.*", "evil.found"},
		})
	}
	return encode(r)
}

// batch is a batch of a table with one column.
func batch(rows int64) []byte {
	return encode(&pluginv1.TransformResponse{Message: &pluginv1.TransformResponse_Batch{Batch: &pluginv1.Batch{
		Schema: &pluginv1.TableSchema{Columns: []*pluginv1.TableColumn{{Name: "x", Type: pluginv1.TableColumn_TYPE_FLOAT64}}},
		Rows:   rows, Columns: []*pluginv1.ColumnBuffers{{Values: make([]byte, 8*rows)}},
	}}})
}
