// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

const kernelsFile = "kernels.md"

const kernelsIntroduction = `# Kernels

A ` + "`kernel`" + ` block names one of these as ` + "`use = PLUGIN.KERNEL`" + ` and gives its settings in a nested
` + "`config`" + ` block.`

// addKernels makes the page of all kernels and their settings.
func (p pages) addKernels(plugins []*pluginv1.DescribeResponse) {
	var out page
	out.line(kernelsIntroduction)
	for _, d := range plugins {
		for _, k := range d.GetKernels() {
			out.kernel(d.GetName(), k)
		}
	}
	p[kernelsFile] = out.String()
}

func (p *page) kernel(plugin string, k *pluginv1.KernelDescription) {
	p.line("\n## %s.%s\n\n%s", plugin, k.GetName(), prose(k.GetSummary()))
	p.line("\nCompartment %s; it %s.", k.GetCompartment(), kernelDoes(k))
	p.settings(k.GetConfig())
}

func kernelDoes(k *pluginv1.KernelDescription) string {
	switch {
	case k.GetFits() && k.GetTransforms():
		return "fits and transforms"
	case k.GetFits():
		return "fits"
	}
	return "transforms"
}

// settings writes the table of a plugin's settings, then that of each block.
func (p *page) settings(s *pluginv1.Schema) {
	var rows [][]string
	for _, a := range s.GetAttributes() {
		rows = append(rows, []string{code(a.GetName()), settingType(a.GetType()), settingDefault(a), settingText(a)})
	}
	if len(rows) > 0 {
		p.table([]string{"setting", "type", "default", "meaning"}, rows)
	}
	for _, b := range s.GetBlocks() {
		p.line("\n`%s {}`: %s", b.GetType(), prose(b.GetDescription()))
		p.settings(b.GetSchema())
	}
}

// settingType turns cty's JSON notation into the words of HCL:
// ["list","string"] is list(string).
func settingType(notation string) string {
	var simple string
	if json.Unmarshal([]byte(notation), &simple) == nil {
		return simple
	}
	var parts []json.RawMessage
	if json.Unmarshal([]byte(notation), &parts) != nil || len(parts) != 2 {
		return cmp.Or(notation, "any")
	}
	return settingType(string(parts[0])) + "(" + settingType(string(parts[1])) + ")"
}

func settingDefault(a *pluginv1.Attribute) string {
	if a.GetRequired() {
		return "required"
	}
	return code(a.GetDefaultJson())
}

// settingText is what a setting means, with the values that it may have.
func settingText(a *pluginv1.Attribute) string {
	parts := []string{cell(a.GetDescription())}
	if len(a.GetOneOf()) > 0 {
		parts = append(parts, "One of "+codes(a.GetOneOf())+".")
	}
	if bounds := between(a.Minimum, a.Maximum); bounds != "" {
		parts = append(parts, bounds)
	}
	if a.GetDeprecated() != "" {
		parts = append(parts, "Deprecated: "+cell(a.GetDeprecated()))
	}
	return strings.TrimSpace(strings.Join(parts, " "))
}

// between says which numbers are allowed; nil is no bound.
func between(low, high *float64) string {
	switch {
	case low != nil && high != nil:
		return fmt.Sprintf("From %s to %s.", number(*low), number(*high))
	case low != nil:
		return fmt.Sprintf("At least %s.", number(*low))
	case high != nil:
		return fmt.Sprintf("At most %s.", number(*high))
	}
	return ""
}

func number(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }
