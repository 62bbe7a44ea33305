// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
)

// node is an attribute or a block, with the text around it, so that what was
// parsed is written again as it was: a body is, for each item, its lead and
// itself, and then the tail.
type node struct {
	// kind is the name of an attribute, or the type of a block.
	kind   string
	labels []string
	// expr is set on an attribute, items on a block.
	expr  *Expr
	items []*node

	// lead is what stands between the item and the one before: blanks, line
	// ends, comments.
	lead string
	// text of an attribute is all of it, that of a block its head up to and with
	// the opening brace. Empty for what was built.
	text string
	// shared puts a step beside the pipeline, where others can use it.
	shared bool
	// tail stands between the last item and the closing brace.
	tail string
	// at is where it stands in a parsed file, and valueAt its expression.
	at, valueAt hcl.Range
}

func (n *node) isBlock() bool { return n.expr == nil }

// ref is the name of the block in messages and references.
func (n *node) ref() string {
	return strings.Join(append([]string{n.kind}, n.labels...), ".")
}

// attr finds an attribute of a block.
func (n *node) attr(name string) *node {
	for _, it := range n.items {
		if !it.isBlock() && it.kind == name {
			return it
		}
	}
	return nil
}

func (n *node) has(name string) bool { return n.attr(name) != nil }

// blocks are the blocks of a type in the order in which they stand.
func (n *node) blocks(kind string) []*node {
	var out []*node
	for _, it := range n.items {
		if it.isBlock() && it.kind == kind {
			out = append(out, it)
		}
	}
	return out
}

// add appends an item that was built, on a line of its own.
func (n *node) add(it *node) {
	it.lead = n.leadFor(it)
	n.items = append(n.items, it)
	n.tail = "\n"
	if first := n.items[0]; n.kind != "" && !strings.Contains(first.lead, "\n") {
		first.lead = "\n" + strings.TrimLeft(first.lead, " \t")
	}
}

// leadFor keeps what stood behind the last item, such as a comment, and puts a
// blank line around blocks.
func (n *node) leadFor(it *node) string {
	lead := strings.TrimRight(n.tail, " \t\r\n")
	if lead != "" || len(n.items) > 0 || n.kind != "" {
		lead += "\n"
	}
	if len(n.items) > 0 && apart(n.items[len(n.items)-1], it) {
		lead += "\n"
	}
	return lead
}

// apart reports whether a blank line stands between two items.
func apart(before, it *node) bool {
	if !before.isBlock() && it.isBlock() {
		return it.kind != configBlock
	}
	return before.isBlock() || it.isBlock()
}

// sortAttributes puts the attributes that were built into the order of the
// documentation.
func (n *node) sortAttributes(order []attrSpec) {
	place := func(it *node) int {
		if it.isBlock() {
			return len(order) + 1
		}
		if i := slices.IndexFunc(order, func(s attrSpec) bool { return s.name == it.kind }); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(n.items, func(a, b *node) int { return place(a) - place(b) })
}

// equal compares what two blocks mean, whatever their layout: attributes by
// name, blocks in their order.
func (n *node) equal(m *node) bool {
	if n.kind != m.kind || !slices.Equal(n.labels, m.labels) || len(n.items) != len(m.items) {
		return false
	}
	var mine, others []*node
	for _, it := range n.items {
		if it.isBlock() {
			mine = append(mine, it)
			continue
		}
		other := m.attr(it.kind)
		if other == nil || !sameTokens(it.expr.text, other.expr.text) {
			return false
		}
	}
	for _, it := range m.items {
		if it.isBlock() {
			others = append(others, it)
		}
	}
	return slices.EqualFunc(mine, others, (*node).equal)
}
