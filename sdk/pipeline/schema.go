// SPDX-License-Identifier: Apache-2.0

package pipeline

import "slices"

// Types of blocks.
const (
	sourceBlock   = "source"
	kernelBlock   = "kernel"
	abBlock       = "ab"
	armBlock      = "arm"
	sinkBlock     = "sink"
	moduleBlock   = "module"
	pipelineBlock = "pipeline"
	variableBlock = "variable"
	localsBlock   = "locals"
	configBlock   = "config"
	inputBlock    = "input"
	outputBlock   = "output"
	suiteBlock    = "suite"
	requireBlock  = "require"
	pluginBlock   = "plugin"
	registryBlock = "registry"
	cacheBlock    = "cache"
)

// attrKind says what an attribute holds, as far as it is checked here.
type attrKind int

const (
	anyValue   attrKind = iota
	aText               // a text that says something
	aBool               //
	aWhole              // a whole number between least and most
	aFraction           // a number above 0 and below 1
	aDuration           // "90s"
	aSize               // "512MiB" between least and most bytes
	aTextMap            // texts by name
	aTextList           // texts
	aReference          // tables: source.x, kernel.x["a"], module.m.rows
	aName               // other bare names: data.prepare, suite.x
	aType               // a type of a variable
)

type attrSpec struct {
	name        string
	kind        attrKind
	required    bool
	oneOf       []string
	least, most float64
}

type blockSpec struct {
	kind   string
	labels int
	attrs  []attrSpec
	blocks []string
	// open blocks take all other attributes, too.
	open bool
	// free blocks hold what a plugin wants: any attributes and blocks.
	free bool
}

var formats = []string{"csv", "jsonl", "parquet", "arrow", "sqlite"}

// stepAttrs are those of every step of a pipeline.
var stepAttrs = []attrSpec{{name: "for_each"}, {name: "when", kind: aBool}}

// workAttrs are those of every kernel.
var workAttrs = []attrSpec{
	{name: "budget", kind: aDuration}, {name: "timeout", kind: aDuration}, {name: "seed", kind: aWhole, most: 1 << 64},
	{name: "on_failure", kind: aText, oneOf: policies}, {name: "retries", kind: aWhole, least: 1, most: 10}, {name: "cache", kind: aBool},
}

var formatAttrs = []attrSpec{
	{name: "csv", kind: aText}, {name: "jsonl", kind: aText}, {name: "parquet", kind: aText}, {name: "arrow", kind: aText}, {name: "sqlite", kind: aText},
}

// policies are the values of on_failure.
var policies = []string{string(Stop), string(Continue), string(Retry), string(Rollback), string(Quarantine)}

var severities = []string{"error", "warning", "info"}

