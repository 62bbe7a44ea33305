// SPDX-License-Identifier: Apache-2.0

package collect_test

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
)

// TestPreloads: torch opens some libraries of the nvidia packages by path when
// the loader does not find them; all others have to be on a search path.
func TestPreloads(t *testing.T) {
	for _, c := range []struct {
		name, torch, file, needed string
		missing                   bool
	}{
		{"one of them", "2.5.1", "nvidia/cufft/lib/libcufft.so.11", "libcufft.so.11", false},
		{"what lies beside one of them", "2.5.1", "nvidia/cublas/lib/libcublasLt.so.12", "libcublasLt.so.12", false},
		{"none of them", "2.5.1", "nvidia/inner/lib/libinner.so.1", "libinner.so.1", true},
		{"in the place of another", "2.5.1", "nvidia/inner/lib/libcufft.so.11", "libcufft.so.11", true},
		{"before torch preloads it", "2.5.1+cu124", "nvidia/nvjitlink/lib/libnvJitLink.so.12", "libnvJitLink.so.12", true},
		{"since torch preloads it", "2.7.0+cu128", "nvidia/nvjitlink/lib/libnvJitLink.so.12", "libnvJitLink.so.12", false},
		{"one directory for all of CUDA 13", "2.9.0+cu130", "nvidia/cu13/lib/libcufft.so.12", "libcufft.so.12", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := fakeenv.New(t)
			site := tr.Venv("/opt/env", "3.11.7")
			tr.InstallLibrary(site, "nvidia-thing", "1.0", c.file, fakeenv.Library{Soname: c.needed})
			tr.InstallTorch(site, fakeenv.Torch{Version: c.torch, CUDA: "12.4", Needs: []string{c.needed}})
			loads := get[[]observed.Load](t, observe(t, tr.Target), observed.Loads)
			if len(loads) != 1 || (len(loads[0].Missing) > 0) != c.missing {
				t.Errorf("missing should be %v: %+v", c.missing, loads)
			}
		})
	}
}
