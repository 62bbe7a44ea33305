// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// check finds every mistake that can be told from the document alone.
func (d *document) check() error {
	c := &checker{doc: d, names: map[string]*node{}, problems: problems{all: slices.Clone(d.early.all)}}
	c.body(d.root, blockSpec{blocks: d.blockKinds()}, "")
	c.onePipeline()
	c.declare()
	for _, sp := range c.spaces {
		c.space(sp)
	}
	for _, n := range d.root.items {
		c.expressions(n, n)
	}
	c.cycles()
	return c.err()
}

// checker collects mistakes.
type checker struct {
	problems
	doc *document
	// names are the blocks that expressions refer to, by "var.x" and "local.x".
	names map[string]*node
	// spaces are where steps find each other: the pipeline first, then around it.
	spaces []*space
}

// space holds the steps of a body.
type space struct {
	outer *space
	steps map[string]*node
	body  *node
}

// find looks for a step by its reference, here and around, and says where it is.
func (s *space) find(ref string) (*node, *space) {
	for ; s != nil; s = s.outer {
		if n, ok := s.steps[ref]; ok {
			return n, s
		}
	}
	return nil, nil
}

// refs are the names of all steps that can be read here.
func (s *space) refs() []string {
	var out []string
	for ; s != nil; s = s.outer {
		for ref, n := range s.steps {
			if n.kind != sinkBlock {
				out = append(out, ref)
			}
		}
	}
	slices.Sort(out)
	return out
}

// body checks the shape of a block: its attributes and blocks. Step is the block
// that messages name.
func (c *checker) body(n *node, spec blockSpec, step string) {
	for _, it := range n.items {
		if it.isBlock() {
			c.block(it, spec, step)
			continue
		}
		rule, known := spec.attr(it.kind)
		if !known {
			c.add(step, it.kind, it.at, "A block of type %q has no such setting.%s", n.kind, near(it.kind, spec.attrNames()))
			continue
		}
		c.value(it, rule, step)
	}
	for _, a := range spec.attrs {
		if a.required && !n.has(a.name) {
			c.add(step, a.name, n.at, "The setting is missing.")
		}
	}
}

func (c *checker) block(n *node, parent blockSpec, step string) {
	if !parent.free && !slices.Contains(parent.blocks, n.kind) {
		c.add(step, n.kind, n.at, "A block of type %q cannot be expressed here; the blocks are %s. Leave it in a file of its own beside this one.",
			n.kind, strings.Join(parent.blocks, ", "))
		return
	}
	if parent.free {
		c.body(n, blockSpec{kind: n.kind, free: true}, step)
		return
	}
	if len(parent.blocks) > 1 {
		step = n.ref()
	}
	spec := specs[n.kind]
	if len(n.labels) != spec.labels {
		c.add(step, "", n.at, "A block of type %q has %d names.", n.kind, spec.labels)
	}
	for _, label := range n.labels {
		c.label(label, step, n.at)
	}
	c.body(n, spec, step)
	c.rules(n, step)
}

// validLabel is the form of a name that the host takes.
var validLabel = pattern.Lazy(`^[A-Za-z][A-Za-z0-9_-]{0,55}$`)

func (c *checker) label(name, step string, at hcl.Range) {
	if !validLabel().MatchString(name) {
		c.add(step, "", at, "%q is not a name. Names have letters, digits, dashes and underscores, start with a letter and are at most 56 long.", shorten(name))
	}
}

// onePipeline counts the pipelines of a file.
func (c *checker) onePipeline() {
	all := c.doc.root.blocks(pipelineBlock)
	switch {
	case c.doc.module:
	case len(all) == 0:
		c.add("", "", c.doc.root.at, "The file has no pipeline block.")
	case len(all) > 1:
		c.add(all[1].ref(), "", all[1].at, "It is the second pipeline of the file; put each into a file of its own.")
	}
}

// declare notes what can be referred to and reports what is declared twice.
func (c *checker) declare() {
	top := c.newSpace(c.doc.root, nil)
	for _, n := range c.doc.root.items {
		switch n.kind {
		case variableBlock:
			c.declareName("var."+strings.Join(n.labels, "."), n)
		case localsBlock:
			for _, it := range n.items {
				c.declareName("local."+it.kind, it)
			}
		case pipelineBlock:
			c.newSpace(n, top)
		case suiteBlock, requireBlock, pluginBlock:
			c.declareName(n.ref(), n)
		}
	}
}

func (c *checker) declareName(name string, n *node) {
	if c.names[name] != nil {
		c.add(name, "", n.at, "The name is given twice. Rename or remove one of them.")
		return
	}
	c.names[name] = n
}

func (c *checker) newSpace(body *node, outer *space) *space {
	sp := &space{outer: outer, steps: map[string]*node{}, body: body}
	c.spaces = append(c.spaces, sp)
	for _, n := range body.items {
		if !slices.Contains(stepBlocks, n.kind) && n.kind != inputBlock && n.kind != outputBlock {
			continue
		}
		if sp.steps[n.ref()] != nil {
			c.add(n.ref(), "", n.at, "The name is given to two blocks of type %q. Rename or remove one of them.", n.kind)
			continue
		}
		sp.steps[n.ref()] = n
	}
	return sp
}

