// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package nvml

import (
	"fmt"

	"github.com/NVIDIA/go-nvml/pkg/nvml"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// health asks for the errors of a GPU's memory.
func health(out *facts.Device, d nvml.Device, has func(string) bool) {
	if mode, _, ret := d.GetEccMode(); ret == nvml.SUCCESS {
		out.ECC = &facts.ECC{Mode: onOff(int(mode))}
		if mode != nvml.FEATURE_DISABLED {
			counters(out.ECC, d)
		}
	}
	if has("nvmlDeviceGetRemappedRows") {
		if corrected, uncorrected, pending, failed, ret := d.GetRemappedRows(); ret == nvml.SUCCESS {
			out.RemappedRows = &facts.RemappedRows{Correctable: corrected, Uncorrectable: uncorrected, Pending: pending, Failed: failed}
			return
		}
	}
	if pending, ret := d.GetRetiredPagesPendingStatus(); ret == nvml.SUCCESS {
		out.RetirementPending = pending != nvml.FEATURE_DISABLED
	}
}

func counters(ecc *facts.ECC, d nvml.Device) {
	total := func(kind nvml.MemoryErrorType, span nvml.EccCounterType) uint64 {
		n, ret := d.GetTotalEccErrors(kind, span)
		return known(n, ret)
	}
	ecc.CorrectedVolatile = total(nvml.MEMORY_ERROR_TYPE_CORRECTED, nvml.VOLATILE_ECC)
	ecc.UncorrectedVolatile = total(nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.VOLATILE_ECC)
	ecc.CorrectedAggregate = total(nvml.MEMORY_ERROR_TYPE_CORRECTED, nvml.AGGREGATE_ECC)
	ecc.UncorrectedAggregate = total(nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.AGGREGATE_ECC)
	ecc.SRAMAggregate = known(d.GetMemoryErrorCounter(nvml.MEMORY_ERROR_TYPE_UNCORRECTED, nvml.AGGREGATE_ECC, nvml.MEMORY_LOCATION_SRAM))
}

// known is a number that was answered, else 0.
func known[N uint32 | uint64](n N, ret nvml.Return) N {
	if ret != nvml.SUCCESS {
		return 0
	}
	return n
}

// load asks for clocks, what holds them down, heat, power and programs.
func load(out *facts.Device, d nvml.Device, has func(string) bool) {
	if sm, ret := d.GetClockInfo(nvml.CLOCK_SM); ret == nvml.SUCCESS {
		out.Clocks = &facts.Clocks{
			SM: int(sm), Memory: int(known(d.GetClockInfo(nvml.CLOCK_MEM))),
			MaxSM: int(known(d.GetMaxClockInfo(nvml.CLOCK_SM))), MaxMemory: int(known(d.GetMaxClockInfo(nvml.CLOCK_MEM))),
		}
	}
	out.ThrottleReasons = reasons(clockEvents(d, has))
	out.Temperature = int(known(d.GetTemperature(nvml.TEMPERATURE_GPU)))
	out.SlowdownTemperature = int(known(d.GetTemperatureThreshold(nvml.TEMPERATURE_THRESHOLD_SLOWDOWN)))
	out.Power = watts(known(d.GetPowerUsage()))
	out.PowerLimit = watts(known(d.GetEnforcedPowerLimit()))
	out.DefaultPowerLimit = watts(known(d.GetPowerManagementDefaultLimit()))
	programs, ret := d.GetComputeRunningProcesses()
	if ret != nvml.SUCCESS {
		return
	}
	for _, p := range programs[:min(len(programs), maxProcesses)] {
		q := facts.Process{PID: p.Pid, MemoryBytes: p.UsedGpuMemory}
		if q.MemoryBytes == notAvailable {
			q.MemoryBytes = 0
		}
		out.Processes = append(out.Processes, q)
	}
}

const (
	maxProcesses = 256
	// notAvailable stands for a size that NVML may not tell.
	notAvailable = ^uint64(0)
)

// watts converts NVML's milliwatts.
func watts(milli uint32) float64 { return float64(milli) / 1000 }

// clockEvents asks for the reasons under the name that the library knows: the
// function was renamed in driver 535.
func clockEvents(d nvml.Device, has func(string) bool) uint64 {
	if has("nvmlDeviceGetCurrentClocksEventReasons") {
		return known(d.GetCurrentClocksEventReasons())
	}
	if has("nvmlDeviceGetCurrentClocksThrottleReasons") {
		return known(d.GetCurrentClocksThrottleReasons())
	}
	return 0
}

// reasonNames are the bits of nvml.h in the words of nvidia-smi.
var reasonNames = []struct {
	bit  uint64
	name string
}{
	{nvml.ClocksEventReasonGpuIdle, "gpu_idle"},
	{nvml.ClocksEventReasonApplicationsClocksSetting, "applications_clocks_setting"},
	{nvml.ClocksEventReasonSwPowerCap, "sw_power_cap"},
	{nvml.ClocksThrottleReasonHwSlowdown, "hw_slowdown"},
	{nvml.ClocksEventReasonSyncBoost, "sync_boost"},
	{nvml.ClocksEventReasonSwThermalSlowdown, "sw_thermal_slowdown"},
	{nvml.ClocksThrottleReasonHwThermalSlowdown, "hw_thermal_slowdown"},
	{nvml.ClocksThrottleReasonHwPowerBrakeSlowdown, "hw_power_brake_slowdown"},
	{nvml.ClocksEventReasonDisplayClockSetting, "display_clock_setting"},
}

func reasons(bits uint64) []string {
	var out []string
	for _, r := range reasonNames {
		if bits&r.bit != 0 {
			out = append(out, r.name)
		}
	}
	return out
}

// links asks for the state of each NVLink. The first number that the GPU does
// not have ends the list.
func links(out *facts.Device, d nvml.Device, has func(string) bool) {
	for i := range nvml.NVLINK_MAX_LINKS {
		state, ret := d.GetNvLinkState(i)
		if ret != nvml.SUCCESS {
			return
		}
		l := facts.NVLink{Link: i, Active: state != nvml.FEATURE_DISABLED}
		if l.Active {
			peer(&l, d, has)
		}
		out.NVLink = append(out.NVLink, l)
	}
}

// fabric asks how far a GPU behind NVSwitch chips has joined the fabric.
func fabric(out *facts.Device, d nvml.Device, has func(string) bool) {
	if !has("nvmlDeviceGetGpuFabricInfo") {
		return
	}
	info, ret := d.GetGpuFabricInfo()
	if ret != nvml.SUCCESS {
		return
	}
	out.Fabric = map[uint8]string{
		nvml.GPU_FABRIC_STATE_NOT_STARTED: facts.FabricNotStarted,
		nvml.GPU_FABRIC_STATE_IN_PROGRESS: facts.FabricInProgress,
		nvml.GPU_FABRIC_STATE_COMPLETED:   facts.FabricCompleted,
	}[info.State]
	// The status has a meaning in the last state only.
	if out.Fabric == facts.FabricCompleted && nvml.Return(info.Status) != nvml.SUCCESS {
		out.Fabric = facts.FabricFailed
	}
}

// peer asks what is at the other end of a link.
func peer(l *facts.NVLink, d nvml.Device, has func(string) bool) {
	if info, ret := d.GetNvLinkRemotePciInfo(l.Link); ret == nvml.SUCCESS {
		l.Peer = pciAddress(info)
	}
	if has("nvmlDeviceGetNvLinkRemoteDeviceType") {
		kind, ret := d.GetNvLinkRemoteDeviceType(l.Link)
		l.Switch = ret == nvml.SUCCESS && kind == nvml.NVLINK_DEVICE_TYPE_SWITCH
	}
}

// evidence quotes the calls behind what checks look at.
func evidence(devices []facts.Device) []fact.Evidence {
	out := []fact.Evidence{fact.Call("nvmlDeviceGetCount", fmt.Sprint(len(devices)))}
	for _, d := range devices {
		note := func(call, format string, values ...any) {
			out = append(out, fact.Call(call, fmt.Sprintf("GPU %d: ", d.Index)+fmt.Sprintf(format, values...)))
		}
		if d.Fault != "" {
			note("nvmlDeviceGetHandleByIndex", "%s", d.Fault)
		}
		if d.ECC != nil && d.ECC.UncorrectedVolatile+d.ECC.UncorrectedAggregate > 0 {
			note("nvmlDeviceGetTotalEccErrors", "uncorrected %d, over its life %d", d.ECC.UncorrectedVolatile, d.ECC.UncorrectedAggregate)
		}
		if r := d.RemappedRows; r != nil && (r.Pending || r.Failed) {
			note("nvmlDeviceGetRemappedRows", "pending %v, failed %v", r.Pending, r.Failed)
		}
		if len(d.ThrottleReasons) > 0 {
			note("nvmlDeviceGetCurrentClocksEventReasons", "%v", d.ThrottleReasons)
		}
		if d.Fabric != "" && d.Fabric != facts.FabricCompleted {
			note("nvmlDeviceGetGpuFabricInfo", "%s", d.Fabric)
		}
		if d.MIG.On() {
			note("nvmlDeviceGetMigMode", "on, %d instances", len(d.MIG.Instances))
		}
	}
	return out[:min(len(out), maxProcesses)]
}
