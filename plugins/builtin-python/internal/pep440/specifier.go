// SPDX-License-Identifier: Apache-2.0

package pep440

import (
	"strings"
	"sync"
)

// Specifiers is a set of clauses that must all hold.
type Specifiers []Clause

// Clause is one comparison: an operator and a version.
type Clause struct {
	// Op is one of == != <= >= < > ~= ===.
	Op string
	// Text is what follows the operator, as written.
	Text string

	version  Version
	wildcard bool
}

// operators in an order in which no operator hides a longer one.
var operators = []string{"===", "==", "!=", "<=", ">=", "~=", "<", ">"}

// parsed remembers what was read, by its text: the requirements of an environment
// say the same few things, and are read once to be observed and once to be judged.
var parsed = struct {
	sync.Mutex
	of map[string]Specifiers
}{of: map[string]Specifiers{}}

// maxParsed bounds what is remembered; all of it is dropped when it is full.
const maxParsed = 4096

// ParseSpecifiers reads ">=1.2,<2". The error is an *Error. The set is shared: do
// not change it.
func ParseSpecifiers(text string) (Specifiers, error) {
	parsed.Lock()
	defer parsed.Unlock()
	if set, ok := parsed.of[text]; ok {
		return set, nil
	}
	set, err := parseSpecifiers(text)
	if err == nil {
		if len(parsed.of) >= maxParsed {
			clear(parsed.of)
		}
		parsed.of[strings.Clone(text)] = set
	}
	return set, err
}

func parseSpecifiers(text string) (Specifiers, error) {
	var out Specifiers
	for part := range strings.SplitSeq(text, ",") {
		part = strings.TrimSpace(part)
		if part == "" {
			continue
		}
		if out == nil {
			out = make(Specifiers, 0, 1+strings.Count(text, ","))
		}
		c, ok := parseClause(part)
		if !ok {
			return nil, &Error{Kind: "specifier", Text: text}
		}
		out = append(out, c)
	}
	return out, nil
}

func parseClause(part string) (Clause, bool) {
	for _, op := range operators {
		if rest, ok := strings.CutPrefix(part, op); ok {
			return clauseOf(op, strings.TrimSpace(rest))
		}
	}
	return Clause{}, false
}

func clauseOf(op, text string) (Clause, bool) {
	c := Clause{Op: op, Text: text}
	if op == "===" {
		return c, text != "" && !strings.ContainsAny(text, " \t")
	}
	equality := op == "==" || op == "!="
	number, wildcard := strings.CutSuffix(text, ".*")
	v, err := Parse(number)
	if err != nil || wildcard && (!equality || v.local != "" || v.dev >= 0) {
		return c, false
	}
	if v.local != "" && !equality || op == "~=" && len(v.release) < 2 {
		return c, false
	}
	c.version, c.wildcard = v, wildcard
	return c, true
}

// Contains reports whether an installed version satisfies every clause.
func (s Specifiers) Contains(v Version) bool {
	for i := range s {
		if !s[i].Contains(v) {
			return false
		}
	}
	return true
}

// Pin returns the exact version that a clause "==V" demands, false when the
// set has no such clause.
func (s Specifiers) Pin() (string, bool) {
	for _, c := range s {
		if (c.Op == "==" || c.Op == "===") && !c.wildcard {
			return c.Text, true
		}
	}
	return "", false
}

// Contains reports whether an installed version satisfies the clause.
func (c *Clause) Contains(v Version) bool {
	switch c.Op {
	case "===":
		return strings.EqualFold(v.original, c.Text)
	case "==":
		return c.equal(v)
	case "!=":
		return !c.equal(v)
	case ">=":
		return v.Public().Compare(c.version) >= 0
	case "<=":
		return v.Public().Compare(c.version) <= 0
	case "<":
		return c.less(v)
	case ">":
		return c.greater(v)
	}
	return v.Public().Compare(c.version) >= 0 && hasPrefix(v, c.version.epoch, c.version.release[:len(c.version.release)-1])
}

func (c *Clause) equal(v Version) bool {
	if c.wildcard {
		return c.prefixOf(v)
	}
	if c.version.local == "" {
		v = v.Public()
	}
	return v.Compare(c.version) == 0
}

// prefixOf carries out "==V.*", where V may end in a phase: "==1.0a1.*".
func (c *Clause) prefixOf(v Version) bool {
	w := c.version
	if w.pre == 0 && w.post < 0 {
		return hasPrefix(v, w.epoch, w.release)
	}
	if v.epoch != w.epoch || compareRelease(v.release, w.release) != 0 || v.pre != w.pre || v.preN != w.preN {
		return false
	}
	return w.post < 0 || v.post == w.post
}

// less excludes pre-releases of the bound itself: "<3.1" refuses 3.1rc1.
func (c *Clause) less(v Version) bool {
	if v.Compare(c.version) >= 0 {
		return false
	}
	return c.version.IsPrerelease() || !v.IsPrerelease() || !sameBase(v, c.version)
}

// greater excludes post and local releases of the bound: ">3.1" refuses
// 3.1.post1 and 3.1+cu124.
func (c *Clause) greater(v Version) bool {
	if v.Compare(c.version) <= 0 {
		return false
	}
	if c.version.post < 0 && v.post >= 0 && sameBase(v, c.version) {
		return false
	}
	return v.local == "" || !sameBase(v, c.version)
}

func sameBase(a, b Version) bool {
	return a.epoch == b.epoch && compareRelease(a.release, b.release) == 0
}

// hasPrefix compares the first numbers of a release; missing ones are 0.
func hasPrefix(v Version, epoch int, prefix []int) bool {
	if v.epoch != epoch {
		return false
	}
	for i, n := range prefix {
		if v.segment(i) != n {
			return false
		}
	}
	return true
}
