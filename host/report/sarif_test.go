// SPDX-License-Identifier: Apache-2.0

package report

import (
	"bytes"
	"encoding/json"
	"os"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"
	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// officialSARIF is the published schema, with formats asserted.
func officialSARIF(t *testing.T) *jsonschema.Schema {
	t.Helper()
	data, err := os.ReadFile("testdata/sarif-schema-2.1.0.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(sarifSchema, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(sarifSchema)
	if err != nil {
		t.Fatal(err)
	}
	return schema
}

func TestSARIFFollowsTheOfficialSchema(t *testing.T) {
	schema := officialSARIF(t)
	for name, d := range map[string]Doctor{"sick": sick(), "judged": judged(), "healthy": healthy(), "hostile": deceitful(), "zero": {}} {
		for _, opt := range []Options{{}, exportOptions()} {
			if err := validate(t, schema, []byte(written(t, d, SARIF, opt))); err != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if validate(t, schema, []byte(`{"version":"2.1.0","runs":[{"results":[]}]}`)) == nil {
		t.Error("the schema accepts a run without a tool")
	}
}

func TestAnySARIF(t *testing.T) {
	schema := officialSARIF(t)
	rapid.Check(t, func(rt *rapid.T) {
		text := written(rt, someDoctor.Draw(rt, "document"), SARIF, exportOptions())
		harmless(rt, "sarif", text)
		if err := validate(rt, schema, []byte(text)); err != nil {
			rt.Error(err)
		}
	})
}

func sarifOf(t *testing.T, d Doctor, opt Options) sarifRun {
	t.Helper()
	var log sarifLog
	if err := json.Unmarshal([]byte(written(t, d, SARIF, opt)), &log); err != nil {
		t.Fatal(err)
	}
	if log.Version != "2.1.0" || len(log.Runs) != 1 {
		t.Fatalf("version %q, %d runs", log.Version, len(log.Runs))
	}
	return log.Runs[0]
}

func resultOf(t *testing.T, run sarifRun, code string) sarifResult {
	t.Helper()
	for _, r := range run.Results {
		if r.RuleID == code {
			if run.Tool.Driver.Rules[r.RuleIndex].ID != code {
				t.Errorf("the rule of %s is %s", code, run.Tool.Driver.Rules[r.RuleIndex].ID)
			}
			return r
		}
	}
	t.Fatalf("no result for %s", code)
	return sarifResult{}
}

func TestSARIFLocations(t *testing.T) {
	run := sarifOf(t, judged(), exportOptions())
	if got := run.Bases[projectBase].URI; got != "file:///home/ada/train/" {
		t.Errorf("the project is %q", got)
	}
	lint := resultOf(t, run, "dockerfile.missing-cuda-index")
	want := sarifPhysical{Artifact: sarifArtifact{URI: "docker%20files/Dockerfile", Base: projectBase}, Region: &sarifRegion{StartLine: 7}}
	if diff := cmp.Diff(want, *lint.Locations[0].Physical); diff != "" {
		t.Error(diff)
	}
	if len(lint.Related) != 1 || lint.Related[0].Physical.Artifact.URI != "file:///home/ada/.config/pip/pip.conf" || lint.Related[0].ID != 1 {
		t.Errorf("beside it: %+v", lint.Related)
	}
	driver := resultOf(t, run, "gpu.driver-missing").Locations[0]
	if driver.Physical.Artifact.URI != "file:///sys/bus/pci/devices/0000%3A01%3A00.0/vendor" || driver.Logical[0].Name != "machine" {
		t.Errorf("the driver is at %+v, %+v", driver.Physical, driver.Logical)
	}
	torch := resultOf(t, run, "torch.cuda-unavailable").Locations
	if len(torch) != 1 || torch[0].Physical != nil || torch[0].Logical[0].Name != "/opt/venv" || torch[0].Logical[0].FullName != "torch.cuda-unavailable[/opt/venv]" {
		t.Errorf("torch is at %+v", torch)
	}
}

func TestSARIFLevelsAndSuppressions(t *testing.T) {
	run := sarifOf(t, judged(), exportOptions())
	for code, want := range map[string][2]string{
		"gpu.driver-missing": {"fail", "error"}, "system.shm-small": {"fail", "warning"}, "python.user-site": {"fail", "note"}, "torch.too-new": {"open", "none"},
	} {
		if r := resultOf(t, run, code); r.Kind != want[0] || r.Level != want[1] || len(r.Suppressions) > 0 {
			t.Errorf("%s is %s, %s, %v", code, r.Kind, r.Level, r.Suppressions)
		}
	}
	waived := resultOf(t, run, "gpu.persistence-off").Suppressions
	want := []sarifSuppression{{Kind: "external", Status: "accepted", Justification: "waived by ada until 2027-01-31: the cluster team decides"}}
	if diff := cmp.Diff(want, waived); diff != "" {
		t.Error(diff)
	}
	if i := run.Invocations[0]; !i.Successful || i.ExitCode == nil || *i.ExitCode != 2 || i.Start != "2026-11-05T08:30:00Z" || len(i.Notifications) != 1 {
		t.Errorf("the invocation is %+v", i)
	}
	late := sick()
	late.Summary.TimedOut = true
	if i := sarifOf(t, late, Options{}).Invocations[0]; i.Successful || i.ExitCode != nil {
		t.Errorf("out of time it is %+v", i)
	}
}

func TestSARIFRules(t *testing.T) {
	run := sarifOf(t, judged(), exportOptions())
	rules := run.Tool.Driver.Rules
	if len(rules) != len(judged().Checks) {
		t.Errorf("%d rules", len(rules))
	}
	for _, r := range rules {
		if r.ID == "gpu.driver-missing" && (r.Full == nil || r.HelpURI != "https://docs.nvidia.com/datacenter/tesla/" || r.Help == nil) {
			t.Errorf("the rule has no page: %+v", r)
		}
	}
}

// TestFingerprintIsStable: it changes neither with the words of a finding nor
// with its place, and differs between subjects.
func TestFingerprintIsStable(t *testing.T) {
	a := Finding{Code: "a.b", Subject: "/x", Title: "old", Severity: Error}
	b := Finding{Code: "a.b", Subject: "/x", Title: "new", Severity: Warning, Evidence: []fact.Evidence{{Path: "/y", Line: 3}}}
	c := Finding{Code: "a.b", Subject: "/z"}
	if fingerprint(a) != fingerprint(b) || fingerprint(a) == fingerprint(c) {
		t.Errorf("%s, %s, %s", fingerprint(a), fingerprint(b), fingerprint(c))
	}
}

func TestFileURI(t *testing.T) {
	for name, want := range map[string]string{
		"/etc/a b":            "file:///etc/a%20b",
		`C:\Users\a\x.txt`:    "file:///C:/Users/a/x.txt",
		"relative/x:y":        "relative/x%3Ay",
		"/weird/%41?#":        "file:///weird/%2541%3F%23",
		"/ümlaut/\u6f22.toml": "file:///%C3%BCmlaut/%E6%BC%A2.toml",
	} {
		if got := fileURI(name); got != want {
			t.Errorf("fileURI(%q) = %q, want %q", name, got, want)
		}
	}
	for _, tt := range []struct{ name, dir, want string }{
		{"/p/q/r", "/p/q", "r"}, {"/p/q/r", "/p/q/", "r"}, {"/p/qq/r", "/p/q", ""}, {"/p/q/../r", "/p/q", ""}, {"/r", "/", "r"}, {"/r", "", ""}, {`C:\p\x`, `C:\p`, "x"},
	} {
		if got, ok := relative(tt.name, tt.dir); got != tt.want || ok != (tt.want != "") {
			t.Errorf("relative(%q, %q) = %q, %v", tt.name, tt.dir, got, ok)
		}
	}
}
