// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"slices"
	"time"
)

// WriteJUnit writes the diagnosis as test results: a suite for each area and a
// case for each check. A check with findings has a case for each of them. An
// error or a warning is a failure, a check that crashed is an error, a waived
// finding is skipped; infos and unknowns pass and say so in their output, and so do
// the notes beside the result, in a suite of their own.
func (d Doctor) WriteJUnit(w io.Writer) error {
	suites := map[string]*junitSuite{}
	var order []string
	suite := func(area string) *junitSuite {
		if suites[area] == nil {
			suites[area] = newSuite("bulkhead."+area, d.StartedAt)
			order = append(order, area)
		}
		return suites[area]
	}
	for _, a := range d.Areas {
		suite(a.Name)
	}
	for _, c := range d.checks() {
		suite(c.Area).add(d.cases(c)...)
	}
	for _, f := range d.orphans() {
		suite(f.Area).add(caseOf(f))
	}
	for _, n := range d.Diagnostics {
		suite("notes").add(noted(n))
	}
	all := junitSuites{Name: "bulkhead doctor", Time: seconds(d.DurationMS)}
	for _, area := range order {
		all.add(suites[area])
	}
	return writeJUnit(w, "the diagnosis", all)
}

// cases are the test cases of one check.
func (d *Doctor) cases(c CheckResult) []junitCase {
	one := junitCase{Class: "bulkhead." + CleanLine(c.Area), Name: CleanLine(c.Code), Time: "0"}
	var out []junitCase
	for _, f := range d.Findings {
		if f.Code == c.Code {
			out = append(out, caseOf(f))
		}
	}
	switch {
	case len(out) > 0:
		return out
	case c.Status == Skipped:
		one.Skipped = &junitText{Message: d.reason(c.Code)}
	case c.Status == CheckCrashed:
		one.Error = &junitText{Type: CheckCrashed, Message: "The check crashed: whether its fault is there is not known."}
	}
	return []junitCase{one}
}

// orphans are the findings of codes that no check has: those of the host.
func (d *Doctor) orphans() []Finding {
	known := map[string]bool{}
	for _, c := range d.checks() {
		known[c.Code] = true
	}
	return slices.DeleteFunc(slices.Clone(d.Findings), func(f Finding) bool { return known[f.Code] })
}

// reason is why a check was skipped.
func (d *Doctor) reason(code string) string {
	for _, s := range d.Skipped {
		if s.Code == code && s.Subject == "" {
			return CleanLine(s.Reason)
		}
	}
	return "skipped"
}

// caseOf is the test case of one finding.
func caseOf(f Finding) junitCase {
	c := junitCase{Class: "bulkhead." + CleanLine(f.Area), Name: CleanLine(f.ID), Time: "0"}
	text := junitText{Type: f.Severity, Message: CleanLine(titled(f.Title, f.Subject)), Body: plainFinding(f)}
	switch {
	case f.Waived != nil:
		c.Skipped = &junitText{Message: CleanLine(f.Waived.String() + " (" + f.Title + ")")}
	case f.Severity == Error || f.Severity == Warning:
		c.Failure = &text
	default:
		c.Out = text.Type + ": " + text.Message + "\n" + text.Body
	}
	return c
}

// noted is a case that passes and has a note in its output.
func noted(n Diagnostic) junitCase {
	return junitCase{Class: "bulkhead.notes", Name: CleanLine(n.Summary), Time: "0", Out: Clean(n.Severity + ": " + sentence(n.Summary) + "\n" + n.Detail)}
}

// plainFinding is a finding as text, in the words of the terminal.
func plainFinding(f Finding) string {
	p := newPage(Options{Width: maxProse, Verbose: true})
	p.finding(0, f)
	p.remedies(0, f)
	p.verify(0, f)
	if f.RootCause != "" {
		p.hanging(0, "Explained by: ", f.RootCause)
	}
	p.line(0, "More: bulkhead explain "+f.Code)
	return p.buf.String()
}

