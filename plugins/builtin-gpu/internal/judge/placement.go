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

var acsPeers = check.Check{
	Code: "gpu.acs-p2p", Title: "PCI access control redirects traffic between GPUs", Area: areaGPU,
	Needs: []string{facts.PCI, facts.ACS, facts.Topology, facts.Virtual},
	Doc: check.Doc{
		Meaning:    "GPUs behind one PCIe switch can read each other's memory through it. With access control services (ACS) redirecting, the switch sends that traffic up to the processor instead: it is slower, and on some machines NCCL hangs or data are wrong.",
		Detection:  "The ACS control register in the configuration space of the bridges above the GPUs, which only an administrator can read, has P2P Request Redirect or Completion Redirect on, and two GPUs that are not made for games share a PCIe switch below it without NVLink. Virtual machines, where the host decides, and machines that pass GPUs on to virtual machines, which need ACS, are not judged.",
		Cause:      "The firmware or the kernel switched ACS on together with the IOMMU.",
		Fix:        "On a machine that runs no virtual machines with devices of their own: switch ACS (or the IOMMU) off in the firmware, or clear the register on each bridge at every start.",
		Verify:     "sudo lspci -vvv shows ACSCtl without ReqRedir+ and CmpltRedir+ for the bridges.",
		References: []string{ncclGuide + "#pci-access-control-services-acs", "https://docs.nvidia.com/cuda/gpudirect-rdma/index.html"},
	},
	Run: seen(judgeACS),
}

func judgeACS(s *scene) {
	bridges, _ := fact.Get[[]facts.Bridge](s.Facts, facts.ACS)
	if s.Facts.Bool(facts.Virtual) || s.wsl || len(s.boundTo(passthroughDrivers...)) > 0 {
		return
	}
	peers := s.switchedPeers()
	var names []string
	for _, b := range bridges {
		if b.Redirects && slices.ContainsFunc(b.GPUs, func(g string) bool { return slices.Contains(peers, g) }) {
			names = append(names, b.Address)
		}
	}
	if len(names) == 0 {
		return
	}
	s.Report(check.Finding{
		Severity:   check.Warning,
		Confidence: 0.8,
		Detail:     fmt.Sprintf("%s above %s redirect traffic between them to the processor: %s.", count(len(names), "PCI bridge"), count(len(peers), "GPU"), strings.Join(names, ", ")),
		Cause:      "Access control services are on in the bridges, as virtual machines with devices of their own need them.",
		Evidence:   s.Evidence(facts.ACS, facts.IOMMU, facts.KernelWords),
		Remedies: []check.Remedy{command("clear-acs", "Where no virtual machine is given devices: clear the register until the next start.", check.Medium,
			clearACS(names)...)},
		Verify: []string{"sudo lspci -vvv | grep ACSCtl"},
	})
}

func clearACS(bridges []string) []string {
	var out []string
	for _, b := range bridges {
		out = append(out, "sudo setpci -s "+b+" ECAP_ACS+0x6.w=0000")
	}
	return out
}

