// SPDX-License-Identifier: Apache-2.0

package facts

import (
	"bytes"
	"encoding/json"
	"strings"
)

// Device is one GPU as CUDA would see it. Everything below Source is known
// through NVML only, and nil or empty where the GPU does not tell.
type Device struct {
	Index int `json:"index"`
	// Name from the driver or, without one, from the table of PCI numbers.
	Name string `json:"name,omitempty"`
	UUID string `json:"uuid,omitempty"`
	PCI  string `json:"pci"`
	// MemoryBytes is all of the GPU's memory, and MemoryUsed what is taken.
	MemoryBytes uint64 `json:"memory_bytes,omitempty"`
	MemoryUsed  uint64 `json:"memory_used_bytes,omitempty"`
	// ComputeCapability is "8.9", or empty for a PCI number not in the table.
	ComputeCapability string `json:"compute_capability,omitempty"`
	Architecture      string `json:"architecture,omitempty"`
	// PersistenceMode is "on" or "off"; ComputeMode is "default", "exclusive"
	// or "prohibited".
	PersistenceMode string `json:"persistence_mode,omitempty"`
	ComputeMode     string `json:"compute_mode,omitempty"`
	MIG             *MIG   `json:"mig,omitempty"`
	// Source is "nvml" or "files".
	Source string `json:"source"`
	// Fault is why NVML could not describe the GPU: FaultLost, FaultTimeout or
	// the library's own words.
	Fault string `json:"fault,omitempty"`

	ECC          *ECC          `json:"ecc,omitempty"`
	RemappedRows *RemappedRows `json:"remapped_rows,omitempty"`
	// RetirementPending is set on GPUs before Ampere, which retire pages of
	// memory instead of remapping rows.
	RetirementPending bool    `json:"page_retirement_pending,omitempty"`
	Clocks            *Clocks `json:"clocks,omitempty"`
	// ThrottleReasons are the words of nvidia-smi: "hw_thermal_slowdown".
	ThrottleReasons []string `json:"throttle_reasons,omitempty"`
	// Temperature and SlowdownTemperature are in degrees Celsius.
	Temperature         int `json:"temperature,omitempty"`
	SlowdownTemperature int `json:"slowdown_temperature,omitempty"`
	// Power, PowerLimit and DefaultPowerLimit are in watts.
	Power             float64   `json:"power,omitempty"`
	PowerLimit        float64   `json:"power_limit,omitempty"`
	DefaultPowerLimit float64   `json:"default_power_limit,omitempty"`
	Processes         []Process `json:"processes,omitempty"`
	NVLink            []NVLink  `json:"nvlink,omitempty"`
	// Fabric is how far the GPU has joined its NVLink fabric: one of the Fabric
	// constants, or "" for a GPU without one.
	Fabric string `json:"fabric,omitempty"`
}

// States of a GPU in its NVLink fabric. CUDA works in FabricCompleted only.
const (
	FabricNotStarted = "not started"
	FabricInProgress = "in progress"
	FabricCompleted  = "completed"
	// FabricFailed: the GPU finished joining, with an error.
	FabricFailed = "failed"
)

// Faults of a GPU that checks branch on.
const (
	FaultLost    = "GPU is lost"
	FaultTimeout = "no answer in time"
)

// ECC is the error counters of a GPU. Volatile ones count since the driver was
// loaded, aggregate ones over the life of the GPU.
type ECC struct {
	Mode                 string `json:"mode"` // "on" or "off"
	CorrectedVolatile    uint64 `json:"corrected_volatile"`
	UncorrectedVolatile  uint64 `json:"uncorrected_volatile"`
	CorrectedAggregate   uint64 `json:"corrected_aggregate"`
	UncorrectedAggregate uint64 `json:"uncorrected_aggregate"`
	// SRAMAggregate is the uncorrected errors of on-chip memories, the number
	// that NVIDIA's rules for replacement use.
	SRAMAggregate uint64 `json:"sram_uncorrected_aggregate"`
}

// RemappedRows is the state of row remapping, on Ampere and later.
type RemappedRows struct {
	Correctable   int  `json:"correctable"`
	Uncorrectable int  `json:"uncorrectable"`
	Pending       bool `json:"pending"`
	Failed        bool `json:"failed"`
}

// Clocks are in MHz.
type Clocks struct {
	SM        int `json:"sm"`
	Memory    int `json:"memory"`
	MaxSM     int `json:"max_sm,omitempty"`
	MaxMemory int `json:"max_memory,omitempty"`
}

// Process uses a GPU. Its number is that of the host's process namespace.
type Process struct {
	PID         uint32 `json:"pid"`
	MemoryBytes uint64 `json:"memory_bytes,omitempty"`
}

// NVLink is one link of a GPU.
type NVLink struct {
	Link   int  `json:"link"`
	Active bool `json:"active"`
	// Peer is the PCI address at the other end, or ""; Switch says that an
	// NVSwitch is there.
	Peer   string `json:"peer,omitempty"`
	Switch bool   `json:"switch,omitempty"`
}

// MIG is the multi-instance mode of a GPU. In JSON the mode alone, as a
// string, is read too.
type MIG struct {
	Mode      string        `json:"mode"` // "on" or "off"
	Instances []MIGInstance `json:"instances,omitempty"`
}

// MIGInstance is a compute instance that CUDA can use.
type MIGInstance struct {
	UUID        string `json:"uuid"`
	Name        string `json:"name,omitempty"`
	MemoryBytes uint64 `json:"memory_bytes,omitempty"`
}

// UnmarshalJSON accepts {"mode": "on"} and "on". Instances may be written as
// their UUIDs.
func (m *MIG) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte(`"`)) {
		m.Instances = nil
		return json.Unmarshal(data, &m.Mode)
	}
	type plain MIG
	return json.Unmarshal(data, (*plain)(m))
}

// UnmarshalJSON accepts an object and a UUID.
func (i *MIGInstance) UnmarshalJSON(data []byte) error {
	if bytes.HasPrefix(bytes.TrimSpace(data), []byte(`"`)) {
		*i = MIGInstance{}
		return json.Unmarshal(data, &i.UUID)
	}
	type plain MIGInstance
	return json.Unmarshal(data, (*plain)(i))
}

// On reports whether a GPU is in MIG mode.
func (m *MIG) On() bool {
	return m != nil && (strings.EqualFold(m.Mode, "on") || strings.EqualFold(m.Mode, "enabled"))
}

// IntegratedGPU is a GPU that is part of the processor and on no PCI bus.
type IntegratedGPU struct {
	Name string `json:"name"` // "Jetson"
	// Release of Jetson Linux, "36.4.3"; "" where it is not told.
	Release string `json:"release,omitempty"`
}
