// SPDX-License-Identifier: Apache-2.0

// Package facts names the observations of the gpu plugin and gives the Go
// shape of their values, so that collectors and checks cannot drift apart.
//
// Presence has a meaning of its own: a fact that a machine cannot show (no
// /sys in an unpacked image) is absent and not false. Sizes are in bytes, PCI
// numbers are four lower-case hexadecimal digits without "0x", and versions
// are spelled as NVIDIA spells them ("570.158.01", "12.4.1").
package facts

import (
	"path"
	"strings"
)

// Addresses of the gpu plugin's facts.
const (
	PCI   = "gpu.pci"   // []PCIDevice
	Count = "gpu.count" // int
	AMD   = "gpu.amd"   // []string, PCI addresses; absent without one
	// Integrated is an IntegratedGPU, on a Jetson only.
	Integrated = "gpu.integrated"
	Switches   = "gpu.nvswitch.count" // int
	Devices    = "gpu.devices"        // []Device
	Nodes      = "gpu.device_nodes"   // []Node
	Env        = "gpu.env"            // map[string]string

	Loaded         = "gpu.driver.loaded"          // bool
	DriverVersion  = "gpu.driver.version"         // string
	Flavor         = "gpu.driver.flavor"          // FlavorOpen or FlavorClosed
	LibraryVersion = "gpu.driver.library_version" // string
	Libraries      = "gpu.driver.libraries"       // []Library
	OnDisk         = "gpu.driver.on_disk"         // []Module
	DKMS           = "gpu.driver.dkms"            // []string
	DriverCUDA     = "gpu.driver.cuda_version"    // string

	Kernel       = "gpu.kernel.release"     // string
	KernelWords  = "gpu.kernel.options"     // []string
	Modules      = "gpu.kernel.modules"     // []string
	Blacklist    = "gpu.kernel.blacklist"   // []string
	Passthrough  = "gpu.kernel.passthrough" // []string
	SecureBoot   = "gpu.secure_boot"        // bool
	WSL          = "gpu.wsl"                // bool
	Container    = "gpu.container"          // bool
	ModprobeTool = "gpu.modprobe_tool"      // bool

	Persistenced  = "gpu.persistenced.running"    // bool
	FabricManager = "gpu.fabricmanager.running"   // bool
	FabricProgram = "gpu.fabricmanager.installed" // bool

	DriverContainer = "gpu.driver.in_container" // bool
	Lockdown        = "gpu.kernel.lockdown"     // string

	NVMLStatus = "gpu.nvml.status" // string

	LogEvents    = "gpu.kernel.log_events"     // []LogEvent
	Uptime       = "gpu.kernel.uptime"         // float64, seconds
	Served       = "gpu.driver.gpus"           // []string
	FabricLog    = "gpu.fabricmanager.log"     // []LogEvent
	FabricPkg    = "gpu.fabricmanager.version" // string
	Topology     = "gpu.topology"              // []Pair
	Virtual      = "gpu.virtual_machine"       // bool
	IOMMU        = "gpu.iommu"                 // IOMMUState
	ACS          = "gpu.acs"                   // []Bridge
	Affinity     = "gpu.numa"                  // NUMA
	Peermem      = "gpu.peermem.loaded"        // bool
	RDMA         = "gpu.rdma"                  // []Adapter
	Capabilities = "gpu.mig.capabilities"      // []MIGCapability
	WSLDevice    = "gpu.wsl_device"            // bool
	WSLLibrary   = "gpu.wsl_library"           // bool

	CUDNN      = "cuda.cudnn"        // []Library
	NCCL       = "cuda.nccl"         // []Library
	NVCCOnPath = "cuda.nvcc_on_path" // Compiler

	Toolkits  = "cuda.toolkits"       // []Toolkit
	Home      = "cuda.home"           // CUDAHome
	Compilers = "cuda.host_compilers" // []int
)

// Flavours of the kernel module.
const (
	FlavorOpen   = "open"
	FlavorClosed = "closed"
)

