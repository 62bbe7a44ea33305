// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Suite is a named set of checks and requirements.
type Suite struct {
	Name      string
	Run, Skip []Selector
	// Skips are the skip blocks of the suite.
	Skips []*Skip
	// Severities replace those of findings.
	Severities []SeverityOf
	Range      Range
}

// SeverityOf replaces the severity of the findings of a code, or of the codes
// of "group.*".
type SeverityOf struct {
	Code     string
	Severity Severity
	Range    Range
}

// Selector names checks in a suite: one of PLUGIN.all, PLUGIN.GROUP,
// GROUP.CHECK, require.NAME and suite.NAME.
type Selector struct {
	First, Second string
	Range         Range
}

// String is "first.second".
func (s Selector) String() string { return s.First + "." + s.Second }

// Selection is what a suite comes to with the plugins that are installed.
type Selection struct {
	// Codes of the checks to run, sorted, without those skipped.
	Codes []string
	// Requires to evaluate, in the order in which they are first named.
	Requires []*Require
	// Skips maps the code of a check, or "require.NAME", that was selected and
	// is left out to the reason.
	Skips map[string]string
	// Severity replaces that of the findings of a code, or of "require.NAME", as
	// the suites say; it goes before a check block.
	Severity map[string]Severity
	// Excused are the skips of findings about some subjects, by code.
	Excused map[string][]*Skip
}

// resolveSuites checks the references that need no plugin.
func (l *loader) resolveSuites() {
	for _, s := range l.cfg.Suites {
		for _, sel := range slices.Concat(s.Run, s.Skip) {
			if kind := RefKind(sel.First); kind == RefSuite || kind == RefRequire {
				l.knownPolicy(Ref{Kind: kind, Name: sel.Second, Range: sel.Range})
			}
		}
	}
	walk := suiteWalk{l: l, state: map[*Suite]visit{}}
	for _, s := range l.cfg.Suites {
		walk.visit(s, s.Range)
	}
}

type suiteWalk struct {
	l     *loader
	state map[*Suite]visit
	path  []string
}

func (w *suiteWalk) visit(s *Suite, from Range) {
	switch w.state[s] {
	case done:
		return
	case underway:
		loop := append(slices.Clone(w.path[slices.Index(w.path, s.Name):]), s.Name)
		for i := range loop {
			loop[i] = "suite." + loop[i]
		}
		w.l.add(newDiagnostic(SeverityError, from, "Cycle of suites", "%s. Take one of them out of the next.", shortCycle(loop)))
		return
	}
	w.state[s] = underway
	w.path = append(w.path, s.Name)
	for _, sel := range slices.Concat(s.Run, s.Skip) {
		if next, ok := w.l.cfg.Suite(sel.Second); ok && sel.First == "suite" {
			w.visit(next, sel.Range)
		}
	}
	w.path = w.path[:len(w.path)-1]
	w.state[s] = done
}

// Resolve finds the checks and requirements of the suite. A selector that
// matches nothing is an error in run and a warning in skip. A check block with
// enabled = false leaves its check out of every suite.
func (s *Suite) Resolve(cfg *Config, catalog Catalog) (Selection, Diagnostics) {
	r := resolver{cfg: cfg, catalog: catalog, memo: map[*Suite]picked{}}
	sel := r.selection(r.suite(s))
	return sel, cfg.sources.finish(r.diags)
}

// ResolvePreflight is Resolve for all that a pipeline asks for before it
// starts.
func (p *Pipeline) ResolvePreflight(cfg *Config, catalog Catalog) (Selection, Diagnostics) {
	r := resolver{cfg: cfg, catalog: catalog, memo: map[*Suite]picked{}}
	all := newPicked()
	for _, ref := range p.Preflight {
		if s, ok := cfg.Suite(ref.Name); ok && ref.Kind == RefSuite {
			all.merge(r.suite(s))
		}
		if ref.Kind == RefRequire {
			all.run("require." + ref.Name)
		}
	}
	return r.selection(all), cfg.sources.finish(r.diags)
}

// picked are codes and "require.NAME" keys: those to run, in order, and those
// selected and skipped, with what the suites say of them.
type picked struct {
	keys     []string
	skips    map[string]string
	set      map[string]bool
	severity map[string]Severity
	excused  map[string][]*Skip
}

func newPicked() picked {
	return picked{skips: map[string]string{}, set: map[string]bool{}, severity: map[string]Severity{}, excused: map[string][]*Skip{}}
}

// run adds a key; what runs anywhere is not skipped.
func (p *picked) run(key string) {
	delete(p.skips, key)
	if !p.set[key] {
		p.set[key] = true
		p.keys = append(p.keys, key)
	}
}

