// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// Score is how a tool did on a corpus.
type Score struct {
	SchemaVersion string `json:"schema_version"`
	Tool          string `json:"tool"`
	// Recall is the part of the expected findings that were named: 0 to 1.
	Recall float64 `json:"recall"`
	// FalseAlarms is their number on all machines.
	FalseAlarms int `json:"false_alarms"`
	// RootCauseFirst is the part of the machines with a root cause of which it
	// was named first: 0 to 1.
	RootCauseFirst float64         `json:"root_cause_first"`
	Seconds        float64         `json:"seconds"`
	Machines       []MachineResult `json:"machines"`
}

// MachineResult is how a tool did on one machine.
type MachineResult struct {
	Name         string  `json:"name"`
	Distribution string  `json:"distribution"`
	Healthy      bool    `json:"healthy"`
	Seconds      float64 `json:"seconds"`
	// Expected is the number of findings of a right diagnosis.
	Expected    int      `json:"expected"`
	Missed      []Missed `json:"missed"`
	FalseAlarms []Alarm  `json:"false_alarms"`
	// RootCause is nil on machines without one.
	RootCause *Cause `json:"root_cause,omitempty"`
	// Error tells why the tool gave no answer; empty when it gave one.
	Error string `json:"error,omitempty"`
}

// Missed is an expected finding that was not named, and what was said instead.
type Missed struct {
	Finding
	Said string `json:"said"`
}

// Alarm is a finding where nothing is wrong. Of text only Title is known.
type Alarm struct {
	Code     string `json:"code,omitempty"`
	Severity string `json:"severity,omitempty"`
	Subject  string `json:"subject,omitempty"`
	Title    string `json:"title"`
}

// Cause is the root cause of a machine and what the tool named first; First is
// "" when it named none.
type Cause struct {
	Expected string `json:"expected"`
	First    string `json:"first"`
	Right    bool   `json:"right"`
}

// Perfect reports whether every fault was named, its root cause first, and
// nothing else, on every machine.
func (s Score) Perfect() bool {
	for _, m := range s.Machines {
		if m.Error != "" {
			return false
		}
	}
	return s.Recall == 1 && s.FalseAlarms == 0 && s.RootCauseFirst == 1
}

// total adds up what the machines gave.
func (s *Score) total() {
	expected, missed, causes, right := 0, 0, 0, 0
	s.FalseAlarms = 0
	for _, m := range s.Machines {
		expected, missed = expected+m.Expected, missed+len(m.Missed)
		s.FalseAlarms += len(m.FalseAlarms)
		if m.RootCause != nil {
			causes++
		}
		if m.RootCause != nil && m.RootCause.Right {
			right++
		}
	}
	s.Recall, s.RootCauseFirst = part(expected-missed, expected), part(right, causes)
}

// part is a of b; of nothing it is everything.
func part(a, b int) float64 {
	if b == 0 {
		return 1
	}
	return float64(a) / float64(b)
}

// WriteJSON writes the score as one JSON document.
func (s Score) WriteJSON(w io.Writer) error {
	enc := json.NewEncoder(w)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	return enc.Encode(s)
}

// WriteText writes a line for each thing that is not as it should be, and the
// totals. Verbose options list every machine.
func (s Score) WriteText(w io.Writer, opt report.Options) error {
	for _, m := range s.Machines {
		if err := m.writeText(w, opt); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(w, "%d machines (%d healthy) in %.1f s\nrecall            %s\nfalse alarms      %d\nroot cause first  %s\n",
		len(s.Machines), s.healthy(), s.Seconds, percent(s.Recall), s.FalseAlarms, percent(s.RootCauseFirst))
	return err
}

// percent never rounds up to 100 %: that is for nothing missed.
func percent(part float64) string {
	if part == 1 {
		return "100 %"
	}
	return fmt.Sprintf("%.1f %%", min(part*100, 99.9))
}

func (s Score) healthy() int {
	n := 0
	for _, m := range s.Machines {
		if m.Healthy {
			n++
		}
	}
	return n
}

// Lines tell what is not as it should be.
func (r *MachineResult) Lines() []string {
	var out []string
	if r.Error != "" {
		out = append(out, "no answer: "+r.Error)
	}
	for _, x := range r.Missed {
		words := append(append([]string{}, x.Words...), x.Any...)
		out = append(out, fmt.Sprintf("missed %s %s %q; %s", x.Code, x.Severity, words, x.Said))
	}
	for _, x := range r.FalseAlarms {
		out = append(out, fmt.Sprintf("false alarm %s %s [%s] %s", x.Code, x.Severity, x.Subject, x.Title))
	}
	if r.RootCause != nil && !r.RootCause.Right {
		out = append(out, fmt.Sprintf("root cause %s expected first, was %q", r.RootCause.Expected, r.RootCause.First))
	}
	return out
}

func (r *MachineResult) writeText(w io.Writer, opt report.Options) error {
	lines := r.Lines()
	if len(lines) == 0 && opt.Verbose {
		lines = []string{"ok"}
	}
	for _, line := range lines {
		if _, err := fmt.Fprintf(w, "%s: %s\n", r.Name, report.CleanLine(line)); err != nil {
			return err
		}
	}
	return nil
}
