// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Text, Bool, Whole and Time are what settings take: a value of Go, or an
// expression.
type (
	// Text is a text.
	Text interface{ ~string | Expr }
	// Bool is true or false.
	Bool interface{ ~bool | Expr }
	// Whole is a whole number.
	Whole interface {
		~int | ~int64 | ~uint64 | Expr
	}
	// Time is a duration.
	Time interface{ time.Duration | Expr }
)

// SourceOption is a setting of a source.
type SourceOption interface{ source(*node) }

// KernelOption is a setting of a kernel.
type KernelOption interface{ kernel(*node) }

// SinkOption is a setting of a sink.
type SinkOption interface{ sink(*node) }

// StepOption is a setting of every kind of step, modules included.
type StepOption struct{ apply func(*node) }

func (o StepOption) source(n *node) { o.apply(n) }
func (o StepOption) kernel(n *node) { o.apply(n) }
func (o StepOption) sink(n *node)   { o.apply(n) }
func (o StepOption) step(n *node)   { o.apply(n) }

// FileOption is a setting of sources and sinks.
type FileOption struct{ name, text, bad string }

func (o FileOption) source(n *node) { set(n, o.name, Expr{text: o.text, bad: o.bad}) }
func (o FileOption) sink(n *node)   { set(n, o.name, Expr{text: o.text, bad: o.bad}) }

// sourceOption and kernelOption are settings of one kind of step.
type (
	sourceOption struct {
		name  string
		value Expr
	}
	kernelOption struct {
		name  string
		value Expr
	}
)

func (o sourceOption) source(n *node) { set(n, o.name, o.value) }
func (o kernelOption) kernel(n *node) { set(n, o.name, o.value) }

func fileOption(name string, v any) FileOption {
	e := Value(v)
	return FileOption{name, e.text, e.bad}
}

// ForEach makes one step of each element: of a map with texts as keys, or of a
// set of texts, which a []string becomes. In the step EachKey and EachValue are
// the element; elsewhere Ref.Key names one of the steps.
func ForEach(elements any) StepOption {
	e := Value(elements)
	if texts, ok := elements.([]string); ok {
		e = Call("toset", texts)
	}
	return StepOption{func(n *node) { set(n, "for_each", e) }}
}

// When leaves the step out when it is false, with all that depends on it.
func When[T Bool](condition T) StepOption {
	return StepOption{func(n *node) { set(n, "when", Value(condition)) }}
}

// Shared puts the step beside the pipeline, where other pipelines of the
// configuration can use it.
func Shared() StepOption { return StepOption{func(n *node) { n.shared = true }} }

// CSV is a file with a header line, as text: of a source or a sink.
func CSV[T Text](path T) FileOption { return fileOption("csv", path) }

// JSONL is a file with one JSON object a line.
func JSONL[T Text](path T) FileOption { return fileOption("jsonl", path) }

// Parquet is a Parquet file.
func Parquet[T Text](path T) FileOption { return fileOption("parquet", path) }

// Arrow is an Arrow IPC file, also called Feather.
func Arrow[T Text](path T) FileOption { return fileOption("arrow", path) }

// SQLite is an SQLite database; see Table and Query.
func SQLite[T Text](path T) FileOption { return fileOption("sqlite", path) }

// Compression of a file: "none", "gzip", "zstd", in a Parquet sink "snappy", in
// an Arrow sink "lz4". Without it the first bytes of a source tell, and the
// ending of the name of a sink.
func Compression[T Text](name T) FileOption { return fileOption("compression", name) }

// Table of an SQLite database.
func Table[T Text](name T) FileOption { return fileOption("table", name) }

// remote is a source at an address.
type remote struct{ url, format Expr }

func (r remote) source(n *node) {
	set(n, "url", r.url)
	set(n, "format", r.format)
	set(n, "allow_network", Value(true))
}

// URL is an http or https address with a file in one of the formats "csv",
// "jsonl", "parquet", "arrow" or "sqlite". To write it is to consent to the
// fetch.
func URL[T Text](address T, format string) SourceOption {
	return remote{Value(address), Value(format)}
}

// Query is a SELECT statement on an SQLite database.
func Query[T Text](sql T) SourceOption { return sourceOption{"query", Value(sql)} }

// Target is the column to predict.
func Target[T Text](column T) SourceOption { return sourceOption{"target", Value(column)} }

// ID is the column that names the row.
func ID[T Text](column T) SourceOption { return sourceOption{"id", Value(column)} }

// Types are types of columns where the guess from the data is wrong, in CSV and
// JSON lines: "string", "float64", "timestamp[ms, UTC]".
func Types(types map[string]string) SourceOption { return sourceOption{"types", Value(types)} }

// Nulls are the texts that mean that there is no value, in CSV and JSON lines.
func Nulls(texts ...string) SourceOption { return sourceOption{"nulls", Value(texts)} }

