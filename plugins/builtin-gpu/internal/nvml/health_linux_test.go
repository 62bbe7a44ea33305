// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package nvml

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxa100"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxh100"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/server"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// completeHealth makes a mock a healthy, idle GPU.
func completeHealth(d *server.Device) {
	number := func(n uint32) func() (uint32, nvml.Return) {
		return func() (uint32, nvml.Return) { return n, nvml.SUCCESS }
	}
	d.GetEccModeFunc = func() (nvml.EnableState, nvml.EnableState, nvml.Return) {
		return nvml.FEATURE_ENABLED, nvml.FEATURE_ENABLED, nvml.SUCCESS
	}
	d.GetTotalEccErrorsFunc = func(nvml.MemoryErrorType, nvml.EccCounterType) (uint64, nvml.Return) { return 0, nvml.SUCCESS }
	d.GetMemoryErrorCounterFunc = func(nvml.MemoryErrorType, nvml.EccCounterType, nvml.MemoryLocation) (uint64, nvml.Return) {
		return 0, nvml.SUCCESS
	}
	d.GetRemappedRowsFunc = func() (int, int, bool, bool, nvml.Return) { return 0, 0, false, false, nvml.SUCCESS }
	d.GetRetiredPagesPendingStatusFunc = func() (nvml.EnableState, nvml.Return) { return 0, nvml.ERROR_NOT_SUPPORTED }
	d.GetClockInfoFunc = func(kind nvml.ClockType) (uint32, nvml.Return) {
		return map[nvml.ClockType]uint32{nvml.CLOCK_SM: 345, nvml.CLOCK_MEM: 2619}[kind], nvml.SUCCESS
	}
	d.GetMaxClockInfoFunc = func(kind nvml.ClockType) (uint32, nvml.Return) {
		return map[nvml.ClockType]uint32{nvml.CLOCK_SM: 1980, nvml.CLOCK_MEM: 2619}[kind], nvml.SUCCESS
	}
	d.GetCurrentClocksEventReasonsFunc = func() (uint64, nvml.Return) { return nvml.ClocksEventReasonGpuIdle, nvml.SUCCESS }
	d.GetTemperatureFunc = func(nvml.TemperatureSensors) (uint32, nvml.Return) { return 31, nvml.SUCCESS }
	d.GetTemperatureThresholdFunc = func(nvml.TemperatureThresholds) (uint32, nvml.Return) { return 92, nvml.SUCCESS }
	d.GetPowerUsageFunc = number(71500)
	d.GetEnforcedPowerLimitFunc = number(700000)
	d.GetPowerManagementDefaultLimitFunc = number(700000)
	d.GetComputeRunningProcessesFunc = func() ([]nvml.ProcessInfo, nvml.Return) { return nil, nvml.SUCCESS }
	d.GetNvLinkStateFunc = func(link int) (nvml.EnableState, nvml.Return) {
		switch link {
		case 0:
			return nvml.FEATURE_ENABLED, nvml.SUCCESS
		case 1:
			return nvml.FEATURE_DISABLED, nvml.SUCCESS
		}
		return 0, nvml.ERROR_INVALID_ARGUMENT
	}
	d.GetGpuFabricInfoFunc = func() (nvml.GpuFabricInfo, nvml.Return) {
		return nvml.GpuFabricInfo{State: nvml.GPU_FABRIC_STATE_COMPLETED}, nvml.SUCCESS
	}
	d.GetNvLinkRemotePciInfoFunc = func(int) (nvml.PciInfo, nvml.Return) { return nvml.PciInfo{Bus: 5}, nvml.SUCCESS }
	d.GetNvLinkRemoteDeviceTypeFunc = func(int) (nvml.IntNvLinkDeviceType, nvml.Return) {
		return nvml.NVLINK_DEVICE_TYPE_SWITCH, nvml.SUCCESS
	}
}

