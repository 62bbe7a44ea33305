// SPDX-License-Identifier: Apache-2.0

package report

import (
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// SchemaVersion is the version of the documents that this package writes.
const SchemaVersion = "1.2"

// Severities of findings and diagnostics. Unknown is for findings only: what
// lies beyond the knowledge tables is neither good nor bad.
const (
	Error   = "error"
	Warning = "warning"
	Info    = "info"
	Unknown = "unknown"
)

// Statuses of an area besides the four severities.
const (
	Healthy = "healthy"
	Skipped = "skipped"
)

// Tool names the program that made a document.
type Tool struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

// Target says which machine was examined.
type Target struct {
	// Kind is "machine" (this one, live), "root" (a directory tree) or
	// "snapshot" (a facts document).
	Kind string `json:"kind"`
	// Path of the root directory or the snapshot; empty for this machine.
	Path string `json:"path,omitempty"`
	// OS and Arch in Go's names: "linux", "amd64".
	OS   string `json:"os,omitempty"`
	Arch string `json:"arch,omitempty"`
}

// The kinds of targets.
const (
	TargetMachine  = "machine"
	TargetRoot     = "root"
	TargetSnapshot = "snapshot"
)

// Doctor is the result of a diagnosis.
type Doctor struct {
	SchemaVersion string    `json:"schema_version"`
	Tool          Tool      `json:"tool"`
	Target        Target    `json:"target"`
	StartedAt     time.Time `json:"started_at"`
	DurationMS    float64   `json:"duration_ms"`
	// Level is the depth of the diagnosis: 1 static, 2 probes, 3 stress, 4 long.
	Level   int     `json:"level"`
	Summary Summary `json:"summary"`
	Areas   []Area  `json:"areas"`
	// RootCauses are ranked: the first explains most.
	RootCauses []RootCause `json:"root_causes"`
	// Findings are sorted by severity (error, warning, unknown, info), then by
	// ID. Folded findings are among them.
	Findings []Finding `json:"findings"`
	Skipped  []Skip    `json:"skipped"`
	// Checks lists every check that was selected, by code, and what became of
	// it. Since 1.1.
	Checks      []CheckResult `json:"checks,omitempty"`
	Plugins     []Plugin      `json:"plugins"`
	Diagnostics []Diagnostic  `json:"diagnostics"`
	// Facts are there when the caller asked for them.
	Facts []fact.Fact `json:"facts,omitempty"`
	// Redacted says that a Redactor has replaced what identifies people and
	// machines. Since 1.1.
	Redacted bool `json:"redacted,omitempty"`
}

// Summary counts findings by severity, folded ones included and waived ones
// not.
type Summary struct {
	Errors   int `json:"errors"`
	Warnings int `json:"warnings"`
	Infos    int `json:"infos"`
	Unknown  int `json:"unknown"`
	// Waived counts the waived findings of every severity. Since 1.1.
	Waived        int `json:"waived,omitempty"`
	ChecksRun     int `json:"checks_run"`
	ChecksSkipped int `json:"checks_skipped"`
	// Worst is the gravest severity found, or "healthy".
	Worst string `json:"worst"`
	// TimedOut is true when the time ran out before every plugin had answered,
	// so that the diagnosis is incomplete.
	TimedOut bool `json:"timed_out"`
}

// Area is one line of the report.
type Area struct {
	Name string `json:"name"`
	// Status is "healthy", "skipped" or the gravest severity of its findings.
	Status string `json:"status"`
	// Headline is the gravest finding, or what is there when nothing is wrong.
	Headline string `json:"headline"`
}

// RootCause is an error or a warning that no other finding explains.
type RootCause struct {
	// ID of the finding.
	ID       string `json:"id"`
	Code     string `json:"code"`
	Subject  string `json:"subject,omitempty"`
	Severity string `json:"severity"`
	Title    string `json:"title"`
	// Explains lists the IDs of the findings folded under this one. A finding
	// is folded under one root cause only.
	Explains []string `json:"explains"`
}

// Finding is one fault of one subject.
type Finding struct {
	// ID is unique in the report: the code, and the subject in brackets.
	ID   string `json:"id"`
	Code string `json:"code"`
	// Area of the report that it belongs to.
	Area string `json:"area"`
	// Severity is "error", "warning", "info" or "unknown".
	Severity string `json:"severity"`
	// Confidence is 0 to 1.
	Confidence float64 `json:"confidence"`
	// Subject is what is affected; empty for the machine.
	Subject  string          `json:"subject,omitempty"`
	Title    string          `json:"title"`
	Detail   string          `json:"detail,omitempty"`
	Cause    string          `json:"cause,omitempty"`
	Evidence []fact.Evidence `json:"evidence"`
	// Explains lists codes (or "group.*") of findings that this one causes.
	Explains []string `json:"explains"`
	// RootCause is the ID of the root cause that this finding is folded under;
	// empty when it stands alone.
	RootCause string `json:"root_cause,omitempty"`
	// Waived is there when the user accepts the finding for a time; it then
	// counts for nothing. Since 1.1.
	Waived   *Waiver  `json:"waived,omitempty"`
	Remedies []Remedy `json:"remedies"`
	// Verify lists commands that show that the finding is gone.
	Verify []string `json:"verify"`
	// Plugin that reported it; empty when the host did.
	Plugin string `json:"plugin,omitempty"`
}

// Remedy is a repair to propose. Its preview is shown and never run unasked.
type Remedy struct {
	ID      string `json:"id"`
	Summary string `json:"summary"`
	// Kind is one of the kinds of package check: "advice", "system-command"...
	Kind string `json:"kind"`
	// Risk is "low", "medium", "high" or "unknown".
	Risk    string   `json:"risk"`
	Preview []string `json:"preview"`
}

// Skip is a check that did not run, or a subject that it left out, and why.
type Skip struct {
	Code string `json:"code"`
	// Subject that was left out; empty when the whole check was. Since 1.1.
	Subject string `json:"subject,omitempty"`
	Reason  string `json:"reason"`
}

// finding returns the finding with that ID.
func (d *Doctor) finding(id string) (Finding, bool) {
	for _, f := range d.Findings {
		if f.ID == id {
			return f, true
		}
	}
	return Finding{}, false
}