// switchedPeers lists the GPUs that share a PCIe switch with another one and
// could read its memory.
func (s *scene) switchedPeers() []string {
	pairs, _ := fact.Get[[]facts.Pair](s.Facts, facts.Topology)
	var able, out []string
	for _, g := range s.boundTo("nvidia") {
		if professional(g) {
			able = append(able, g.Address)
		}
	}
	for _, p := range pairs {
		if (p.Level == "PIX" || p.Level == "PXB") && slices.Contains(able, p.A) && slices.Contains(able, p.B) {
			out = append(out, p.A, p.B)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

var numaAffinity = check.Check{
	Code: "gpu.numa-affinity", Title: "The process is bound to processors far from its GPUs", Area: areaGPU,
	Needs: []string{facts.PCI, facts.Affinity},
	Doc: check.Doc{
		Meaning:    "The examined process may run only on processors that belong to another part of the machine (NUMA node) than every GPU that it can see. All data between it and the GPUs cross the link between the parts, which costs bandwidth and time for each call.",
		Detection:  "Cpus_allowed_list in the status file of the process is smaller than the list of processors that are online, and shares none with local_cpulist of the GPUs. GPUs that CUDA_VISIBLE_DEVICES hides by number are left out. Machines whose firmware does not name a node for the GPU are not judged.",
		Cause:      "A scheduler, a container's cpuset or taskset chose processors without regard to the GPU.",
		Fix:        "Bind the process to the processors of the GPU's node, or do not bind it.",
		Verify:     "nvidia-smi topo -m shows the CPU affinity of each GPU; taskset -p shows that of the process.",
		References: []string{"https://docs.kernel.org/admin-guide/mm/numa_memory_policy.html", "https://docs.nvidia.com/deploy/nvml-api/group__nvmlAffinity.html"},
	},
	Run: seen(judgeAffinity),
}

func judgeAffinity(s *scene) {
	where, _ := fact.Get[facts.NUMA](s.Facts, facts.Affinity)
	allowed, ok := cpus(where.Allowed)
	online, known := cpus(where.Online)
	if !ok || !known || s.wsl || !fewer(allowed, online) {
		return
	}
	var near []string
	for _, g := range s.visibleGPUs() {
		local, ok := cpus(where.Local[g.Address])
		if !ok || len(local) == 0 || shares(allowed, local) {
			return
		}
		near = append(near, where.Local[g.Address])
	}
	if len(near) == 0 {
		return
	}
	slices.Sort(near)
	near = slices.Compact(near)
	s.Report(check.Finding{
		Severity: check.Warning,
		Detail:   fmt.Sprintf("The process may run on processors %s, and those next to its GPUs are %s.", where.Allowed, strings.Join(near, " and ")),
		Cause:    "The process was bound to processors of another NUMA node.",
		Evidence: s.Evidence(facts.Affinity),
		Remedies: []check.Remedy{command("bind-near", "Start the program on the processors next to its GPU.", check.Low,
			"taskset -c "+near[0]+" python train.py   # or numactl, or the scheduler's own option")},
		Verify: []string{"nvidia-smi topo -m", "grep Cpus_allowed_list /proc/self/status"},
	})
}

// visibleGPUs is the GPUs that the examined process can use, as far as
// CUDA_VISIBLE_DEVICES says so by number on a machine of equal GPUs.
func (s *scene) visibleGPUs() []facts.PCIDevice {
	served := s.boundTo("nvidia")
	env, _ := fact.Get[map[string]string](s.Facts, facts.Env)
	value, set := env["CUDA_VISIBLE_DEVICES"]
	if !set || slices.ContainsFunc(served, func(g facts.PCIDevice) bool { return g.Device != served[0].Device }) {
		return served
	}
	var out []facts.PCIDevice
	for entry := range strings.SplitSeq(value, ",") {
		n := index(entry)
		if n < 0 || n >= len(served) {
			return served
		}
		out = append(out, served[n])
	}
	return out
}

var peermemMissing = check.Check{
	Code: "gpu.peermem-missing", Title: "Network adapters cannot reach GPU memory", Area: areaGPU,
	Needs: []string{facts.PCI, facts.RDMA, facts.Peermem, facts.Flavor},
	Doc: check.Doc{
		Meaning:    "With GPUDirect RDMA a network adapter reads and writes GPU memory by itself. Without the module nvidia_peermem, data between machines take a detour through host memory.",
		Detection:  "Several data-centre GPUs, an adapter driven by mlx4_core or mlx5_core, the closed kernel module, and neither nvidia_peermem nor nv_peer_mem in /proc/modules. With the open module the kernel's own way (dma-buf) serves instead, and nothing is reported. An active InfiniBand port makes it a warning; Ethernet adapters of virtual machines, through which the cloud's own network runs, are left out.",
		Cause:      "The module is not loaded at the start of the machine.",
		Fix:        "Load the module, now and at each start.",
		Verify:     "lsmod shows nvidia_peermem, and NCCL_DEBUG=INFO says that GPU Direct RDMA is enabled.",
		References: []string{"https://docs.nvidia.com/cuda/gpudirect-rdma/index.html", ncclGuide},
	},
	Run: seen(judgePeermem),
}

func judgePeermem(s *scene) {
	if s.Facts.Bool(facts.Peermem) || s.Facts.String(facts.Flavor) != facts.FlavorClosed || s.container || s.wsl || !s.manyServers() {
		return
	}
	adapters, _ := fact.Get[[]facts.Adapter](s.Facts, facts.RDMA)
	severity, name := check.Severity(0), ""
	for _, a := range adapters {
		cloud := a.LinkLayer != "InfiniBand" && s.Facts.Bool(facts.Virtual) // the network of a virtual machine
		if a.Driver != "mlx5_core" && a.Driver != "mlx4_core" || cloud {
			continue
		}
		this := check.Info
		if a.Active && a.LinkLayer == "InfiniBand" {
			this = check.Warning
		}
		if this > severity {
			severity, name = this, a.Name
		}
	}
	if name == "" {
		return
	}
	s.Report(check.Finding{
		Severity:   severity,
		Confidence: 0.7,
		Detail:     fmt.Sprintf("The network adapter %s and %s are here, and the module nvidia_peermem is not loaded.", name, count(len(s.boundTo("nvidia")), "GPU")),
		Cause:      "Nothing loads the module when the machine starts.",
		Evidence:   s.Evidence(facts.RDMA, facts.Peermem, facts.Flavor),
		Remedies: []check.Remedy{command("load-peermem", "Load the module, now and at each start.", check.Low,
			"sudo modprobe nvidia_peermem", "echo nvidia_peermem | sudo tee /etc/modules-load.d/nvidia_peermem.conf")},
		Verify: []string{"lsmod | grep peermem"},
	})
}

// manyServers reports whether at least two GPUs of data centres are served.
func (s *scene) manyServers() bool {
	n := 0
	for _, g := range s.boundTo("nvidia") {
		if row, _ := tables.LookupGPU(g.Device); row.Family == "datacenter" {
			n++
		}
	}
	return n > 1
}
