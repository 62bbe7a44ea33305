// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

// bringMissing puts the remedies that bring the missing libraries before that of
// installing the framework again, or in its place where the same files would miss
// the same.
func (e *environment) bringMissing(f *check.Finding, l observed.Load) {
	library := l.Missing[0].Library
	if elfdeps.InStore(e.interpreterFile()) {
		f.Cause = "The interpreter comes from a store of packages, whose loader searches no directory of the system, and the wheel expects the library of the system."
		f.Remedies = []check.Remedy{storeLibraries(library)}
		return
	}
	if r, ok := e.providerRemedy(l); ok {
		f.Remedies = append([]check.Remedy{r}, f.Remedies...)
		return
	}
	if r, ok := e.otherCUDA(l); ok {
		f.Cause = "The package was built for another CUDA release than the one that is there."
		f.Remedies = []check.Remedy{r}
		return
	}
	if r, ok := e.systemLibraries(l); ok {
		f.Cause = "The wheel expects the library of the system, and the system does not have it."
		f.Remedies = []check.Remedy{r}
		if strings.HasPrefix(installedAs(l), "opencv") && !strings.HasSuffix(installedAs(l), "-headless") {
			f.Remedies = append(f.Remedies, e.headless(installedAs(l)))
		}
	}
}

// interpreterFile is the file behind the environment's interpreter, as far as the
// links could be followed.
func (e *environment) interpreterFile() string {
	base, _ := get[observed.BaseInterpreter](e, observed.Base)
	return base.File
}

func storeLibraries(library string) check.Remedy {
	return check.Remedy{
		ID: "library-path", Kind: check.Advice, Risk: check.Low,
		Summary: fmt.Sprintf("Name the directory of %s in LD_LIBRARY_PATH, as lib.makeLibraryPath [ stdenv.cc.cc.lib zlib ] gives it in a shell of Nix, or take the package from nixpkgs, or an interpreter that uv brings together with nix-ld.", library),
	}
}

// cudaLibrary matches the libraries of CUDA whose number is its major release.
var cudaLibrary = pattern.Lazy(`^lib(?:cudart|nvrtc|cublas|cublasLt|nvJitLink)\.so\.(\d+)`)

// otherCUDA recognises a framework that wants another CUDA release than torch's,
// or one where no torch brings any.
func (e *environment) otherCUDA(l observed.Load) (check.Remedy, bool) {
	for _, m := range l.Missing {
		match := cudaLibrary().FindStringSubmatch(path.Base(m.Library))
		if match == nil {
			continue
		}
		torch, _ := get[observed.TorchBuild](e, observed.Torch)
		name := installedAs(l)
		summary := fmt.Sprintf("Install a build of %s without CUDA, or the libraries of CUDA %s where the loader finds them.", name, match[1])
		if major, ok := cudaMajor(torch.CUDA); ok && fmt.Sprint(major) != match[1] {
			summary = fmt.Sprintf("Install a build of %s for CUDA %d, which torch %s has, or a torch for CUDA %s.", name, major, torch.Version, match[1])
		}
		return check.Remedy{ID: "other-build", Kind: check.Advice, Risk: check.Medium, Summary: summary}, true
	}
	return check.Remedy{}, false
}

// systemLibraries installs what brings the missing libraries; false where one of
// them is not known.
func (e *environment) systemLibraries(l observed.Load) (check.Remedy, bool) {
	names := map[string][]string{}
	for _, m := range l.Missing {
		packages, ok := tables.Systems().Packages(m.Library)
		if !ok && !strings.HasPrefix(l.Framework, "torchcodec") {
			return check.Remedy{}, false
		}
		for manager, name := range packages {
			names[manager] = append(names[manager], name)
		}
	}
	joined := map[string]string{}
	for manager, list := range names {
		joined[manager] = strings.Join(unique(list), " ")
	}
	if len(joined) == 0 || e.distribution() == "alpine" {
		return check.Remedy{}, false
	}
	return e.systemPackages("Install the libraries of the system.", joined), true
}

// headless is OpenCV without windows, which needs none of the libraries of a
// desktop.
func (e *environment) headless(name string) check.Remedy {
	return check.Remedy{
		ID: "headless", Summary: "Where no window is opened, install the build without windows instead.", Kind: check.InstallPackages, Risk: check.Medium,
		Preview: []string{e.pip("uninstall", name), e.pip("install", name+"-headless"+e.exactly(name))},
	}
}