// PCIDevice is a display or 3D controller of NVIDIA on the PCI bus.
type PCIDevice struct {
	Address string `json:"address"` // "0000:01:00.0"
	Vendor  string `json:"vendor"`  // "10de"
	Device  string `json:"device"`  // "2684"
	Class   string `json:"class"`   // "030000"
	// Driver that is bound, or "".
	Driver string `json:"driver"`
	// LinkWidth and MaxLinkWidth count PCIe lanes; 0 when not told.
	LinkWidth    int `json:"link_width"`
	MaxLinkWidth int `json:"max_link_width"`
	// NUMANode is -1 when the firmware does not tell.
	NUMANode int `json:"numa_node"`
	// UpstreamMaxWidth is the lane count of the port above; 0 when not told.
	UpstreamMaxWidth int `json:"upstream_max_link_width,omitempty"`
	// Suspended means that the kernel switched the device off while idle.
	Suspended bool `json:"suspended,omitempty"`
	// External means that the GPU is plugged in from outside, by Thunderbolt.
	External bool `json:"external,omitempty"`
	// Lost means that the device answers with nothing but ones: it is off the
	// bus although the kernel still lists it.
	Lost bool `json:"lost,omitempty"`
}

// Node is a device node of the driver below /dev.
type Node struct {
	Path string `json:"path"`
	// Readable says whether the examined user may open it for reading and
	// writing; nil when that cannot be told from mode and owner.
	Readable *bool `json:"readable,omitempty"`
	// Mode in octal: "0666".
	Mode string `json:"mode"`
}

// Library is what the loader finds for a library of the driver.
type Library struct {
	Soname string `json:"soname"`
	Path   string `json:"path"`
	// Version is the suffix of the real file; empty when it has none.
	Version string `json:"version,omitempty"`
	// Origin is "LD_LIBRARY_PATH", "ld.so.cache", "default directory" or
	// "toolkit", where the loader does not look.
	Origin string `json:"origin"`
	// Stub means that the file is for linking only: it lies in a toolkit's
	// directory stubs.
	Stub bool `json:"stub,omitempty"`
	// Forward means that a forward compatibility package holds the same release,
	// wherever this file lies.
	Forward bool `json:"forward_compatibility,omitempty"`
}

// Compat reports whether a library is of a CUDA forward compatibility package:
// those lie in a directory named compat, conda's in one named cuda-compat, and
// Jetson's in compat_orin.
func (l Library) Compat() bool {
	for dir := range strings.SplitSeq(path.Dir(l.Path), "/") {
		if dir == "compat" || dir == "cuda-compat" || strings.HasPrefix(dir, "compat_") {
			return true
		}
	}
	return l.Forward
}

// Module is a kernel module nvidia.ko on disk.
type Module struct {
	Kernel string `json:"kernel"`
	Path   string `json:"path"`
	// Signed is nil for a compressed module.
	Signed *bool `json:"signed,omitempty"`
}

// Toolkit is an installed CUDA toolkit.
type Toolkit struct {
	Path    string `json:"path"`
	Version string `json:"version"`
	NVCC    bool   `json:"nvcc"`
	// MaxGCC is the newest major of GCC that its headers accept; 0 unknown.
	MaxGCC int `json:"max_gcc,omitempty"`
}

// CUDAHome is where an environment variable says that CUDA is.
type CUDAHome struct {
	Variable string `json:"variable"`
	Path     string `json:"path"`
	Exists   bool   `json:"exists"`
	// Version of the toolkit there, when it tells.
	Version string `json:"version,omitempty"`
}

// Statuses of NVML that checks and readers branch on. Any other text names
// what the library answered.
const (
	NVMLOk         = "ok"
	NVMLNotBuilt   = "not built in"
	NVMLNotLive    = "not a live machine"
	NVMLNotLinux   = "asked on Linux only"
	NVMLNoLibrary  = "library not found"
	NVMLNotLoaded  = "library found, and cannot be loaded"
	NVMLNoDriver   = "driver not loaded"
	NVMLNoNodes    = "device nodes not visible to the plugin"
	NVMLMismatch   = "driver and library versions differ"
	NVMLPermission = "no permission"
	NVMLTimeout    = "no answer in time"
)
