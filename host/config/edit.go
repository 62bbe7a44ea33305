// SPDX-License-Identifier: Apache-2.0

package config

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	"github.com/hashicorp/hcl/v2/hclwrite"
	"github.com/zclconf/go-cty/cty"
)

// NewPlugin is a plugin block to write.
type NewPlugin struct {
	Name, Source, Version, Registry string
	Prerelease                      bool
}

// AppendPlugin returns the text of a native file with one more plugin block, and
// everything else as it was.
func AppendPlugin(file string, text []byte, p NewPlugin) ([]byte, error) {
	f, err := editable(file, text)
	if err != nil {
		return nil, err
	}
	if len(f.Body().Attributes())+len(f.Body().Blocks()) > 0 {
		f.Body().AppendNewline()
	}
	body := f.Body().AppendNewBlock("plugin", []string{p.Name}).Body()
	body.SetAttributeValue("source", cty.StringVal(p.Source))
	for _, a := range []struct{ name, value string }{{"registry", p.Registry}, {"version", p.Version}} {
		if a.value != "" {
			body.SetAttributeValue(a.name, cty.StringVal(a.value))
		}
	}
	if p.Prerelease {
		body.SetAttributeValue("prerelease", cty.True)
	}
	return hclwrite.Format(f.Bytes()), nil
}

// RemovePlugin returns the text of a native file without a plugin's block. False:
// it declares no such plugin.
func RemovePlugin(file string, text []byte, name string) ([]byte, bool, error) {
	f, err := editable(file, text)
	if err != nil {
		return nil, false, err
	}
	b := f.Body().FirstMatchingBlock("plugin", []string{name})
	if b == nil {
		return text, false, nil
	}
	f.Body().RemoveBlock(b)
	return hclwrite.Format(f.Bytes()), true, nil
}

// editable reads a file for changing it.
func editable(file string, text []byte) (*hclwrite.File, error) {
	f, diags := hclwrite.ParseConfig(text, file, hcl.InitialPos)
	if diags.HasErrors() {
		return nil, fmt.Errorf("%s cannot be changed until it can be read: %w", file, diags)
	}
	return f, nil
}

// EncodeRegistries writes registry blocks, sorted by name.
func EncodeRegistries(list []*Registry) []byte {
	f := hclwrite.NewEmptyFile()
	f.Body().AppendUnstructuredTokens(hclwrite.Tokens{{Type: hclsyntax.TokenComment, Bytes: []byte(registriesHead)}})
	sorted := slices.SortedFunc(slices.Values(list), func(a, b *Registry) int { return cmp.Compare(a.Name, b.Name) })
	for _, r := range sorted {
		body := f.Body().AppendNewBlock("registry", []string{r.Name}).Body()
		for _, a := range []struct{ name, value string }{
			{"address", r.Address}, {"root", r.Root.Absolute}, {"log_key", r.LogKey}, {"ca_file", r.CAFile.Absolute},
		} {
			if a.value != "" {
				body.SetAttributeValue(a.name, cty.StringVal(a.value))
			}
		}
		if r.OfflineGrace > 0 {
			body.SetAttributeValue("offline_grace", cty.StringVal(r.OfflineGrace.String()))
		}
		if r.Token != nil {
			r.Token.write(body.AppendNewBlock("token", nil).Body())
		}
	}
	return hclwrite.Format(f.Bytes())
}

const registriesHead = "# The registries that you trust for all projects. `bulkhead registry trust` and\n# `bulkhead registry forget` keep this file; you may edit it, too.\n\n"

func (s *SecretSource) write(body *hclwrite.Body) {
	if s.Env != "" {
		body.SetAttributeValue("env", cty.StringVal(s.Env))
		return
	}
	body.SetAttributeValue("file", cty.StringVal(s.File.Absolute))
}
