// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"path"
	"slices"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/dist"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
)

// preloaded are the libraries that _load_global_deps of torch/__init__.py opens
// by path when the loader does not find one of them, by the directory below
// nvidia/. ONNX Runtime's preload_dlls() opens the first ones too. Whatever
// else lies below nvidia/ is found by search paths only.
var preloaded = []struct {
	dir, prefix string
	// later tells that torch preloads it since newPreloads only.
	later bool
}{
	{"cublas", "libcublas", false}, {"cudnn", "libcudnn", false}, {"cuda_nvrtc", "libnvrtc", false},
	{"cuda_runtime", "libcudart", false}, {"cuda_cupti", "libcupti", false}, {"cufft", "libcufft", false},
	{"curand", "libcurand", false}, {"cusolver", "libcusolver", false}, {"cusparse", "libcusparse", false},
	{"nccl", "libnccl", false}, {"nvtx", "libnvToolsExt", false},
	{"nvjitlink", "libnvJitLink", true}, {"cusparselt", "libcusparseLt", true}, {"cufile", "libcufile", true},
	{"nvshmem", "libnvshmem_host", true},
}

// newPreloads is the first release of torch that preloads more than the first ones.
const newPreloads = "2.6"

// preloads lists where torch finds libraries that the loader does not: in the
// directory of each, or since CUDA 13 in one for all.
func (o *observer) preloads(inv *inventory) []elfdeps.Preload {
	old := inv.torchBefore(newPreloads)
	var out []elfdeps.Preload
	for i := range inv.sites {
		if !inv.sites[i].Modules["nvidia"] {
			continue
		}
		nvidia := path.Join(inv.sites[i].Path, "nvidia")
		toolkits := o.target.Glob(path.Join(escapeGlob(nvidia), "cu[0-9]*/lib"))
		for _, l := range preloaded {
			if l.later && old {
				continue
			}
			for _, dir := range append([]string{path.Join(nvidia, l.dir, "lib")}, toolkits...) {
				out = append(out, elfdeps.Preload{Prefix: l.prefix, Dir: dir, Always: l.dir == "cuda_nvrtc" || l.dir == "nvjitlink"})
			}
		}
	}
	return out
}

// torchBefore reports whether an installed torch is older than a release.
func (inv *inventory) torchBefore(release string) bool {
	i := slices.IndexFunc(inv.all, func(d *dist.Distribution) bool { return d.Key == "torch" })
	if i < 0 {
		return false
	}
	v, err := pep440.Parse(inv.all[i].Version)
	first, _ := pep440.Parse(release)
	return err == nil && v.Compare(first) < 0
}

// cudaDirs lists the directories of the nvidia packages: nvidia/*/lib of every
// directory of packages.
func (o *observer) cudaDirs(inv *inventory) []string {
	var out []string
	for i := range inv.sites {
		if inv.sites[i].Modules["nvidia"] {
			out = append(out, o.target.Glob(path.Join(escapeGlob(inv.sites[i].Path), "nvidia/*/lib"))...)
		}
	}
	return out
}
