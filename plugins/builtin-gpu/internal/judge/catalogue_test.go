// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// xidFinding judges one line of a log on a machine with one GPU.
func xidFinding(t *testing.T, e facts.LogEvent) []check.Finding {
	t.Helper()
	facts := record{
		facts.PCI:       `[{"address":"` + bus + `","vendor":"10de","device":"2330","class":"030200","driver":"nvidia","numa_node":-1}]`,
		facts.Loaded:    "true",
		facts.LogEvents: []facts.LogEvent{e},
	}.facts(t)
	var out []check.Finding
	for _, o := range checked(facts) {
		for _, f := range o.Findings {
			if f.Code == "gpu.xid" {
				out = append(out, f)
			}
		}
	}
	return out
}

// TestEveryXid: each number of the catalogue gives one complete finding of the
// table's severity with a remedy that fits its action, and none that is a
// program's fault asks to reset or replace the GPU.
func TestEveryXid(t *testing.T) {
	for number := 1; number <= 172; number++ {
		row, known := tables.LookupXid(number)
		if !known {
			t.Fatalf("Xid %d is not in the catalogue", number)
		}
		found := xidFinding(t, facts.LogEvent{Kind: facts.EventXid, Xid: number, PCI: bus, Boot: facts.BootNow, Text: "words"})
		if len(found) != 1 {
			t.Errorf("Xid %d: %d findings", number, len(found))
			continue
		}
		f := found[0]
		requireComplete(t, f)
		if f.Severity.String() != row.Severity {
			t.Errorf("Xid %d: severity %s, the table says %s", number, f.Severity, row.Severity)
		}
		if !strings.Contains(f.Title, fmt.Sprint(number)) || row.Action != "" && row.Class != "unused" && !strings.Contains(f.Cause, row.Action) {
			t.Errorf("Xid %d: %s; %s", number, f.Title, f.Cause)
		}
		reset := slices.ContainsFunc(f.Remedies, func(r check.Remedy) bool { return r.ID == "reset-gpu" || r.ID == "restart-machine" })
		if row.Class == "application" && reset {
			t.Errorf("Xid %d is a program's fault, and the remedy is %q", number, f.Remedies[0].Summary)
		}
		if row.Action == tables.ResetGPU && !reset {
			t.Errorf("Xid %d wants a reset, and the remedy is %q", number, f.Remedies[0].Summary)
		}
	}
}

// TestOldXids: what was before the last start is information for errors, and
// nothing for the rest; what may be old is doubtful.
func TestOldXids(t *testing.T) {
	for _, c := range []struct {
		xid  int
		boot string
		want string
	}{
		{119, facts.BootNow, "error"}, {119, "", "error"}, {119, facts.BootBefore, "info"}, {119, facts.BootReload, "info"}, {119, facts.BootUnknown, "warning"},
		{32, facts.BootNow, "warning"}, {32, facts.BootBefore, ""}, {32, facts.BootUnknown, ""},
		{13, facts.BootNow, "info"}, {13, facts.BootReload, ""},
		{999, facts.BootNow, "unknown"}, {999, facts.BootBefore, ""},
	} {
		got := ""
		for _, f := range xidFinding(t, facts.LogEvent{Kind: facts.EventXid, Xid: c.xid, PCI: bus, Boot: c.boot}) {
			got += f.Severity.String()
			if c.boot == facts.BootUnknown && f.Confidence > 0.5 {
				t.Errorf("Xid %d of an unknown start has confidence %v", c.xid, f.Confidence)
			}
		}
		if got != c.want {
			t.Errorf("Xid %d, start %q: %q, want %q", c.xid, c.boot, got, c.want)
		}
	}
}

// TestOldFaultOfAProgram: an engine error that a restart mended yesterday is
// information.
func TestOldFaultOfAProgram(t *testing.T) {
	since := 100.0
	for uptime, want := range map[float64]check.Severity{500: check.Warning, 100000: check.Info} {
		list := append(record{facts.LogEvents: []facts.LogEvent{{Kind: facts.EventXid, Xid: 32, PCI: bus, SinceBoot: &since}}, facts.Uptime: uptime}.facts(t), fact.Fact{Address: facts.NVMLStatus, Value: []byte(`"x"`)})
		for _, o := range checked(list) {
			for _, f := range o.Findings {
				if f.Severity != want {
					t.Errorf("after %v seconds: %s", uptime, f.Severity)
				}
			}
		}
	}
}

// TestOneFindingForEachGPUAndNumber: equal lines of a recording are joined.
func TestOneFindingForEachGPUAndNumber(t *testing.T) {
	events := []facts.LogEvent{
		{Xid: 62, PCI: "0000:01:00"}, {Xid: 62, PCI: "PCI:0000:01:00"}, {Xid: 62, PCI: "0000:02:00.0"}, {Kind: facts.EventXid, Xid: 119, PCI: "0000:01:00.0", Count: 5},
	}
	var got []string
	for _, o := range checked(record{facts.LogEvents: events}.facts(t)) {
		for _, f := range o.Findings {
			got = append(got, f.Title[:7]+f.Subject)
		}
	}
	slices.Sort(got)
	if want := []string{"Xid 119NVIDIA GPU (0000:01:00.0)", "Xid 62:NVIDIA GPU (0000:01:00.0)", "Xid 62:NVIDIA GPU (0000:02:00.0)"}; !slices.Equal(got, want) {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestNothingKnown: without facts, and with facts of another shape than theirs,
// every check is silent and none fails.
func TestNothingKnown(t *testing.T) {
	var wrong, unknown []fact.Fact
	for _, address := range described() {
		wrong = append(wrong, fact.Fact{Address: address, Value: []byte(`{"no":["such",{"thing":7}]}`)})
		unknown = append(unknown, fact.Fact{Address: address, Unknown: "permission denied"})
	}
	for what, list := range map[string][]fact.Fact{"no facts": nil, "unknown facts": unknown, "facts of a wrong shape": wrong} {
		for _, o := range checked(list) {
			if len(o.Findings) > 0 || strings.Contains(o.Reason, "panic") {
				t.Errorf("%s: %s says %+v %s", what, o.Code, o.Findings, o.Reason)
			}
		}
	}
}

// TestReferences: each page names where its knowledge comes from.
func TestReferences(t *testing.T) {
	for _, c := range All() {
		for _, r := range c.Doc.References {
			if !strings.HasPrefix(r, "https://") || strings.ContainsAny(r, " \n") {
				t.Errorf("%s: reference %q", c.Code, r)
			}
		}
		for what, text := range map[string]string{"meaning": c.Doc.Meaning, "detection": c.Doc.Detection, "cause": c.Doc.Cause, "fix": c.Doc.Fix, "verify": c.Doc.Verify} {
			if !strings.HasSuffix(text, ".") || strings.Contains(text, "!") {
				t.Errorf("%s: the %s is no plain sentence: %q", c.Code, what, text)
			}
		}
	}
}
