// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

// torchWheels is the place of torch's own indexes, one for each build.
const torchWheels = "https://download.pytorch.org/whl/"

// torchBuildTag is a local version that names an index below torchWheels.
var torchBuildTag = pattern.Lazy(`^(cpu|xpu|cu\d{2,3}|rocm\d+(\.\d+)*)$`)

// reinstall is a remedy that installs the installed version of a package anew,
// with the tool and from the index that it came from: PyPI has no
// torch==2.6.0+cu124, and pip does not repair what conda owns.
func (e *environment) reinstall(summary, name string, options ...string) check.Remedy {
	if e.condaOwns(name) {
		return e.condaInstall(summary, e.condaNamesOf([]string{name}), "--force-reinstall")
	}
	args := append([]string{"--force-reinstall"}, options...)
	p, ok := e.installed(pep508.Normalize(name))
	if !ok {
		return e.install(summary, append(args, name)...)
	}
	if place := placeOf(p); place != "" {
		return e.install(summary, append(args, place)...)
	}
	v, err := pep440.Parse(p.Version)
	if err == nil && isOfTorch(name) && originOf(v) == elsewhere {
		return check.Remedy{
			ID: "install-again", Kind: check.Advice, Risk: check.Medium,
			Summary: name + " " + p.Version + " is of no public index: install it again from where it came, a wheel, a source tree or a container image.",
		}
	}
	args = append(args, name+"=="+p.Version)
	if err == nil {
		args = append(args, indexOptions(v)...)
	}
	return e.install(summary, args...)
}

func isOfTorch(name string) bool {
	key := pep508.Normalize(name)
	return key == "torch" || isTorchCompanion(key)
}

// placeOf is what installs a package anew that came from no index: a URL, a
// commit or a directory; "" for one of an index.
func placeOf(p observed.Package) string {
	switch s := p.Source; {
	case s == nil || s.URL == "", strings.Contains(s.URL, "/feedstock_root/"): // where conda's packages are made
		return ""
	case s.Kind == "vcs" && s.Commit != "":
		return s.VCS + "+" + s.URL + "@" + s.Commit
	case s.Kind == "directory" && s.Directory() != "" && s.Editable:
		return "--editable=" + s.Directory()
	case s.Kind == "directory":
		return s.Directory()
	case s.Kind == "archive":
		return s.URL
	}
	return ""
}

// condaInstall is a remedy by conda, for what it owns.
func (e *environment) condaInstall(summary string, names []string, options ...string) check.Remedy {
	words := append([]string{"conda install --prefix", quote(e.Prefix)}, options...)
	for _, name := range names {
		words = append(words, quote(name))
	}
	return check.Remedy{
		ID: "install-packages", Summary: summary, Kind: check.InstallPackages, Risk: check.Medium,
		Preview: []string{strings.Join(words, " ")},
	}
}

// condaNamesOf are conda's names of distributions: pytorch for torch.
func (e *environment) condaNamesOf(names []string) []string {
	conda, _ := get[[]observed.CondaPackage](e, observed.Conda)
	out := slices.Clone(names)
	for i, name := range names {
		for _, c := range conda {
			if isPythonOfConda(c) && distributionOf(c.Name) == pep508.Normalize(name) {
				out[i] = c.Name
			}
		}
	}
	return out
}

// condaOwns reports whether conda installed a package and pip has not
// replaced it.
func (e *environment) condaOwns(name string) bool {
	key := pep508.Normalize(name)
	conda, _ := get[[]observed.CondaPackage](e, observed.Conda)
	p, ok := e.installed(key)
	return ok && p.Installer == "conda" || ok && slices.ContainsFunc(conda, func(c observed.CondaPackage) bool {
		return isPythonOfConda(c) && distributionOf(c.Name) == key && sameRelease(c.Version, p.Version)
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
	if e.condaOwns("torch") {
		return e.condaTorch(summary, tag, names[1:])
	}
	names[0] += release
	return e.install(summary, append(append([]string{"--force-reinstall"}, names...), "--index-url", torchWheels+tag)...)
}

// condaTorch lets conda-forge's solver choose a build for a CUDA release. The
// variable tells it of the driver where conda runs on another machine.
func (e *environment) condaTorch(summary, tag string, companions []string) check.Remedy {
	number := strings.TrimPrefix(tag, "cu")
	cuda := number[:max(len(number)-1, 0)] + "." + number[max(len(number)-1, 0):]
	r := e.condaInstall(summary, append([]string{"pytorch-gpu", "cuda-version=" + cuda}, companions...), "--channel", "conda-forge")
	r.Preview[0] = "CONDA_OVERRIDE_CUDA=" + quote(cuda) + " " + r.Preview[0]
	return r
}

// installOwned installs requirements on packages of which conda owns the first
// with conda, others with the environment's installer.
func (e *environment) installOwned(summary, name string, requirements ...string) check.Remedy {
	if !e.condaOwns(name) {
		return e.install(summary, requirements...)
	}
	var specs []string
	for _, text := range requirements {
		if r, err := pep508.Parse(text); err == nil {
			specs = append(specs, e.condaNamesOf([]string{r.Name})[0]+r.SpecifierText)
		}
	}
	return e.condaInstall(summary, specs)
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
	rows := slices.DeleteFunc(slices.Clone(tables.Archs().Rows), func(r tables.ArchRow) bool { return !e.runsTag(r.CUDA) })
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
	row, ok := tables.Drivers().Minimum(major)
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