// specs are the blocks that a pipeline may be made of. The order of attributes
// is the one in which they are written.
var specs = map[string]blockSpec{
	sourceBlock: {kind: sourceBlock, labels: 1, attrs: slices.Concat(stepAttrs, formatAttrs, []attrSpec{
		{name: "url", kind: aText}, {name: "format", kind: aText, oneOf: formats}, {name: "allow_network", kind: aBool},
		{name: "compression", kind: aText, oneOf: []string{"auto", "none", "gzip", "zstd"}},
		{name: "table", kind: aText}, {name: "query", kind: aText}, {name: "target", kind: aText}, {name: "id", kind: aText},
		{name: "types", kind: aTextMap}, {name: "nulls", kind: aTextList}, {name: "delimiter", kind: anyValue},
	})},
	kernelBlock: {kind: kernelBlock, labels: 1, blocks: []string{configBlock}, attrs: slices.Concat(stepAttrs, []attrSpec{
		{name: "use", kind: aName, required: true}, {name: "input", kind: aReference, required: true},
	}, workAttrs)},
	abBlock: {kind: abBlock, labels: 1, blocks: []string{armBlock}, attrs: slices.Concat(stepAttrs, []attrSpec{
		{name: "input", kind: aReference, required: true}, {name: "mode", kind: aText, oneOf: []string{string(Split), string(Shadow)}},
		{name: "share", kind: aFraction}, {name: "key", kind: aTextList}, {name: "seed", kind: aWhole, most: 1 << 64},
		{name: "label", kind: aText}, {name: "prediction", kind: aText}, {name: "holdout", kind: aFraction}, {name: "metrics", kind: aTextList},
		{name: "columns", kind: aTextList}, {name: "min_rows", kind: aWhole, least: 2, most: 1 << 53}, {name: "strict", kind: aBool},
	})},
	armBlock: {kind: armBlock, labels: 1, blocks: []string{configBlock}, attrs: slices.Concat([]attrSpec{{name: "use", kind: aName, required: true}}, workAttrs)},
	sinkBlock: {kind: sinkBlock, labels: 1, attrs: slices.Concat(stepAttrs, []attrSpec{{name: "input", kind: aReference, required: true}}, formatAttrs, []attrSpec{
		{name: "compression", kind: aText, oneOf: []string{"auto", "none", "gzip", "zstd", "snappy", "lz4"}}, {name: "table", kind: aText},
	})},
	moduleBlock: {kind: moduleBlock, labels: 1, open: true, attrs: slices.Concat(stepAttrs, []attrSpec{{name: "source", kind: aText, required: true}})},
	pipelineBlock: {kind: pipelineBlock, labels: 1, blocks: stepBlocks, attrs: []attrSpec{
		{name: "description", kind: aText}, {name: "preflight", kind: aName}, {name: "cache", kind: aBool},
		{name: "max_memory", kind: aSize, least: 16 << 20}, {name: "max_spill", kind: aSize, least: 1 << 20},
		{name: "batch_rows", kind: aWhole, least: 1, most: 65536}, {name: "batch_bytes", kind: aSize, least: 64 << 10, most: 8 << 20},
	}},
	variableBlock: {kind: variableBlock, labels: 1, blocks: []string{"validation"}, attrs: []attrSpec{
		{name: "type", kind: aType}, {name: "default"}, {name: "description", kind: aText}, {name: "sensitive", kind: aBool},
	}},
	"validation": {kind: "validation", attrs: []attrSpec{{name: "condition", required: true}, {name: "error_message", required: true}}},
	localsBlock:  {kind: localsBlock, open: true},
	configBlock:  {kind: configBlock, free: true},
	inputBlock:   {kind: inputBlock, labels: 1, attrs: []attrSpec{{name: "description", kind: aText}}},
	outputBlock: {kind: outputBlock, labels: 1, attrs: []attrSpec{
		{name: "value", kind: aReference, required: true}, {name: "description", kind: aText},
	}},
	suiteBlock: {kind: suiteBlock, labels: 1, attrs: []attrSpec{
		{name: "run", kind: aName, required: true}, {name: "skip", kind: aName}, {name: "severity", kind: aTextMap},
	}},
	requireBlock: {kind: requireBlock, labels: 1, attrs: []attrSpec{
		{name: "condition", required: true}, {name: "severity", kind: aText, oneOf: severities}, {name: "message", required: true},
	}},
	pluginBlock: {kind: pluginBlock, labels: 1, attrs: []attrSpec{
		{name: "source", kind: aText, required: true}, {name: "registry", kind: aText}, {name: "prerelease", kind: aBool},
		{name: "version", kind: aText}, {name: "digest", kind: aText},
		{name: "grants", kind: aTextList}, {name: "timeout", kind: aDuration},
	}},
	registryBlock: {kind: registryBlock, labels: 1, blocks: []string{"token"}, attrs: []attrSpec{
		{name: "address", kind: aText, required: true}, {name: "root", kind: aText, required: true}, {name: "log_key", kind: aText, required: true},
		{name: "offline_grace", kind: aDuration}, {name: "ca_file", kind: aText},
	}},
	"token":    {kind: "token", attrs: []attrSpec{{name: "env", kind: aText}, {name: "file", kind: aText}}},
	cacheBlock: {kind: cacheBlock, attrs: []attrSpec{{name: "max_size", kind: aSize, least: 1 << 20}, {name: "max_age", kind: aDuration}}},
}

// stepBlocks may stand in a pipeline, beside it and in a module.
var stepBlocks = []string{sourceBlock, kernelBlock, abBlock, sinkBlock, moduleBlock}

// fileBlocks are those of a file with a pipeline, moduleBlocks those of a file of
// a module.
var (
	fileBlocks   = slices.Concat([]string{variableBlock, localsBlock, registryBlock, pluginBlock, suiteBlock, requireBlock, cacheBlock, pipelineBlock}, stepBlocks)
	moduleBlocks = slices.Concat([]string{variableBlock, localsBlock, inputBlock, outputBlock}, stepBlocks)
)

// attr finds the rules of an attribute.
func (s blockSpec) attr(name string) (attrSpec, bool) {
	i := slices.IndexFunc(s.attrs, func(a attrSpec) bool { return a.name == name })
	if i < 0 {
		return attrSpec{name: name}, s.open || s.free
	}
	return s.attrs[i], true
}

func (s blockSpec) attrNames() []string {
	out := make([]string, len(s.attrs))
	for i, a := range s.attrs {
		out[i] = a.name
	}
	return out
}
