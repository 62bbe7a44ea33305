// SPDX-License-Identifier: Apache-2.0

package lock

import (
	"bytes"
	"strconv"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"
)

// maxDepth is how deep brackets nest in a lock file: a list in a platform in a
// plugin, with room for the quotes.
const maxDepth = 4

// maxWords bounds the words of a file: a full one in the normal form has half as
// many, and each takes a hundred bytes of memory where it may be one byte long.
const maxWords = MaxBytes / 5

// words is how many words a file has, or more: each character that is no letter,
// digit or space is one, and so is each run of letters and digits.
func words(data []byte) int {
	n, inside := 0, false
	for _, c := range data {
		letter := c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'z' || c >= 0x80
		if letter && !inside || !letter && c != ' ' {
			n++
		}
		inside = letter
	}
	return n
}

// newer is the number of the format when it is greater than ours. It asks the
// words and not the parser: a newer file may be written in other ways altogether.
func newer(tokens hclsyntax.Tokens) string {
	depth := 0
	for i, t := range tokens {
		depth += opens(t.Type)
		if depth > 0 || i < 2 || t.Type != hclsyntax.TokenNumberLit || tokens[i-1].Type != hclsyntax.TokenEqual || string(tokens[i-2].Bytes) != "version" {
			continue
		}
		if n, err := strconv.Atoi(string(t.Bytes)); err == nil && n > Version {
			return strconv.Itoa(n)
		}
	}
	return ""
}

// opens is by how much a word changes the depth.
func opens(t hclsyntax.TokenType) int {
	switch t {
	case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOQuote:
		return 1
	case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCQuote:
		return -1
	}
	return 0
}

// merged reports the marks that an unfinished merge leaves.
func (p *parser) merged(data []byte) bool {
	for i, line := range bytes.Split(data, []byte("\n")) {
		if bytes.HasPrefix(line, []byte("<<<<<<< ")) || bytes.HasPrefix(line, []byte(">>>>>>> ")) {
			p.err.add(i+1, 1, "A merge was not finished here. Take one side whole, and run `bulkhead init`.")
			return true
		}
	}
	return false
}

// literals looks at the words of a file before the parser, which recurses, sees
// them: literals in blocks are all that it may hold.
func (p *parser) literals(tokens hclsyntax.Tokens) bool {
	depth := 0
	for _, t := range tokens {
		if depth += opens(t.Type); depth > maxDepth {
			p.errorf(t.Range, "Blocks and lists nest more than %d deep. This is no lock file; restore it, or remove it and install again.", maxDepth)
			return false
		}
		if !literal(t) {
			p.errorf(t.Range, "%+.20q is not part of a literal value, and a lock file holds nothing else. Write the value itself.", t.Bytes)
			return false
		}
	}
	return true
}

// maxNumber bounds the digits of a number: the only one is that of the format.
const maxNumber = 9

// literal reports whether a token can be in a lock file. Broken tokens are left
// to the parser, which names them better.
func literal(t hclsyntax.Token) bool {
	switch t.Type {
	case hclsyntax.TokenIdent, hclsyntax.TokenEqual, hclsyntax.TokenComma, hclsyntax.TokenNewline, hclsyntax.TokenComment,
		hclsyntax.TokenOBrace, hclsyntax.TokenCBrace, hclsyntax.TokenOBrack, hclsyntax.TokenCBrack,
		hclsyntax.TokenOQuote, hclsyntax.TokenCQuote, hclsyntax.TokenQuotedLit, hclsyntax.TokenEOF,
		hclsyntax.TokenInvalid, hclsyntax.TokenBadUTF8, hclsyntax.TokenQuotedNewline:
		return true
	case hclsyntax.TokenNumberLit:
		return len(t.Bytes) <= maxNumber && !bytes.ContainsAny(t.Bytes, "eE.")
	}
	return false
}

// value is the literal of an attribute; false when it is not there or wrong,
// which is then reported.
func (p *parser) value(body *hclsyntax.Body, name, form string, ok func(cty.Value) bool) (cty.Value, hcl.Range, bool) {
	a, there := body.Attributes[name]
	if !there {
		return cty.NilVal, hcl.Range{}, false
	}
	v, diags := a.Expr.Value(nil)
	if diags.HasErrors() || v.IsNull() || !v.IsWhollyKnown() || !ok(v) {
		p.errorf(a.Expr.Range(), "%s is not %s. Write the value itself.", name, form)
		return cty.NilVal, hcl.Range{}, false
	}
	return v, a.Expr.Range(), true
}

func isText(v cty.Value) bool { return !v.IsNull() && v.Type().Equals(cty.String) }

func isFlag(v cty.Value) bool { return v.Type().Equals(cty.Bool) }

func isTexts(v cty.Value) bool {
	if !v.Type().IsTupleType() {
		return false
	}
	for _, e := range v.AsValueSlice() {
		if !isText(e) {
			return false
		}
	}
	return true
}

func (p *parser) text(body *hclsyntax.Body, name string, needed bool, check func(string) error) string {
	v, at, ok := p.value(body, name, "a text in quotes", isText)
	if !ok {
		if _, there := body.Attributes[name]; needed && !there {
			p.errorf(body.SrcRange, "The attribute %q is missing. Install the plugin again.", name)
		}
		return ""
	}
	if err := check(v.AsString()); err != nil {
		p.errorf(at, "%v", err)
	}
	return v.AsString()
}

func (p *parser) flag(body *hclsyntax.Body, name string) bool {
	v, _, ok := p.value(body, name, "true or false", isFlag)
	return ok && v.True()
}

func (p *parser) texts(body *hclsyntax.Body, name string, most int, check func(string) error) []string {
	v, at, ok := p.value(body, name, "a list of texts in quotes", isTexts)
	if !ok {
		return nil
	}
	if v.LengthInt() > most {
		p.errorf(at, "%s has %d entries, more than %d.", name, v.LengthInt(), most)
		return nil
	}
	var out []string
	for _, e := range v.AsValueSlice() {
		if err := check(e.AsString()); err != nil {
			p.errorf(at, "%v", err)
		}
		out = append(out, e.AsString())
	}
	return out
}
