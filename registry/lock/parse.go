// SPDX-License-Identifier: Apache-2.0

package lock

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/zclconf/go-cty/cty"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Parse reads a lock file; name is what errors call it. The error is a
// [*ParseError], or a [*NewerError] when a newer Bulkhead wrote the file.
func Parse(name string, data []byte) (*File, error) {
	p := &parser{err: &ParseError{File: name}}
	tokens := p.lex(data)
	if n := newer(tokens); n != "" {
		return nil, &NewerError{File: name, Version: n}
	}
	if body := p.body(data, tokens); body != nil {
		f := p.file(body)
		if p.err.Problems == nil {
			return f, nil
		}
	}
	return nil, p.err
}

// parser collects what is wrong with a file.
type parser struct{ err *ParseError }

func (p *parser) errorf(at hcl.Range, format string, args ...any) {
	p.err.add(at.Start.Line, at.Start.Column, fmt.Sprintf(format, args...))
}

// lex cuts the file into words; nil when it is none.
func (p *parser) lex(data []byte) hclsyntax.Tokens {
	switch {
	case len(data) > MaxBytes:
		p.err.add(1, 1, fmt.Sprintf("The file has %d bytes, more than %d. It is no lock file; restore it, or remove it and install again.", len(data), MaxBytes))
		return nil
	case !utf8.Valid(data):
		p.err.add(1, 1, "The file is not UTF-8. Restore it, or remove it and install again.")
		return nil
	case words(data) > maxWords:
		p.err.add(1, 1, fmt.Sprintf("The file has more than %d words. It is no lock file; restore it, or remove it and install again.", maxWords))
		return nil
	}
	tokens, _ := hclsyntax.LexConfig(data, p.err.File, hcl.InitialPos)
	return tokens
}

// body parses the syntax; nil when there is nothing to go on with.
func (p *parser) body(data []byte, tokens hclsyntax.Tokens) *hclsyntax.Body {
	if tokens == nil || p.merged(data) || !p.literals(tokens) {
		return nil
	}
	f, diags := hclsyntax.ParseConfig(data, p.err.File, hcl.InitialPos)
	for _, d := range diags {
		if d.Severity == hcl.DiagError {
			p.errorf(subject(d), "%s: %s", d.Summary, d.Detail)
		}
	}
	if p.err.Problems != nil {
		return nil
	}
	return f.Body.(*hclsyntax.Body)
}

func subject(d *hcl.Diagnostic) hcl.Range {
	if d.Subject == nil {
		return hcl.Range{Start: hcl.InitialPos}
	}
	return *d.Subject
}

var (
	fileAttributes     = []string{"version"}
	pluginAttributes   = []string{"registry", "version", "constraints", "pinned", "grants"}
	platformAttributes = []string{"h1", "executable", "archive", "known"}
)

func (p *parser) file(body *hclsyntax.Body) *File {
	p.known(body, "lock file", fileAttributes, "plugin")
	if a, ok := body.Attributes["version"]; !ok {
		p.errorf(body.SrcRange, "The number of the format is missing. Write version = %d in the first line.", Version)
	} else if v, diags := a.Expr.Value(nil); diags.HasErrors() || !v.RawEquals(cty.NumberIntVal(Version)) {
		p.errorf(a.SrcRange, "The number of the format is not %d. Restore the file, or remove it and install again.", Version)
	}
	f := &File{}
	seen := map[string]bool{}
	for _, b := range body.Blocks {
		if b.Type != "plugin" {
			continue
		}
		if id, ok := p.label(b, seen, checkID); ok && len(f.Plugins) < maxPlugins {
			f.Plugins = append(f.Plugins, p.plugin(id, b.Body))
		}
	}
	if len(seen) > maxPlugins {
		p.errorf(body.SrcRange, "The file has more than %d plugins.", maxPlugins)
	}
	slices.SortFunc(f.Plugins, byID)
	return f
}

func checkID(s string) error {
	_, err := release.ParseID(s)
	return err
}

func (p *parser) plugin(id string, body *hclsyntax.Body) Plugin {
	p.known(body, "plugin", pluginAttributes, "platform")
	out := Plugin{
		ID:          id,
		Registry:    p.text(body, "registry", true, checkRegistry),
		Version:     p.text(body, "version", true, release.CheckVersion),
		Constraints: p.text(body, "constraints", false, checkConstraints),
		Pinned:      p.flag(body, "pinned"),
		Grants:      p.texts(body, "grants", maxGrants, checkGrant),
		Platforms:   map[string]Platform{},
	}
	seen, blocks := map[string]bool{}, 0
	for _, b := range body.Blocks {
		if b.Type != "platform" {
			continue
		}
		blocks++
		if key, ok := p.label(b, seen, release.CheckPlatform); ok {
			out.Platforms[key] = p.platform(b.Body)
		}
	}
	if blocks == 0 {
		p.errorf(body.SrcRange, "Plugin %q has no platform block, so nothing could recognise it. Install it again.", id)
	}
	return out.normal()
}

func (p *parser) platform(body *hclsyntax.Body) Platform {
	p.known(body, "platform", platformAttributes, "")
	return Platform{
		H1:         p.text(body, "h1", true, release.CheckH1),
		Executable: p.text(body, "executable", true, release.CheckDigest),
		Archive:    p.text(body, "archive", true, release.CheckDigest),
		Known:      p.texts(body, "known", len(HowKnown()), checkKnown),
	}
}

// known reports attributes and blocks that the format does not have.
func (p *parser) known(body *hclsyntax.Body, what string, attributes []string, block string) {
	for _, name := range sortedAttributes(body) {
		if !slices.Contains(attributes, name) {
			p.errorf(body.Attributes[name].NameRange, "A %s has no attribute %+.80q. It has %s; remove the line.", what, name, strings.Join(attributes, ", "))
		}
	}
	for _, b := range body.Blocks {
		if b.Type != block {
			p.errorf(b.TypeRange, "A %s has no block %+.80q. Remove it, or use the version of Bulkhead that wrote it.", what, b.Type)
		}
	}
}

// sortedAttributes are the names in the order in which they are written.
func sortedAttributes(body *hclsyntax.Body) []string {
	var names []string
	for name := range body.Attributes {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return body.Attributes[a].SrcRange.Start.Byte - body.Attributes[b].SrcRange.Start.Byte
	})
	return names
}

// label reads the one label of a block, which no other one of its type has.
func (p *parser) label(b *hclsyntax.Block, seen map[string]bool, check func(string) error) (string, bool) {
	if len(b.Labels) != 1 {
		p.errorf(b.TypeRange, "A %s block has one label and not %d.", b.Type, len(b.Labels))
		return "", false
	}
	name := b.Labels[0]
	if err := check(name); err != nil {
		p.errorf(b.LabelRanges[0], "%v", err)
		return "", false
	}
	if seen[name] {
		p.errorf(b.LabelRanges[0], "The block %s %q is there twice. Remove one; if a merge left both, install again.", b.Type, name)
		return "", false
	}
	seen[name] = true
	return name, true
}