// WriteJUnit writes the run as test results with a case for each node.
func (r Run) WriteJUnit(w io.Writer) error {
	suite := newSuite("bulkhead.run."+r.Pipeline, r.StartedAt)
	for _, n := range r.Nodes {
		c := junitCase{Class: suite.Name, Name: CleanLine(n.Name), Time: seconds(n.WallMS)}
		switch {
		case n.Status == Skipped || n.Status == NodePending:
			c.Skipped = &junitText{Message: CleanLine(n.Reason)}
		case n.Status != RunOK:
			c.Failure = &junitText{Type: n.Status, Message: CleanLine(n.Reason), Body: Clean(n.Reason)}
		}
		suite.add(c)
	}
	all := junitSuites{Name: "bulkhead run", Time: seconds(r.DurationMS)}
	all.add(suite)
	if len(r.Diagnostics) > 0 {
		notes := newSuite("bulkhead.notes", r.StartedAt)
		for _, n := range r.Diagnostics {
			notes.add(noted(n))
		}
		all.add(notes)
	}
	return writeJUnit(w, "the run", all)
}

// The elements, in the order and with the attributes of the schema that Jenkins
// takes (junit-10.xsd).
type (
	junitSuites struct {
		XMLName  xml.Name      `xml:"testsuites"`
		Name     string        `xml:"name,attr"`
		Time     string        `xml:"time,attr"`
		Tests    int           `xml:"tests,attr"`
		Failures int           `xml:"failures,attr"`
		Errors   int           `xml:"errors,attr"`
		Suites   []*junitSuite `xml:"testsuite"`
	}
	junitSuite struct {
		Name      string      `xml:"name,attr"`
		Tests     int         `xml:"tests,attr"`
		Failures  int         `xml:"failures,attr"`
		Errors    int         `xml:"errors,attr"`
		Skipped   int         `xml:"skipped,attr"`
		Time      string      `xml:"time,attr"`
		Timestamp string      `xml:"timestamp,attr"`
		Hostname  string      `xml:"hostname,attr"`
		Cases     []junitCase `xml:"testcase"`
	}
	junitCase struct {
		Name    string     `xml:"name,attr"`
		Class   string     `xml:"classname,attr"`
		Time    string     `xml:"time,attr"`
		Skipped *junitText `xml:"skipped"`
		Error   *junitText `xml:"error"`
		Failure *junitText `xml:"failure"`
		Out     string     `xml:"system-out,omitempty"`
	}
	junitText struct {
		Type    string `xml:"type,attr,omitempty"`
		Message string `xml:"message,attr,omitempty"`
		Body    string `xml:",chardata"`
	}
)

func newSuite(name string, at time.Time) *junitSuite {
	return &junitSuite{Name: CleanLine(name), Time: "0", Timestamp: at.UTC().Format("2006-01-02T15:04:05"), Hostname: "localhost"}
}

func (s *junitSuite) add(cases ...junitCase) {
	for _, c := range cases {
		s.Tests++
		s.Failures += count(c.Failure)
		s.Errors += count(c.Error)
		s.Skipped += count(c.Skipped)
		s.Cases = append(s.Cases, c)
	}
}

func count(t *junitText) int {
	if t == nil {
		return 0
	}
	return 1
}

func (s *junitSuites) add(suite *junitSuite) {
	s.Tests, s.Failures, s.Errors = s.Tests+suite.Tests, s.Failures+suite.Failures, s.Errors+suite.Errors
	s.Suites = append(s.Suites, suite)
}

func seconds(ms float64) string { return fmt.Sprintf("%.3f", ms/1000) }

func writeJUnit(w io.Writer, what string, all junitSuites) error {
	var b bytes.Buffer
	b.WriteString(xml.Header)
	enc := xml.NewEncoder(&b)
	enc.Indent("", "  ")
	if err := enc.Encode(all); err != nil {
		return fmt.Errorf("encoding %s as XML: %w", what, err)
	}
	b.WriteByte('\n')
	return emit(w, what, bytes.ReplaceAll(b.Bytes(), []byte("&#xA;"), []byte("\n")))
}
