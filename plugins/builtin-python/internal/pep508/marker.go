// SPDX-License-Identifier: Apache-2.0

package pep508

import (
	"errors"
	"fmt"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
)

// Environment gives the marker variables of an interpreter by PEP 508's names
// ("python_version", "sys_platform", ...). A variable that is absent is "".
// "extra" is the extra asked for.
type Environment map[string]string

// Marker is a parsed boolean expression.
type Marker struct {
	// op is "and", "or" or a comparison; the first two use left and right, a
	// comparison uses lhs and rhs.
	op          string
	left, right *Marker
	lhs, rhs    operand
	// versions holds op and rhs as a specifier, where both sides are versions.
	versions pep440.Specifiers
}

type operand struct {
	text     string
	variable bool
}

func (o operand) in(env Environment) string {
	if !o.variable {
		return o.text
	}
	return env[o.text]
}

// maxDepth bounds nested parentheses.
const maxDepth = 50

// variables are the names that PEP 508 defines, with legacy spellings.
var variables = map[string]string{
	"python_version": "python_version", "python_full_version": "python_full_version",
	"os_name": "os_name", "os.name": "os_name",
	"sys_platform": "sys_platform", "sys.platform": "sys_platform",
	"platform_release": "platform_release", "platform_system": "platform_system",
	"platform_version": "platform_version", "platform.version": "platform_version",
	"platform_machine": "platform_machine", "platform.machine": "platform_machine",
	"platform_python_implementation": "platform_python_implementation",
	"platform.python_implementation": "platform_python_implementation",
	"python_implementation":          "platform_python_implementation",
	"implementation_name":            "implementation_name",
	"implementation_version":         "implementation_version",
	"extra":                          "extra",
}

// ParseMarker reads a marker expression.
func ParseMarker(text string) (*Marker, error) {
	p := markerParser{rest: text}
	m, err := p.or(0)
	if err != nil {
		return nil, err
	}
	if p.skip(); p.rest != "" {
		return nil, fmt.Errorf("unexpected %q in the marker", p.rest)
	}
	return m, nil
}

// Eval tells whether the marker holds; a nil Marker always does.
func (m *Marker) Eval(env Environment) bool {
	switch {
	case m == nil:
		return true
	case m.op == "and":
		return m.left.Eval(env) && m.right.Eval(env)
	case m.op == "or":
		return m.left.Eval(env) || m.right.Eval(env)
	}
	return m.compare(env)
}

func (m *Marker) compare(env Environment) bool {
	l, r := m.lhs.in(env), m.rhs.in(env)
	if m.lhs.text == "extra" || m.rhs.text == "extra" {
		l, r = Normalize(l), Normalize(r)
	} else if ok, isVersion := m.compareVersions(l, r); isVersion {
		return ok
	}
	switch m.op {
	case "in":
		return strings.Contains(r, l)
	case "not in":
		return !strings.Contains(r, l)
	case "!=":
		return l != r
	case "==", "<=", ">=":
		return l == r // texts have no order; PyPA's specification keeps equality
	}
	return false
}

// compareVersions compares as versions where one side is a version variable
// and both sides read as versions; else the second result is false.
func (m *Marker) compareVersions(l, r string) (ok, isVersion bool) {
	if !isVersionVariable(m.lhs) && !isVersionVariable(m.rhs) || m.op == "in" || m.op == "not in" {
		return false, false
	}
	set := m.versions
	if set == nil {
		var err error
		if set, err = pep440.ParseSpecifiers(m.op + r); err != nil {
			return false, false
		}
	}
	v, err := pep440.Parse(l)
	return err == nil && set.Contains(v), err == nil
}

func isVersionVariable(o operand) bool {
	return o.variable && (o.text == "python_version" || o.text == "python_full_version" ||
		o.text == "implementation_version" || o.text == "platform_release")
}

type markerParser struct{ rest string }

var errDepth = errors.New("the marker is nested too deeply")

func (p *markerParser) or(depth int) (*Marker, error) {
	return p.chain("or", func() (*Marker, error) { return p.and(depth) })
}

func (p *markerParser) and(depth int) (*Marker, error) {
	return p.chain("and", func() (*Marker, error) { return p.term(depth) })
}

func (p *markerParser) chain(word string, next func() (*Marker, error)) (*Marker, error) {
	m, err := next()
	for err == nil && p.word(word) {
		var right *Marker
		if right, err = next(); err == nil {
			m = &Marker{op: word, left: m, right: right}
		}
	}
	return m, err
}

func (p *markerParser) term(depth int) (*Marker, error) {
	if depth > maxDepth {
		return nil, errDepth
	}
	if !p.literal("(") {
		return p.comparison()
	}
	m, err := p.or(depth + 1)
	if err == nil && !p.literal(")") {
		err = errors.New("a parenthesis of the marker is not closed")
	}
	return m, err
}

func (p *markerParser) comparison() (*Marker, error) {
	lhs, err := p.operand()
	if err != nil {
		return nil, err
	}
	op, err := p.operator()
	if err != nil {
		return nil, err
	}
	rhs, err := p.operand()
	if err != nil {
		return nil, err
	}
	m := &Marker{op: op, lhs: lhs, rhs: rhs}
	if isVersionVariable(lhs) && !rhs.variable {
		m.versions, _ = pep440.ParseSpecifiers(op + rhs.text)
	}
	return m, nil
}

func (p *markerParser) operand() (operand, error) {
	p.skip()
	if p.rest == "" {
		return operand{}, errors.New("the marker ends too early")
	}
	if q := p.rest[0]; q == '\'' || q == '"' {
		text, rest, ok := strings.Cut(p.rest[1:], string(q))
		if !ok {
			return operand{}, errors.New("a string of the marker is not closed")
		}
		p.rest = rest
		return operand{text: text}, nil
	}
	end := 0
	for end < len(p.rest) && isNameByte(p.rest[end]) {
		end++
	}
	name, ok := variables[p.rest[:end]]
	if !ok {
		return operand{}, fmt.Errorf("the marker uses %q, which is no marker variable", p.rest)
	}
	p.rest = p.rest[end:]
	return operand{text: name, variable: true}, nil
}

func (p *markerParser) operator() (string, error) {
	for _, op := range []string{"===", "==", "!=", "<=", ">=", "~=", "<", ">"} {
		if p.literal(op) {
			return op, nil
		}
	}
	if p.word("in") {
		return "in", nil
	}
	if p.word("not") && p.word("in") {
		return "not in", nil
	}
	return "", fmt.Errorf("the marker has no operator before %q", p.rest)
}

// word consumes a bare word, which ends where a name would.
func (p *markerParser) word(w string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, w)
	if !ok || rest != "" && isNameByte(rest[0]) {
		return false
	}
	p.rest = rest
	return true
}

func (p *markerParser) literal(s string) bool {
	p.skip()
	rest, ok := strings.CutPrefix(p.rest, s)
	if ok {
		p.rest = rest
	}
	return ok
}

func (p *markerParser) skip() { p.rest = strings.TrimLeft(p.rest, " \t") }
