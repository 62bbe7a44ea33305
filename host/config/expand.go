// SPDX-License-Identifier: Apache-2.0

package config

import (
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/zclconf/go-cty/cty"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// gate is the condition of a block or of a module around it.
type gate struct {
	open bool
	// reason says why it is not.
	reason string
	at     Range
}

// element is one element of for_each.
type element struct {
	key   string
	value cty.Value
}

// expand makes the instances of a block: one, or one for each element.
func (sp *space) expand(st *member, s section, build func(*member, section, string) *instance) {
	_, st.each = s.attrs["for_each"]
	switch {
	case sp.l.full(st.kind):
		return
	case !st.each:
		sp.instance(st, s, "", build)
		return
	}
	s.constant = map[string]evaluated{}
	for _, e := range s.elements() {
		if sp.l.full(st.kind) {
			return
		}
		sp.instance(st, s.in(sp.scope.instance(e.key, e.value)), e.key, build)
	}
}

func (sp *space) instance(st *member, s section, key string, build func(*member, section, string) *instance) {
	if !sp.l.room(st) {
		return
	}
	in := build(st, s, key)
	if in == nil {
		return
	}
	st.instances = append(st.instances, in)
	st.byKey[key] = in
	st.keys = append(st.keys, key)
}

// room counts an instance and reports the first one that is too many.
func (l *loader) room(st *member) bool {
	l.counts[st.kind]++
	if l.counts[st.kind] == most(st.kind)+1 {
		l.errorf(st.at, "Too many steps", "The configuration expands to more than %d blocks of type %q. Loop over less.", most(st.kind), st.kind)
	}
	return !l.full(st.kind)
}

// full reports that there were too many instances.
func (l *loader) full(kind RefKind) bool { return l.counts[kind] > most(kind) }

func most(kind RefKind) int {
	if kind == RefModule {
		return MaxModules
	}
	return MaxNodes
}

// validKey is the form of the keys of for_each: they become parts of names of
// files.
var validKey = pattern.Lazy(`^[A-Za-z0-9_][A-Za-z0-9_-]{0,55}$`)

// elements reads for_each, sorted by key.
func (s section) elements() []element {
	attr := s.attrs["for_each"]
	v, diags := s.scope.eval(attr.Expr)
	s.l.add(diags...)
	if diags.HasErrors() || !s.loops(v) {
		return nil
	}
	var out []element
	for it := v.ElementIterator(); it.Next(); {
		key, value := it.Element()
		if v.Type().IsSetType() {
			key = value
		}
		if e, ok := s.element(key, value); ok {
			out = append(out, e)
		}
	}
	return out
}

// loops reports a value that for_each cannot go through.
func (s section) loops(v cty.Value) bool {
	at, ty := s.attrs["for_each"].Expr.Range(), v.Type()
	switch {
	case v.ContainsMarked():
		s.l.errorf(at, "Sensitive value in plain sight",
			"The keys of \"for_each\" become names, which plans and reports show, so it cannot hold a sensitive value.")
	case !v.IsKnown():
		s.unknown("for_each")
	case v.IsNull():
		s.l.errorf(at, "Null in for_each", "\"for_each\" takes a map or a set; null is neither. Write {} for no instance.")
	case ty.IsTupleType() || ty.IsListType():
		s.l.errorf(at, "Wrong type", "\"for_each\" takes a map or a set of texts, since instances are known by a key and not by a place. Write toset(...) around the list.")
	case ty.IsMapType() || ty.IsObjectType() || ty.IsSetType() && (ty.ElementType() == cty.String || v.LengthInt() == 0):
		return true
	default:
		s.l.errorf(at, "Wrong type", "\"for_each\" takes a map or a set of texts, not %s.", typeName(ty))
	}
	return false
}

// unknown reports a value that could not be computed, unless what made it so
// has been reported.
func (s section) unknown(name string) {
	if !s.l.diags.HasErrors() {
		s.l.errorf(s.rangeFor(name), "Unknown value", "%q must be known before anything runs, and this is not.", name)
	}
}

func (s section) element(key, value cty.Value) (element, bool) {
	at := s.rangeFor("for_each")
	if key.IsNull() || !key.IsKnown() {
		s.l.errorf(at, "Null in for_each", "A set for \"for_each\" holds texts; null is none.")
		return element{}, false
	}
	text := key.AsString()
	if !validKey().MatchString(text) {
		s.l.errorf(s.keyRange("for_each", text), "Invalid key",
			"The key %q becomes part of a name. Keys have letters, digits, dashes and underscores, do not start with a dash and are at most 56 long.", shorten(text))
		return element{}, false
	}
	return element{text, value}, true
}

// gate reads the condition of an instance.
func (s section) gate() *gate {
	attr, ok := s.attrs["when"]
	if !ok {
		return nil
	}
	v, ok := s.value("when", cty.Bool)
	if ok {
		return &gate{open: v.True(), reason: "when = " + s.l.written(attr.Expr) + " is false", at: rangeOf(attr.Expr.Range())}
	}
	switch {
	case v == cty.NilVal: // reported
	case v.IsNull():
		s.l.errorf(attr.Expr.Range(), "Null as a condition", "\"when\" is true or false; null is neither.")
	case !v.IsKnown():
		s.unknown("when")
	}
	return &gate{open: true, at: rangeOf(attr.Expr.Range())}
}

// checkFull reports names that are too long to be names of files.
func (sp *space) checkFull(st *member, key string) string {
	name := sp.full(st.name, key)
	if len(name) > MaxName {
		sp.l.errorf(st.at, "Name too long", "The name %q, made of modules, block and key, has %d characters; at most %d are possible. Shorten one of its parts.",
			name[:40]+"…", len(name), MaxName)
	}
	return name
}

// origin says which block a step comes from.
func (sp *space) origin(st *member, key string) Origin {
	return Origin{Module: sp.module, Block: st.name, Key: key}
}

// written is the text of an expression on one line.
func (l *loader) written(expr hcl.Expression) string {
	text, ok := l.cfg.sources.text(expr.Range())
	if !ok {
		return "..."
	}
	return shorten(strings.Join(strings.Fields(text), " "))
}
