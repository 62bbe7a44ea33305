// SPDX-License-Identifier: Apache-2.0

package lock

import (
	"fmt"
	"maps"
	"slices"

	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// header is the comment that a file begins with.
const header = `# Bulkhead keeps this file: it holds the plugins that are installed and the digests
# by which they are recognised. Keep it under version control; change it with
# "bulkhead plugin", not by hand.
`

// Encode writes the normal form. What is not valid is an error.
func (f *File) Encode() ([]byte, error) {
	plugins := make([]Plugin, len(f.Plugins))
	for i, p := range f.Plugins {
		plugins[i] = p.normal()
	}
	slices.SortFunc(plugins, byID)
	if err := (&File{Plugins: plugins}).Validate(); err != nil {
		return nil, fmt.Errorf("encoding a lock file: %w", err)
	}
	out := hclwrite.NewEmptyFile()
	out.Body().SetAttributeValue("version", cty.NumberIntVal(Version))
	for _, p := range plugins {
		out.Body().AppendNewline()
		p.encode(out.Body().AppendNewBlock("plugin", []string{p.ID}).Body())
	}
	data := append([]byte(header+"\n"), hclwrite.Format(out.Bytes())...)
	if len(data) > MaxBytes {
		return nil, fmt.Errorf("encoding a lock file: it would have %d bytes, more than %d; remove plugins or platforms", len(data), MaxBytes)
	}
	return data, nil
}

func (p Plugin) encode(body *hclwrite.Body) {
	body.SetAttributeValue("registry", cty.StringVal(p.Registry))
	body.SetAttributeValue("version", cty.StringVal(p.Version))
	if p.Constraints != "" {
		body.SetAttributeValue("constraints", cty.StringVal(p.Constraints))
	}
	if p.Pinned {
		body.SetAttributeValue("pinned", cty.True)
	}
	if len(p.Grants) > 0 {
		body.SetAttributeRaw("grants", lines(p.Grants))
	}
	for _, key := range slices.Sorted(maps.Keys(p.Platforms)) {
		body.AppendNewline()
		p.Platforms[key].encode(body.AppendNewBlock("platform", []string{key}).Body())
	}
}

func (p Platform) encode(body *hclwrite.Body) {
	body.SetAttributeValue("h1", cty.StringVal(p.H1))
	body.SetAttributeValue("executable", cty.StringVal(p.Executable))
	body.SetAttributeValue("archive", cty.StringVal(p.Archive))
	if len(p.Known) > 0 {
		body.SetAttributeValue("known", texts(p.Known))
	}
}

func texts(list []string) cty.Value {
	var out []cty.Value
	for _, s := range list {
		out = append(out, cty.StringVal(s))
	}
	return cty.TupleVal(out)
}

// lines writes a list with an entry on each line, so that a comparison of two
// files shows which one came.
func lines(list []string) hclwrite.Tokens {
	newline := &hclwrite.Token{Type: hclsyntax.TokenNewline, Bytes: []byte("\n")}
	out := hclwrite.Tokens{{Type: hclsyntax.TokenOBrack, Bytes: []byte("[")}, newline}
	for _, s := range list {
		out = append(out, hclwrite.TokensForValue(cty.StringVal(s))...)
		out = append(out, &hclwrite.Token{Type: hclsyntax.TokenComma, Bytes: []byte(",")}, newline)
	}
	return append(out, &hclwrite.Token{Type: hclsyntax.TokenCBrack, Bytes: []byte("]")})
}
