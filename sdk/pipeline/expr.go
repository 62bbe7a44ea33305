// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// Expr is an expression of the configuration language: what stands right of an
// equals sign. The zero Expr is none.
type Expr struct {
	text string
	// bad says why it cannot be written; the step that holds it reports it.
	bad string
}

// Raw is an expression as it is written in HCL, such as
// `upper(var.region) == "EU" ? 1 : 2`.
func Raw(text string) Expr {
	text = strings.TrimSpace(text)
	e := Expr{text: text}
	if _, diags := e.parse(); diags.HasErrors() {
		e.bad = quote(shorten(text)) + " is not an expression: " + diags[0].Detail
		return e
	}
	if _, diags := hclsyntax.ParseConfig([]byte("x = "+text+"\n"), "", hcl.InitialPos); diags.HasErrors() {
		// Its line ends would end the attribute.
		e.text = "(" + text + "\n)"
	}
	return e
}

// EachKey and EachValue are the element at hand in a step with ForEach.
var (
	EachKey   = Expr{text: "each.key"}
	EachValue = Expr{text: "each.value"}
)

// Get is an attribute of the value of e: Get("alpha") of each.value is
// each.value.alpha.
func (e Expr) Get(name string) Expr {
	if e.bad == "" && !hclsyntax.ValidIdentifier(name) {
		e.bad = quote(shorten(name)) + " is not the name of an attribute"
	}
	e.text += "." + name
	return e
}

// Call is a function of the language with its arguments, which are values as
// Value takes them: Call("toset", []string{"a", "b"}).
func Call(function string, args ...any) Expr {
	parts := make([]string, len(args))
	out := Expr{}
	if !hclsyntax.ValidIdentifier(function) {
		out.bad = quote(shorten(function)) + " is not the name of a function"
	}
	for i, arg := range args {
		e := Value(arg)
		parts[i] = e.text
		if out.bad == "" {
			out.bad = e.bad
		}
	}
	out.text = function + "(" + strings.Join(parts, ", ") + ")"
	return out
}

// Template is a text with expressions in it: texts are taken as they are, and
// expressions come between them. Template("rows-", EachKey, ".csv") is
// "rows-${each.key}.csv".
func Template(parts ...any) Expr {
	var b strings.Builder
	out := Expr{}
	for _, part := range parts {
		if text, ok := part.(string); ok {
			b.WriteString(strings.Trim(quote(text), `"`))
			continue
		}
		e := Value(part)
		if out.bad == "" {
			out.bad = e.bad
		}
		b.WriteString("${" + e.text + "}")
	}
	out.text = `"` + b.String() + `"`
	return out
}

// String is the expression as it is written in HCL.
func (e Expr) String() string { return e.text }

// IsZero reports whether e is no expression.
func (e Expr) IsZero() bool { return e.text == "" && e.bad == "" }

// parse reads the text again, within the bounds that Parse has.
func (e Expr) parse() (hclsyntax.Expression, hcl.Diagnostics) {
	if d := tooDeep([]byte(e.text), ""); d != nil {
		return nil, hcl.Diagnostics{d}
	}
	// A heredoc needs a line end behind it.
	return hclsyntax.ParseExpression([]byte(e.text+"\n"), "", hcl.InitialPos)
}

// constant is the value of an expression that uses no name and no function.
func (e Expr) constant() (cty.Value, bool) {
	node, diags := e.parse()
	if diags.HasErrors() {
		return cty.NilVal, false
	}
	return constantOf(node)
}

func constantOf(node hclsyntax.Expression) (cty.Value, bool) {
	if len(node.Variables()) > 0 {
		return cty.NilVal, false
	}
	v, diags := node.Value(nil)
	return v, !diags.HasErrors() && v.IsWhollyKnown()
}

// maxShown is how much of a text a message repeats, in bytes.
const maxShown = 60

func shorten(s string) string {
	if len(s) <= maxShown {
		return s
	}
	return strings.ToValidUTF8(s[:maxShown], "") + "..."
}

// quote writes a text in HCL.
func quote(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == '\n':
			b.WriteString(`\n`)
		case r == '\r':
			b.WriteString(`\r`)
		case r == '\t':
			b.WriteString(`\t`)
		case (r == '$' || r == '%') && strings.HasPrefix(s[i+1:], "{"):
			b.WriteRune(r)
			b.WriteRune(r)
		case !strconv.IsPrint(r) && r <= 0xffff:
			b.WriteString(`\u` + hex4(r))
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}

func hex4(r rune) string {
	s := strconv.FormatInt(int64(r), 16)
	return strings.Repeat("0", 4-len(s)) + s
}
