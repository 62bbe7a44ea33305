// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// replaceSRAM is how many uncorrectable errors of on-chip memory over its life
// make a GPU a case for replacement.
const replaceSRAM = 4

// Xids of uncorrectable errors of memory that reach beyond one program, and of
// row remapping.
var (
	uncorrectableXids = []int{48, 95, 140, 171, 172}
	xidRemapped       = 63
	xidRemapFailed    = 64
)

var eccUncorrectable = check.Check{
	Code: "gpu.ecc-uncorrectable", Title: "GPU memory had errors that could not be corrected", Area: areaGPU,
	Needs: []string{facts.Devices},
	Doc: check.Doc{
		Meaning:    "The memory of the GPU, or one on its chip, gave wrong bits that its error correction could not mend. Programs that met them were stopped (CUDA error: uncorrectable ECC error encountered), and what ran at that time cannot be trusted.",
		Detection:  "NVML counts uncorrected errors since the driver was loaded; without NVML, Xid 48, 95, 140, 171 and 172 in the kernel's log since the last start. More than 4 uncorrected errors of on-chip memory over the life of the GPU are a warning of their own. Corrected errors are normal and not reported.",
		Cause:      "A cell of the memory is failing, heat, or rarely radiation.",
		Fix:        "Reset the GPU, so that the bad row is remapped. A GPU that has such errors again after the reset, or whose remapping failed, is replaced.",
		Verify:     "nvidia-smi -q -d ECC shows no uncorrected volatile errors, and nvidia-smi -q -d ROW_REMAPPER nothing pending.",
		References: []string{memoryPage, xidCatalog, nvmlPage},
	},
	Run: seen(judgeECC),
}

func judgeECC(s *scene) {
	counted := map[string]bool{}
	for _, d := range s.devices {
		if d.ECC == nil {
			continue
		}
		counted[strings.ToLower(d.PCI)] = true
		switch e := d.ECC; {
		case e.UncorrectedVolatile > 0:
			s.reportECC(d, check.Error, s.evidenceOf(d), fmt.Sprintf("%s since the driver was loaded, and %d over the life of the GPU", count(int(e.UncorrectedVolatile), "uncorrectable memory error"), e.UncorrectedAggregate))
		case e.SRAMAggregate > replaceSRAM:
			s.reportECC(d, check.Warning, s.evidenceOf(d), fmt.Sprintf("%d uncorrectable errors of on-chip memory over its life; more than %d make it a case for replacement", e.SRAMAggregate, replaceSRAM))
		}
	}
	for _, e := range s.current(facts.EventXid) {
		if slices.Contains(uncorrectableXids, e.Xid) && !counted[e.PCI] {
			counted[e.PCI] = true
			s.reportECC(s.deviceAt(e.PCI), check.Error, e.seen, fmt.Sprintf("Xid %d in the kernel's log, %s", e.Xid, s.when(e)))
		}
	}
}

func (s *scene) reportECC(d facts.Device, severity check.Severity, seen []fact.Evidence, what string) {
	s.Report(check.Finding{
		Severity: severity,
		Subject:  s.label(d),
		Detail:   fmt.Sprintf("%s had %s.", s.label(d), what),
		Cause:    "A cell of the GPU's memory is failing.",
		Evidence: seen,
		Explains: []string{"gpu.xid", "gpu.row-remap-pending"},
		Remedies: []check.Remedy{s.resetGPU(d), contactSupport()},
		Verify:   []string{"nvidia-smi -q -d ECC,ROW_REMAPPER -i " + number(d)},
	})
}

