// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"slices"
	"strings"
)

// ResolveAll is what runs without a suite: every check of the catalog, and every
// requirement, but for those that the top level skips.
func (c *Config) ResolveAll(catalog Catalog) (Selection, Diagnostics) {
	r := resolver{cfg: c, catalog: catalog, memo: map[*Suite]picked{}}
	all := newPicked()
	for _, code := range allCodes(catalog) {
		all.run(code)
	}
	for _, req := range c.Requires {
		all.run("require." + req.Name)
	}
	return r.selection(all), c.sources.finish(r.diags)
}

// Codes are the codes that the waiver means: those of checks in the spelling of
// their plugins, of the host, and "require.NAME".
func (w *Waiver) Codes(cfg *Config, catalog Catalog) []string {
	r := resolver{cfg: cfg, catalog: catalog}
	return r.keys(w.Code)
}

// keys are the codes and "require.NAME" keys that a pattern means.
func (r *resolver) keys(pattern string) []string {
	name, ok := strings.CutPrefix(pattern, "require.")
	switch {
	case !ok:
		return codesOf(r.catalog, pattern)
	case name != "*":
		return []string{pattern}
	}
	var out []string
	for _, req := range r.cfg.Requires {
		out = append(out, "require."+req.Name)
	}
	return out
}

// excuse applies skip blocks.
func (r *resolver) excuse(p *picked, skips []*Skip) {
	for _, s := range skips {
		for _, key := range r.keys(s.Code) {
			if s.Subject == "" {
				p.skip(key, s.Reason)
				continue
			}
			if p.set[key] || slices.Contains(HostCodes, key) {
				p.excuse(key, s)
			}
		}
	}
}

// regrade applies severities: groups first, so that a code goes before its
// group in whatever order they are written.
func (r *resolver) regrade(p *picked, severities []SeverityOf) {
	for _, wild := range []bool{true, false} {
		for _, s := range severities {
			if strings.HasSuffix(s.Code, ".*") != wild {
				continue
			}
			for _, key := range r.keys(s.Code) {
				p.severity[key] = s.Severity
			}
		}
	}
}

// severities reads the map of a suite, in the order of the codes.
func (s section) severities() []SeverityOf {
	written := s.textMap("severity")
	var out []SeverityOf
	for _, code := range keys(written) {
		at := s.entryRange("severity", code)
		if s.l.excusable(code, at) {
			out = append(out, SeverityOf{Code: code, Severity: Severity(written[code]), Range: rangeOf(at)})
		}
	}
	return out
}

// excuses checks the codes of skips, severities and waivers against the
// catalog.
func (b *binder) excuses() {
	for _, s := range b.cfg.Skips {
		b.bindCode(s.Code, s.Range)
	}
	for _, suite := range b.cfg.Suites {
		for _, s := range suite.Skips {
			b.bindCode(s.Code, s.Range)
		}
		for _, s := range suite.Severities {
			b.bindCode(s.Code, s.Range)
		}
	}
	for _, w := range b.cfg.Waivers {
		b.bindCode(w.Code, w.Range)
	}
	b.overlaps()
}

// overlaps warns of two waivers for the same thing: when the one ends, the
// other one hides it.
func (b *binder) overlaps() {
	first := map[string]*Waiver{}
	for _, w := range b.cfg.Waivers {
		key := fmt.Sprintf("%s\x00%s", fold(w.Code), w.Subject)
		if other, ok := first[key]; ok {
			b.add(newDiagnostic(SeverityWarning, w.Range, "Two waivers for one thing",
				"Waiver %q at %s is about the same findings; the later of the two dates counts. Remove one of them.", other.Name, other.Range))
			continue
		}
		first[key] = w
	}
}
