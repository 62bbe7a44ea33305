// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var cloudCollector = fact.Collector{
	Name:    "cloud",
	Summary: "hypervisor and cloud, from the firmware's strings; no metadata service is asked",
	Facts: []fact.Description{
		{Address: "cloud.vendor", Summary: `cloud that the machine belongs to: "aws", "gcp", "azure" ...; absent where nothing tells`, Type: "string"},
		{Address: "cloud.instance_type", Summary: "type of instance, on the clouds whose firmware names it", Type: "string"},
		{Address: "cloud.source", Summary: `where the vendor is from: "dmi" (firmware) or "cloud-init"`, Type: "string"},
		{Address: "os.hypervisor", Summary: `hypervisor in the names of systemd-detect-virt ("kvm", "microsoft" ...), "none" on bare metal, "vm-other" for one that is not known`, Type: "string"},
	},
	Collect: func(_ context.Context, t *fact.Target, r *fact.Recorder) error {
		if t.OS != "" && t.OS != "linux" {
			return nil
		}
		dmi := readDMI(t)
		collectCloud(t, r, dmi)
		collectHypervisor(t, r, dmi)
		return nil
	},
}

const dmiDir = "/sys/class/dmi/id/"

// maxDMI bounds a string of the firmware, in bytes.
const maxDMI = 200

func readDMI(t *fact.Target) map[string]string {
	out := map[string]string{}
	for _, field := range tables.DMIFields {
		if v := t.ReadText(dmiDir + field); v != "" && len(v) <= maxDMI {
			out[field] = v
		}
	}
	return out
}

const cloudIDFile = "/run/cloud-init/cloud-id"

// cloudInitNames are cloud-init's names of clouds where they differ from ours.
var cloudInitNames = map[string]string{"gce": "gcp", "aliyun": "alibaba"}

var cloudID = pattern.Lazy(`^[a-z][a-z0-9-]{1,40}$`)

// collectCloud asks the firmware first: it cannot be left over from an image
// that was moved, as the files of cloud-init can.
func collectCloud(t *fact.Target, r *fact.Recorder, dmi map[string]string) {
	if row, ok := tables.LookupCloud(dmi); ok {
		evidence := fact.File(dmiDir+row.Field, 1, dmi[row.Field])
		r.Add("cloud.vendor", row.Vendor, evidence)
		r.Add("cloud.source", "dmi", evidence)
		if instance := row.InstanceType(dmi); instance != "" {
			r.Add("cloud.instance_type", instance, fact.File(dmiDir+row.InstanceField, 1, instance))
		}
		return
	}
	id := t.ReadText(cloudIDFile)
	if len(dmi) > 0 || !cloudID().MatchString(id) || id == "nocloud" || id == "none" || id == "unknown" || id == "not-run" {
		return
	}
	if name, ok := cloudInitNames[id]; ok {
		id = name
	}
	evidence := fact.File(cloudIDFile, 1, id)
	r.Add("cloud.vendor", id, evidence)
	r.Add("cloud.source", "cloud-init", evidence)
}

const cpuinfoFile = "/proc/cpuinfo"

// collectHypervisor reads the strings of the firmware, then Xen's own file, then
// the processor's flag, which tells that there is a hypervisor but not which.
func collectHypervisor(t *fact.Target, r *fact.Recorder, dmi map[string]string) {
	h, field, ok := tables.LookupHypervisor(dmi)
	switch {
	case ok && h.Name == "amazon" && strings.Contains(dmi["product_name"], ".metal"):
		r.Add("os.hypervisor", "none", fact.File(dmiDir+"product_name", 1, dmi["product_name"]))
		return
	case ok:
		r.Add("os.hypervisor", h.Name, fact.File(dmiDir+field, 1, dmi[field]))
		return
	}
	if kind := t.ReadText("/sys/hypervisor/type"); kind == "xen" {
		r.Add("os.hypervisor", "xen", fact.File("/sys/hypervisor/type", 1, kind))
		return
	}
	flagged, line, known := hypervisorFlag(t)
	switch {
	case flagged:
		r.Add("os.hypervisor", "vm-other", fact.File(cpuinfoFile, line, "flags: ... hypervisor ..."))
	case known && len(dmi) > 0: // x86 that says what it is made of
		r.Add("os.hypervisor", "none", fact.File(cpuinfoFile, line, "flags without hypervisor"))
	}
}

// hypervisorFlag reads the first row of flags, which only x86 has.
func hypervisorFlag(t *fact.Target) (flagged bool, line int, known bool) {
	n := 0
	for text := range strings.Lines(t.ReadText(cpuinfoFile)) {
		n++
		key, value, _ := strings.Cut(text, ":")
		if strings.TrimSpace(key) == "flags" {
			return strings.Contains(" "+strings.TrimSpace(value)+" ", " hypervisor "), n, true
		}
	}
	return false, 0, false
}
