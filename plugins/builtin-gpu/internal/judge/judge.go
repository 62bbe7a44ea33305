// SPDX-License-Identifier: Apache-2.0

// Package judge holds the checks of the gpu plugin: facts in, findings out.
//
// Three rules hold for all of them. A machine without an NVIDIA GPU gets no
// finding about one. Of a chain of faults only the deepest is reported: a GPU
// that nouveau holds has no driver either, and says so once. And what NVML
// answered on this machine outweighs what files suggest.
package judge

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// All returns every check.
func All() []check.Check {
	return []check.Check{
		driverMissing, moduleMissingForKernel, secureBoot, nouveauBound, vfioBound, deviceUnclaimed,
		libraryMismatch, openModuleRequired, driverUnknown, wslLinuxDriver,
		nodesMissing, nodesUnreadable, uvmMissing,
		pcieWidth, persistenceOff, fabricManager, computeMode,
		visibleDevices, debugVariables,
		xid, fallenOffBus, initFailed, nvswitchError,
		eccUncorrectable, remapPending, remapFailed, throttled, memoryInUse, nvlinkDown,
		migNoInstance, migVisible, acsPeers, numaAffinity, peermemMissing, wslNoGPU, fabricMismatch,
		toolkitNewer, toolkitUnknown, compatOnGeForce, gccTooNew, homeDangling,
		strayCUDA, cudnnDuplicate, pathMismatch,
	}
}

// Areas of the report.
const (
	areaGPU  = "gpu"
	areaCUDA = "cuda"
)

// scene is the facts that most checks look at, decoded.
type scene struct {
	*check.Context
	gpus      []facts.PCIDevice
	devices   []facts.Device
	loaded    bool
	driver    string // version of the loaded module
	wsl       bool
	container bool
	nvml      string
}

// seen adapts a judgement of a scene to a check.
func seen(judge func(*scene)) func(*check.Context) {
	return func(c *check.Context) { judge(look(c)) }
}

func look(c *check.Context) *scene {
	s := &scene{
		Context: c,
		loaded:  c.Facts.Bool(facts.Loaded),
		driver:  c.Facts.String(facts.DriverVersion),
		wsl:     c.Facts.Bool(facts.WSL) || c.Facts.Bool("os.wsl"),
		nvml:    c.Facts.String(facts.NVMLStatus),
	}
	s.container = c.Facts.Bool(facts.Container)
	if c.Facts.Known("os.container") { // the system plugin looks closer
		s.container = c.Facts.String("os.container") != ""
	}
	s.gpus, _ = fact.Get[[]facts.PCIDevice](c.Facts, facts.PCI)
	s.devices, _ = fact.Get[[]facts.Device](c.Facts, facts.Devices)
	return s
}

// works reports whether NVML was seen to reach GPUs.
func (s *scene) works() bool { return s.nvml == facts.NVMLOk && len(s.devices) > 0 }

// boundTo returns the GPUs whose kernel driver is one of the names.
func (s *scene) boundTo(drivers ...string) []facts.PCIDevice {
	var out []facts.PCIDevice
	for _, g := range s.gpus {
		if slices.Contains(drivers, g.Driver) {
			out = append(out, g)
		}
	}
	return out
}

// name calls a GPU by its model and address.
func (s *scene) name(g facts.PCIDevice) string {
	for _, d := range s.devices {
		if d.PCI == g.Address && d.Name != "" {
			return d.Name + " (" + g.Address + ")"
		}
	}
	return "NVIDIA GPU " + g.Device + " (" + g.Address + ")"
}

func (s *scene) names(gpus []facts.PCIDevice) string {
	words := make([]string, len(gpus))
	for i, g := range gpus {
		words[i] = s.name(g)
	}
	return strings.Join(words, ", ")
}

// count writes a number with its noun: "1 GPU", "2 GPUs".
func count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// architecture finds that of a GPU in the table; "" when unknown.
func architecture(g facts.PCIDevice) string {
	row, _ := tables.LookupGPU(g.Device)
	return row.Architecture
}

// kernel is the running kernel's release, for messages.
func (s *scene) kernel() string {
	return cmp.Or(s.Facts.String(facts.Kernel), "the running kernel")
}

func advice(id, summary string, preview ...string) check.Remedy {
	return check.Remedy{ID: id, Summary: summary, Kind: check.Advice, Risk: check.Low, Preview: preview}
}

func command(id, summary string, risk check.Risk, preview ...string) check.Remedy {
	return check.Remedy{ID: id, Summary: summary, Kind: check.SystemCommand, Risk: risk, Preview: preview}
}
