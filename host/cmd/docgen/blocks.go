// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/config"
)

const blocksFile = "configuration.md"

const blocksIntroduction = `# Blocks of the configuration

A directory stands for its files ` + "`bulkhead.hcl`" + ` and ` + "`*.bulkhead.hcl`" + `, and their JSON variants. Paths are
relative to the file that names them. A reference is a name without quotes. The guide is
[docs/configuration.md](../configuration.md).`

// addBlocks makes the page of all blocks that the host reads.
func (p pages) addBlocks(blocks []config.BlockSchema) {
	var out page
	out.line(blocksIntroduction)
	for _, b := range blocks {
		out.block("", b)
	}
	p[blocksFile] = out.String()
}

// block writes one block and the blocks inside it. A block that also stands at
// top level is described there.
func (p *page) block(parent string, b config.BlockSchema) {
	p.line("\n## %s%s\n\n```text\n%s\n```\n\n%s", parent, b.Type, blockHead(b), prose(b.Description)+repeats(b))
	var rows [][]string
	for _, a := range b.Attributes {
		rows = append(rows, []string{code(a.Name), a.Type, attributeDefault(a), attributeText(a)})
	}
	if len(rows) > 0 {
		p.table([]string{"attribute", "type", "default", "meaning"}, rows)
	}
	for _, inner := range b.Blocks {
		if topLevel(inner.Type) {
			p.line("\nMay hold [%s](#%s) blocks.", inner.Type, inner.Type)
			continue
		}
		if inner.Open {
			p.line("\nMay hold one `%s` block. %s", inner.Type, prose(inner.Description))
			continue
		}
		p.block(b.Type+" ", inner)
	}
}

func topLevel(blockType string) bool {
	for _, b := range config.HostSchema() {
		if b.Type == blockType {
			return true
		}
	}
	return false
}

// blockHead is the first line of a block as a user writes it.
func blockHead(b config.BlockSchema) string {
	var out strings.Builder
	out.WriteString(b.Type)
	for _, label := range b.Labels {
		out.WriteString(" " + strconv.Quote(strings.ToUpper(label)))
	}
	return out.String() + " { ... }"
}

func repeats(b config.BlockSchema) string {
	if b.Repeats {
		return ""
	}
	return " It stands at most once."
}

func attributeDefault(a config.AttributeSchema) string {
	switch value := a.Default.(type) {
	case nil:
		if a.Required {
			return "required"
		}
		return ""
	case string:
		return code(strconv.Quote(value))
	default:
		return code(fmt.Sprint(value))
	}
}

func attributeText(a config.AttributeSchema) string {
	parts := []string{cell(a.Description)}
	if len(a.OneOf) > 0 {
		parts = append(parts, "One of "+codes(a.OneOf)+".")
	}
	if bounds := between(a.Minimum, a.Maximum); bounds != "" {
		parts = append(parts, bounds)
	}
	return strings.Join(parts, " ")
}
