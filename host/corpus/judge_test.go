// SPDX-License-Identifier: Apache-2.0

package corpus

import (
	"strings"
	"testing"
)

var broken = &Machine{Name: "broken", Expect: Expect{
	RootCause: "gpu.driver-missing",
	Findings: []Finding{
		{Code: "gpu.driver-missing", Severity: "error", Words: []string{"driver"}, Any: []string{"T4", "Tesla"}},
		{Code: "torch.cpu-wheel", Subject: "/home/*/.venv", Words: []string{"+cpu"}},
	},
	Allow: []string{"gpu.uvm-missing"},
}}

var healthy = &Machine{Name: "healthy", Expect: Expect{Healthy: true}}

// verdict is a result in words.
func verdict(r MachineResult) string {
	var out []string
	for _, m := range r.Missed {
		out = append(out, "missed "+m.Code)
	}
	for _, a := range r.FalseAlarms {
		out = append(out, strings.TrimSpace("alarm "+a.Code))
	}
	if r.RootCause != nil && !r.RootCause.Right {
		out = append(out, "cause "+r.RootCause.First)
	}
	return strings.Join(out, ", ")
}

const (
	driverFinding = `{"code": "gpu.driver-missing", "severity": "error", "title": "The NVIDIA driver is missing", "detail": "Tesla T4 is there."}`
	wheelFinding  = `{"code": "torch.cpu-wheel", "severity": "warning", "subject": "/home/ada/.venv", "title": "2.6.0+cpu"}`
)