// rules are what the settings of one block demand of each other.
func (c *checker) rules(n *node, step string) {
	switch n.kind {
	case sourceBlock:
		c.sourceRules(n, step)
	case sinkBlock:
		c.oneOf(n, step, formats)
		c.formatRules(n, step, written(n, formats))
	case kernelBlock, armBlock:
		c.kernelRules(n, step)
	case abBlock:
		c.abRules(n, step)
	}
}

// written is the first of the attributes that the block has.
func written(n *node, names []string) string {
	for _, name := range names {
		if n.has(name) {
			return name
		}
	}
	return ""
}

// oneOf wants exactly one of the places of a table.
func (c *checker) oneOf(n *node, step string, names []string) {
	var found []string
	for _, name := range names {
		if n.has(name) {
			found = append(found, name)
		}
	}
	switch len(found) {
	case 0:
		c.add(step, "", n.at, "It has no data: say where with one of %s.", strings.Join(names, ", "))
	case 1:
	default:
		c.add(step, found[1], n.attr(found[1]).at, "A %s has one place, and %q is set, too. Make a second %s of it.", n.kind, found[0], n.kind)
	}
}

func (c *checker) sourceRules(n *node, step string) {
	c.oneOf(n, step, append(slices.Clone(formats), "url"))
	format := written(n, formats)
	if n.has("url") {
		format = text(n.attr("format"))
		if !n.has("format") {
			c.add(step, "format", n.at, "Say what is at the address: one of %s.", strings.Join(formats, ", "))
		}
		if consent := n.attr("allow_network"); consent == nil || consent.expr.text == "false" {
			c.add(step, "allow_network", n.at, "Nothing is fetched without consent: set it to true.")
		}
	} else {
		for _, name := range []string{"format", "allow_network"} {
			if it := n.attr(name); it != nil {
				c.add(step, name, it.at, "It goes with an address (url), and this names a file. Remove it.")
			}
		}
	}
	c.formatRules(n, step, format)
	if q := n.attr("query"); q != nil && n.has("table") {
		c.add(step, "query", q.at, "A query says itself which table it reads. Remove the table or the query.")
	}
}

// formatsOf are the formats that know a setting.
var formatsOf = map[string][]string{
	"types": {"csv", "jsonl"}, "nulls": {"csv", "jsonl"}, "delimiter": {"csv"}, "table": {"sqlite"}, "query": {"sqlite"},
}

// compressions are what a format may be compressed with, apart from "auto".
var compressions = map[string]map[string][]string{
	sourceBlock: {"csv": {"none", "gzip", "zstd"}, "jsonl": {"none", "gzip", "zstd"}},
	sinkBlock: {
		"csv": {"none", "gzip", "zstd"}, "jsonl": {"none", "gzip", "zstd"},
		"parquet": {"none", "snappy", "gzip", "zstd"}, "arrow": {"none", "lz4", "zstd"},
	},
}

// formatRules report settings that the format does not have.
func (c *checker) formatRules(n *node, step, format string) {
	if format == "" {
		return
	}
	for _, it := range n.items {
		if known := formatsOf[it.kind]; known != nil && !slices.Contains(known, format) {
			c.add(step, it.kind, it.at, "It is for %s, and this is %s. Remove it.", strings.Join(known, " and "), format)
		}
	}
	it := n.attr("compression")
	if it == nil {
		return
	}
	known := compressions[n.kind][format]
	switch v := text(it); {
	case len(known) == 0:
		c.add(step, "compression", it.at, "A %s of format %s has none to choose. Remove it.", n.kind, format)
	case v != "" && v != "auto" && !slices.Contains(known, v):
		c.add(step, "compression", it.at, "%s knows %s and auto, not %q.", format, strings.Join(known, ", "), v)
	}
}

func (c *checker) kernelRules(n *node, step string) {
	if it := n.attr("retries"); it != nil && text(n.attr("on_failure")) != string(Retry) {
		if policy := n.attr("on_failure"); policy == nil || text(policy) != "" {
			c.add(step, "retries", it.at, "It counts only with on_failure = \"retry\". Add that, or remove it.")
		}
	}
	budget, haveBudget := duration(n.attr("budget"))
	timeout, haveTimeout := duration(n.attr("timeout"))
	if haveBudget && haveTimeout && budget > timeout {
		c.add(step, "budget", n.attr("budget").at, "The kernel is killed after %v, its timeout, so that it could never use %v. Lower the budget, or raise the timeout.", timeout, budget)
	}
	if blocks := n.blocks(configBlock); len(blocks) > 1 {
		c.add(step, configBlock, blocks[1].at, "The settings stand twice. Merge the two blocks.")
	}
}
