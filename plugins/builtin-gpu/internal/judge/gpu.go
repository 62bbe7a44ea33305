// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Pages of NVIDIA's that several checks name.
const (
	xidPage    = "https://docs.nvidia.com/deploy/xid-errors/index.html"
	xidCatalog = "https://docs.nvidia.com/deploy/xid-errors/analyzing-xid-catalog.html"
	memoryPage = "https://docs.nvidia.com/deploy/a100-gpu-mem-error-mgmt/index.html"
	nvmlPage   = "https://docs.nvidia.com/deploy/nvml-api/group__nvmlDeviceQueries.html"
	migGuide   = "https://docs.nvidia.com/datacenter/tesla/mig-user-guide/index.html"
	ncclGuide  = "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html"
)

// label calls a device by its model and address, as name does for the bus, so
// that findings about one GPU share their subject.
func (s *scene) label(d facts.Device) string {
	for _, g := range s.gpus {
		if strings.EqualFold(g.Address, d.PCI) {
			return s.name(g)
		}
	}
	switch {
	case d.PCI == "":
		return fmt.Sprintf("GPU %d", d.Index)
	case d.Name == "":
		return "NVIDIA GPU (" + d.PCI + ")"
	}
	return d.Name + " (" + d.PCI + ")"
}

// at calls what stands at a PCI address.
func (s *scene) at(address string) string {
	if address == "" {
		return "a GPU"
	}
	return s.label(s.deviceAt(address))
}

// deviceAt finds the device with an address; without one it has the address
// alone.
func (s *scene) deviceAt(address string) facts.Device {
	for _, d := range s.devices {
		if strings.EqualFold(d.PCI, address) {
			return d
		}
	}
	return facts.Device{PCI: address, Index: -1}
}

// answers reports whether NVML described the GPU at an address just now.
func (s *scene) answers(address string) bool {
	d := s.deviceAt(address)
	return s.nvml == facts.NVMLOk && d.Index >= 0 && d.Fault == "" && d.Source != "files"
}

// number is how nvidia-smi -i wants a GPU to be named: its address, else its
// index.
func number(d facts.Device) string {
	if d.PCI != "" {
		return d.PCI
	}
	return fmt.Sprint(d.Index)
}

// resetGPU resets one GPU, which a container may not do.
func (s *scene) resetGPU(d facts.Device) check.Remedy {
	if s.container {
		return advice("reset-gpu", "On the host: stop everything that uses the GPU, and reset it.", "sudo nvidia-smi --gpu-reset -i "+number(d))
	}
	return command("reset-gpu", "Stop everything that uses the GPU, and reset it.", check.Medium,
		"sudo fuser -v /dev/nvidia*", "sudo nvidia-smi --gpu-reset -i "+number(d))
}

func contactSupport() check.Remedy {
	return advice("contact-support", "Collect the driver's report, take the GPU out of service, and give the report to whoever sells or runs the machine.",
		"sudo nvidia-bug-report.sh")
}

// perDevice reports a finding for each device about which judge has one.
func perDevice(judge func(*scene, facts.Device) (check.Finding, bool)) func(*scene) {
	return func(s *scene) {
		for _, d := range s.devices {
			if f, ok := judge(s, d); ok {
				f.Subject = s.label(d)
				f.Evidence = append(s.evidenceOf(d), f.Evidence...)
				s.Report(f)
			}
		}
	}
}

// evidenceOf picks what was asked about one GPU from the evidence of all.
func (s *scene) evidenceOf(d facts.Device) []fact.Evidence {
	all := s.Evidence(facts.Devices)
	own := slices.DeleteFunc(slices.Clone(all), func(e fact.Evidence) bool {
		return !strings.HasPrefix(e.Value, fmt.Sprintf("GPU %d: ", d.Index))
	})
	if len(own) == 0 {
		return all[:min(len(all), 8)]
	}
	return own
}

// professional reports whether a GPU is known to be none for games: only those
// others read each other's memory over PCIe.
func professional(g facts.PCIDevice) bool {
	row, ok := tables.LookupGPU(g.Device)
	return ok && row.Family != "geforce"
}
