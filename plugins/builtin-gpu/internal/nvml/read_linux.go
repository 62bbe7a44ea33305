// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package nvml

import (
	"fmt"
	"strings"

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

// Read asks the library at path, or the one that the loader finds.
func Read(path string) Reading {
	if path == "" {
		return ask(nvml.New())
	}
	return ask(nvml.New(nvml.WithLibraryPath(path)))
}

func ask(lib library) Reading {
	if ret := lib.Init(); ret != nvml.SUCCESS {
		return Reading{Status: status(lib, ret)}
	}
	defer func() { _ = lib.Shutdown() }() // the process ends soon either way
	out := Reading{Status: facts.NVMLOk}
	if v, ret := lib.SystemGetDriverVersion(); ret == nvml.SUCCESS {
		out.Driver = v
	}
	if n, ret := lib.SystemGetCudaDriverVersion(); ret == nvml.SUCCESS {
		out.CUDA = cudaVersion(n)
	}
	count, ret := lib.DeviceGetCount()
	if ret != nvml.SUCCESS {
		return Reading{Status: status(lib, ret)}
	}
	has := lookup(lib)
	for i := range min(count, maxDevices) {
		out.Devices = append(out.Devices, device(lib, has, i))
	}
	return out
}

// maxDevices bounds a count that no machine has.
const maxDevices = 1024

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

// device asks about one GPU. What the GPU does not support stays empty.
func device(lib library, has func(string) bool, index int) facts.Device {
	out := facts.Device{Index: index, Source: "nvml"}
	d, ret := lib.DeviceGetHandleByIndex(index)
	if ret != nvml.SUCCESS {
		return out
	}
	out.Name = text(d.GetName())
	out.UUID = text(d.GetUUID())
	if info, ret := d.GetPciInfo(); ret == nvml.SUCCESS {
		out.PCI = pciAddress(info)
	}
	if memory, ret := d.GetMemoryInfo(); ret == nvml.SUCCESS {
		out.MemoryBytes = memory.Total
	}
	if major, minor, ret := d.GetCudaComputeCapability(); ret == nvml.SUCCESS {
		out.ComputeCapability = fmt.Sprintf("%d.%d", major, minor)
	}
	modes(&out, d, has)
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
	if has("nvmlDeviceGetMigMode") {
		if current, _, ret := d.GetMigMode(); ret == nvml.SUCCESS {
			out.MIG = onOff(current)
		}
	}
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
