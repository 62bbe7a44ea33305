// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"
	"strconv"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
)

// checkNesting refuses text that would drive the recursive parser deep. It
// works on tokens, which are cut without recursion, so strings, heredocs and
// comments are what the parser will take them for.
func checkNesting(src []byte, name string) *Diagnostic {
	tokens, _ := hclsyntax.LexConfig(src, name, hcl.InitialPos)
	return checkTokens(tokens)
}

// checkTemplateNesting is checkNesting for the inside of a JSON string; its
// message is about no place yet.
func checkTemplateNesting(src []byte) *Diagnostic {
	tokens, _ := hclsyntax.LexTemplate(src, "", hcl.InitialPos)
	d := checkTokens(tokens)
	if d != nil {
		d.Range = nil
	}
	return d
}

func checkTokens(tokens hclsyntax.Tokens) *Diagnostic {
	s := depthScan{chains: []int{0}}
	for _, t := range tokens {
		if d := s.token(t); d != nil {
			return d
		}
	}
	return nil
}

// depthScan holds, for each open bracket, how many operators stand side by
// side in the expression at hand.
type depthScan struct {
	chains []int
	prev   hclsyntax.TokenType
	// newline is set after a line end that may have ended the expression.
	newline bool
}

func (s *depthScan) token(t hclsyntax.Token) *Diagnostic {
	defer func() { s.prev = t.Type }()
	switch t.Type {
	case hclsyntax.TokenComment:
		return nil
	case hclsyntax.TokenNewline:
		s.newline = s.newline || !chains(s.prev)
		return nil
	}
	if s.newline && !chains(t.Type) {
		s.chains[len(s.chains)-1] = 0
	}
	s.newline = false
	switch {
	case opens(t.Type):
		return s.open(t)
	case closes(t.Type):
		s.chains = s.chains[:max(len(s.chains)-1, 1)]
	case t.Type == hclsyntax.TokenComma:
		s.chains[len(s.chains)-1] = 0
	case chains(t.Type):
		return s.chain(t)
	case t.Type == hclsyntax.TokenNumberLit:
		return checkExponent(t)
	}
	return nil
}

func (s *depthScan) open(t hclsyntax.Token) *Diagnostic {
	if t.Type == hclsyntax.TokenOBrack || t.Type == hclsyntax.TokenTemplateControl {
		if d := s.chain(t); d != nil {
			return d
		}
	}
	s.chains = append(s.chains, 0)
	if len(s.chains)-1 <= MaxNesting {
		return nil
	}
	return errorAt(t.Range, "Nesting too deep",
		"Blocks, brackets and templates may nest %d deep. Move inner parts into locals.", MaxNesting)
}

func (s *depthScan) chain(t hclsyntax.Token) *Diagnostic {
	top := len(s.chains) - 1
	s.chains[top]++
	if s.chains[top] <= MaxChain {
		return nil
	}
	return errorAt(t.Range, "Expression too long",
		"An expression may chain %d operators, indices or template directives. Move parts of it into locals.", MaxChain)
}

func opens(t hclsyntax.TokenType) bool {
	switch t {
	case hclsyntax.TokenOBrace, hclsyntax.TokenOBrack, hclsyntax.TokenOParen, hclsyntax.TokenOQuote,
		hclsyntax.TokenOHeredoc, hclsyntax.TokenTemplateInterp, hclsyntax.TokenTemplateControl:
		return true
	}
	return false
}

func closes(t hclsyntax.TokenType) bool {
	switch t {
	case hclsyntax.TokenCBrace, hclsyntax.TokenCBrack, hclsyntax.TokenCParen, hclsyntax.TokenCQuote,
		hclsyntax.TokenCHeredoc, hclsyntax.TokenTemplateSeqEnd:
		return true
	}
	return false
}

// chains reports tokens that make the parser, or the tree that it builds, one
// level deeper without a bracket.
func chains(t hclsyntax.TokenType) bool {
	switch t {
	case hclsyntax.TokenStar, hclsyntax.TokenSlash, hclsyntax.TokenPlus, hclsyntax.TokenMinus,
		hclsyntax.TokenPercent, hclsyntax.TokenEqualOp, hclsyntax.TokenNotEqual, hclsyntax.TokenLessThan,
		hclsyntax.TokenLessThanEq, hclsyntax.TokenGreaterThan, hclsyntax.TokenGreaterThanEq,
		hclsyntax.TokenAnd, hclsyntax.TokenOr, hclsyntax.TokenBang, hclsyntax.TokenQuestion,
		hclsyntax.TokenColon:
		return true
	}
	return false
}

func checkExponent(t hclsyntax.Token) *Diagnostic {
	_, exp, ok := strings.Cut(strings.ToLower(string(t.Bytes)), "e")
	if !ok {
		return nil
	}
	if n, err := strconv.Atoi(exp); err == nil && abs(n) <= maxExponent {
		return nil
	}
	return errorAt(t.Range, "Number out of range",
		"The exponent of a number lies between -%d and %d.", maxExponent, maxExponent)
}

// checkJSONNesting is checkNesting for JSON files, where templates stand
// inside strings.
func checkJSONNesting(src []byte, name string) *Diagnostic {
	depth := 0
	for i := 0; i < len(src); i++ {
		switch src[i] {
		case '"':
			end := stringEnd(src, i)
			if d := checkJSONString(src, i, end, name); d != nil {
				return d
			}
			i = end - 1
		case '[', '{':
			if depth++; depth > MaxNesting {
				return errorAt(byteRange(src, name, i, i+1), "Nesting too deep",
					"Objects and lists may nest %d deep. Move inner parts into locals.", MaxNesting)
			}
		case ']', '}':
			depth--
		case 'e', 'E':
			if d := checkJSONExponent(src, i, name); d != nil {
				return d
			}
		}
	}
	return nil
}

// stringEnd returns the offset after the string that starts at i.
func stringEnd(src []byte, i int) int {
	for i++; i < len(src); i++ {
		switch src[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(src)
}

func checkJSONString(src []byte, start, end int, name string) *Diagnostic {
	var text string
	if json.Unmarshal(src[start:end], &text) != nil {
		return nil // the parser reports it
	}
	if !strings.Contains(text, "${") && !strings.Contains(text, "%{") && !longReference(text) {
		return nil
	}
	d := checkTemplateNesting([]byte(text))
	if d != nil {
		at := rangeOf(byteRange(src, name, start, end))
		d.Range = &at
	}
	return d
}

// longReference reports text that, read as a reference, has many brackets.
func longReference(text string) bool { return strings.Count(text, "[") > MaxNesting }

// checkJSONExponent looks at an exponent that follows a digit.
func checkJSONExponent(src []byte, i int, name string) *Diagnostic {
	if i == 0 || src[i-1] < '0' || src[i-1] > '9' {
		return nil
	}
	end := i + 1
	for end < len(src) && strings.IndexByte("+-0123456789", src[end]) >= 0 {
		end++
	}
	d := checkExponent(hclsyntax.Token{Bytes: src[i-1 : end]})
	if d != nil {
		at := rangeOf(byteRange(src, name, i-1, end))
		d.Range = &at
	}
	return d
}

// byteRange finds line and column of a stretch by counting; columns are bytes.
func byteRange(src []byte, name string, from, to int) hcl.Range {
	line := 1 + bytes.Count(src[:from], []byte("\n"))
	column := from - bytes.LastIndexByte(src[:from], '\n')
	start := hcl.Pos{Line: line, Column: column, Byte: from}
	return hcl.Range{Filename: name, Start: start, End: hcl.Pos{Line: line, Column: column + to - from, Byte: to}}
}
