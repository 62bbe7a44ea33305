// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonKind is what a value of a JSON object is.
type jsonKind uint8

const (
	jsonNull jsonKind = iota
	jsonNumber
	jsonBool
	jsonString
)

func (k jsonKind) String() string {
	return [...]string{"null", "number", "bool", "string"}[k]
}

// jsonMember is one key of an object with its value. Both are valid until the
// next line is parsed.
type jsonMember struct {
	key, text []byte
	kind      jsonKind
}

// errNested means that a value is an object or an array.
var errNested = errors.New("nested value")

// jsonParser parses lines that hold one flat JSON object each.
type jsonParser struct {
	in      []byte // the line
	at      int
	scratch []byte // strings without their escapes
	members []jsonMember
}

// parse returns the members of an object. On errNested the last member is the
// key of the nested value.
func (p *jsonParser) parse(line []byte) ([]jsonMember, error) {
	p.in, p.at, p.scratch, p.members = line, 0, p.scratch[:0], p.members[:0]
	if c := p.next(); c != '{' {
		return nil, p.unexpected("an object, which begins with {")
	}
	p.at++
	if p.next() == '}' {
		p.at++
		return p.members, p.end()
	}
	for {
		if err := p.member(); err != nil {
			return p.members, err
		}
		switch p.next() {
		case ',':
			p.at++
		case '}':
			p.at++
			return p.members, p.end()
		default:
			return p.members, p.unexpected("a comma or }")
		}
	}
}

// next skips blanks and returns the byte that follows, 0 at the end.
func (p *jsonParser) next() byte {
	for p.at < len(p.in) {
		switch c := p.in[p.at]; c {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return c
		}
	}
	return 0
}

func (p *jsonParser) unexpected(want string) error {
	if p.at >= len(p.in) {
		return fmt.Errorf("the line ends where %s should follow", want)
	}
	r, _ := utf8.DecodeRune(p.in[p.at:])
	return fmt.Errorf("byte %d is %q where %s should follow", p.at+1, r, want)
}

func (p *jsonParser) end() error {
	if p.next() != 0 || p.at < len(p.in) {
		return p.unexpected("the end of the line")
	}
	return nil
}

func (p *jsonParser) member() error {
	if p.next() != '"' {
		return p.unexpected("a key in double quotes")
	}
	key, err := p.str()
	if err != nil {
		return err
	}
	if p.next() != ':' {
		return p.unexpected("a colon")
	}
	p.at++
	p.members = append(p.members, jsonMember{key: key})
	return p.value(&p.members[len(p.members)-1])
}

func (p *jsonParser) value(m *jsonMember) (err error) {
	switch c := p.next(); {
	case c == '"':
		m.kind = jsonString
		m.text, err = p.str()
		return err
	case c == '{' || c == '[':
		return errNested
	case c == '-' || c >= '0' && c <= '9':
		m.kind = jsonNumber
		m.text, err = p.number()
		return err
	case p.word("true", m) || p.word("false", m):
		m.kind = jsonBool
		return nil
	case p.word("null", m):
		m.kind = jsonNull
		return nil
	}
	return p.unexpected("a value")
}

// word takes a name off the line.
func (p *jsonParser) word(w string, m *jsonMember) bool {
	if !bytes.HasPrefix(p.in[p.at:], []byte(w)) {
		return false
	}
	m.text = p.in[p.at : p.at+len(w)]
	p.at += len(w)
	return true
}

// number takes a number by the grammar of RFC 8259 off the line.
func (p *jsonParser) number() ([]byte, error) {
	start := p.at
	if p.in[p.at] == '-' {
		p.at++
	}
	leading := p.at
	if n := p.digits(); n == 0 || n > 1 && p.in[leading] == '0' {
		p.at = leading
		return nil, p.unexpected("a number without leading zeros")
	}
	if p.peek() == '.' {
		p.at++
		if p.digits() == 0 {
			return nil, p.unexpected("a digit")
		}
	}
	if c := p.peek(); c == 'e' || c == 'E' {
		p.at++
		if c := p.peek(); c == '+' || c == '-' {
			p.at++
		}
		if p.digits() == 0 {
			return nil, p.unexpected("a digit")
		}
	}
	return p.in[start:p.at], nil
}

func (p *jsonParser) peek() byte {
	if p.at < len(p.in) {
		return p.in[p.at]
	}
	return 0
}

func (p *jsonParser) digits() int {
	start := p.at
	for p.at < len(p.in) && p.in[p.at] >= '0' && p.in[p.at] <= '9' {
		p.at++
	}
	return p.at - start
}

// str takes a string off the line: a view of it, or of scratch when there are
// escapes.
func (p *jsonParser) str() ([]byte, error) {
	p.at++
	start := p.at
	for p.at < len(p.in) {
		switch c := p.in[p.at]; {
		case c == '"':
			p.at++
			return p.in[start : p.at-1 : p.at-1], nil
		case c == '\\':
			return p.escaped(start)
		case c < ' ':
			return nil, p.unexpected("a character that is no control character")
		}
		p.at++
	}
	return nil, p.unexpected("the end of a string")
}

// escaped takes the rest of a string whose first escape is here.
func (p *jsonParser) escaped(start int) ([]byte, error) {
	from := len(p.scratch)
	p.scratch = append(p.scratch, p.in[start:p.at]...)
	for p.at < len(p.in) {
		c := p.in[p.at]
		p.at++
		switch {
		case c == '"':
			return p.scratch[from:len(p.scratch):len(p.scratch)], nil
		case c < ' ':
			p.at--
			return nil, p.unexpected("a character that is no control character")
		case c != '\\':
			p.scratch = append(p.scratch, c)
		default:
			if err := p.escape(); err != nil {
				return nil, err
			}
		}
	}
	return nil, p.unexpected("the end of a string")
}

// escapes are the short ones.
var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape takes what stands behind a backslash.
func (p *jsonParser) escape() error {
	c := p.peek()
	if plain, ok := escapes[c]; ok {
		p.at++
		p.scratch = append(p.scratch, plain)
		return nil
	}
	r, ok := p.unicode()
	if !ok {
		return p.unexpected("an escape of JSON")
	}
	if utf16.IsSurrogate(r) && p.peek() == '\\' {
		at := p.at
		p.at++
		if low, ok := p.unicode(); ok && utf16.DecodeRune(r, low) != utf8.RuneError {
			r = utf16.DecodeRune(r, low)
		} else {
			p.at = at
		}
	}
	p.scratch = utf8.AppendRune(p.scratch, r) // half of a pair becomes U+FFFD
	return nil
}

// unicode takes uXXXX.
func (p *jsonParser) unicode() (rune, bool) {
	if p.at+5 > len(p.in) || p.in[p.at] != 'u' {
		return 0, false
	}
	var r rune
	for _, c := range p.in[p.at+1 : p.at+5] {
		switch {
		case c >= '0' && c <= '9':
			r = r<<4 | rune(c-'0')
		case c|0x20 >= 'a' && c|0x20 <= 'f':
			r = r<<4 | rune(c|0x20-'a'+10)
		default:
			return 0, false
		}
	}
	p.at += 5
	return r, true
}
