// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Value is the expression of a Go value: nil, booleans, numbers, texts,
// durations (as a text such as "1m30s"), slices and arrays, maps with texts as
// keys (in the order of their keys), pointers to these, and expressions and
// references, which stay what they are. Other types, texts that are not UTF-8,
// and numbers that are not finite give an expression that the step which holds
// it reports.
func Value(v any) Expr {
	w := valueWriter{}
	w.write(reflect.ValueOf(v), 0)
	return Expr{text: w.b.String(), bad: w.bad}
}

// maxValueDepth bounds how deep a value nests; a cycle of pointers would not end.
const maxValueDepth = 32

// maxInline is the length of a map that stands on one line, in bytes.
const maxInline = 80

type valueWriter struct {
	b   strings.Builder
	bad string
}

func (w *valueWriter) fail(format string, args ...any) {
	if w.bad == "" {
		w.bad = fmt.Sprintf(format, args...)
	}
}

func (w *valueWriter) write(v reflect.Value, depth int) {
	switch {
	case depth > maxValueDepth:
		w.fail("a value nests deeper than %d", maxValueDepth)
	case !v.IsValid():
		w.b.WriteString("null")
	case v.CanInterface() && w.known(v.Interface()):
	default:
		w.kind(v, depth)
	}
}

// known writes the types that stand for expressions.
func (w *valueWriter) known(v any) bool {
	switch v := v.(type) {
	case Expr:
		if v.bad != "" {
			w.fail("%s", v.bad)
		}
		if v.IsZero() {
			w.fail("an expression is empty")
		}
		w.b.WriteString(v.text)
	case Ref:
		w.b.WriteString(v.expr)
		if v.bad != "" {
			w.fail("%s", v.bad)
		}
	case time.Duration:
		w.b.WriteString(quote(v.String()))
	default:
		return false
	}
	return true
}

func (w *valueWriter) kind(v reflect.Value, depth int) {
	switch v.Kind() {
	case reflect.Bool:
		w.b.WriteString(strconv.FormatBool(v.Bool()))
	case reflect.String:
		w.text(v.String())
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		w.b.WriteString(strconv.FormatInt(v.Int(), 10))
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64:
		w.b.WriteString(strconv.FormatUint(v.Uint(), 10))
	case reflect.Float32:
		w.float(v.Float(), 32)
	case reflect.Float64:
		w.float(v.Float(), 64)
	case reflect.Slice, reflect.Array:
		w.list(v, depth)
	case reflect.Map:
		w.object(v, depth)
	case reflect.Pointer, reflect.Interface:
		w.write(v.Elem(), depth+1)
	default:
		w.fail("a value of type %s has no form in a configuration; give a bool, number, text, duration, slice, map or Expr", v.Type())
	}
}

func (w *valueWriter) text(s string) {
	if !utf8.ValidString(s) {
		w.fail("%q is not UTF-8", shorten(s))
	}
	w.b.WriteString(quote(s))
}

// float writes the shortest number that reads back as the same bits.
func (w *valueWriter) float(f float64, bits int) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		w.fail("%v is not a finite number", f)
		return
	}
	w.b.WriteString(strconv.FormatFloat(f, 'g', -1, bits))
}

func (w *valueWriter) list(v reflect.Value, depth int) {
	w.b.WriteByte('[')
	for i := range v.Len() {
		if i > 0 {
			w.b.WriteString(", ")
		}
		w.write(v.Index(i), depth+1)
	}
	w.b.WriteByte(']')
}

func (w *valueWriter) object(v reflect.Value, depth int) {
	if v.Type().Key().Kind() != reflect.String {
		w.fail("a map has keys of type %s; they must be texts", v.Type().Key())
		return
	}
	entries := map[string]string{}
	for it := v.MapRange(); it.Next(); {
		inner := valueWriter{}
		inner.write(it.Value(), depth+1)
		if inner.bad != "" {
			w.fail("%s", inner.bad)
		}
		entries[it.Key().String()] = inner.b.String()
	}
	var parts []string
	for _, key := range slices.Sorted(maps.Keys(entries)) {
		parts = append(parts, keyText(key)+" = "+entries[key])
	}
	w.b.WriteString(braces(parts))
}

// keyText is a key of a map; those that are names need no quotes.
func keyText(key string) string {
	if hclsyntax.ValidIdentifier(key) && key != "for" {
		return key
	}
	return quote(key)
}

// braces puts short maps on one line.
func braces(parts []string) string {
	if len(parts) == 0 {
		return "{}"
	}
	line := "{ " + strings.Join(parts, ", ") + " }"
	if len(line) <= maxInline && !strings.Contains(line, "\n") {
		return line
	}
	return "{\n" + strings.Join(parts, "\n") + "\n}"
}
