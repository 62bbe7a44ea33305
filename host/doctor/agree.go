// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Codes of the findings about probes.
const (
	// ProbeDisagrees: a probe did what a finding says cannot be done.
	ProbeDisagrees = "bulkhead.probe-disagrees"
	// ImportFailed: a module cannot be imported, and no check has said so.
	ImportFailed = "probe.import-failed"
	// TensorFailed: a framework cannot compute, and no check has said so.
	TensorFailed = "probe.tensor-failed"
)

// doubted is the confidence of a finding that a probe contradicts.
const doubted = 0.2

// ProbeArea is the area of findings about probes.
const ProbeArea = "frameworks"

// Disagreements holds the findings of checks against the facts of probes, and
// returns the findings that come of it. Where a probe did what a finding says
// fails, the finding becomes a note of little confidence and the disagreement is
// reported. Where a probe failed, it is evidence for the findings that foretold
// it; without any, the failure is a finding of its own.
func Disagreements(facts fact.Set, findings []report.Finding) []report.Finding {
	p := probesOf(facts)
	out := p.contradicted(facts, findings)
	out = append(out, p.importsFailed(facts, findings)...)
	return append(out, p.tensorsFailed(facts, findings)...)
}

// agree adds the disagreements with the probes.
func (c *Checked) agree(facts fact.Set, s Selection) {
	for _, f := range Disagreements(facts, c.Findings) {
		if set, ok := s.Severity[f.Code]; ok && f.Severity != report.Unknown {
			f.Severity = set.String()
		}
		c.Findings = append(c.Findings, f)
	}
}

// contradicted corrects the findings that a probe contradicts.
func (p probed) contradicted(facts fact.Set, findings []report.Finding) (out []report.Finding) {
	for i := range findings {
		f := &findings[i]
		v, ok := verdictOf(*f)
		if !ok {
			continue
		}
		addresses := p.refute(v)
		if len(addresses) == 0 {
			continue
		}
		d := disagreement(*f, v, facts.Evidence(addresses...))
		out = append(out, d)
		f.Severity, f.Confidence = report.Info, min(f.Confidence, doubted)
		f.Detail = strings.TrimSpace(f.Detail + " A probe " + v.refuted() + " all the same.")
		f.Evidence = append(f.Evidence, d.Evidence...)
	}
	return out
}

// disagreement is the finding that a verdict was refuted.
func disagreement(f report.Finding, v verdict, evidence []fact.Evidence) report.Finding {
	return report.Finding{
		Code: ProbeDisagrees, Area: f.Area, Severity: report.Info, Confidence: 1, Subject: f.Subject, Evidence: evidence,
		Title:  fmt.Sprintf("A probe %s, although %s says that this fails", v.refuted(), f.Code),
		Detail: fmt.Sprintf("What was observed counts: the finding %q is now a note.", f.Title),
		Cause:  "The check is wrong about this machine, or the machine changed in between.",
		Remedies: []report.Remedy{{ID: "report", Summary: "Report the wrong verdict with what was observed.", Kind: "advice", Risk: "low",
			Preview: []string{"bulkhead snapshot save --redact machine.json"}}},
	}
}

// refuted says what a probe did in spite of a verdict.
func (v verdict) refuted() string {
	if v.gpu {
		return "used a GPU with " + v.modules[0]
	}
	return "imported " + strings.Join(v.modules, " and ")
}

// refute returns the addresses of the probes that did, all together, what a
// verdict says fails; none when one of them did not.
func (p probed) refute(v verdict) (out []string) {
	for _, module := range v.modules {
		address, ok := p.succeeded(v, module)
		if !ok {
			return nil
		}
		out = append(out, address)
	}
	return out
}

func (p probed) succeeded(v verdict, module string) (string, bool) {
	if v.gpu {
		for _, address := range slices.Sorted(maps.Keys(p.tensors)) {
			if t := p.tensors[address]; t.Module == module && v.about(t.Prefix) && t.OK && t.GPU {
				return address, true
			}
		}
		return "", false
	}
	for _, address := range slices.Sorted(maps.Keys(p.imports)) {
		if i := p.imports[address]; i.Module == module && v.about(i.Prefix) && i.OK {
			return address, true
		}
	}
	return "", false
}

// importsFailed gives failed imports to the findings that foretold them, and
// makes findings of the others.
func (p probed) importsFailed(facts fact.Set, findings []report.Finding) (out []report.Finding) {
	for _, address := range slices.Sorted(maps.Keys(p.imports)) {
		i := p.imports[address]
		if i.OK {
			continue
		}
		evidence, foretold := facts.Evidence(address), false
		for j := range findings {
			if f := &findings[j]; foretells(*f, i) {
				f.Evidence, f.Confidence, foretold = append(f.Evidence, evidence...), 1, true
			}
		}
		if !foretold {
			out = append(out, importFailed(i, evidence))
		}
	}
	return out
}

