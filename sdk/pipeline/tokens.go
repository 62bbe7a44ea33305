// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// Bounds on what is parsed; the host has the same or wider ones.
const (
	// MaxFileBytes is the size of one file.
	MaxFileBytes = 1 << 20
	// maxNesting is the depth of brackets, blocks and templates.
	maxNesting = 64
	// maxChain is the number of operators that stand side by side.
	maxChain = 1000
)

// tooDeep refuses text that would drive the recursive parser deep.
func tooDeep(src []byte, name string) *hcl.Diagnostic {
	tokens, _ := hclsyntax.LexConfig(src, name, hcl.InitialPos)
	var open []hclsyntax.TokenType
	chain := 0
	for _, t := range tokens {
		open = track(open, t.Type)
		switch {
		case operator(t.Type):
			chain++
		case t.Type == hclsyntax.TokenComma, t.Type == hclsyntax.TokenNewline && !joinsLines(open):
			chain = 0
		}
		if len(open) > maxNesting || chain > maxChain {
			at := t.Range
			return &hcl.Diagnostic{Severity: hcl.DiagError, Summary: "Nested too deep", Subject: &at,
				Detail: "Brackets, blocks and templates may nest 64 deep, and 1000 operators may stand side by side. Give the inner parts names, as locals."}
		}
	}
	return nil
}

func operator(t hclsyntax.TokenType) bool {
	switch t {
	case hclsyntax.TokenQuestion, hclsyntax.TokenBang, hclsyntax.TokenMinus, hclsyntax.TokenPlus, hclsyntax.TokenStar, hclsyntax.TokenSlash,
		hclsyntax.TokenPercent, hclsyntax.TokenAnd, hclsyntax.TokenOr, hclsyntax.TokenDot, hclsyntax.TokenOBrack:
		return true
	}
	return false
}

// joinsLines reports whether a line end means nothing inside the last bracket.
func joinsLines(open []hclsyntax.TokenType) bool {
	return len(open) > 0 && open[len(open)-1] != hclsyntax.TokenOBrace
}

// sameTokens reports whether two expressions are written alike, but for white
// space, comments and commas at line ends.
func sameTokens(a, b string) bool {
	return a == b || slices.EqualFunc(significant(a), significant(b), func(x, y hclsyntax.Token) bool {
		return x.Type == y.Type && bytes.Equal(x.Bytes, y.Bytes)
	})
}

// significant are the tokens that carry meaning. In braces a line end separates
// as a comma does; elsewhere it means nothing.
func significant(text string) hclsyntax.Tokens {
	tokens, _ := hclsyntax.LexExpression([]byte(text), "", hcl.InitialPos)
	var out hclsyntax.Tokens
	var open []hclsyntax.TokenType
	for _, t := range tokens {
		inBraces := len(open) > 0 && open[len(open)-1] == hclsyntax.TokenOBrace
		switch {
		case t.Type == hclsyntax.TokenNewline || t.Type == hclsyntax.TokenComment && bytes.HasSuffix(t.Bytes, []byte("\n")):
			if !inBraces {
				continue
			}
			t.Type, t.Bytes = hclsyntax.TokenComma, []byte(",")
		case t.Type == hclsyntax.TokenComment || t.Type == hclsyntax.TokenEOF:
			continue
		}
		if t.Type == hclsyntax.TokenComma && len(out) > 0 && separates(out[len(out)-1].Type) {
			continue
		}
		if closer(t.Type) && len(out) > 0 && out[len(out)-1].Type == hclsyntax.TokenComma {
			out = out[:len(out)-1]
		}
		open = track(open, t.Type)
		out = append(out, t)
	}
	return out
}

// separates reports a token after which another separator adds nothing.
func separates(t hclsyntax.TokenType) bool {
	return t == hclsyntax.TokenComma || t == hclsyntax.TokenOBrace || t == hclsyntax.TokenOBrack || t == hclsyntax.TokenOParen
}

func closer(t hclsyntax.TokenType) bool {
	return t == hclsyntax.TokenCBrace || t == hclsyntax.TokenCBrack || t == hclsyntax.TokenCParen || t == hclsyntax.TokenTemplateSeqEnd
}

func track(open []hclsyntax.TokenType, t hclsyntax.TokenType) []hclsyntax.TokenType {
	switch t {
	case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl,
		hclsyntax.TokenOQuote, hclsyntax.TokenOHeredoc:
		return append(open, t)
	}
	if ends := closer(t) || t == hclsyntax.TokenCQuote || t == hclsyntax.TokenCHeredoc; ends && len(open) > 0 {
		return open[:len(open)-1]
	}
	return open
}