// TestFailingMemory: counters and remapping come with the calls that told them.
func TestFailingMemory(t *testing.T) {
	s := complete(dgxh100.New())
	d := s.Devices[2].(*server.Device)
	d.GetTotalEccErrorsFunc = func(kind nvml.MemoryErrorType, span nvml.EccCounterType) (uint64, nvml.Return) {
		return uint64(1 + 10*int(kind) + 100*int(span)), nvml.SUCCESS
	}
	d.GetMemoryErrorCounterFunc = func(nvml.MemoryErrorType, nvml.EccCounterType, nvml.MemoryLocation) (uint64, nvml.Return) {
		return 7, nvml.SUCCESS
	}
	d.GetRemappedRowsFunc = func() (int, int, bool, bool, nvml.Return) { return 3, 2, true, false, nvml.SUCCESS }
	got := ask(s, time.Minute)
	if want := (facts.ECC{Mode: "on", CorrectedVolatile: 1, UncorrectedVolatile: 11, CorrectedAggregate: 101, UncorrectedAggregate: 111, SRAMAggregate: 7}); *got.Devices[2].ECC != want {
		t.Errorf("%+v, want %+v", *got.Devices[2].ECC, want)
	}
	if want := (facts.RemappedRows{Correctable: 3, Uncorrectable: 2, Pending: true}); *got.Devices[2].RemappedRows != want {
		t.Errorf("%+v", *got.Devices[2].RemappedRows)
	}
	for _, want := range []string{"GPU 2: uncorrected 11, over its life 111", "GPU 2: pending true, failed false"} {
		if !slices.ContainsFunc(got.Evidence, func(e fact.Evidence) bool { return e.Value == want }) {
			t.Errorf("no evidence %q in %+v", want, got.Evidence)
		}
	}
}

// TestBusyGPU: what holds clocks down and who runs; a size that may not be told
// is none.
func TestBusyGPU(t *testing.T) {
	s := complete(dgxa100.New())
	d := s.Devices[0].(*server.Device)
	d.GetCurrentClocksEventReasonsFunc = func() (uint64, nvml.Return) {
		return nvml.ClocksThrottleReasonHwSlowdown | nvml.ClocksThrottleReasonHwThermalSlowdown | nvml.ClocksEventReasonSwPowerCap, nvml.SUCCESS
	}
	d.GetComputeRunningProcessesFunc = func() ([]nvml.ProcessInfo, nvml.Return) {
		return []nvml.ProcessInfo{{Pid: 4711, UsedGpuMemory: 5 << 30}, {Pid: 4712, UsedGpuMemory: notAvailable}}, nvml.SUCCESS
	}
	d.MemoryInfo.Used = 6 << 30
	got := ask(s, time.Minute).Devices[0]
	if want := "sw_power_cap hw_slowdown hw_thermal_slowdown"; strings.Join(got.ThrottleReasons, " ") != want {
		t.Errorf("reasons %q, want %q", got.ThrottleReasons, want)
	}
	if want := []facts.Process{{PID: 4711, MemoryBytes: 5 << 30}, {PID: 4712}}; !slices.Equal(got.Processes, want) || got.MemoryUsed != 6<<30 {
		t.Errorf("processes %+v, used %d", got.Processes, got.MemoryUsed)
	}
}

// TestOldNamesOfTheClockEvents: a driver before 535 is asked by the old name.
func TestOldNamesOfTheClockEvents(t *testing.T) {
	s := complete(dgxa100.New())
	s.LookupSymbolFunc = func(symbol string) error {
		if symbol == "nvmlDeviceGetCurrentClocksEventReasons" {
			return errors.New("undefined symbol")
		}
		return nil
	}
	for i := range s.Devices {
		s.Devices[i].(*server.Device).GetCurrentClocksThrottleReasonsFunc = func() (uint64, nvml.Return) {
			return nvml.ClocksThrottleReasonHwPowerBrakeSlowdown, nvml.SUCCESS
		}
	}
	if got := ask(s, time.Minute).Devices[0].ThrottleReasons; !slices.Equal(got, []string{"hw_power_brake_slowdown"}) {
		t.Errorf("%q", got)
	}
}

// TestInstances: a GPU in MIG mode with two instances among seven numbers.
func TestInstances(t *testing.T) {
	s := complete(dgxa100.New())
	d := s.Devices[1].(*server.Device)
	d.MigMode = 1
	d.GetMaxMigDeviceCountFunc = func() (int, nvml.Return) { return 7, nvml.SUCCESS }
	d.GetMigDeviceHandleByIndexFunc = func(i int) (nvml.Device, nvml.Return) {
		if i != 0 && i != 3 {
			return nil, nvml.ERROR_NOT_FOUND
		}
		return &mock.Device{
			GetUUIDFunc:       func() (string, nvml.Return) { return "MIG-" + string(rune('a'+i)), nvml.SUCCESS },
			GetNameFunc:       func() (string, nvml.Return) { return "NVIDIA A100-SXM4-40GB MIG 1g.5gb", nvml.SUCCESS },
			GetMemoryInfoFunc: func() (nvml.Memory, nvml.Return) { return nvml.Memory{Total: 5 << 30}, nvml.SUCCESS },
		}, nvml.SUCCESS
	}
	got := ask(s, time.Minute).Devices[1].MIG
	if !got.On() || len(got.Instances) != 2 || got.Instances[1].UUID != "MIG-d" || got.Instances[1].MemoryBytes != 5<<30 {
		t.Errorf("%+v", got)
	}
}

