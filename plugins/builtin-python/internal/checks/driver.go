// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const driverVersion = "gpu.driver.version"

var torchDriverTooOld = check.Check{
	Code: "torch.driver-too-old", Title: "NVIDIA driver is too old for torch's CUDA", Area: areaFrameworks,
	Needs: []string{driverVersion, need(observed.Torch)},
	Doc: check.Doc{
		Meaning:    "CUDA initialization fails with \"The NVIDIA driver on your system is too old\".",
		Detection:  "The CUDA major release in torch/version.py is looked up in NVIDIA's table of minimum drivers under minor-version compatibility. Every 12.x runs on a driver from 525.60.13 on: a cu124 wheel on driver 535 is fine. A release or driver newer than the table is reported as unknown.",
		Cause:      "The wheel was built for a newer CUDA major release than the driver supports.",
		Fix:        "Upgrade the driver, or install a wheel of an older CUDA major release.",
		Verify:     "Call torch.cuda.init().",
		References: []string{"https://docs.nvidia.com/deploy/cuda-compatibility/minor-version-compatibility.html", "https://docs.nvidia.com/cuda/cuda-toolkit-release-notes/"},
	},
	Run: perEnvironment(lookDriver),
}

func lookDriver(e *environment) {
	torch, ok := get[observed.TorchBuild](e, observed.Torch)
	major, isCUDA := cudaMajor(torch.CUDA)
	if !ok || !isCUDA {
		return
	}
	driver := e.effectiveDriver()
	row, known := tables.Drivers().Minimum(major)
	branch, readable := cudaMajor(driver)
	switch {
	case !known && major > tables.Drivers().Newest():
		e.reportUnknownDriver(fmt.Sprintf("torch %s is built for CUDA %s, which is newer than the table of drivers (up to CUDA %d).",
			torch.Version, torch.CUDA, tables.Drivers().Newest()))
	case readable && branch > tables.Drivers().NewestDriver:
		e.reportUnknownDriver(fmt.Sprintf("Driver %s is newer than the table of drivers (up to branch %d), so whether it still runs CUDA %d is not known.",
			driver, tables.Drivers().NewestDriver, major))
	case known:
		e.compareDriver(torch, driver, row)
	}
}

// driverLibraries are libcuda.so.1 and its like as the loader finds them, from
// the gpu plugin.
const driverLibraries = "gpu.driver.libraries"

type driverLibrary struct {
	Soname  string `json:"soname"`
	Path    string `json:"path"`
	Version string `json:"version"`
	Origin  string `json:"origin"`
}

// effectiveDriver is what CUDA programs see: the version of the kernel module,
// or of a newer libcuda of the forward compatibility package where the loader
// takes that first.
func (e *environment) effectiveDriver() string {
	driver := e.ctx.Facts.String(driverVersion)
	all, _ := fact.Get[[]driverLibrary](e.ctx.Facts, driverLibraries)
	for _, l := range all {
		if l.Soname != "libcuda.so.1" || l.Origin == "toolkit" {
			continue
		}
		order, ok := tables.CompareDrivers(l.Version, driver)
		if strings.Contains(path.Dir(l.Path)+"/", "/compat/") && ok && order > 0 {
			return l.Version
		}
		break // the first is the one that is loaded
	}
	return driver
}

func (e *environment) reportUnknownDriver(detail string) {
	e.report(check.Finding{
		Severity: check.Unknown, Title: "Driver and CUDA are newer than what is known", Detail: detail,
		Cause:    "The knowledge table ends before this release.",
		Evidence: e.ctx.Evidence(driverVersion, e.at(observed.Torch)),
		Verify:   []string{e.imports("import torch; torch.cuda.init()")},
	})
}

