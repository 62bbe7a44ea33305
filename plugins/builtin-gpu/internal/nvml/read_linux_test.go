// SPDX-License-Identifier: Apache-2.0

//go:build cgo && linux

package nvml

import (
	"errors"
	"fmt"
	"os"
	"reflect"
	"sync"
	"testing"
	"time"

	"github.com/NVIDIA/go-nvml/pkg/nvml"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxa100"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxb200"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxh100"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/dgxh200"
	"github.com/NVIDIA/go-nvml/pkg/nvml/mock/server"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
)

// complete fills in the calls that go-nvml's servers leave out.
func complete(s *server.Server) *server.Server {
	for i := range s.Devices {
		d := s.Devices[i].(*server.Device)
		d.GetPersistenceModeFunc = func() (nvml.EnableState, nvml.Return) { return nvml.FEATURE_ENABLED, nvml.SUCCESS }
		d.GetComputeModeFunc = func() (nvml.ComputeMode, nvml.Return) { return nvml.COMPUTEMODE_EXCLUSIVE_PROCESS, nvml.SUCCESS }
		d.GetPciInfoFunc = func() (nvml.PciInfo, nvml.Return) {
			return nvml.PciInfo{Domain: 0, Bus: uint32(0x10 + i), Device: 0}, nvml.SUCCESS
		}
		completeHealth(d)
	}
	return s
}

func TestServers(t *testing.T) {
	for name, c := range map[string]struct {
		server             *server.Server
		model, driver, cap string
		memory             uint64
	}{
		"DGX A100": {dgxa100.New(), "Mock NVIDIA A100-SXM4-40GB", "550.54.15", "8.0", 40960 << 20},
		"DGX H100": {dgxh100.New(), "NVIDIA H100 80GB HBM3", "550.54.15", "9.0", 81920 << 20},
		"DGX H200": {dgxh200.New(), "NVIDIA H200 141GB HBM3e", "550.54.15", "9.0", 144384 << 20},
		"DGX B200": {dgxb200.New(), "NVIDIA B200 180GB HBM3e", "560.28.03", "10.0", 184320 << 20},
	} {
		got := ask(complete(c.server), time.Minute)
		if got.Status != facts.NVMLOk || got.Driver != c.driver || len(got.Devices) != 8 {
			t.Errorf("%s: %+v", name, got)
			continue
		}
		d := got.Devices[1]
		want := facts.Device{
			Index: 1, Name: c.model, UUID: d.UUID, PCI: "0000:11:00.0", MemoryBytes: c.memory, ComputeCapability: c.cap,
			PersistenceMode: "on", ComputeMode: "exclusive", MIG: &facts.MIG{Mode: "off"}, Source: "nvml",
			ECC: &facts.ECC{Mode: "on"}, RemappedRows: &facts.RemappedRows{}, Clocks: &facts.Clocks{SM: 345, Memory: 2619, MaxSM: 1980, MaxMemory: 2619},
			ThrottleReasons: []string{"gpu_idle"}, Temperature: 31, SlowdownTemperature: 92, Power: 71.5, PowerLimit: 700, DefaultPowerLimit: 700,
			NVLink: []facts.NVLink{{Link: 0, Active: true, Peer: "0000:05:00.0", Switch: true}, {Link: 1, Active: false}},
			Fabric: facts.FabricCompleted,
		}
		if !reflect.DeepEqual(d, want) || d.UUID == "" {
			t.Errorf("%s:\n got %+v\nwant %+v", name, d, want)
		}
	}
}

// TestNewFunctionsAreLookedUp: a library without a function is never asked for
// it; calling it would end the process.
func TestNewFunctionsAreLookedUp(t *testing.T) {
	s := complete(dgxa100.New())
	var asked sync.Map
	s.LookupSymbolFunc = func(symbol string) error {
		asked.Store(symbol, true)
		return errors.New("undefined symbol")
	}
	for i := range s.Devices {
		d := s.Devices[i].(*server.Device)
		d.GetMigModeFunc = func() (int, int, nvml.Return) { panic("nvmlDeviceGetMigMode was called without a look") }
		d.GetRemappedRowsFunc = func() (int, int, bool, bool, nvml.Return) { panic("nvmlDeviceGetRemappedRows") }
		d.GetCurrentClocksEventReasonsFunc = func() (uint64, nvml.Return) { panic("nvmlDeviceGetCurrentClocksEventReasons") }
		d.GetCurrentClocksThrottleReasonsFunc = func() (uint64, nvml.Return) { panic("nvmlDeviceGetCurrentClocksThrottleReasons") }
		d.GetNvLinkRemoteDeviceTypeFunc = func(int) (nvml.IntNvLinkDeviceType, nvml.Return) {
			panic("nvmlDeviceGetNvLinkRemoteDeviceType")
		}
		d.GetGpuFabricInfoFunc = func() (nvml.GpuFabricInfo, nvml.Return) { panic("nvmlDeviceGetGpuFabricInfo") }
	}
	if got := ask(s, time.Minute); got.Status != facts.NVMLOk || got.Devices[0].MIG != nil || len(got.Devices[0].ThrottleReasons) > 0 {
		t.Errorf("%+v", got.Devices[0])
	}
	if _, ok := asked.Load("nvmlDeviceGetMigMode"); !ok {
		t.Error("nvmlDeviceGetMigMode was not looked up")
	}
}

