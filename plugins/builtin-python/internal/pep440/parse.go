// SPDX-License-Identifier: Apache-2.0

package pep440

import (
	"strconv"
	"strings"
)

// maxText bounds a version's length in bytes; real ones have fewer than 60.
const maxText = 256

// Parse reads a version. The error is an *Error.
func Parse(text string) (Version, error) {
	p := parser{rest: strings.ToLower(strings.TrimSpace(text))}
	v := Version{original: strings.TrimSpace(text), preN: -1, post: -1, dev: -1}
	if len(text) > maxText || !p.version(&v) || p.rest != "" {
		return Version{}, &Error{Kind: "version", Text: text}
	}
	return v, nil
}

// parser consumes rest from the left; its methods report whether what they
// look for was there.
type parser struct{ rest string }

func (p *parser) version(v *Version) bool {
	p.literal("v")
	if !p.releaseInto(v) {
		return false
	}
	p.preInto(v)
	p.postInto(v)
	p.devInto(v)
	return p.localInto(v)
}

func (p *parser) releaseInto(v *Version) bool {
	n, ok := p.number()
	if !ok {
		return false
	}
	if p.literal("!") {
		v.epoch = n
		if n, ok = p.number(); !ok {
			return false
		}
	}
	v.release = append(make([]int, 0, 4), n)
	for strings.HasPrefix(p.rest, ".") && len(p.rest) > 1 && isDigit(p.rest[1]) {
		p.rest = p.rest[1:]
		if n, ok = p.number(); !ok {
			return false
		}
		v.release = append(v.release, n)
	}
	return true
}

// preWords are in an order in which no word hides a longer one.
var preWords = []struct {
	word  string
	phase byte
}{
	{"alpha", 'a'}, {"a", 'a'}, {"beta", 'b'}, {"b", 'b'},
	{"preview", 'r'}, {"pre", 'r'}, {"rc", 'r'}, {"c", 'r'},
}

func (p *parser) preInto(v *Version) {
	for _, w := range preWords {
		if n, ok := p.tagged(w.word); ok {
			v.pre, v.preN = w.phase, n
			return
		}
	}
}

func (p *parser) postInto(v *Version) {
	if len(p.rest) > 1 && p.rest[0] == '-' && isDigit(p.rest[1]) {
		p.rest = p.rest[1:]
		v.post, _ = p.number()
		return
	}
	for _, word := range []string{"post", "rev", "r"} {
		if n, ok := p.tagged(word); ok {
			v.post = n
			return
		}
	}
}

func (p *parser) devInto(v *Version) {
	if n, ok := p.tagged("dev"); ok {
		v.dev = n
	}
}

// tagged reads [sep]word[[sep]number]; a missing number is 0.
func (p *parser) tagged(word string) (int, bool) {
	rest, ok := strings.CutPrefix(skipSeparator(p.rest), word)
	if !ok {
		return 0, false
	}
	p.rest = rest
	if after := skipSeparator(rest); after != "" && isDigit(after[0]) {
		p.rest = after
	}
	n, _ := p.number()
	return n, true
}

func (p *parser) localInto(v *Version) bool {
	if !p.literal("+") {
		return true
	}
	local := strings.NewReplacer("-", ".", "_", ".").Replace(p.rest)
	for part := range strings.SplitSeq(local, ".") {
		if part == "" || strings.IndexFunc(part, notAlphanumeric) >= 0 {
			return false
		}
	}
	v.local, p.rest = local, ""
	return true
}

func (p *parser) literal(s string) (ok bool) {
	p.rest, ok = strings.CutPrefix(p.rest, s)
	return ok
}

func (p *parser) number() (int, bool) {
	end := 0
	for end < len(p.rest) && isDigit(p.rest[end]) {
		end++
	}
	n, err := strconv.Atoi(p.rest[:end])
	if err != nil {
		return 0, false
	}
	p.rest = p.rest[end:]
	return n, true
}

func skipSeparator(s string) string {
	if s != "" && strings.IndexByte(".-_", s[0]) >= 0 {
		return s[1:]
	}
	return s
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func notAlphanumeric(r rune) bool {
	return (r < 'a' || r > 'z') && (r < '0' || r > '9')
}