// skip takes a key out, if it is in.
func (p *picked) skip(key, reason string) {
	if !p.set[key] {
		return
	}
	delete(p.set, key)
	p.keys = slices.DeleteFunc(p.keys, func(k string) bool { return k == key })
	p.skips[key] = reason
}

func (p *picked) merge(o picked) {
	for key, reason := range o.skips {
		if !p.set[key] {
			p.skips[key] = reason
		}
	}
	for _, key := range o.keys {
		p.run(key)
	}
	maps.Copy(p.severity, o.severity)
	for key, skips := range o.excused {
		p.excuse(key, skips...)
	}
}

// excuse adds skips of findings about some subjects, each once.
func (p *picked) excuse(key string, skips ...*Skip) {
	for _, s := range skips {
		if !slices.Contains(p.excused[key], s) {
			p.excused[key] = append(p.excused[key], s)
		}
	}
}

type resolver struct {
	cfg     *Config
	catalog Catalog
	diags   Diagnostics
	// memo holds suites already resolved, so that a suite named by many is
	// walked once.
	memo map[*Suite]picked
}

func (r *resolver) suite(s *Suite) picked {
	if p, ok := r.memo[s]; ok {
		return p
	}
	out := newPicked()
	for _, sel := range s.Run {
		out.merge(r.selector(sel, SeverityError))
	}
	for _, sel := range s.Skip {
		for _, key := range r.selector(sel, SeverityWarning).keys {
			out.skip(key, fmt.Sprintf("suite %q skips %s", s.Name, sel))
		}
	}
	r.excuse(&out, s.Skips)
	r.regrade(&out, s.Severities)
	r.memo[s] = out
	return out
}

func (r *resolver) selector(sel Selector, grave Severity) picked {
	out := newPicked()
	switch sel.First {
	case "suite":
		if s, ok := r.cfg.Suite(sel.Second); ok {
			return r.suite(s)
		}
	case "require":
		out.run("require." + sel.Second)
	default:
		codes := r.codes(sel)
		for _, code := range codes {
			out.run(code)
		}
		if len(codes) == 0 {
			r.diags = append(r.diags, r.unknown(sel, grave))
		}
	}
	return out
}

// codes finds the checks of a selector: one check by its code, a group of a
// plugin, all of a plugin, all of a group.
func (r *resolver) codes(sel Selector) []string {
	if code, ok := CanonicalCode(r.catalog, sel.String()); ok {
		return []string{code}
	}
	first, second := fold(sel.First), fold(sel.Second)
	for _, plugin := range r.catalog.Plugins() {
		if fold(plugin) != first {
			continue
		}
		if codes := r.ofPlugin(plugin, second); len(codes) > 0 {
			return codes
		}
	}
	if second == "all" {
		return r.inGroup(allCodes(r.catalog), first)
	}
	return nil
}

func (r *resolver) ofPlugin(plugin, group string) []string {
	if group == "all" {
		return r.catalog.Codes(plugin)
	}
	return r.inGroup(r.catalog.Codes(plugin), group)
}

func (r *resolver) inGroup(codes []string, group string) []string {
	var out []string
	for _, code := range codes {
		if g, _, _ := strings.Cut(code, "."); fold(g) == group {
			out = append(out, code)
		}
	}
	return out
}

func (r *resolver) unknown(sel Selector, grave Severity) *Diagnostic {
	var known []string
	for _, plugin := range r.catalog.Plugins() {
		known = append(known, plugin+".all")
	}
	known = append(known, allCodes(r.catalog)...)
	return newDiagnostic(grave, sel.Range, "Unknown check",
		"No installed plugin has checks that %s selects.%s Run \"bulkhead plugin list\" to see what is installed.",
		sel, nearSentence(sel.String(), known))
}

// selection applies what is said outside of suites and sorts.
func (r *resolver) selection(p picked) Selection {
	for _, key := range slices.Clone(p.keys) {
		if c, ok := r.cfg.Check(key); ok && !c.Enabled {
			p.skip(key, disabledReason(c))
		}
	}
	r.excuse(&p, r.cfg.Skips)
	out := Selection{Codes: []string{}, Skips: p.skips, Severity: p.severity, Excused: p.excused}
	for _, key := range p.keys {
		if req, ok := strings.CutPrefix(key, "require."); ok {
			if found, ok := r.cfg.Require(req); ok {
				out.Requires = append(out.Requires, found)
			}
			continue
		}
		out.Codes = append(out.Codes, key)
	}
	slices.Sort(out.Codes)
	return out
}

func disabledReason(c *Check) string {
	if c.Reason != "" {
		return c.Reason
	}
	return "switched off at " + c.Range.String()
}