func TestStatuses(t *testing.T) {
	for ret, want := range map[nvml.Return]string{
		nvml.ERROR_LIBRARY_NOT_FOUND:       facts.NVMLNoLibrary,
		nvml.ERROR_DRIVER_NOT_LOADED:       facts.NVMLNoDriver,
		nvml.ERROR_LIB_RM_VERSION_MISMATCH: facts.NVMLMismatch,
		nvml.ERROR_NO_PERMISSION:           facts.NVMLPermission,
		nvml.ERROR_GPU_IS_LOST:             "error 15: the GPU fell off",
	} {
		s := dgxa100.New()
		s.InitFunc = func() nvml.Return { return ret }
		s.ErrorStringFunc = func(nvml.Return) string { return "the GPU fell off" }
		s.ShutdownFunc = func() nvml.Return { panic("shut down without being initialised") }
		if got := ask(s, time.Minute); got.Status != want || got.Devices != nil {
			t.Errorf("Init answers %d: %+v, want status %q", ret, got, want)
		}
	}
}

// TestLostDevice: one GPU that does not answer does not hide the others.
func TestLostDevice(t *testing.T) {
	s := complete(dgxh100.New())
	good := s.DeviceGetHandleByIndexFunc
	s.DeviceGetHandleByIndexFunc = func(i int) (nvml.Device, nvml.Return) {
		if i == 3 {
			return nil, nvml.ERROR_GPU_IS_LOST
		}
		return good(i)
	}
	got := ask(s, time.Minute)
	if len(got.Devices) != 8 || !reflect.DeepEqual(got.Devices[3], facts.Device{Index: 3, Source: "nvml", Fault: facts.FaultLost}) || got.Devices[4].Name == "" {
		t.Errorf("%+v", got.Devices)
	}
}

// TestWhatIsNotSupportedStaysEmpty: a GPU without a switch is not said to have
// it off.
func TestWhatIsNotSupportedStaysEmpty(t *testing.T) {
	s := complete(dgxa100.New())
	d := s.Devices[0].(*server.Device)
	d.GetPersistenceModeFunc = func() (nvml.EnableState, nvml.Return) { return 0, nvml.ERROR_NOT_SUPPORTED }
	d.GetMigModeFunc = func() (int, int, nvml.Return) { return 0, 0, nvml.ERROR_NOT_SUPPORTED }
	d.GetComputeModeFunc = func() (nvml.ComputeMode, nvml.Return) { return 0, nvml.ERROR_NOT_SUPPORTED }
	d.GetMemoryInfoFunc = func() (nvml.Memory, nvml.Return) { return nvml.Memory{Total: 7}, nvml.ERROR_NOT_SUPPORTED }
	d.GetUUIDFunc = func() (string, nvml.Return) { return "junk", nvml.ERROR_UNKNOWN }
	got := ask(s, time.Minute).Devices[0]
	if got.PersistenceMode+got.ComputeMode+got.UUID != "" || got.MIG != nil || got.MemoryBytes != 0 || got.Name == "" {
		t.Errorf("%+v", got)
	}
}

func TestComputeModes(t *testing.T) {
	for mode, want := range map[nvml.ComputeMode]string{
		nvml.COMPUTEMODE_DEFAULT: "default", nvml.COMPUTEMODE_PROHIBITED: "prohibited",
		nvml.COMPUTEMODE_EXCLUSIVE_PROCESS: "exclusive", nvml.COMPUTEMODE_EXCLUSIVE_THREAD: "exclusive", 99: "",
	} {
		if got := computeMode(mode); got != want {
			t.Errorf("computeMode(%d) = %q, want %q", mode, got, want)
		}
	}
}

// TestReadThisMachine loads the real library where there is one.
func TestReadThisMachine(t *testing.T) {
	got := Read("")
	if got.Status == "" {
		t.Fatalf("no status: %+v", got)
	}
	if _, err := os.Stat("/dev/nvidiactl"); err != nil && got.Status == facts.NVMLOk && len(got.Devices) > 0 {
		t.Errorf("devices without a driver: %+v", got)
	}
}

func TestReadLibraryThatIsNone(t *testing.T) {
	name := t.TempDir() + "/libnvidia-ml.so.1"
	if err := os.WriteFile(name, []byte("not a library"), 0o644); err != nil {
		t.Fatal(err)
	}
	if got := Read(name); got.Status != facts.NVMLNoLibrary {
		t.Errorf("status %q", got.Status)
	}
}

func Example_pciAddress() {
	fmt.Println(pciAddress(nvml.PciInfo{Domain: 1, Bus: 0xB3, Device: 2}))
	// Output: 0001:b3:02.0
}
