// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"slices"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// state is the deepest known reason why GPUs have no working driver.
type state int

const (
	// fine: there is no GPU, or its driver is there, or nothing can be said.
	fine state = iota
	// otherOwner: drivers such as nouveau or vfio-pci hold every GPU.
	otherOwner
	// noModule: nvidia.ko is nowhere on this machine.
	noModule
	// wrongKernel: nvidia.ko is built for kernels that are not running.
	wrongKernel
	// wrongFlavour: the driver itself said that it wants to be the open one.
	wrongFlavour
	// blocked: nvidia.ko is there, and Secure Boot refuses what it does not trust.
	blocked
	// notLoaded: nvidia.ko is there and was not loaded.
	notLoaded
)

var (
	communityDrivers   = []string{"nouveau", "nova_core", "nova-core", "NovaCore"}
	passthroughDrivers = []string{"vfio-pci", "nvgrace-gpu-vfio-pci", "pci-stub", "xen-pciback", "pciback"}
)

// driverState decides why the driver is not there.
func (s *scene) driverState() state {
	switch {
	case s.wsl, s.works(), s.loaded, len(s.gpus) == 0, !s.Facts.Known(facts.Loaded):
		return fine
	case len(s.boundTo(communityDrivers...))+len(s.boundTo(passthroughDrivers...)) == len(s.gpus):
		return otherOwner
	}
	modules, known := fact.Get[[]facts.Module](s.Facts, facts.OnDisk)
	sources, _ := fact.Get[[]string](s.Facts, facts.DKMS)
	switch module := s.runningModule(); {
	case module == nil && known && !s.container && s.Facts.Known(facts.Kernel) && len(modules)+len(sources) > 0:
		return wrongKernel
	case module == nil:
		return noModule
	case len(s.current(facts.EventOpen)) > 0:
		return wrongFlavour
	case s.Facts.Bool(facts.SecureBoot) && s.Facts.String(facts.Lockdown) != "none" && !s.blacklisted("nvidia") && !s.wasLoaded():
		return blocked
	}
	return notLoaded
}

// wasLoaded reports whether the module spoke since the machine was started: the
// kernel let it in then, and it left for a reason of its own.
func (s *scene) wasLoaded() bool {
	return slices.ContainsFunc([]string{facts.EventXid, facts.EventInit, facts.EventLost, facts.EventUnserved}, func(kind string) bool { return len(s.current(kind)) > 0 })
}

// runningModule is the module on disk for the running kernel, or nil.
func (s *scene) runningModule() *facts.Module {
	modules, _ := fact.Get[[]facts.Module](s.Facts, facts.OnDisk)
	kernel := s.Facts.String(facts.Kernel)
	i := slices.IndexFunc(modules, func(m facts.Module) bool { return m.Kernel == kernel })
	if i < 0 {
		return nil
	}
	return &modules[i]
}

func (s *scene) blacklisted(module string) bool {
	names, _ := fact.Get[[]string](s.Facts, facts.Blacklist)
	return slices.Contains(names, module)
}
