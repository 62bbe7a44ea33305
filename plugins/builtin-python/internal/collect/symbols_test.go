// SPDX-License-Identifier: Apache-2.0

package collect_test

import (
	"reflect"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
)

const (
	flash      = "flash_attn_2_cuda.cpython-311-x86_64-linux-gnu.so"
	setDevice  = "_ZN3c104cuda9SetDeviceEi"
	setDevice2 = "_ZN3c104cuda9SetDeviceEab"
)

// extension is built against a torch with some symbols.
func extension(symbols ...string) []byte {
	return fakeenv.Library{
		Needed: []string{"libc10.so", "libtorch.so", "libc.so.6"}, Uses: append([]string{"PyModule_Create2", "_ZNSt6vectorIiE4sizeEv"}, symbols...),
	}.Bytes()
}

func TestTorchABI(t *testing.T) {
	for _, c := range []struct {
		name string
		dist fakeenv.Dist
		want []observed.ABIMiss
	}{
		{"built for another torch", fakeenv.Dist{Name: "flash-attn", Version: "2.7.4", Requires: []string{"torch"}, Files: map[string][]byte{
			flash: extension("_ZN3c105ErrorC2Ev", setDevice2, setDevice),
		}}, []observed.ABIMiss{{Distribution: "flash-attn", Path: "/" + flash, Symbol: setDevice2, Count: 1}}},
		{"built for this torch", fakeenv.Dist{Name: "flash-attn", Version: "2.7.4", Requires: []string{"torch (>=2.0)"}, Files: map[string][]byte{
			flash: extension("_ZN3c105ErrorC2Ev", setDevice),
		}}, nil},
		{"without a requirement, beside the packages", fakeenv.Dist{Name: "apex", Version: "0.1", Files: map[string][]byte{
			"amp_C.cpython-311-x86_64-linux-gnu.so": extension("_ZN2at3oldEv", "_ZTVN5torch3oldE"),
		}}, []observed.ABIMiss{{Distribution: "apex", Path: "/amp_C.cpython-311-x86_64-linux-gnu.so", Symbol: "_ZN2at3oldEv", Count: 2}}},
		{"not linked to torch", fakeenv.Dist{Name: "other", Version: "1.0", Requires: []string{"torch"}, Files: map[string][]byte{
			"other.so": fakeenv.Library{Needed: []string{"libc.so.6"}, Uses: []string{"_ZN2at3oldEv"}}.Bytes(),
		}}, nil},
		{"its own libraries have the symbol", fakeenv.Dist{Name: "torchaudio", Version: "2.5.1", Requires: []string{"torch==2.5.1"}, Files: map[string][]byte{
			"torchaudio/lib/_torchaudio.so":   extension("_ZN5torch5audio4loadEv"),
			"torchaudio/lib/libtorchaudio.so": fakeenv.Library{Defines: []string{"_ZN5torch5audio4loadEv"}}.Bytes(),
		}}, nil},
		{"a package that is named alike", fakeenv.Dist{Name: "x", Version: "1.0", Requires: []string{"torchvision"}, Files: map[string][]byte{
			"x/x.so": extension("_ZN2at3oldEv"),
		}}, nil},
		{"a file that is no library", fakeenv.Dist{Name: "x", Version: "1.0", Requires: []string{"torch"}, Files: map[string][]byte{"x/x.so": []byte("\x7fELF")}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			tr := fakeenv.New(t)
			site := tr.Venv("/opt/env", "3.11.7")
			tr.InstallTorch(site, fakeenv.Torch{Version: "2.5.1+cu124", CUDA: "12.4", Exports: map[string][]string{
				"libc10.so": {"_ZN3c105ErrorC2Ev"}, "libtorch_cuda.so": {setDevice},
			}})
			tr.Install(site, c.dist)
			for i := range c.want {
				c.want[i].Path = site + c.want[i].Path
			}
			if got := get[[]observed.ABIMiss](t, observe(t, tr.Target), observed.TorchABI); !reflect.DeepEqual(got, c.want) {
				t.Errorf("%+v, want %+v", got, c.want)
			}
		})
	}
}

// TestUndefinedSymbols: the wheel of another CUDA release has written its older
// NCCL over the one that torch wants, or LD_LIBRARY_PATH leads to an older one.
func TestUndefinedSymbols(t *testing.T) {
	build := func(nccl ...string) (*fakeenv.Tree, string) {
		tr := fakeenv.New(t)
		site := tr.Venv("/opt/env", "3.11.7")
		tr.InstallLibrary(site, "nvidia-nccl-cu12", "2.21.5", "nvidia/nccl/lib/libnccl.so.2", fakeenv.Library{Soname: "libnccl.so.2", Defines: nccl})
		tr.InstallTorch(site, fakeenv.Torch{
			Version: "2.5.1+cu124", CUDA: "12.4", Needs: []string{"libnccl.so.2"}, Uses: []string{"ncclCommRegister", "ncclInit"},
		})
		return tr, site
	}
	tr, site := build("ncclInit")
	want := []observed.UndefinedSymbol{{
		Symbol: "ncclCommRegister", NeededBy: site + "/torch/lib/libtorch_cuda.so", Library: site + "/nvidia/nccl/lib/libnccl.so.2",
		Owner: "torch", Provider: "nvidia-nccl-cu12", Framework: "torch",
	}}
	if got := get[[]observed.UndefinedSymbol](t, observe(t, tr.Target), observed.UndefinedSymbols); !reflect.DeepEqual(got, want) {
		t.Errorf("older NCCL: %+v, want %+v", got, want)
	}
	tr, _ = build("ncclInit", "ncclCommRegister")
	if got := get[[]observed.UndefinedSymbol](t, observe(t, tr.Target), observed.UndefinedSymbols); got != nil {
		t.Errorf("the right NCCL: %+v", got)
	}
}
