// SPDX-License-Identifier: Apache-2.0

package report

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// xsd is what the test reads of an XML Schema: the elements, their attributes
// and what may stand in them, in order.
type xsd struct {
	Elements []struct {
		Name string `xml:"name,attr"`
		Type string `xml:"type,attr"`
		Body struct {
			Attributes []struct {
				Name string `xml:"name,attr"`
				Type string `xml:"type,attr"`
				Use  string `xml:"use,attr"`
			} `xml:"attribute"`
			Inner string `xml:",innerxml"`
		} `xml:"complexType"`
	} `xml:"element"`
}

type rule struct {
	attributes, required, children []string
	times                          map[string]bool
}

var reference = regexp.MustCompile(`<xs:element ref="([a-z-]+)"`)

// readXSD reads the schema of Jenkins.
func readXSD(t *testing.T) map[string]rule {
	t.Helper()
	data, err := os.ReadFile("testdata/junit-10.xsd")
	if err != nil {
		t.Fatal(err)
	}
	var schema xsd
	if err := xml.Unmarshal(data, &schema); err != nil {
		t.Fatal(err)
	}
	rules := map[string]rule{}
	for _, e := range schema.Elements {
		r := rule{times: map[string]bool{}}
		for _, a := range e.Body.Attributes {
			r.attributes = append(r.attributes, a.Name)
			if a.Use == "required" {
				r.required = append(r.required, a.Name)
			}
			r.times[a.Name] = a.Type == "SUREFIRE_TIME"
		}
		for _, m := range reference.FindAllStringSubmatch(e.Body.Inner, -1) {
			r.children = append(r.children, m[1])
		}
		rules[e.Name] = r
	}
	if len(rules["testsuite"].attributes) < 5 || len(rules["testcase"].children) < 4 {
		t.Fatalf("the schema was not understood: %+v", rules)
	}
	return rules
}

var surefireTime = regexp.MustCompile(`^(([0-9]{0,3},)*[0-9]{3}|[0-9]{0,3})*(\.[0-9]{0,3})?$`)

// checkJUnit holds a document to the schema, and its counts to its cases.
func checkJUnit(t judge, rules map[string]rule, document string) {
	t.Helper()
	dec := xml.NewDecoder(strings.NewReader(document))
	var stack []string
	for {
		tok, err := dec.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(fmt.Errorf("not XML: %w", err))
		}
		switch tok := tok.(type) {
		case xml.StartElement:
			name := tok.Name.Local
			r, ok := rules[name]
			if !ok || len(stack) > 0 && !slices.Contains(rules[stack[len(stack)-1]].children, name) {
				t.Errorf("<%s> may not stand in %v", name, stack)
			}
			checkAttributes(t, r, tok)
			stack = append(stack, name)
		case xml.EndElement:
			stack = stack[:len(stack)-1]
		}
	}
	var all junitSuites
	if err := xml.Unmarshal([]byte(document), &all); err != nil {
		t.Fatal(err)
	}
	tests, failures := 0, 0
	for _, s := range all.Suites {
		failed := 0
		for _, c := range s.Cases {
			failed += count(c.Failure)
		}
		if s.Tests != len(s.Cases) || s.Failures != failed {
			t.Errorf("suite %s counts %d tests and %d failures", s.Name, s.Tests, s.Failures)
		}
		tests, failures = tests+s.Tests, failures+failed
	}
	if all.Tests != tests || all.Failures != failures {
		t.Errorf("the suites count %d tests and %d failures, the document %d and %d", tests, failures, all.Tests, all.Failures)
	}
}

func checkAttributes(t judge, r rule, e xml.StartElement) {
	t.Helper()
	var seen []string
	for _, a := range e.Attr {
		seen = append(seen, a.Name.Local)
		if !slices.Contains(r.attributes, a.Name.Local) {
			t.Errorf("<%s> may not have %s", e.Name.Local, a.Name.Local)
		}
		if r.times[a.Name.Local] && !surefireTime.MatchString(a.Value) {
			t.Errorf("%q is not a time", a.Value)
		}
	}
	for _, name := range r.required {
		if !slices.Contains(seen, name) {
			t.Errorf("<%s> lacks %s", e.Name.Local, name)
		}
	}
}

func TestJUnitFollowsTheSchemaOfJenkins(t *testing.T) {
	rules := readXSD(t)
	for name, d := range exports() {
		if slices.Contains(d.Formats(), JUnit) {
			t.Run(name, func(t *testing.T) { checkJUnit(t, rules, written(t, d, JUnit, Options{})) })
		}
	}
	rapid.Check(t, func(rt *rapid.T) {
		text := written(rt, someDoctor.Draw(rt, "document"), JUnit, Options{})
		harmless(rt, "junit", text)
		checkJUnit(rt, rules, text)
	})
}

// TestJUnitWithXmllint asks an independent validator, where there is one.
func TestJUnitWithXmllint(t *testing.T) {
	tool, err := exec.LookPath("xmllint")
	if err != nil {
		t.Skip("xmllint is not installed; the test above holds the documents to the schema, too")
	}
	for name, d := range exports() {
		if !slices.Contains(d.Formats(), JUnit) {
			continue
		}
		cmd := exec.Command(tool, "--noout", "--nonet", "--schema", "testdata/junit-10.xsd", "-")
		cmd.Stdin = strings.NewReader(written(t, d, JUnit, Options{}))
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", name, err, out)
		}
	}
}

func TestJUnitCases(t *testing.T) {
	d := judged()
	d.Findings = append(d.Findings, Finding{ID: "require.ram", Code: "require.ram", Area: "policy", Severity: Error, Confidence: 1, Title: "A requirement does not hold"})
	var all junitSuites
	if err := xml.Unmarshal([]byte(written(t, d, JUnit, Options{})), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, s := range all.Suites {
		for _, c := range s.Cases {
			verdict := "pass"
			switch {
			case c.Failure != nil:
				verdict = "failure " + c.Failure.Type
			case c.Error != nil:
				verdict = "error"
			case c.Skipped != nil:
				verdict = "skipped: " + c.Skipped.Message
			case c.Out != "":
				verdict = "pass with output"
			}
			got[s.Name+" "+c.Name] = verdict
		}
	}
	for name, want := range map[string]string{
		"bulkhead.gpu gpu.driver-missing":                       "failure error",
		"bulkhead.gpu gpu.xid":                                  "pass",
		"bulkhead.gpu gpu.ecc":                                  "skipped: fact gpu.nvml.status was not observed",
		"bulkhead.gpu gpu.persistence-off[GPU 0]":               "skipped: waived by ada until 2027-01-31: the cluster team decides (Persistence mode is off)",
		"bulkhead.system system.shm-small":                      "failure warning",
		"bulkhead.python python.user-site":                      "pass with output",
		"bulkhead.python python.crashing":                       "error",
		"bulkhead.policy require.ram":                           "failure error",
		"bulkhead.frameworks torch.cuda-unavailable[/opt/venv]": "failure error",
		"bulkhead.frameworks torch.too-new[/opt/new]":           "pass with output",
	} {
		if got[name] != want {
			t.Errorf("%s: %q, want %q", name, got[name], want)
		}
	}
	if all.Errors != 1 || all.Tests != len(got) {
		t.Errorf("%d tests, %d errors", all.Tests, all.Errors)
	}
}
