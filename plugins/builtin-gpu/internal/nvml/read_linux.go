// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package nvml

import (
	"fmt"
	"strings"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
)

// library is the part of NVML that is used. All of it is in driver 450.
type library interface {
	Init() nvml.Return
	Shutdown() nvml.Return
	ErrorString(nvml.Return) string
	SystemGetDriverVersion() (string, nvml.Return)
	SystemGetCudaDriverVersion() (int, nvml.Return)
	DeviceGetCount() (int, nvml.Return)
	DeviceGetHandleByIndex(int) (nvml.Device, nvml.Return)
	Extensions() nvml.ExtendedInterface
}

// patience bounds the wait for the GPUs' answers. Waking eight of them without
// the persistence daemon takes seconds; one that is lost takes for ever.
const patience = 8 * time.Second

// Read asks the library at path, or the one that the loader finds.
func Read(path string) Reading {
	if path == "" {
		return ask(nvml.New(), patience)
	}
	return ask(nvml.New(nvml.WithLibraryPath(path)), patience)
}

func ask(lib library, wait time.Duration) Reading {
	if ret := lib.Init(); ret != nvml.SUCCESS {
		return Reading{Status: status(lib, ret)}
	}
	out := Reading{Status: facts.NVMLOk}
	if v, ret := lib.SystemGetDriverVersion(); ret == nvml.SUCCESS {
		out.Driver = v
	}
	if n, ret := lib.SystemGetCudaDriverVersion(); ret == nvml.SUCCESS {
		out.CUDA = cudaVersion(n)
	}
	count, ret := lib.DeviceGetCount()
	if ret != nvml.SUCCESS {
		_ = lib.Shutdown() // nothing more is asked either way
		return Reading{Status: status(lib, ret)}
	}
	devices, all := askDevices(lib, min(count, maxDevices), wait)
	out.Devices, out.Evidence = devices, evidence(devices)
	if all {
		_ = lib.Shutdown() // while a call hangs, this one would too
	}
	return out
}

// maxDevices bounds a count that no machine has.
const maxDevices = 1024

// askDevices describes every GPU at the same time. A GPU that does not answer
// in time costs its own description and no other; all tells whether every one
// answered.
func askDevices(lib library, count int, wait time.Duration) (devices []facts.Device, all bool) {
	answers := make(chan facts.Device, count)
	has := lookup(lib)
	devices = make([]facts.Device, count)
	for i := range count {
		devices[i] = facts.Device{Index: i, Source: "nvml", Fault: facts.FaultTimeout}
		go func() { answers <- device(lib, has, i) }()
	}
	deadline := time.After(wait)
	for range count {
		select {
		case d := <-answers:
			devices[d.Index] = d
		case <-deadline:
			return devices, false
		}
	}
	return devices, true
}

// lookup reports whether the loaded library has a function.
func lookup(lib library) func(string) bool {
	return func(symbol string) bool { return lib.Extensions().LookupSymbol(symbol) == nil }
}

// status spells the answers that readers of the fact branch on; the others are
// the library's own words.
func status(lib library, ret nvml.Return) string {
	switch ret {
	case nvml.ERROR_LIBRARY_NOT_FOUND:
		return facts.NVMLNoLibrary
	case nvml.ERROR_DRIVER_NOT_LOADED:
		return facts.NVMLNoDriver
	case nvml.ERROR_LIB_RM_VERSION_MISMATCH:
		return facts.NVMLMismatch
	case nvml.ERROR_NO_PERMISSION:
		return facts.NVMLPermission
	}
	return fmt.Sprintf("error %d: %s", int(ret), lib.ErrorString(ret))
}

// fault names why a GPU has no handle.
func fault(lib library, ret nvml.Return) string {
	if ret == nvml.ERROR_GPU_IS_LOST {
		return facts.FaultLost
	}
	return status(lib, ret)
}

// device asks about one GPU. What the GPU does not support stays empty.
func device(lib library, has func(string) bool, index int) facts.Device {
	out := facts.Device{Index: index, Source: "nvml"}
	d, ret := lib.DeviceGetHandleByIndex(index)
	if ret != nvml.SUCCESS {
		out.Fault = fault(lib, ret)
		return out
	}
	out.Name = text(d.GetName())
	out.UUID = text(d.GetUUID())
	if info, ret := d.GetPciInfo(); ret == nvml.SUCCESS {
		out.PCI = pciAddress(info)
	}
	memory, ret := d.GetMemoryInfo()
	switch ret {
	case nvml.SUCCESS:
		out.MemoryBytes, out.MemoryUsed = memory.Total, memory.Used
	case nvml.ERROR_GPU_IS_LOST:
		out.Fault = facts.FaultLost
		return out
	}
	if major, minor, ret := d.GetCudaComputeCapability(); ret == nvml.SUCCESS {
		out.ComputeCapability = fmt.Sprintf("%d.%d", major, minor)
	}
	modes(&out, d, has)
	health(&out, d, has)
	load(&out, d, has)
	links(&out, d, has)
	fabric(&out, d, has)
	return out
}

func text(s string, ret nvml.Return) string {
	if ret != nvml.SUCCESS {
		return ""
	}
	return s
}

// modes asks for the switches that an administrator sets on a GPU.
func modes(out *facts.Device, d nvml.Device, has func(string) bool) {
	if mode, ret := d.GetPersistenceMode(); ret == nvml.SUCCESS {
		out.PersistenceMode = onOff(int(mode))
	}
	if mode, ret := d.GetComputeMode(); ret == nvml.SUCCESS {
		out.ComputeMode = computeMode(mode)
	}
	if !has("nvmlDeviceGetMigMode") {
		return
	}
	if current, _, ret := d.GetMigMode(); ret == nvml.SUCCESS {
		out.MIG = &facts.MIG{Mode: onOff(current)}
		if current != 0 && has("nvmlDeviceGetMaxMigDeviceCount") && has("nvmlDeviceGetMigDeviceHandleByIndex") {
			out.MIG.Instances = instances(d)
		}
	}
}

// instances describes the compute instances of a GPU in MIG mode. The numbers
// that have none answer "not found".
func instances(d nvml.Device) []facts.MIGInstance {
	count, ret := d.GetMaxMigDeviceCount()
	if ret != nvml.SUCCESS {
		return nil
	}
	var out []facts.MIGInstance
	for i := range min(count, maxDevices) {
		part, ret := d.GetMigDeviceHandleByIndex(i)
		if ret != nvml.SUCCESS {
			continue
		}
		instance := facts.MIGInstance{UUID: text(part.GetUUID()), Name: text(part.GetName())}
		if memory, ret := part.GetMemoryInfo(); ret == nvml.SUCCESS {
			instance.MemoryBytes = memory.Total
		}
		out = append(out, instance)
	}
	return out
}

func onOff(n int) string {
	if n == 0 {
		return "off"
	}
	return "on"
}

func computeMode(mode nvml.ComputeMode) string {
	switch mode {
	case nvml.COMPUTEMODE_DEFAULT:
		return "default"
	case nvml.COMPUTEMODE_PROHIBITED:
		return "prohibited"
	case nvml.COMPUTEMODE_EXCLUSIVE_PROCESS, nvml.COMPUTEMODE_EXCLUSIVE_THREAD:
		return "exclusive"
	}
	return ""
}

// pciAddress spells an address as sysfs does: "0000:01:00.0". NVML's own text
// has an eight-digit domain.
func pciAddress(info nvml.PciInfo) string {
	return strings.ToLower(fmt.Sprintf("%04x:%02x:%02x.0", info.Domain, info.Bus, info.Device))
}
