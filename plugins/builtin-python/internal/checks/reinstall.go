// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"regexp"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

// torchWheels is the place of torch's own indexes, one for each build.
const torchWheels = "https://download.pytorch.org/whl/"

// torchBuildTag is a local version that names an index below torchWheels.
var torchBuildTag = regexp.MustCompile(`^(cpu|xpu|cu\d{2,3}|rocm\d+(\.\d+)*)$`)

// reinstall is a remedy that installs the installed version of a package anew,
// with the tool and from the index that it came from: PyPI has no
// torch==2.6.0+cu124, and pip does not repair what conda owns.
func (e *environment) reinstall(summary, name string, options ...string) check.Remedy {
	if e.condaOwns(name) {
		return check.Remedy{
			ID: "install-packages", Summary: summary, Kind: check.InstallPackages, Risk: check.Medium,
			Preview: []string{"conda install --prefix " + quote(e.Prefix) + " --force-reinstall " + quote(name)},
		}
	}
	args := append([]string{"--force-reinstall"}, options...)
	p, ok := e.installed(pep508.Normalize(name))
	if !ok {
		return e.install(summary, append(args, name)...)
	}
	args = append(args, name+"=="+p.Version)
	if v, err := pep440.Parse(p.Version); err == nil && torchBuildTag.MatchString(v.Local()) {
		args = append(args, "--index-url", indexOf(v))
	}
	return e.install(summary, args...)
}

// condaOwns reports whether conda installed a package and pip has not
// replaced it.
func (e *environment) condaOwns(name string) bool {
	key := pep508.Normalize(name)
	conda, _ := get[[]observed.CondaPackage](e, observed.Conda)
	p, ok := e.installed(key)
	return ok && slices.ContainsFunc(conda, func(c observed.CondaPackage) bool {
		return pep508.Normalize(c.Name) == key && sameRelease(c.Version, p.Version)
	})
}

// torchFamily is torch and those of its companions that are installed. They
// are compiled against one build, so one of them is never replaced alone.
func (e *environment) torchFamily() []string {
	names := []string{"torch"}
	for _, name := range torchCompanions {
		if _, ok := e.installed(name); ok {
			names = append(names, name)
		}
	}
	return names
}

// fromIndex replaces torch and its companions by those of one index. A plain
// install would do nothing where the release is there already.
func (e *environment) fromIndex(summary, release, tag string) check.Remedy {
	names := e.torchFamily()
	names[0] += release
	return e.install(summary, append(append([]string{"--force-reinstall"}, names...), "--index-url", torchWheels+tag)...)
}

// defaultTag runs on every driver from 525 on and serves the most devices.
const defaultTag = "cu126"

// cudaTag chooses the index of torch for the devices and the driver that are
// there: a newer one than defaultTag only for devices that it does not serve,
// an older one only for a driver that is too old for it.
func (e *environment) cudaTag() string {
	if driver := e.ctx.Facts.String(driverVersion); driver != "" && !e.runsMajor(driver, 12) && e.runsMajor(driver, 11) {
		return "cu118"
	}
	devices, _ := factDevices(e)
	rows := slices.DeleteFunc(slices.Clone(tables.Archs.Rows), func(r tables.ArchRow) bool { return !e.runsTag(r.CUDA) })
	slices.Reverse(rows)
	slices.SortStableFunc(rows, func(a, b tables.ArchRow) int { return rank(a) - rank(b) })
	for _, row := range rows {
		if !slices.ContainsFunc(devices, func(d device) bool { runs, ok := row.Runs(d.Capability); return ok && !runs }) {
			return row.CUDA
		}
	}
	return defaultTag
}

// runsTag reports whether the driver, where one is known, runs the wheels of an
// index such as "cu129".
func (e *environment) runsTag(tag string) bool {
	driver := e.ctx.Facts.String(driverVersion)
	number := strings.TrimPrefix(tag, "cu")
	major, ok := cudaMajor(number[:max(len(number)-1, 0)])
	return driver == "" || !ok || e.runsMajor(driver, major)
}

func rank(row tables.ArchRow) int {
	if row.CUDA == defaultTag {
		return 0
	}
	return 1
}

// runsMajor reports whether a driver runs wheels of a CUDA major release.
func (e *environment) runsMajor(driver string, major int) bool {
	row, ok := tables.Drivers.Minimum(major)
	order, readable := tables.CompareDrivers(driver, e.minimumDriver(row))
	return ok && readable && order >= 0
}

// minimumDriver is the row's driver for this machine: in WSL it is that of
// Windows.
func (e *environment) minimumDriver(row tables.DriverRow) string {
	if e.ctx.Facts.Bool("os.wsl") {
		return row.Windows
	}
	return row.Linux
}
