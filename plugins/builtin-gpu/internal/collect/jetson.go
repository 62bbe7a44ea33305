// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// tegraFile is written by Jetson Linux.
const tegraFile = "/etc/nv_tegra_release"

// integrated records the GPU of a Jetson, which is part of the processor: by the
// kernel that NVIDIA builds for it, which a container sees too, or by the file of
// Jetson Linux in an image.
func (m *machine) integrated(gpus []facts.PCIDevice) {
	kernel, text := m.ReadText(kernelRelease), m.ReadText(tegraFile)
	evidence := fact.File(tegraFile, 1, firstLine(text))
	if text == "" {
		evidence = fact.File(kernelRelease, 1, kernel)
	}
	if len(gpus) == 0 && (text != "" || strings.HasSuffix(kernel, "-tegra")) {
		m.record.Add(facts.Integrated, facts.IntegratedGPU{Name: "Jetson", Release: tegraVersion(text)}, evidence)
	}
}

var tegraLine = pattern.Lazy(`^# R(\d{2,3}) \(release\), REVISION: (\d[\d.]{0,10})`)

// tegraVersion reads "36.4.3" of "# R36 (release), REVISION: 4.3, GCID: ...".
func tegraVersion(text string) string {
	m := tegraLine().FindStringSubmatch(text)
	if m == nil {
		return ""
	}
	return m[1] + "." + m[2]
}
