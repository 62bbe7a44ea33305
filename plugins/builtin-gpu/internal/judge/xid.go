// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var xid = check.Check{
	Code: "gpu.xid", Title: "The driver reported an Xid error", Area: areaGPU,
	Needs: []string{facts.LogEvents},
	Doc: check.Doc{
		Meaning:    "NVIDIA's driver writes a line with an Xid number into the kernel's log when a GPU, its driver or a program on it fails. The number says what kind of failure it was, and NVIDIA's catalogue what to do about it. Many are faults of the program that ran (13, 31, 43, 45) and say nothing against the GPU.",
		Detection:  "Lines \"NVRM: Xid (PCI:address): number\" of the kernel's log, or where that may not be read of /var/log, are looked up in the table xid. There is one finding for each GPU and number, with the newest text. Lines from before the last start of the machine or of the driver are information and are reported only for numbers that are errors. Numbers that the table does not have are unknown.",
		Cause:      "The class in the finding says which: a program, the memory of the GPU, NVLink, PCIe, firmware, the driver.",
		Fix:        "Do what the catalogue recommends for the number: restart the program, reset the GPU, restart the machine, or contact support.",
		Verify:     "The number does not come again: dmesg shows no newer line with it.",
		References: []string{xidPage, xidCatalog},
	},
	Run: seen(judgeXid),
}

func judgeXid(s *scene) {
	for _, e := range s.events(facts.EventXid) {
		row, known := tables.LookupXid(e.Xid)
		severity := s.xidSeverity(e, row, known)
		if !e.now() && severity < check.Error || !e.now() && severity == check.Unknown {
			continue
		}
		severity, confidence := dated(e, severity)
		s.Report(check.Finding{
			Severity:   severity,
			Confidence: confidence,
			Subject:    s.at(e.PCI),
			Title:      xidTitle(e, row, known),
			Detail:     fmt.Sprintf("The driver reported Xid %d for %s, %s: %s.", e.Xid, s.at(e.PCI), s.when(e), s.xidText(e, row)),
			Cause:      xidCause(row, known),
			Evidence:   e.seen,
			Remedies:   s.xidRemedies(e, row),
			Verify:     []string{"sudo dmesg | grep 'NVRM: Xid'", "nvidia-smi -L"},
		})
	}
}

func xidTitle(e event, row tables.Xid, known bool) string {
	if !known || row.Class == "unused" {
		return fmt.Sprintf("Xid %d, which the catalogue does not explain", e.Xid)
	}
	return fmt.Sprintf("Xid %d: %s", e.Xid, row.Title)
}

// xidText is the driver's own words, which are foreign, on one line.
func (s *scene) xidText(e event, row tables.Xid) string {
	text := strings.TrimRight(strings.ReplaceAll(e.Text, "!", "."), ". ")
	switch {
	case text != "":
		return text
	case row.Title != "":
		return row.Title
	}
	return "it gave no text"
}

func xidCause(row tables.Xid, known bool) string {
	if !known || row.Class == "unused" {
		return "The number is not in the catalogue that this plugin knows."
	}
	cause := fmt.Sprintf("NVIDIA's catalogue: %s (class %s).", row.Title, row.Class)
	if row.Action == "" {
		return cause + " No action is published for it."
	}
	return cause + " Recommended action: " + row.Action + "."
}

// xidSeverity is that of the table, unless the line itself says more. An old
// failure of a program is worth knowing and no more.
func (s *scene) xidSeverity(e event, row tables.Xid, known bool) check.Severity {
	if !known {
		return check.Unknown
	}
	text := strings.ToLower(e.Text)
	switch {
	case e.Xid == 154 && s.follows(e):
		return check.Info // the finding of the Xid before it says what to do
	case e.Xid == 154:
		return recovery(text)
	case e.Xid == xidLost && s.answers(e.PCI):
		return check.Info
	case row.Action == "WORKFLOW_NVLINK5_ERR" && (strings.Contains(text, "nonfatal") || strings.Contains(text, "non-fatal")):
		return check.Info
	case row.Action == "WORKFLOW_NVLINK5_ERR" && strings.Contains(text, "fatal"):
		return check.Error
	}
	severity := map[string]check.Severity{"error": check.Error, "warning": check.Warning, "info": check.Info}[row.Severity]
	if severity == 0 {
		return check.Unknown
	}
	if age, known := s.age(e); known && age > 24*time.Hour && row.Action == tables.RestartApp {
		return check.Info
	}
	return severity
}