// foretells reports whether a finding says that this import fails: it names the
// import as its proof, is about the file or directory that the import found, or is
// about the environment and names what is to blame.
func foretells(f report.Finding, i ProbeImport) bool {
	if gravity(f.Severity) < gravity(report.Warning) {
		return false
	}
	if v, ok := verdictOf(f); ok && v.about(i.Prefix) && slices.Contains(v.modules, i.Module) {
		return true
	}
	if hides(f, i.Module) || i.Path != "" && f.Subject != "" && !strings.HasPrefix(i.Prefix, f.Subject) && within(i.Path, f.Subject) {
		return true
	}
	return within(f.Subject, i.Prefix) && mentions(f.Title+" "+f.Detail, blameOf(i).name)
}

// hides reports whether a finding is about a file or directory that an import of
// the module finds first.
func hides(f report.Finding, module string) bool {
	top, _, _ := strings.Cut(module, ".")
	return strings.HasPrefix(f.Subject, "/") && strings.TrimSuffix(baseName(strings.TrimSuffix(f.Subject, "/")), ".py") == top
}

// within reports whether a path is dir or lies in it.
func within(p, dir string) bool {
	dir = strings.TrimSuffix(dir, "/")
	return dir != "" && (p == dir || strings.HasPrefix(p, dir+"/"))
}

// mentions reports whether a text has a name, or of a dotted module its first or
// its last part as a word.
func mentions(text, name string) bool {
	if name == "" {
		return false
	}
	if strings.Contains(text, name) {
		return true
	}
	parts := strings.Split(name, ".")
	if len(parts) < 2 || strings.Contains(name, ".so") || strings.ContainsAny(name, "/ @") {
		return false
	}
	words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) && !unicode.IsDigit(r) && r != '_' })
	return slices.Contains(words, parts[0]) || slices.Contains(words, parts[len(parts)-1])
}

func importFailed(i ProbeImport, evidence []fact.Evidence) report.Finding {
	b := blameOf(i)
	f := report.Finding{
		Code: ImportFailed, Area: ProbeArea, Severity: report.Error, Confidence: 1, Subject: subject(i.Prefix, i.Module), Evidence: evidence,
		Title:  fmt.Sprintf("%s cannot be imported: %s", i.Module, b.words),
		Detail: fmt.Sprintf("In %s, a fresh process failed to import it: %s.", i.Prefix, strings.TrimSuffix(report.Clean(i.Error), ".")),
		Cause:  "The checks of files found no reason for it; the message is the interpreter's own.",
		Verify: []string{fmt.Sprintf(`%s/bin/python -c "import %s"`, strings.TrimSuffix(i.Prefix, "/"), i.Module)},
	}
	if i.Cause != "" && i.Cause != i.Error {
		f.Cause = "It came of: " + strings.TrimSuffix(report.Clean(i.Cause), ".") + "."
	}
	if inconclusive(i) {
		f.Severity, f.Title = report.Unknown, fmt.Sprintf("Whether %s can be imported is not known: %s", i.Module, b.words)
		f.Cause = "The limits of the probe may be the cause."
	}
	return f
}

// tensorsFailed makes findings of frameworks that can be imported and cannot
// compute, unless an error about the environment, the GPU or its driver stands
// already.
func (p probed) tensorsFailed(facts fact.Set, findings []report.Finding) (out []report.Finding) {
	for _, address := range slices.Sorted(maps.Keys(p.tensors)) {
		t := p.tensors[address]
		if t.OK || t.Error == "" {
			continue
		}
		foretold := slices.ContainsFunc(findings, func(f report.Finding) bool {
			return f.Severity == report.Error && (f.Subject == t.Prefix || hides(f, t.Module) || f.Area == "gpu" || f.Area == "cuda" || strings.HasPrefix(f.Code, t.Module+"."))
		})
		if foretold {
			continue
		}
		out = append(out, report.Finding{
			Code: TensorFailed, Area: ProbeArea, Severity: report.Error, Confidence: 1, Subject: subject(t.Prefix, t.Module),
			Evidence: facts.Evidence(address),
			Title:    fmt.Sprintf("%s cannot multiply two matrices", t.Module),
			Detail:   fmt.Sprintf("In %s it was imported, and its first computation failed: %s.", t.Prefix, strings.TrimSuffix(report.Clean(t.Error), ".")),
			Cause:    "The checks of files found no reason for it; the message is the framework's own.",
		})
	}
	return out
}
