// SPDX-License-Identifier: Apache-2.0

// Package collect observes GPUs, their driver and CUDA toolkits by reading
// files: sysfs, procfs, the module tree, the loader's cache and the toolkits'
// own version files. It runs nothing, parses no banner, and works the same on
// a live machine, a mounted disk and a recorded tree.
//
// On a live machine NVML adds what no file tells (memory sizes, modes, names
// before the first use). The fact gpu.nvml.status says whether it did, and
// each device says which way it was seen.
//
// Every file is foreign bytes: sizes and counts are bounded, and what cannot be
// understood gives no fact.
package collect

import (
	"context"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/nvml"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// timeToLive of facts of which no file has changed. Those of NVML are of the
// moment.
const timeToLive = 10 * time.Minute

// Collectors returns the plugin's collectors. read asks NVML; it is called on
// live machines only.
func Collectors(read nvml.Reader) []fact.Collector {
	return []fact.Collector{
		{
			TTL:     timeToLive,
			Name:    "gpu",
			Summary: "NVIDIA GPUs on the PCI bus, their kernel driver, its libraries and device nodes",
			Facts:   gpuFacts,
			Collect: func(ctx context.Context, t *fact.Target, r *fact.Recorder) error {
				observeGPUs(ctx, &machine{Target: t, record: r}, read)
				return ctx.Err()
			},
		},
		{
			TTL:     timeToLive,
			Name:    "cuda",
			Summary: "CUDA toolkits and the environment variables of CUDA, NCCL and the container runtime",
			Facts:   cudaFacts,
			Collect: func(ctx context.Context, t *fact.Target, r *fact.Recorder) error {
				m := &machine{Target: t, record: r}
				m.environment()
				m.toolkits()
				m.hostCompilers()
				m.compilerOnPath()
				m.mathLibraries()
				return ctx.Err()
			},
		},
	}
}

// machine is a target together with the recorder of what is seen there.
type machine struct {
	*fact.Target
	record *fact.Recorder
	// switches is how many NVSwitch chips pci found.
	switches int
}

// observeGPUs records everything around the devices, in an order in which each
// step may use what the earlier ones found.
func observeGPUs(ctx context.Context, m *machine, read nvml.Reader) {
	if m.OS != "linux" {
		m.record.Add(facts.NVMLStatus, facts.NVMLNotLinux, fact.Call("runtime.GOOS", m.OS))
		return
	}
	m.place()
	m.kernel()
	m.services()
	gpus, bus := m.pci()
	m.integrated(gpus)
	if m.switches > 0 {
		m.fabricVersion()
	}
	driver := m.driver(bus)
	library := m.libraries()
	m.modulesOnDisk()
	m.nodes()
	m.kernelLog()
	m.served()
	m.migCapabilities()
	m.virtual()
	m.bridges(gpus)
	m.affinity(gpus)
	m.adapters()
	m.windowsSubsystem()
	reading := m.askNVML(ctx, read, library)
	devices := m.devices(gpus, bus, driver, reading)
	m.topology(gpus, devices)
}

var gpuFacts = []fact.Description{
	{Address: facts.PCI, Summary: "NVIDIA display and 3D controllers on the PCI bus", Type: "list"},
	{Address: facts.AMD, Summary: "PCI addresses of AMD's accelerators; absent where there are none", Type: "list"},
	{Address: facts.Integrated, Summary: "the GPU of a Jetson, which is on no PCI bus: {name, release}; absent elsewhere", Type: "object"},
	{Address: facts.Count, Summary: "NVIDIA GPUs in the machine", Type: "number"},
	{Address: facts.Switches, Summary: "NVSwitch bridges on the PCI bus", Type: "number"},
	{Address: facts.Devices, Summary: "GPUs in PCI order, with name, UUID, memory and compute capability as far as they are known", Type: "list"},
	{Address: facts.Nodes, Summary: "device nodes of the driver and whether the examined user may use them", Type: "list"},
	{Address: facts.Loaded, Summary: "whether the kernel module nvidia is loaded", Type: "bool"},
	{Address: facts.DriverVersion, Summary: "version of the loaded kernel module", Type: "string"},
	{Address: facts.Flavor, Summary: "open or closed kernel module", Type: "string"},
	{Address: facts.LibraryVersion, Summary: "version of the driver's library that programs load", Type: "string"},
	{Address: facts.Libraries, Summary: "libnvidia-ml.so.1 and libcuda.so.1 as the loader finds them", Type: "list"},
	{Address: facts.OnDisk, Summary: "kernel modules nvidia.ko on disk, for each installed kernel", Type: "list"},
	{Address: facts.DKMS, Summary: "driver sources that DKMS can build", Type: "list"},
	{Address: facts.DriverCUDA, Summary: "newest CUDA that the driver speaks, told by NVML", Type: "string"},
	{Address: facts.Kernel, Summary: "release of the running kernel", Type: "string"},
	{Address: facts.KernelWords, Summary: "words of the kernel command line that concern GPUs", Type: "list"},
	{Address: facts.Modules, Summary: "loaded kernel modules that drive NVIDIA GPUs", Type: "list"},
	{Address: facts.Blacklist, Summary: "GPU modules that modprobe is told not to load", Type: "list"},
	{Address: facts.Passthrough, Summary: "PCI numbers that vfio-pci is told to take, by the kernel's command line or modprobe.d", Type: "list"},
	{Address: facts.SecureBoot, Summary: "whether the firmware enforces Secure Boot", Type: "bool"},
	{Address: facts.WSL, Summary: "whether this is the Windows Subsystem for Linux", Type: "bool"},
	{Address: facts.Container, Summary: "whether this is a container", Type: "bool"},
	{Address: facts.ModprobeTool, Summary: "whether nvidia-modprobe can make missing device nodes", Type: "bool"},
	{Address: facts.Persistenced, Summary: "whether the persistence daemon has its socket", Type: "bool"},
	{Address: facts.FabricManager, Summary: "whether the fabric manager has its process file or socket", Type: "bool"},
	{Address: facts.FabricProgram, Summary: "whether the fabric manager is installed", Type: "bool"},
	{Address: facts.DriverContainer, Summary: "whether a container of Kubernetes' GPU Operator holds the driver", Type: "bool"},
	{Address: facts.Lockdown, Summary: "how far the kernel locks itself down: none, integrity or confidentiality", Type: "string"},
	{Address: facts.NVMLStatus, Summary: "how asking NVML went: ok, or why it was not used", Type: "string"},
	{Address: facts.LogEvents, Summary: "what the driver wrote into the kernel's log about faults, the newest of each kind, with how often", Type: "list"},
	{Address: facts.Uptime, Summary: "how long the machine has been running", Type: "number", Unit: "seconds"},
	{Address: facts.Served, Summary: "PCI addresses of the GPUs that the loaded driver lists", Type: "list"},
	{Address: facts.FabricPkg, Summary: "version of the installed fabric manager", Type: "string"},
	{Address: facts.FabricLog, Summary: "the newest refusal of the driver by the fabric manager", Type: "list"},
	{Address: facts.Topology, Summary: "how each two GPUs reach each other: NVLink, a PCIe switch, the processor", Type: "list"},
	{Address: facts.Virtual, Summary: "whether this is a virtual machine", Type: "bool"},
	{Address: facts.IOMMU, Summary: "groups of the IOMMU and how they translate", Type: "object"},
	{Address: facts.ACS, Summary: "PCI bridges above GPUs, and whether they send traffic between devices to the processor", Type: "list"},
	{Address: facts.Affinity, Summary: "processors that the examined process may use, and those next to each GPU", Type: "object"},
	{Address: facts.Peermem, Summary: "whether the module that lets network adapters reach GPU memory is loaded", Type: "bool"},
	{Address: facts.RDMA, Summary: "network adapters with RDMA", Type: "list"},
	{Address: facts.Capabilities, Summary: "MIG compute instances that the driver's files show", Type: "list"},
	{Address: facts.WSLDevice, Summary: "whether WSL passes a GPU on, /dev/dxg", Type: "bool"},
	{Address: facts.WSLLibrary, Summary: "whether Windows passes its CUDA driver into WSL", Type: "bool"},
}

var cudaFacts = []fact.Description{
	{Address: facts.Env, Summary: "variables of CUDA, NCCL and the NVIDIA container runtime in the examined process", Type: "object"},
	{Address: facts.Home, Summary: "directory that CUDA_HOME or CUDA_PATH names", Type: "object"},
	{Address: facts.Toolkits, Summary: "installed CUDA toolkits", Type: "list"},
	{Address: facts.Compilers, Summary: "major versions of GCC for C++ that are installed", Type: "list"},
	{Address: facts.NVCCOnPath, Summary: "the nvcc that a shell finds on PATH", Type: "object"},
	{Address: facts.CUDNN, Summary: "cuDNN libraries that the loader or a toolkit knows", Type: "list"},
	{Address: facts.NCCL, Summary: "NCCL libraries that the loader or a toolkit knows", Type: "list"},
}
