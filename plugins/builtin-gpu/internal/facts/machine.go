// SPDX-License-Identifier: Apache-2.0

package facts

// LogEvent is a line of the driver, or of a daemon, in a log.
type LogEvent struct {
	// Kind is one of the Event constants.
	Kind string `json:"kind"`
	// Xid is the number of an Xid or SXid; 79 for EventLost.
	Xid int `json:"xid,omitempty"`
	// PCI is the address "0000:10:1c.0", or "" when the line names none.
	PCI string `json:"pci,omitempty"`
	// Time as the line writes it; the kernel's own stamp is in SinceBoot.
	Time string `json:"time,omitempty"`
	// SinceBoot is the kernel's stamp in seconds; nil when there is none.
	SinceBoot *float64 `json:"since_boot_seconds,omitempty"`
	// Boot is one of the Boot constants; "" reads as BootNow.
	Boot string `json:"boot,omitempty"`
	// Count is how many equal lines there are; 0 reads as 1.
	Count int `json:"count,omitempty"`
	// Text is what follows the number, or the whole message.
	Text string `json:"text"`
	// Manager and Driver are the versions of EventFabricVer.
	Manager string `json:"manager,omitempty"`
	Driver  string `json:"driver,omitempty"`
}

// Kinds of events.
const (
	EventXid       = "xid"
	EventSXid      = "sxid"             // of an NVSwitch
	EventLost      = "fallen-off-bus"   // without an Xid
	EventInit      = "init-failed"      // RmInitAdapter failed
	EventOpen      = "open-module-only" // the GPU requires the open module
	EventUnserved  = "not-supported"    // the GPU is not supported by this release
	EventFabricVer = "fabric-version"   // the fabric manager refused the driver's version
)

// When an event happened. Only BootNow speaks about the machine as it is.
const (
	BootNow     = "current"  // since the machine, and the driver, started
	BootBefore  = "earlier"  // before the last start
	BootUnknown = "unknown"  // the log does not show where the last start was
	BootReload  = "reloaded" // before the driver was last loaded
)

// Pair is how two GPUs of Devices reach each other.
type Pair struct {
	A string `json:"a"` // PCI address
	B string `json:"b"`
	// Level is that of nvidia-smi topo -m: "NV12", "PIX", "PXB", "PHB",
	// "NODE" or "SYS".
	Level string `json:"level"`
}

// IOMMUState is how the kernel translates the addresses of devices.
type IOMMUState struct {
	Groups int `json:"groups"`
	// Types counts the groups of each domain type: "DMA", "DMA-FQ", "identity".
	Types map[string]int `json:"types,omitempty"`
}

// Bridge is a PCI bridge above a GPU with its access control services.
type Bridge struct {
	Address string `json:"address"`
	// Redirects means that the bridge sends traffic between devices up to the
	// processor (P2P Request Redirect or Completion Redirect is enabled).
	Redirects bool `json:"redirects"`
	// Control is the register in hexadecimal digits: "001d".
	Control string `json:"control"`
	// GPUs below the bridge, by address.
	GPUs []string `json:"gpus"`
}

// NUMA is where the examined process may run and where the GPUs are. Lists of
// processors are written as the kernel writes them: "0-15,32-47".
type NUMA struct {
	Allowed string `json:"allowed_cpus"`
	Online  string `json:"online_cpus"`
	// Local is the processors next to each GPU, by PCI address.
	Local map[string]string `json:"local_cpus"`
}

// Adapter is a network adapter with RDMA.
type Adapter struct {
	Name   string `json:"name"`   // "mlx5_0"
	Driver string `json:"driver"` // "mlx5_core"
	// LinkLayer is "InfiniBand" or "Ethernet"; Active is the state of port 1.
	LinkLayer string `json:"link_layer"`
	Active    bool   `json:"active"`
}

// MIGCapability is a compute instance as the driver's files show it.
type MIGCapability struct {
	GPU      int    `json:"gpu"` // the minor number of the GPU's device node
	Instance string `json:"instance"`
}

// Compiler is the nvcc that a shell finds.
type Compiler struct {
	Path    string `json:"path"`    // on PATH
	Toolkit string `json:"toolkit"` // the directory that holds bin/nvcc
	Version string `json:"version,omitempty"`
}
