// SPDX-License-Identifier: Apache-2.0

// Package check is for plugins that judge facts.
//
// A check is a pure function from facts to findings: it sees facts, never the
// machine, the clock or a network, so the same facts give the same findings on
// any machine. A Finding names one thing that is wrong, why, the evidence and
// how to mend it.
//
// A check keeps quiet unless its facts prove the fault. What is newer than its
// tables is reported as Unknown, never as good or bad, and a static verdict
// never contradicts an observed success.
package check

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/schema"
)

// Severity of a finding.
type Severity int

// The severities. An error stops ML work from running or makes it wrong; a
// warning costs speed, memory or a later failure; an info is worth knowing; an
// unknown lies beyond what the tables know.
const (
	Info Severity = iota + 1
	Warning
	Error
	Unknown
)

// String returns the severity as reports spell it.
func (s Severity) String() string {
	switch s {
	case Info:
		return "info"
	case Warning:
		return "warning"
	case Error:
		return "error"
	}
	return "unknown"
}

// Check judges one kind of fault.
type Check struct {
	// Code is a stable slug "group.name", for example "gpu.driver-missing".
	Code string
	// Title is the fault in a few words: the default title of its findings.
	Title string
	// Area is the line of the report that it belongs to: "gpu", "python".
	Area string
	// Needs lists facts without which the check is skipped. An address with
	// an instance ("python.env.version") is satisfied by any instance.
	Needs []string
	// Config is the zero value of the settings struct, nil for none; see
	// package schema.
	Config any
	// Doc is the page behind `bulkhead explain`.
	Doc Doc
	// Run looks at the facts and reports findings.
	Run func(*Context)
}

// Doc explains a finding to the person who has it, in full sentences.
type Doc struct {
	Meaning    string
	Detection  string
	Cause      string
	Fix        string
	Verify     string
	References []string
}

// Finding is one fault of one subject.
type Finding struct {
	// Code, Title are filled in from the check when empty.
	Code  string
	Title string
	// Severity defaults to Error.
	Severity Severity
	// Confidence is 0 to 1; 0 means 1.
	Confidence float64
	// Subject is what is affected: a device, an environment, a file. Empty
	// means the machine.
	Subject string
	// Detail says what is wrong here, with the numbers.
	Detail string
	// Cause says why.
	Cause    string
	Evidence []fact.Evidence
	// Explains lists codes (or "group.*") of findings that this one causes.
	Explains []string
	Remedies []Remedy
	// Verify lists commands that show that the finding is gone.
	Verify []string
}

// Remedy is a declarative repair. Its preview is shown to the user; nothing of
// it is run by the plugin.
type Remedy struct {
	ID      string
	Summary string
	// Kind is one of the constants below.
	Kind string
	// Risk is one of the constants below.
	Risk Risk
	// Preview is the lines that a person would type.
	Preview []string
}

// Kinds of remedies.
const (
	Advice             = "advice"
	SystemCommand      = "system-command"
	InstallPackages    = "install-packages"
	UninstallPackages  = "uninstall-packages"
	WriteFile          = "write-file"
	SetEnv             = "set-env"
	DockerDaemonConfig = "docker-daemon-config"
)

// Risk of a remedy.
type Risk int

// Low risks are undone by a command; medium ones change what other work uses;
// high ones may leave a machine that does not start or lose data.
const (
	Low Risk = iota + 1
	Medium
	High
)

// Context is what a running check sees.
type Context struct {
	// Facts of the machine.
	Facts fact.Set

	check    *Check
	config   []byte
	findings []Finding
}

// Config decodes the user's settings into a pointer to the check's settings
// struct; defaults are filled in. It panics when config is not the struct that
// the check declared, which costs only this check.
func (c *Context) Config(config any) {
	if err := schema.Decode(c.config, config); err != nil {
		panic(fmt.Sprintf("check %s: %v", c.check.Code, err))
	}
}

// Report records a finding.
func (c *Context) Report(f Finding) {
	if f.Code == "" {
		f.Code = c.check.Code
	}
	if f.Title == "" {
		f.Title = c.check.Title
	}
	if f.Severity == 0 {
		f.Severity = Error
	}
	if f.Confidence == 0 {
		f.Confidence = 1
	}
	c.findings = append(c.findings, f)
}

// Evidence gathers the evidence of facts; see fact.Set.Evidence.
func (c *Context) Evidence(addresses ...string) []fact.Evidence {
	return c.Facts.Evidence(addresses...)
}

func (f Finding) toProto() *pluginv1.Finding {
	out := &pluginv1.Finding{
		Code: text(f.Code), Severity: pluginv1.Finding_Severity(f.Severity), Confidence: f.Confidence,
		Subject: text(f.Subject), Title: text(f.Title), Detail: text(f.Detail), Cause: text(f.Cause),
		Evidence: fact.EvidenceToProto(f.Evidence), Explains: texts(f.Explains), Verify: texts(f.Verify),
	}
	for _, r := range f.Remedies {
		out.Remedies = append(out.Remedies, &pluginv1.Remedy{
			Id: text(r.ID), Summary: text(r.Summary), Kind: text(r.Kind), Risk: pluginv1.Remedy_Risk(r.Risk), Preview: texts(r.Preview),
		})
	}
	return out
}

// text fits a string for the wire, which carries UTF-8 only: subjects and
// previews quote names from foreign disks.
func text(s string) string { return strings.ToValidUTF8(s, "\ufffd") }

func texts(list []string) []string {
	out := slices.Clone(list)
	for i, s := range out {
		out[i] = text(s)
	}
	return out
}

// FromProto reads a finding from the wire. A severity that this version does
// not know reads as Unknown.
func FromProto(p *pluginv1.Finding) Finding {
	f := Finding{
		Code: p.GetCode(), Severity: Severity(p.GetSeverity()), Confidence: p.GetConfidence(),
		Subject: p.GetSubject(), Title: p.GetTitle(), Detail: p.GetDetail(), Cause: p.GetCause(),
		Evidence: fact.EvidenceFromProto(p.GetEvidence()), Explains: p.GetExplains(), Verify: p.GetVerify(),
	}
	if f.Severity < Info || f.Severity > Unknown {
		f.Severity = Unknown
	}
	for _, r := range p.GetRemedies() {
		f.Remedies = append(f.Remedies, Remedy{
			ID: r.GetId(), Summary: r.GetSummary(), Kind: r.GetKind(), Risk: Risk(r.GetRisk()), Preview: r.GetPreview(),
		})
	}
	return f
}