func (e *environment) compareDriver(torch observed.TorchBuild, driver string, row tables.DriverRow) {
	minimum := e.minimumDriver(row)
	if order, ok := tables.CompareDrivers(driver, minimum); !ok || order >= 0 {
		return
	}
	cause, note := "The driver is older than the CUDA major release of the wheel.", ""
	end, ended := e.endOfSupport(minimum)
	if ended {
		cause = "The GPU is too old for every driver that runs the CUDA of the wheel."
		note = fmt.Sprintf(" No newer one serves %s: branch %d is its last.", end.device, end.branch)
	}
	e.report(check.Finding{
		Detail: fmt.Sprintf("torch %s is built for CUDA %s, which needs driver %s or newer; the driver is %s.%s",
			torch.Version, torch.CUDA, minimum, driver, note),
		Cause:    cause,
		Evidence: e.ctx.Evidence(driverVersion, e.at(observed.Torch)),
		Explains: []string{codeArch},
		Remedies: e.driverRemedies(driver, minimum, ended),
		Verify:   []string{e.imports("import torch; torch.cuda.init(); print(torch.cuda.get_device_name())")},
	})
}

// supportEnd is a device and the last driver branch that serves it.
type supportEnd struct {
	device string
	branch int
}

// endOfSupport reports whether no driver of the wanted version serves any GPU of
// this machine.
func (e *environment) endOfSupport(minimum string) (supportEnd, bool) {
	devices, _ := factDevices(e)
	wanted, _ := cudaMajor(minimum)
	var end supportEnd
	for _, d := range devices {
		last, ok := tables.Drivers().Last(d.Capability)
		if !ok || last >= wanted {
			return supportEnd{}, false
		}
		end = supportEnd{d.Name, last}
	}
	return end, len(devices) > 0
}

// driverRemedies offers a newer driver unless the GPU has had its last, and the
// newest wheel index that the present driver can run where there is one.
func (e *environment) driverRemedies(driver, minimum string, ended bool) []check.Remedy {
	var out []check.Remedy
	if !ended {
		out = append(out, e.newerDriver(minimum))
	}
	for _, wheel := range []struct {
		major int
		index string
	}{{12, defaultTag}, {11, "cu118"}} {
		if e.runsMajor(driver, wheel.major) {
			return append(out, e.fromIndex(alternative(out)+"nstall a wheel for the driver that is there.", "", wheel.index))
		}
	}
	return out
}

// alternative begins a sentence about another way, or the only one.
func alternative(before []check.Remedy) string {
	if len(before) > 0 {
		return "Or i"
	}
	return "I"
}

// device is a row of gpu.devices, from the gpu plugin.
type device struct {
	Index      int    `json:"index"`
	Name       string `json:"name"`
	Capability string `json:"compute_capability"`
}

var torchArchUnsupported = check.Check{
	Code: codeArch, Title: "torch has no code for this GPU", Area: areaFrameworks,
	Needs: []string{"gpu.devices", need(observed.Torch)},
	Doc: check.Doc{
		Meaning:    "Kernels fail with \"no kernel image is available for execution on the device\", or torch warns that the device's CUDA capability is not compatible.",
		Detection:  "The device's compute capability is compared with the list of the wheel (a table by torch release and CUDA tag, of the wheels that torch publishes for Linux on x86-64; other builds are not judged). Code runs when its major number is that of the device and its minor one is not higher, or when the wheel has PTX of no higher capability: sm_86 code runs on an sm_89 device.",
		Cause:      "The wheel is older than the device, or the device is too old for the wheel.",
		Fix:        "Install a build of torch with code for the device.",
		Verify:     "Print torch.cuda.get_arch_list() and run one operation on the device.",
		References: []string{"https://docs.nvidia.com/cuda/cuda-c-programming-guide/#binary-compatibility", "https://github.com/pytorch/pytorch/blob/main/.ci/manywheel/build_cuda.sh"},
	},
	Run: perEnvironment(lookArch),
}

func lookArch(e *environment) {
	torch, ok := get[observed.TorchBuild](e, observed.Torch)
	v, err := pep440.Parse(torch.Version)
	if !ok || err != nil || torch.CUDA == "" || !e.isTabledWheel(v) {
		return
	}
	devices, ok := factDevices(e)
	if !ok || len(devices) == 0 {
		return // without a device every list is good enough
	}
	row, known := archRow(v, "cu"+strings.ReplaceAll(torch.CUDA, ".", ""))
	if !known {
		e.reportUnknownArch(v)
		return
	}
	for _, d := range devices {
		if runs, ok := row.Runs(d.Capability); ok && !runs {
			e.reportArch(torch, row, d)
		}
	}
}