func TestJudgeReports(t *testing.T) {
	for _, c := range []struct {
		name, findings, causes, want string
		machine                      *Machine
	}{
		{"everything right", driverFinding + "," + wheelFinding, `[{"code": "gpu.driver-missing"}]`, "", broken},
		{"first finding counts without causes", driverFinding + "," + wheelFinding, "null", "", broken},
		{"wrong order", wheelFinding + "," + driverFinding, `[{"code": "torch.cpu-wheel"}]`, "cause torch.cpu-wheel", broken},
		{"no cause named", driverFinding + "," + wheelFinding, `[]`, "cause ", broken},
		{"one missed", driverFinding, `[{"code": "gpu.driver-missing"}]`, "missed torch.cpu-wheel", broken},
		{"nothing said", "", `[]`, "missed gpu.driver-missing, missed torch.cpu-wheel, cause ", broken},
		{"words missing", strings.Replace(driverFinding, "Tesla T4", "A GPU", 1) + "," + wheelFinding, "null",
			"missed gpu.driver-missing, alarm gpu.driver-missing", broken},
		{"words in a remedy", strings.Replace(driverFinding, `"Tesla T4 is there."`, `"", "remedies": [{"summary": "for the T4"}]`, 1) + "," + wheelFinding, "null", "", broken},
		{"wrong severity", strings.Replace(driverFinding, `"error"`, `"info"`, 1) + "," + wheelFinding, "null", "missed gpu.driver-missing", broken},
		{"wrong subject", driverFinding + "," + strings.Replace(wheelFinding, "/home/ada/.venv", "/opt/env", 1), "null",
			"missed torch.cpu-wheel, alarm torch.cpu-wheel", broken},
		{"allowed besides", driverFinding + "," + wheelFinding + `, {"code": "gpu.uvm-missing", "severity": "error"}`, "null", "", broken},
		{"alarm on a broken machine", driverFinding + "," + wheelFinding + `, {"code": "x.y", "severity": "warning"}`, "null", "alarm x.y", broken},
		{"the same finding for two subjects", driverFinding + "," + driverFinding + "," + wheelFinding, "null", "", broken},
		{"silence", "", `[]`, "", healthy},
		{"information", `{"code": "x.y", "severity": "info"}, {"code": "x.z", "severity": "unknown"}`, `[]`, "", healthy},
		{"false alarm", `{"code": "x.y", "severity": "warning"}`, `[]`, "alarm x.y", healthy},
	} {
		a := read(output{stdout: []byte(`{"findings": [` + c.findings + `], "root_causes": ` + c.causes + `}`), code: 2})
		if a.said == nil {
			t.Fatalf("%s: not read as a report", c.name)
		}
		if got := verdict(judge(c.machine, a)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestJudgeText(t *testing.T) {
	for _, c := range []struct {
		name, text string
		code       int
		machine    *Machine
		want       string
	}{
		{"both, the cause first", "No NVIDIA driver for the T4.\nAlso torch is 2.6.0+cpu.\n", 1, broken, ""},
		{"both, the cause last", "torch is 2.6.0+cpu\nNo driver for the T4\n", 1, broken, "cause torch.cpu-wheel"},
		{"both on one line", "torch is 2.6.0+cpu, since the T4 has no driver\n", 1, broken, ""},
		{"words on two lines", "driver: none\ngpu: T4\ntorch: +cpu\n", 0, broken, ""},
		{"by code", "E gpu.driver-missing\nW torch.cpu-wheel\n", 1, broken, ""},
		{"nothing", "all good\n", 0, broken, "missed gpu.driver-missing, missed torch.cpu-wheel, cause "},
		{"broken JSON is text", `{"findings": [` + "\n", 0, broken, "missed gpu.driver-missing, missed torch.cpu-wheel, cause "},
		{"JSON of another kind is text", `{"driver": "missing for T4", "torch": "+cpu"}`, 0, broken, ""},
		{"fine", "All good. 0 errors, no warnings, no errors or warnings.\n", 0, healthy, ""},
		{"a word in another", "terror of errorless mirrors\n", 0, healthy, ""},
		{"failure", "ok\nERROR: no CUDA toolkit\n", 0, healthy, "alarm"},
		{"one warning", "1 warning\n", 0, healthy, "alarm"},
		{"exit code", "done\n", 3, healthy, "alarm"},
	} {
		a := read(output{stdout: []byte(c.text), code: c.code})
		if a.said != nil {
			t.Fatalf("%s: read as a report", c.name)
		}
		if got := verdict(judge(c.machine, a)); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestNoAnswer(t *testing.T) {
	a := read(output{stdout: []byte("{\"findings\": []}"), failure: "no answer in 1s", stderr: "Traceback"})
	r := judge(broken, a)
	if got := verdict(r); got != "missed gpu.driver-missing, missed torch.cpu-wheel, cause " || r.Error != "no answer in 1s: Traceback" {
		t.Errorf("%q, %q", got, r.Error)
	}
	if got := verdict(judge(healthy, a)); got != "alarm" {
		t.Errorf("%q", got)
	}
}

// A report of which a part is missing is no answer: its silence proves nothing.
func TestIncompleteReport(t *testing.T) {
	a := read(output{stdout: []byte(`{"findings": [], "diagnostics": [{"severity": "warning", "summary": "x"}, {"severity": "error", "summary": "crashed", "plugin": "gpu"}]}`)})
	if r := judge(healthy, a); r.Error != "gpu crashed" {
		t.Errorf("%+v", r)
	}
}

// The fields that another tool has in another shape do not count against it.
func TestReportOfAnotherShape(t *testing.T) {
	a := read(output{stdout: []byte(`{"findings": [` + strings.Replace(driverFinding, `"title"`, `"evidence": "lspci", "remedies": {"x": 1}, "title"`, 1) + "," + wheelFinding + `]}`)})
	if a.said == nil || verdict(judge(broken, a)) != "" {
		t.Errorf("%+v", a)
	}
	if a := read(output{stdout: []byte(`{"findings": [{"message": "no code"}]}`)}); a.said != nil {
		t.Errorf("findings without codes are a report: %+v", a)
	}
}

func TestSaidInstead(t *testing.T) {
	a := read(output{stdout: []byte(`{"findings": [{"code": "x.y", "severity": "info"}, {"code": "gpu.driver-missing", "severity": "info", "title": "T"}]}`)})
	r := judge(broken, a)
	if r.Missed[0].Said != "said it as info: T" || r.Missed[1].Said != "said x.y, gpu.driver-missing" {
		t.Errorf("%+v", r.Missed)
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"findings": [{"code": "a.b", "severity": "error"}], "root_causes": [{"code": "a.b"}]}`), 1)
	f.Add([]byte("error: x\n"), 0)
	f.Fuzz(func(t *testing.T, stdout []byte, code int) {
		a := read(output{stdout: stdout, code: code})
		for _, m := range []*Machine{broken, healthy} {
			if r := judge(m, a); len(r.Missed) > r.Expected {
				t.Fatalf("%+v", r)
			}
		}
	})
}
