// SPDX-License-Identifier: Apache-2.0

package pipeline

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
)

// document is one file: of a pipeline, or of a module.
type document struct {
	root   *node
	module bool
	// outside are names that other files declare: "source.rows", "var.x".
	outside []string
	// early are the mistakes of calls that could not add what they should.
	early problems
}

func newDocument(module bool) *document {
	return &document{root: &node{}, module: module}
}

func (d *document) blockKinds() []string {
	if d.module {
		return moduleBlocks
	}
	return fileBlocks
}

// hcl writes the document in the one form that `bulkhead fmt` leaves alone.
func (d *document) hcl() ([]byte, error) {
	if err := d.check(); err != nil {
		return nil, err
	}
	out, err := format(d.raw())
	if err != nil {
		return nil, err
	}
	if again, err := read(out, ""); err != nil || !again.equal(d.root) {
		return nil, fmt.Errorf("the pipeline reads back as another one (%w); put its longest expressions in parentheses", err)
	}
	return out, nil
}

func (d *document) raw() []byte {
	var b bytes.Buffer
	writeItems(&b, d.root)
	return b.Bytes()
}

func writeItems(b *bytes.Buffer, n *node) {
	for _, it := range n.items {
		b.WriteString(it.lead)
		writeItem(b, it)
	}
	b.WriteString(n.tail)
}

func writeItem(b *bytes.Buffer, n *node) {
	switch {
	case !n.isBlock() && n.text != "":
		b.WriteString(n.text)
	case !n.isBlock():
		b.WriteString(n.kind + " = " + n.expr.text)
	default:
		b.WriteString(head(n))
		writeItems(b, n)
		b.WriteString("}")
	}
}

func head(n *node) string {
	if n.text != "" {
		return n.text
	}
	parts := []string{n.kind}
	for _, label := range n.labels {
		parts = append(parts, quote(label))
	}
	return strings.Join(parts, " ") + " {"
}

// maxFormatPasses bounds the search for a layout that formatting leaves alone.
const maxFormatPasses = 8

// format is `bulkhead fmt`.
func format(src []byte) ([]byte, error) {
	if len(src) > MaxFileBytes {
		return nil, fmt.Errorf("the pipeline takes %d bytes as HCL, more than the %d of a file; write steps that are alike as one with ForEach", len(src), MaxFileBytes)
	}
	for range maxFormatPasses {
		next := hclwrite.Format(src)
		if bytes.Equal(next, src) {
			return src, nil
		}
		src = next
	}
	return nil, fmt.Errorf("the pipeline has no layout that stays; give its longest expressions names, as locals")
}

// parse reads a file into a tree that writes it again byte for byte.
func parse(src []byte, filename string, module bool, outside []string) (*document, error) {
	d := newDocument(module)
	d.outside = outside
	if len(src) > MaxFileBytes {
		d.early.add("", "", hcl.Range{Filename: filename, Start: hcl.InitialPos}, "The file has %d bytes, more than the %d that are read.", len(src), MaxFileBytes)
		return nil, d.early.err()
	}
	if deep := tooDeep(src, filename); deep != nil {
		d.early.fromHCL("", hcl.Diagnostics{deep})
		return nil, d.early.err()
	}
	root, err := read(src, filename)
	if err != nil {
		return nil, err
	}
	d.root = root
	return d, d.check()
}

// read makes a tree of a file, without looking at what it means.
func read(src []byte, filename string) (*node, error) {
	var p problems
	file, diags := hclsyntax.ParseConfig(src, filename, hcl.InitialPos)
	if diags.HasErrors() {
		p.fromHCL("", diags)
		return nil, p.err()
	}
	root := &node{}
	root.items, root.tail = items(file.Body.(*hclsyntax.Body), src, 0, len(src))
	return root, nil
}

// items reads a body that stands between two offsets.
func items(body *hclsyntax.Body, src []byte, from, to int) ([]*node, string) {
	out := make([]*node, 0, len(body.Attributes)+len(body.Blocks))
	for name, a := range body.Attributes {
		// The range of the expression itself leaves out parentheses around it.
		expr := Expr{text: string(bytes.TrimSpace(src[a.EqualsRange.End.Byte:a.SrcRange.End.Byte]))}
		out = append(out, &node{kind: name, expr: &expr, text: string(a.SrcRange.SliceBytes(src)), at: a.SrcRange, valueAt: a.Expr.Range()})
	}
	for _, b := range body.Blocks {
		out = append(out, blockNode(b, src))
	}
	slices.SortFunc(out, func(a, b *node) int { return a.at.Start.Byte - b.at.Start.Byte })
	for _, it := range out {
		it.lead = string(src[from:it.at.Start.Byte])
		from = it.at.End.Byte
	}
	return out, string(src[from:to])
}

func blockNode(b *hclsyntax.Block, src []byte) *node {
	n := &node{kind: b.Type, labels: b.Labels, at: b.Range()}
	open := b.OpenBraceRange.End.Byte
	n.text = string(src[n.at.Start.Byte:open])
	n.items, n.tail = items(b.Body, src, open, b.CloseBraceRange.Start.Byte)
	return n
}
