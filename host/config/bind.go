// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// Catalog is what the installed plugins offer. Lists are sorted; a name that
// is not there gives nil or false.
type Catalog interface {
	// Plugins are the names that references use.
	Plugins() []string
	// Kernels are the names of the kernels of a plugin.
	Kernels(plugin string) []string
	Kernel(plugin, kernel string) (*pluginv1.KernelDescription, bool)
	// Codes are the codes of the checks of a plugin.
	Codes(plugin string) []string
	Check(code string) (*pluginv1.CheckDescription, bool)
	// Facts are the addresses that collectors may produce, without instance
	// keys.
	Facts() []string
}

// NewCatalog makes a catalog of what plugins say of themselves, by the names
// that references use. A code that two plugins claim belongs to the first in
// the order of names.
func NewCatalog(plugins map[string]*pluginv1.DescribeResponse) Catalog {
	return describedCatalog(plugins)
}

type describedCatalog map[string]*pluginv1.DescribeResponse

func (c describedCatalog) Plugins() []string { return keys(c) }

func (c describedCatalog) Kernels(plugin string) []string {
	var out []string
	for _, k := range c[plugin].GetKernels() {
		out = append(out, k.GetName())
	}
	return sortedUnique(out)
}

func (c describedCatalog) Kernel(plugin, kernel string) (*pluginv1.KernelDescription, bool) {
	for _, k := range c[plugin].GetKernels() {
		if k.GetName() == kernel {
			return k, true
		}
	}
	return nil, false
}

func (c describedCatalog) Codes(plugin string) []string {
	var out []string
	for _, k := range c[plugin].GetChecks() {
		out = append(out, k.GetCode())
	}
	return sortedUnique(out)
}

func (c describedCatalog) Check(code string) (*pluginv1.CheckDescription, bool) {
	for _, plugin := range c.Plugins() {
		for _, k := range c[plugin].GetChecks() {
			if k.GetCode() == code {
				return k, true
			}
		}
	}
	return nil, false
}

func (c describedCatalog) Facts() []string {
	var out []string
	for _, plugin := range c {
		for _, collector := range plugin.GetCollectors() {
			for _, f := range collector.GetFacts() {
				out = append(out, f.GetAddress())
			}
		}
	}
	return sortedUnique(out)
}

// CanonicalCode finds the check that a code means: an underscore and a dash
// are the same, because a name of the language is often written with the one.
func CanonicalCode(catalog Catalog, code string) (string, bool) {
	if _, ok := catalog.Check(code); ok {
		return code, true
	}
	for _, known := range allCodes(catalog) {
		if fold(known) == fold(code) {
			return known, true
		}
	}
	return "", false
}

func allCodes(catalog Catalog) []string {
	var out []string
	for _, plugin := range catalog.Plugins() {
		out = append(out, catalog.Codes(plugin)...)
	}
	return sortedUnique(out)
}

// Bind checks a configuration against the installed plugins: the kernels and
// checks that it names, their settings, the selectors of suites, and the facts
// that requirements need. A plugin that is declared and not installed is a
// warning, and an error where something uses it.
func Bind(cfg *Config, catalog Catalog) Diagnostics {
	b := &binder{cfg: cfg, catalog: catalog}
	b.plugins()
	for _, k := range cfg.allKernels() {
		b.kernel(k)
	}
	for _, c := range cfg.Checks {
		b.check(c)
	}
	r := resolver{cfg: cfg, catalog: catalog, memo: map[*Suite]picked{}}
	for _, s := range cfg.Suites {
		r.suite(s)
	}
	b.add(r.diags...)
	for _, req := range cfg.Requires {
		b.facts(req)
	}
	b.excuses()
	return cfg.sources.finish(b.diags)
}

// allKernels lists each kernel once: those at top level, then those of
// pipelines. Those that are off are not among them.
func (c *Config) allKernels() []*Kernel {
	var out []*Kernel
	seen := map[*Kernel]bool{}
	add := func(all []*Kernel) {
		for _, k := range all {
			if !seen[k] {
				seen[k] = true
				out = append(out, k)
			}
		}
	}
	add(c.Kernels)
	for _, p := range c.Pipelines {
		add(p.Kernels)
	}
	return out
}

type binder struct {
	cfg     *Config
	catalog Catalog
	diags   Diagnostics
}

func (b *binder) add(ds ...*Diagnostic) { b.diags = append(b.diags, ds...) }

func (b *binder) plugins() {
	installed := b.catalog.Plugins()
	for _, p := range b.cfg.Plugins {
		switch {
		case slices.Contains(installed, p.Name):
		case p.ID != "":
			b.add(newDiagnostic(SeverityWarning, p.Range, "Plugin not installed",
				"Plugin %q is declared, and no version of %s that fits is installed here. Run `bulkhead init`.", p.Name, p.ID))
		default:
			b.add(newDiagnostic(SeverityWarning, p.Range, "Plugin not installed",
				"Plugin %q is declared, and %q is not installed.%s", p.Name, p.Source, nearSentence(p.Name, installed)))
		}
	}
}

func (b *binder) kernel(k *Kernel) {
	desc, ok := b.catalog.Kernel(k.Use.Plugin, k.Use.Kernel)
	if !ok {
		b.add(b.unknownKernel(k.Use))
		return
	}
	_, diags := k.Settings(desc.GetConfig())
	b.add(diags...)
}

func (b *binder) unknownKernel(use Use) *Diagnostic {
	installed := b.catalog.Plugins()
	if !slices.Contains(installed, use.Plugin) {
		return newDiagnostic(SeverityError, use.Range, "Unknown plugin", "No plugin named %q is installed.%s",
			use.Plugin, Suggest(use.Plugin, installed))
	}
	known := b.catalog.Kernels(use.Plugin)
	if len(known) == 0 {
		return newDiagnostic(SeverityError, use.Range, "Unknown kernel", "Plugin %q has no kernels.", use.Plugin)
	}
	return newDiagnostic(SeverityError, use.Range, "Unknown kernel", "Plugin %q has no kernel %q.%s",
		use.Plugin, use.Kernel, Suggest(use.Kernel, known))
}

func (b *binder) check(c *Check) {
	code, ok := CanonicalCode(b.catalog, c.Code)
	if !ok {
		b.add(newDiagnostic(SeverityError, c.Range, "Unknown check", "No installed plugin has a check %q.%s",
			c.Code, nearSentence(c.Code, allCodes(b.catalog))))
		return
	}
	desc, _ := b.catalog.Check(code)
	_, diags := c.Settings(desc.GetConfig())
	b.add(diags...)
}

// facts warns of addresses that no collector produces: the requirement would
// be skipped for ever.
func (b *binder) facts(r *Require) {
	known := b.catalog.Facts()
	for _, address := range r.FactAddresses() {
		bare := withoutKeys(address)
		if slices.ContainsFunc(known, func(k string) bool { return related(withoutKeys(k), bare) }) {
			continue
		}
		b.add(newDiagnostic(SeverityWarning, r.Range, "Unknown fact",
			"No installed plugin collects %s, so require %q is always skipped.%s", address, r.Name, nearFact(bare, known)))
	}
}

// related reports that one address is the other or lies below it.
func related(a, b string) bool {
	return a == b || strings.HasPrefix(a, b+".") || strings.HasPrefix(b, a+".")
}

func nearFact(address string, known []string) string {
	if near := nearest(address, known); near != "" {
		return fmt.Sprintf(" Did you mean %s?", near)
	}
	return ""
}