// isTabledWheel reports whether the table speaks of a build: it lists what
// torch itself publishes for Linux on x86-64. Nightly builds, those from source
// and conda's, and wheels for other platforms have lists of their own.
func (e *environment) isTabledWheel(v pep440.Version) bool {
	from := originOf(v)
	p, _ := e.installed("torch")
	if from != released && from != candidate || e.condaOwns("torch") {
		return false
	}
	return len(p.Tags) == 0 || slices.ContainsFunc(p.Tags, func(tag string) bool {
		return strings.HasSuffix(tag, "x86_64") && strings.Contains(tag, "linux") || strings.HasSuffix(tag, "-any")
	})
}

// archRow finds the wheels that a version belongs to.
func archRow(v pep440.Version, tag string) (tables.ArchRow, bool) {
	for _, row := range tables.Archs().Rows {
		set, err := pep440.ParseSpecifiers(row.Torch)
		if err == nil && row.CUDA == tag && set.Contains(v.Public()) {
			return row, true
		}
	}
	return tables.ArchRow{}, false
}

// reportUnknownArch speaks only of releases newer than the table; older ones
// than it holds are no news.
func (e *environment) reportUnknownArch(v pep440.Version) {
	newest, err := pep440.Parse(tables.Archs().NewestTorch())
	if err != nil || v.Major() < newest.Major() || v.Major() == newest.Major() && v.Minor() <= newest.Minor() {
		return
	}
	e.report(check.Finding{
		Severity: check.Unknown, Title: "torch is newer than the table of devices",
		Detail:   fmt.Sprintf("Which GPUs torch %s has code for is not known to this version of the table (%s).", v, tables.Archs().Version),
		Cause:    "The knowledge table ends before this release.",
		Evidence: e.ctx.Evidence(e.at(observed.Torch), "gpu.devices"),
		Verify:   []string{e.imports("import torch; print(torch.cuda.get_arch_list())")},
	})
}

func (e *environment) reportArch(torch observed.TorchBuild, row tables.ArchRow, d device) {
	e.report(check.Finding{
		Confidence: 0.9,
		Subject:    fmt.Sprintf("%s on %s", e.Prefix, d.Name),
		Detail: fmt.Sprintf("%s has compute capability %s; torch %s (%s) has code for %s%s.",
			d.Name, d.Capability, torch.Version, row.CUDA, strings.Join(row.Cubins, ", "), ptxText(row)),
		Cause:    "The wheel was built without code for this generation of devices.",
		Evidence: e.ctx.Evidence("gpu.devices", e.at(observed.Torch)),
		Remedies: []check.Remedy{e.archRemedy(d)},
		Verify:   []string{e.imports("import torch; print(torch.cuda.get_arch_list()); print(torch.ones(1).cuda() + 1)")},
	})
}

func ptxText(row tables.ArchRow) string {
	if len(row.PTX) == 0 {
		return ""
	}
	return ", and PTX of " + strings.Join(row.PTX, ", ")
}

// hasWheel reports whether a release that a specifier names has wheels for the
// environment's version of Python, as far as that is known.
func (e *environment) hasWheel(specifier string) bool {
	set, err := pep440.ParseSpecifiers(specifier)
	known := tables.Pythons().For(e.Version)
	return err != nil || len(known) == 0 || slices.ContainsFunc(known, func(release string) bool {
		v, err := pep440.Parse(release)
		return err == nil && set.Contains(v)
	})
}

// archRemedy names the newest index in the table that serves the device.
func (e *environment) archRemedy(d device) check.Remedy {
	rows := tables.Archs().Rows
	for i := len(rows) - 1; i >= 0; i-- {
		if runs, ok := rows[i].Runs(d.Capability); ok && runs && e.runsTag(rows[i].CUDA) && e.hasWheel(rows[i].Torch) {
			return e.fromIndex("Install a build with code for the device.", rows[i].Torch, rows[i].CUDA)
		}
	}
	return check.Remedy{
		ID: "other-build", Summary: "No wheel in the table serves this device; build torch for it or use an older release.",
		Kind: check.Advice, Risk: check.Medium,
		Preview: []string{
			"git clone --recursive https://github.com/pytorch/pytorch && cd pytorch",
			"TORCH_CUDA_ARCH_LIST=" + quote(d.Capability) + " " + e.pip("install", "--no-build-isolation", "."),
		},
	}
}