// Delimiter is the character between columns of CSV.
func Delimiter(r rune) SourceOption { return sourceOption{"delimiter", Value(string(r))} }

// Policy says what follows when a kernel fails.
type Policy string

// Stop ends the pipeline, which is the default; Continue skips what depends on
// the kernel; Retry starts a process again that died; Rollback undoes what was
// done before it; Quarantine sets rejected rows aside and goes on.
const (
	Stop       Policy = "stop"
	Continue   Policy = "continue"
	Retry      Policy = "retry"
	Rollback   Policy = "rollback"
	Quarantine Policy = "quarantine"
)

// OnFailure says what follows when the kernel fails.
func OnFailure(p Policy) KernelOption { return kernelOption{"on_failure", Value(string(p))} }

// Retries is how often a kernel with OnFailure(Retry) is tried again, 1 to 10.
func Retries[T Whole](n T) KernelOption { return kernelOption{"retries", Value(n)} }

// Budget is the time that the kernel may use; the best result so far counts.
func Budget[T Time](d T) KernelOption { return kernelOption{"budget", Value(d)} }

// Timeout is the time after which the kernel is killed.
func Timeout[T Time](d T) KernelOption { return kernelOption{"timeout", Value(d)} }

// seedOption is a setting of kernels and of comparisons.
type seedOption struct{ value Expr }

func (o seedOption) kernel(n *node) { set(n, "seed", o.value) }
func (o seedOption) ab(n *node)     { set(n, "seed", o.value) }

// SeedOption is a setting of kernels and of comparisons.
type SeedOption interface {
	KernelOption
	ABOption
}

// Seed of every random choice of the kernel, or of the split of a comparison.
func Seed[T Whole](n T) SeedOption { return seedOption{Value(n)} }

// Config holds the settings of a kernel, which belong to its plugin. A value of
// type Config is a nested block, a []Config several blocks of one type; all
// others are values as Value takes them.
type Config map[string]any

func (c Config) kernel(n *node) {
	for i, it := range n.items {
		if it.isBlock() && it.kind == configBlock {
			n.items[i] = c.node(configBlock)
			return
		}
	}
	n.items = append(n.items, c.node(configBlock))
}

// node is the block of the settings, blocks after attributes.
func (c Config) node(kind string) *node {
	n := &node{kind: kind}
	var blocks []*node
	for _, key := range slices.Sorted(maps.Keys(c)) {
		bad := ""
		if !hclsyntax.ValidIdentifier(key) {
			bad = quote(shorten(key)) + " is not the name of a setting"
		}
		switch v := c[key].(type) {
		case Config:
			blocks = append(blocks, v.node(key))
		case []Config:
			for _, one := range v {
				blocks = append(blocks, one.node(key))
			}
		default:
			e := Value(v)
			if bad != "" {
				e.bad = bad
			}
			n.add(&node{kind: key, expr: &e})
		}
	}
	for _, b := range blocks {
		n.add(b)
	}
	return n
}

// cacheOption is a setting of kernels and of the pipeline.
type cacheOption struct{ value Expr }

func (o cacheOption) kernel(n *node)   { set(n, "cache", o.value) }
func (o cacheOption) pipeline(n *node) { set(n, "cache", o.value) }

// CacheOption is a setting of kernels and of the pipeline.
type CacheOption interface {
	KernelOption
	Option
}

// Cache says whether outcomes are kept and used again: of one kernel, or of all
// that do not say it themselves.
func Cache[T Bool](keep T) CacheOption { return cacheOption{Value(keep)} }

// VariableOption is a setting of a variable.
type VariableOption func(*node)

// Type of a variable, as it is written: "string", "list(number)".
func Type(constraint string) VariableOption {
	return func(n *node) { set(n, "type", Expr{text: strings.TrimSpace(constraint)}) }
}

// Default is the value of a variable when none is given; without it the variable
// must be given.
func Default(value any) VariableOption {
	return func(n *node) { set(n, "default", Value(value)) }
}

// Description says what a variable is for.
func Description(text string) VariableOption {
	return func(n *node) { set(n, "description", Value(text)) }
}

// Sensitive keeps the value of a variable out of plans and reports.
func Sensitive() VariableOption {
	return func(n *node) { set(n, "sensitive", Value(true)) }
}

// Validation is a condition that a variable must meet, and what to say when it
// does not: Validation(Raw("var.alpha > 0"), "alpha must be positive").
func Validation(condition Expr, message string) VariableOption {
	return func(n *node) {
		b, text := &node{kind: "validation"}, Value(message)
		b.add(&node{kind: "condition", expr: &condition})
		b.add(&node{kind: "error_message", expr: &text})
		n.items = append(n.items, b)
	}
}
