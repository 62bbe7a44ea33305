// SPDX-License-Identifier: Apache-2.0

package config

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/zclconf/go-cty/cty"
)

// node is a step of a flat pipeline: exactly one of source, kernel, ab and sink.
type node struct {
	kind RefKind
	// name is unique among those of its kind.
	name  string
	at    Range
	space *space
	// refs are what it reads, as written; alternatives what they come to.
	refs         []reference
	alternatives []alternative
	// taken is the alternative that is read, when the node is on and reads.
	taken *alternative
	// gates are its own condition and those of the modules around it.
	gates []*gate
	// maybe is set when a condition decides whether the node is on.
	maybe bool
	// off says why it is not; nil when it is.
	off   *Off
	state visit
	// fed is set on a sink at top level that a pipeline fills, and place is where
	// it stands among all sinks there.
	fed   bool
	place int

	source *Source
	kernel *Kernel
	ab     *AB
	sink   *Sink
}

// alternative is one of the nodes that another one may read. Several may come
// from one reference, to a module.
type alternative struct {
	node *node
	at   Range
	// given: whoever uses the module around decides what the reference means.
	given bool
}

func (n *node) String() string { return string(n.kind) + "." + n.name }

// node makes what all kinds of nodes have in common.
func (sp *space) node(st *member, s section, key string) *node {
	n := &node{kind: st.kind, name: sp.checkFull(st, key), at: rangeOf(s.at), space: sp, gates: sp.gates}
	if g := s.gate(); g != nil {
		n.gates = append(slices.Clip(n.gates), g)
	}
	return n
}

func (sp *space) source(st *member, s section, key string) *instance {
	n := sp.node(st, s, key)
	src := &Source{
		Name: n.name, Range: n.at,
		Target: s.text("target"), TargetRange: s.placeOf("target"),
		ID: s.text("id"), IDRange: s.placeOf("id"),
		Types: s.types(), Nulls: s.texts("nulls"), Delimiter: s.delimiter(),
	}
	s.place(src)
	n.source = src
	return &instance{node: n}
}

func (s section) placeOf(name string) Range { return rangeOf(s.rangeFor(name)) }

func (s section) delimiter() rune {
	text := s.text("delimiter")
	r, n := utf8.DecodeRuneInString(text)
	if n != len(text) || n == 0 || r == utf8.RuneError || strings.ContainsRune("\"\r\n\x00", r) {
		s.l.errorf(s.rangeFor("delimiter"), "Invalid delimiter",
			"A delimiter is one character other than a quote or a line end, for example \",\", \";\" or \"\\t\".")
		return ','
	}
	return r
}

func (sp *space) kernel(st *member, s section, key string) *instance {
	n := sp.node(st, s, key)
	k := s.step()
	k.Name, k.Origin, k.Range = n.name, sp.origin(st, key), n.at
	n.kernel, n.refs = k, s.references("input")
	return &instance{node: n}
}

// step reads what a kernel block and an arm have in common.
func (s section) step() *Kernel {
	k := &Kernel{
		Use: s.use(), Budget: s.duration("budget"), Timeout: s.duration("timeout"), Seed: s.whole("seed"),
		OnFailure: OnFailure(s.text("on_failure")), Cache: s.maybeFlag("cache"), config: s.config(),
	}
	k.Retries = s.retries(k.OnFailure)
	if k.Timeout > 0 && k.Budget > k.Timeout {
		s.l.errorf(s.rangeFor("budget"), "Budget beyond the timeout",
			"The kernel is killed after %s, its timeout, so it could never use %s. Lower the budget, or raise the timeout.", k.Timeout, k.Budget)
	}
	return k
}

// maybeFlag reads a choice that may be left open.
func (s section) maybeFlag(name string) *bool {
	if v, ok := s.value(name, cty.Bool); ok {
		choice := v.True()
		return &choice
	}
	return nil
}

func (s section) retries(on OnFailure) int {
	n := int(s.whole("retries"))
	if on == Retry {
		return n
	}
	if a, ok := s.attrs["retries"]; ok {
		s.l.errorf(a.NameRange, "Retries without retry", "\"retries\" counts only with on_failure = \"retry\". Add that, or remove this line.")
	}
	return 0
}

func (sp *space) sink(st *member, s section, key string) *instance {
	n := sp.node(st, s, key)
	sink := &Sink{Name: n.name, Range: n.at}
	s.destination(sink)
	n.sink, n.refs = sink, s.references("input")
	return &instance{node: n}
}