var remapPending = check.Check{
	Code: "gpu.row-remap-pending", Title: "A memory row waits to be remapped", Area: areaGPU,
	Needs: []string{facts.Devices},
	Doc: check.Doc{
		Meaning:    "The GPU has marked a failing row of its memory (before Ampere: a page) to be replaced by a spare one, which happens at the next reset. Until then other programs run on, and the row may fail again.",
		Detection:  "NVML says that a remapping, or the retirement of a page, is pending; without NVML, Xid 63 with the words \"reset gpu to activate\" since the last start.",
		Cause:      "An uncorrectable error, or several corrected ones, in one row.",
		Fix:        "Reset the GPU when its programs have ended.",
		Verify:     "nvidia-smi -q -d ROW_REMAPPER says: Pending: No.",
		References: []string{memoryPage, "https://docs.nvidia.com/deploy/dynamic-page-retirement/index.html"},
	},
	Run: seen(judgePending),
}

func judgePending(s *scene) {
	reported := map[string]bool{}
	report := func(d facts.Device, seen []fact.Evidence, what string) {
		reported[strings.ToLower(d.PCI)] = true
		s.Report(check.Finding{
			Severity: check.Warning,
			Subject:  s.label(d),
			Detail:   fmt.Sprintf("%s of %s takes effect at its next reset.", what, s.label(d)),
			Cause:    "A row of the GPU's memory failed and is to be replaced by a spare one.",
			Evidence: seen,
			Remedies: []check.Remedy{s.resetGPU(d)},
			Verify:   []string{"nvidia-smi -q -d ROW_REMAPPER -i " + number(d)},
		})
	}
	for _, d := range s.devices {
		if d.RemappedRows != nil && d.RemappedRows.Pending {
			report(d, s.evidenceOf(d), "The remapping of a row")
		} else if d.RetirementPending {
			report(d, s.evidenceOf(d), "The retirement of a page")
		}
		if d.RemappedRows != nil || d.ECC != nil && s.answers(d.PCI) { // NVML tells what the log may not know yet
			reported[strings.ToLower(d.PCI)] = true
		}
	}
	for _, e := range s.current(facts.EventXid) {
		waits := strings.Contains(strings.ToLower(e.Text), "to activate")
		if e.Xid == xidRemapped && waits && !reported[e.PCI] {
			report(s.deviceAt(e.PCI), e.seen, "The remapping of a row")
		}
	}
}

var remapFailed = check.Check{
	Code: "gpu.row-remap-failed", Title: "Remapping a memory row failed", Area: areaGPU,
	Needs: []string{facts.Devices},
	Doc: check.Doc{
		Meaning:    "The GPU could not replace a failing row of its memory, usually because the spare rows of that bank are used up. NVIDIA takes such a GPU back under its warranty; until then errors will come again.",
		Detection:  "NVML says that a remapping has failed; without NVML, Xid 64 since the last start.",
		Cause:      "More rows have failed than there are spare ones.",
		Fix:        "Take the GPU out of service and have it replaced.",
		Verify:     "nvidia-smi -q -d ROW_REMAPPER says: Remapping Failure Occurred: No.",
		References: []string{memoryPage, xidCatalog},
	},
	Run: seen(judgeRemapFailed),
}

func judgeRemapFailed(s *scene) {
	known := map[string]bool{}
	report := func(d facts.Device, seen []fact.Evidence) {
		s.Report(check.Finding{
			Subject:  s.label(d),
			Detail:   fmt.Sprintf("%s could not replace a failing row of its memory.", s.label(d)),
			Cause:    "No spare row is left where one is needed.",
			Evidence: seen,
			Explains: []string{"gpu.ecc-uncorrectable", "gpu.row-remap-pending", "gpu.xid"},
			Remedies: []check.Remedy{contactSupport()},
			Verify:   []string{"nvidia-smi -q -d ROW_REMAPPER -i " + number(d)},
		})
	}
	for _, d := range s.devices {
		if d.RemappedRows == nil {
			continue
		}
		known[strings.ToLower(d.PCI)] = true
		if d.RemappedRows.Failed {
			report(d, s.evidenceOf(d))
		}
	}
	for _, e := range s.current(facts.EventXid) {
		if e.Xid == xidRemapFailed && !known[e.PCI] {
			report(s.deviceAt(e.PCI), e.seen)
		}
	}
}