// follows reports whether another error of the same GPU and start is reported,
// which an Xid 154 only sums up.
func (s *scene) follows(e event) bool {
	return slices.ContainsFunc(s.events(facts.EventXid), func(o event) bool {
		row, _ := tables.LookupXid(o.Xid)
		return o.Xid != e.Xid && o.PCI == e.PCI && o.Boot == e.Boot && row.Severity == "error"
	})
}

// recovery reads the new action of Xid 154: "changed from 0x0 (None) to 0x1
// (GPU Reset Required)".
func recovery(text string) check.Severity {
	_, after, found := strings.Cut(text, " to ")
	switch {
	case found && (strings.Contains(after, "reset") || strings.Contains(after, "reboot")):
		return check.Error
	case found && strings.Contains(after, "drain"):
		return check.Warning
	}
	return check.Info
}

// xidRemedies words the action of the catalogue, and the report for support
// where that does not help.
func (s *scene) xidRemedies(e event, row tables.Xid) []check.Remedy {
	first := s.xidAction(e, row)
	if row.Investigate == tables.ContactSupport && row.Severity == "error" && first.ID != "contact-support" {
		return []check.Remedy{first, contactSupport()}
	}
	return []check.Remedy{first}
}

// restartProgram is for failures that one program met, and most often caused.
func (s *scene) restartProgram(d facts.Device, row tables.Xid) check.Remedy {
	test := "dcgmi diag -r 3"
	if d.Index >= 0 {
		test += " -i " + fmt.Sprint(d.Index)
	}
	if row.Class != "application" {
		return advice("restart-program", "Start the program again. If programs fail with the same number on this GPU only, test the GPU while nothing uses it.", test)
	}
	return advice("restart-program", "Look for the fault in the program, and start it again. If other programs fail with the same number on this GPU only, test the GPU while nothing uses it.",
		"compute-sanitizer python train.py", test)
}

func (s *scene) xidAction(e event, row tables.Xid) check.Remedy {
	d := s.deviceAt(e.PCI)
	action := row.Action
	if e.Xid == 154 {
		action = map[bool]string{true: tables.RestartMachine, false: tables.ResetGPU}[strings.Contains(strings.ToLower(e.Text), "reboot")]
	}
	switch action {
	case tables.RestartApp:
		return s.restartProgram(d, row)
	case tables.ResetGPU, "WORKFLOW_XID_48", "WORKFLOW_NVLINK_ERR", "WORKFLOW_NVLINK5_ERR", "CHECK_UVM":
		return s.resetGPU(d)
	case tables.RestartMachine:
		return command("restart-machine", "Restart the machine; switch it off and on where the GPU stays away.", check.Medium, "sudo reboot")
	case tables.RestartVM:
		return advice("restart-vm", "Stop the virtual machine and start it again from its host.")
	case tables.Ignore:
		return advice("watch", "Nothing needs to be done; look for other numbers near it in the log.", "sudo dmesg | grep 'NVRM: Xid'")
	case "WORKFLOW_XID_45":
		return advice("find-first", "Look for the number that came before it; alone it means that a program was stopped.", "sudo dmesg | grep 'NVRM: Xid'")
	case "CHECK_MECHANICALS":
		return advice("check-power", "Check the power connectors of the GPU and the supply behind them.")
	case "UPDATE_SWFW":
		return advice("update-driver", "Update the driver of the guest and the vGPU manager of the host to releases that belong together.")
	case "":
		return advice("look-up", "Look the number up in NVIDIA's current catalogue.", xidCatalog)
	}
	return contactSupport()
}