// TestRetiredPages: a GPU without row remapping retires pages.
func TestRetiredPages(t *testing.T) {
	s := complete(dgxa100.New())
	d := s.Devices[0].(*server.Device)
	d.GetRemappedRowsFunc = func() (int, int, bool, bool, nvml.Return) { return 0, 0, false, false, nvml.ERROR_NOT_SUPPORTED }
	d.GetRetiredPagesPendingStatusFunc = func() (nvml.EnableState, nvml.Return) { return nvml.FEATURE_ENABLED, nvml.SUCCESS }
	if got := ask(s, time.Minute).Devices[0]; !got.RetirementPending || got.RemappedRows != nil {
		t.Errorf("%+v", got)
	}
}

// TestDeviceThatHangs costs its own description only, and the library is not
// shut down under the call.
func TestDeviceThatHangs(t *testing.T) {
	s := complete(dgxh100.New())
	release := make(chan struct{})
	defer close(release)
	s.Devices[5].(*server.Device).GetNameFunc = func() (string, nvml.Return) { <-release; return "", nvml.ERROR_TIMEOUT }
	s.ShutdownFunc = func() nvml.Return { panic("shut down under a call that hangs") }
	var got Reading
	// The hang takes all the time that there is, which must be enough for the others.
	for limit := 200 * time.Millisecond; limit < time.Minute; limit *= 2 {
		if got = ask(s, limit); len(got.Devices) == 8 && got.Devices[4].Name != "" {
			break
		}
	}
	if len(got.Devices) != 8 || got.Devices[5].Fault != facts.FaultTimeout || got.Devices[4].Name == "" || got.Status != facts.NVMLOk {
		t.Errorf("%+v", got)
	}
}

// TestDeviceThatIsLost: NVML keeps the handle of a GPU that fell off the bus.
func TestDeviceThatIsLost(t *testing.T) {
	s := complete(dgxh100.New())
	s.Devices[6].(*server.Device).GetMemoryInfoFunc = func() (nvml.Memory, nvml.Return) { return nvml.Memory{}, nvml.ERROR_GPU_IS_LOST }
	if got := ask(s, time.Minute).Devices[6]; got.Fault != facts.FaultLost || got.PCI != "0000:16:00.0" {
		t.Errorf("%+v", got)
	}
}

// TestFabricState: a GPU that has not joined its fabric, and one without any.
func TestFabricState(t *testing.T) {
	s := complete(dgxh100.New())
	s.Devices[0].(*server.Device).GetGpuFabricInfoFunc = func() (nvml.GpuFabricInfo, nvml.Return) {
		return nvml.GpuFabricInfo{State: nvml.GPU_FABRIC_STATE_IN_PROGRESS}, nvml.SUCCESS
	}
	s.Devices[1].(*server.Device).GetGpuFabricInfoFunc = func() (nvml.GpuFabricInfo, nvml.Return) {
		return nvml.GpuFabricInfo{State: nvml.GPU_FABRIC_STATE_NOT_SUPPORTED}, nvml.SUCCESS
	}
	s.Devices[3].(*server.Device).GetGpuFabricInfoFunc = func() (nvml.GpuFabricInfo, nvml.Return) {
		return nvml.GpuFabricInfo{State: nvml.GPU_FABRIC_STATE_COMPLETED, Status: uint32(nvml.ERROR_UNKNOWN)}, nvml.SUCCESS
	}
	got := ask(s, time.Minute).Devices
	if got[0].Fabric != facts.FabricInProgress || got[1].Fabric != "" || got[2].Fabric != facts.FabricCompleted || got[3].Fabric != facts.FabricFailed {
		t.Errorf("%q, %q, %q, %q", got[0].Fabric, got[1].Fabric, got[2].Fabric, got[3].Fabric)
	}
}
