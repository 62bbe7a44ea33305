// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// Expect is what is known about a machine.
type Expect struct {
	// Scenarios are numbers of the catalogue of failures in the corpus's README.
	Scenarios []int `json:"scenarios,omitempty"`
	// Distribution names the operating system: "ubuntu-22.04".
	Distribution string `json:"distribution"`
	// Healthy machines have no error and no warning.
	Healthy  bool      `json:"healthy,omitempty"`
	Findings []Finding `json:"findings,omitempty"`
	// RootCause is the code that comes first; "" on healthy machines.
	RootCause string `json:"root_cause,omitempty"`
	// Allow lists codes, or "group.*", that may be reported besides.
	Allow []string `json:"allow,omitempty"`
	// Flags of the bundled tool.
	Flags []string `json:"flags,omitempty"`
}

// Finding is one finding that a right diagnosis has.
type Finding struct {
	Code string `json:"code"`
	// Severity is "error", "warning", "info" or "unknown"; "" for any.
	Severity string `json:"severity,omitempty"`
	// Subject is a glob (path.Match) for what is affected; "" for any.
	Subject string `json:"subject,omitempty"`
	// Words must all be in the text, Any at least one of them; in any case.
	Words []string `json:"words,omitempty"`
	Any   []string `json:"any,omitempty"`
}

// parseExpect reads expect.json. The offset is that of a mistake, in bytes.
func parseExpect(data []byte) (Expect, int64, error) {
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.DisallowUnknownFields()
	var e Expect
	if err := dec.Decode(&e); err != nil {
		return e, dec.InputOffset(), err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return e, dec.InputOffset(), errors.New("text after the JSON object")
	}
	return e, 0, e.check()
}

// check refuses expectations that contradict themselves or that no tool could
// be judged by.
func (e Expect) check() error {
	if e.Distribution == "" {
		return errors.New("distribution is missing")
	}
	for _, f := range e.Findings {
		if err := f.check(); err != nil {
			return err
		}
	}
	expected := func(code string) bool {
		return slices.ContainsFunc(e.Findings, func(f Finding) bool { return f.Code == code })
	}
	switch {
	case e.Healthy && (e.RootCause != "" || slices.ContainsFunc(e.Findings, Finding.alarming)):
		return errors.New("a healthy machine has no root cause and no findings but those of severity info or unknown")
	case !e.Healthy && !slices.ContainsFunc(e.Findings, Finding.alarming):
		return errors.New("no error or warning is expected: say \"healthy\": true")
	case !e.Healthy && !expected(e.RootCause):
		return fmt.Errorf("the root cause %q is none of the expected findings", e.RootCause)
	}
	return nil
}

// alarming reports whether the user is told that something is wrong.
func (f Finding) alarming() bool { return f.Severity != report.Info && f.Severity != report.Unknown }

func (f Finding) check() error {
	if !strings.Contains(f.Code, ".") {
		return fmt.Errorf("%q is not a code such as gpu.driver-missing", f.Code)
	}
	if !slices.Contains([]string{"", report.Error, report.Warning, report.Info, report.Unknown}, f.Severity) {
		return fmt.Errorf("%s: the severity %q is none of error, warning, info, unknown", f.Code, f.Severity)
	}
	if len(f.Words)+len(f.Any) == 0 {
		return fmt.Errorf("%s has no words by which a tool that prints text could be judged", f.Code)
	}
	if _, err := path.Match(f.Subject, ""); err != nil {
		return fmt.Errorf("%s: subject %q: %w", f.Code, f.Subject, err)
	}
	return nil
}

// in reports whether a text has the words of the finding.
func (f Finding) in(text string) bool {
	text = strings.ToLower(text)
	has := func(word string) bool { return strings.Contains(text, strings.ToLower(word)) }
	for _, w := range f.Words {
		if !has(w) {
			return false
		}
	}
	return len(f.Any) == 0 || slices.ContainsFunc(f.Any, has)
}

// allowed reports whether a code may be said besides what is expected.
func (e Expect) allowed(code string) bool {
	return slices.ContainsFunc(e.Allow, func(a string) bool {
		group, all := strings.CutSuffix(a, ".*")
		return a == code || all && strings.HasPrefix(code, group+".")
	})
}
