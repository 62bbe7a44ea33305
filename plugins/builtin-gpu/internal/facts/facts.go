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
	PCI      = "gpu.pci"            // []PCIDevice
	Count    = "gpu.count"          // int
	Switches = "gpu.nvswitch.count" // int
	Devices  = "gpu.devices"        // []Device
	Nodes    = "gpu.device_nodes"   // []Node
	Env      = "gpu.env"            // map[string]string

	Loaded         = "gpu.driver.loaded"          // bool
	DriverVersion  = "gpu.driver.version"         // string
	Flavor         = "gpu.driver.flavor"          // FlavorOpen or FlavorClosed
	LibraryVersion = "gpu.driver.library_version" // string
	Libraries      = "gpu.driver.libraries"       // []Library
	OnDisk         = "gpu.driver.on_disk"         // []Module
	DKMS           = "gpu.driver.dkms"            // []string
	DriverCUDA     = "gpu.driver.cuda_version"    // string

	Kernel       = "gpu.kernel.release"   // string
	KernelWords  = "gpu.kernel.options"   // []string
	Modules      = "gpu.kernel.modules"   // []string
	Blacklist    = "gpu.kernel.blacklist" // []string
	SecureBoot   = "gpu.secure_boot"      // bool
	WSL          = "gpu.wsl"              // bool
	Container    = "gpu.container"        // bool
	ModprobeTool = "gpu.modprobe_tool"    // bool

	Persistenced  = "gpu.persistenced.running"    // bool
	FabricManager = "gpu.fabricmanager.running"   // bool
	FabricProgram = "gpu.fabricmanager.installed" // bool

	NVMLStatus = "gpu.nvml.status" // string

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
}

// Device is one GPU as CUDA would see it.
type Device struct {
	Index int `json:"index"`
	// Name from the driver or, without one, from the table of PCI numbers.
	Name string `json:"name,omitempty"`
	UUID string `json:"uuid,omitempty"`
	PCI  string `json:"pci"`
	// MemoryBytes is known through NVML only.
	MemoryBytes uint64 `json:"memory_bytes,omitempty"`
	// ComputeCapability is "8.9", or empty for a PCI number not in the table.
	ComputeCapability string `json:"compute_capability,omitempty"`
	Architecture      string `json:"architecture,omitempty"`
	// PersistenceMode, ComputeMode and MIG are known through NVML only.
	PersistenceMode string `json:"persistence_mode,omitempty"`
	ComputeMode     string `json:"compute_mode,omitempty"`
	MIG             string `json:"mig,omitempty"`
	// Source is "nvml" or "files".
	Source string `json:"source"`
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
	// Origin is "LD_LIBRARY_PATH", "ld.so.cache" or "default directory".
	Origin string `json:"origin"`
}

// Compat reports whether a library is of a CUDA forward compatibility package:
// those lie in a directory named compat.
func (l Library) Compat() bool {
	return strings.Contains(path.Dir(l.Path)+"/", "/compat/")
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
}

// Statuses of NVML that checks and readers branch on. Any other text names
// what the library answered.
const (
	NVMLOk         = "ok"
	NVMLNotBuilt   = "not built in"
	NVMLNotLive    = "not a live machine"
	NVMLNoLibrary  = "library not found"
	NVMLNoDriver   = "driver not loaded"
	NVMLNoNodes    = "device nodes not visible to the plugin"
	NVMLMismatch   = "driver and library versions differ"
	NVMLPermission = "no permission"
	NVMLTimeout    = "no answer in time"
)
