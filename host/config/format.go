// SPDX-License-Identifier: Apache-2.0

package config

import (
	"bytes"
	"encoding/json"

	"github.com/hashicorp/hcl/v2/hclwrite"
)

// maxFormatPasses bounds the search for a layout that formatting leaves alone.
const maxFormatPasses = 8

// Format lays out a file in the canonical style; only white space changes. A
// file whose name ends in .json is indented by two spaces. Formatting the
// result again changes nothing. A file that does not parse comes back as it is,
// with diagnostics.
func Format(name string, src []byte) ([]byte, Diagnostics) {
	file, diags := parse(src, name)
	if diags.HasErrors() {
		return src, sources{name: file}.finish(diags)
	}
	if isJSON(name) {
		return formatJSON(src), nil
	}
	out := src
	for range maxFormatPasses {
		next := hclwrite.Format(out)
		if bytes.Equal(next, out) {
			return out, nil
		}
		out = next
	}
	return src, Diagnostics{newDiagnostic(SeverityWarning, Range{}, "File not formatted",
		"%s has no layout that stays. Simplify its longest expressions.", name)}
}

func formatJSON(src []byte) []byte {
	var out bytes.Buffer
	if json.Indent(&out, bytes.TrimSpace(src), "", "  ") != nil {
		return src
	}
	out.WriteByte('\n')
	return out.Bytes()
}
