// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Kept is a grant that a configuration left to a plugin.
type Kept struct {
	Grant
	// Asked is the index of the manifest's grant that it comes from.
	Asked int
	// Entry is the index of the configuration's entry that named it; -1 when
	// the configuration does not narrow.
	Entry int
}

// EntryError is an entry of a configuration that narrows no grant.
type EntryError struct {
	Entry  int // index of the entry
	Text   string
	Reason string
}

// Error names the entry and the reason.
func (e *EntryError) Error() string { return fmt.Sprintf("grant %q %s", e.Text, e.Reason) }

// Narrow keeps of the grants of a manifest what the entries of a configuration
// name. Nil entries keep all; none keep nothing.
//
// An entry is the value of a grant (a path, a name or an address), with its kind
// before it where several kinds have that value: "write ~/models". It may name
// less than the grant: a path inside a granted directory or of a glob, one
// variable of a pattern, and reading where writing or a device was asked for.
// It can never name more. The error is an [*EntryError].
func Narrow(asked []Grant, entries []string) ([]Kept, error) {
	out := []Kept{}
	if entries == nil {
		for i, g := range asked {
			out = append(out, Kept{Grant: g, Asked: i, Entry: -1})
		}
		return out, nil
	}
	for i, text := range entries {
		kept, reason := narrow(asked, text)
		if reason != "" {
			return nil, &EntryError{Entry: i, Text: text, Reason: reason}
		}
		for _, k := range kept {
			k.Entry = i
			if !slices.ContainsFunc(out, func(o Kept) bool { return o.Grant == k.Grant }) {
				out = append(out, k)
			}
		}
	}
	return out, nil
}

// CheckEntry reports what is wrong with an entry whatever the plugin asks for.
func CheckEntry(text string) error {
	_, value := splitEntry(text)
	switch {
	case strings.TrimSpace(value) == "":
		return errors.New("it is empty")
	case !printable(text):
		return errHidden
	case strings.Contains(value, "/") && slices.Contains(segments(value), ".."):
		return errors.New("it holds \"..\"; write the path that is meant")
	}
	return nil
}

// splitEntry cuts the kind from an entry; "" when it has none.
func splitEntry(text string) (kind, value string) {
	if kind, value, ok := strings.Cut(text, " "); ok && slices.Contains(Kinds(), kind) {
		return kind, strings.TrimSpace(value)
	}
	return "", text
}

// narrow finds what one entry leaves.
func narrow(asked []Grant, text string) (kept []Kept, reason string) {
	if err := CheckEntry(text); err != nil {
		return nil, "cannot be meant: " + err.Error()
	}
	kind, value := splitEntry(text)
	for i, g := range asked {
		if less, ok := g.less(kind, value); ok {
			kept = append(kept, Kept{Grant: less, Asked: i})
		}
	}
	if len(kept) == 0 {
		return nil, "is not one that the plugin asks for; a configuration can only narrow"
	}
	if exact := exactly(kept, asked); len(exact) > 0 {
		kept = exact
	}
	for _, k := range kept[1:] {
		if k.Kind != kept[0].Kind {
			return nil, fmt.Sprintf("may mean %q or %q; write its kind before it", kept[0].Grant, k.Grant)
		}
	}
	return kept, ""
}

// exactly are the grants that an entry names as they were asked for.
func exactly(kept []Kept, asked []Grant) []Kept {
	var out []Kept
	for _, k := range kept {
		if k.Grant == asked[k.Asked] {
			out = append(out, k)
		}
	}
	return out
}

// Covers reports whether a grant gives all that another one would.
func (g Grant) Covers(other Grant) bool {
	_, ok := g.less(other.Kind, other.Value())
	return ok
}

// less is the part of a grant that an entry names.
func (g Grant) less(kind, value string) (Grant, bool) {
	if kind == Read && (g.Kind == Write || g.Kind == Device) {
		g.Kind = Read
	}
	if kind != "" && kind != g.Kind {
		return Grant{}, false
	}
	if g.Value() == value {
		return g, true
	}
	switch g.Kind {
	case Net:
		address, err := canonicalAddress(value)
		return g, err == nil && address == g.Address
	case Env:
		ok := envInside(g.Name, value)
		g.Name = value
		return g, ok
	case Secret:
		return Grant{}, false
	}
	inside := g.holds(value)
	g.Path = value
	return g, inside && g.validateValue() == nil
}

// envInside reports whether each variable of one pattern is one of the other.
func envInside(pattern, name string) bool {
	prefix, wild := strings.CutSuffix(pattern, "*")
	return wild && envPattern().MatchString(name) && strings.HasPrefix(strings.TrimSuffix(name, "*"), prefix)
}

// holds reports whether a path without globs lies in the granted one. Words such
// as ~ stand for nothing here, so they must be the same.
func (g Grant) holds(value string) bool {
	if g.Path == Python || value == Python {
		return false
	}
	place, rest := splitPlace(value)
	ownPlace, own := splitPlace(g.Path)
	if place != ownPlace || !path.IsAbs(rest) || path.Clean(rest) != rest || HasGlob(value) {
		return false
	}
	have, want := segments(own), segments(rest)
	if len(want) < len(have) {
		return false
	}
	for i, pattern := range have {
		if !matches(pattern, want[i]) {
			return false
		}
	}
	return true
}

// ParseGrant reads "KIND VALUE", the form in which lock files and policies name a
// grant. It has no why.
func ParseGrant(text string) (Grant, error) {
	kind, value, ok := strings.Cut(text, " ")
	if !ok || !slices.Contains(Kinds(), kind) {
		return Grant{}, fmt.Errorf("grant %.300q: write its kind and what it is for, as in \"read /etc/os-release\"; kinds are %s", text, strings.Join(Kinds(), ", "))
	}
	g := Grant{Kind: kind}
	switch kind {
	case Env, Secret:
		g.Name = value
	case Net:
		g.Address = value
		if address, err := canonicalAddress(value); err == nil {
			g.Address = address
		}
	default:
		g.Path = value
	}
	if err := g.validateValue(); err != nil {
		return Grant{}, fmt.Errorf("grant %.300q: %w", text, err)
	}
	return g, nil
}
