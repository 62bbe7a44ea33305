// SPDX-License-Identifier: Apache-2.0

//go:build unix

package collect_test

import (
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// framework returns one framework of /opt/env.
func framework(t *testing.T, set fact.Set, name string) observed.Framework {
	t.Helper()
	all, _ := observed.Get[[]observed.Framework](set, "/opt/env", observed.Frameworks)
	i := slices.IndexFunc(all, func(f observed.Framework) bool { return f.Name == name })
	if i < 0 {
		t.Fatalf("no %s among %+v", name, all)
	}
	return all[i]
}

func install(tr *fakeenv.Tree, site, name, version string, files map[string]string) {
	d := fakeenv.Dist{Name: name, Version: version, Files: map[string][]byte{}}
	for file, text := range files {
		d.Files[file] = []byte(text)
	}
	tr.Install(site, d)
}

// TestFrameworks: version, variant and CUDA of each framework come from its
// files.
func TestFrameworks(t *testing.T) {
	tr := fakeenv.New(t)
	site := tr.Venv("/opt/env", "3.11.7")
	lib := func(needed ...string) string { return string(fakeenv.Library{Needed: needed}.Bytes()) }
	tr.InstallTorch(site, fakeenv.Torch{Version: "2.6.0+cu124", CUDA: "12.4"})
	install(tr, site, "tensorflow-cpu", "2.18.0", map[string]string{
		"tensorflow/__init__.py": "", "tensorflow/libtensorflow_cc.so.2": lib(),
		"tensorflow/python/platform/build_info.py": "('is_cuda_build', False)",
	})
	install(tr, site, "onnxruntime", "1.20.0", map[string]string{"onnxruntime/__init__.py": "", "onnxruntime/capi/libonnxruntime_providers_shared.so": lib()})
	install(tr, site, "bitsandbytes", "0.45.0", map[string]string{
		"bitsandbytes/__init__.py": "", "bitsandbytes/cextension.py": "def _find_cuda_libs(", "bitsandbytes/libbitsandbytes_cuda124.so": lib(),
	})
	install(tr, site, "vllm", "0.6.1", map[string]string{"vllm/__init__.py": "", "vllm/_C.abi3.so": lib("libcudart.so.12", "libtorch.so")})
	install(tr, site, "xformers", "0.0.28", map[string]string{"xformers/__init__.py": "", "xformers/_C.so": lib(), "xformers/cpp_lib.json": `{"version": {"cuda": 1204, "torch": "2.5.1+cu124"}}`})
	install(tr, site, "deepspeed", "0.15.0", map[string]string{"deepspeed/__init__.py": "", "deepspeed/git_version_info_installed.py": "torch_info={'version': '2.3', 'x': 1}\n"})
	install(tr, site, "keras", "3.6.0", map[string]string{"keras/__init__.py": ""})
	for _, name := range []string{"transformers", "peft", "trl", "datasets", "accelerate", "triton", "mlflow", "jax", "jaxlib", "flax"} {
		tr.Install(site, fakeenv.Dist{Name: name, Version: "1.2.3"})
	}
	set := observe(t, tr.Target)
	for _, want := range []observed.Framework{
		{Name: "torch", Distribution: "torch", Version: "2.6.0+cu124", Variant: "cuda", CUDA: "12.4", Source: site + "/torch/version.py"},
		{Name: "tensorflow", Distribution: "tensorflow_cpu", Version: "2.18.0", Variant: "cpu", Source: site + "/tensorflow/python/platform/build_info.py"},
		{Name: "onnxruntime", Distribution: "onnxruntime", Version: "1.20.0", Variant: "cpu"},
		{Name: "bitsandbytes", Distribution: "bitsandbytes", Version: "0.45.0", Variant: "cuda", Source: site + "/bitsandbytes/cextension.py"},
		{Name: "vllm", Distribution: "vllm", Version: "0.6.1", Variant: "cuda", CUDA: "12", Source: site + "/vllm/_C.abi3.so"},
		{Name: "xformers", Distribution: "xformers", Version: "0.0.28", Variant: "cuda", CUDA: "12.4", Torch: "2.5.1+cu124", Source: site + "/xformers/cpp_lib.json"},
		{Name: "deepspeed", Distribution: "deepspeed", Version: "0.15.0", Torch: "2.3", Source: site + "/deepspeed/git_version_info_installed.py"},
		{Name: "keras", Distribution: "keras", Version: "3.6.0", Backend: "tensorflow"},
		{Name: "flax", Distribution: "flax", Version: "1.2.3"},
	} {
		got := framework(t, set, want.Name)
		if want.Path = site + "/" + want.Name; strings.EqualFold(strings.ReplaceAll(got.Distribution, "-", "_"), want.Distribution) {
			got.Distribution = want.Distribution
		}
		got.Natives, got.Flags = nil, nil
		if !equalFrameworks(got, want) {
			t.Errorf("%s:\n got %+v\nwant %+v", want.Name, got, want)
		}
	}
	if f := framework(t, set, "bitsandbytes"); !slices.Contains(f.Flags, observed.SameMajor) || len(f.Natives) != 1 {
		t.Errorf("bitsandbytes: %+v", f)
	}
	if f := framework(t, set, "torch"); !slices.Contains(f.Natives, "torch/lib/libtorch_cuda.so") {
		t.Errorf("torch: %+v", f.Natives)
	}
	if extra := undocumented(set); len(extra) > 0 {
		t.Errorf("facts without a description: %q", extra)
	}
}

func equalFrameworks(a, b observed.Framework) bool {
	return a.Name == b.Name && a.Distribution == b.Distribution && a.Version == b.Version && a.Path == b.Path && a.Variant == b.Variant &&
		a.CUDA == b.CUDA && a.CUDNN == b.CUDNN && a.Torch == b.Torch && a.Backend == b.Backend && a.Source == b.Source
}

// TestCompilers: PATH decides, CC goes first, and where no program at all is
// seen nothing is said.
func TestCompilers(t *testing.T) {
	get := func(set fact.Set) (observed.Compiler, bool) {
		return fact.Get[observed.Compiler](set, observed.Compilers)
	}
	tr := fakeenv.New(t)
	tr.Venv("/opt/env", "3.11.7")
	tr.Target.Env["PATH"] = "/run/current-system/sw/bin"
	if c, ok := get(observe(t, tr.Target)); ok {
		t.Errorf("without programs: %+v", c)
	}
	tr.Text("/usr/bin/env", "")
	tr.Text("/opt/cuda/bin/nvcc", "")
	tr.Target.Env["PATH"] = "/opt/cuda/bin:relative:/usr/bin"
	if c, ok := get(observe(t, tr.Target)); !ok || c.C != "" || c.NVCC != "/opt/cuda/bin/nvcc" || len(c.Searched) != 2 {
		t.Errorf("without compiler: %+v %v", c, ok)
	}
	tr.Text("/usr/bin/clang", "")
	if c, _ := get(observe(t, tr.Target)); c.C != "/usr/bin/clang" || c.By != "clang" {
		t.Errorf("clang: %+v", c)
	}
	tr.Text("/usr/bin/gcc-13", "")
	tr.Target.Env["CC"] = "gcc-13 -O2"
	if c, _ := get(observe(t, tr.Target)); c.C != "/usr/bin/gcc-13" || c.By != "CC" {
		t.Errorf("CC: %+v", c)
	}
	tr.Target.Env["CC"] = "../../etc/passwd"
	if c, _ := get(observe(t, tr.Target)); c.C != "/usr/bin/clang" {
		t.Errorf("CC that is no program: %+v", c)
	}
}

func TestHeadersAndProject(t *testing.T) {
	tr := fakeenv.New(t)
	tr.Venv("/opt/env", "3.11.7")
	tr.Target.ProjectDir = "/srv/[app]"
	tr.Text("/srv/[app]/requirements-dev.txt", "torch>=2\n")
	set := observe(t, tr.Target)
	h, ok := observed.Get[observed.HeaderFile](set, "/opt/env", observed.Headers)
	if !ok || h.Exists || h.Path != "/usr/include/python3.11/Python.h" {
		t.Errorf("headers %+v %v", h, ok)
	}
	asked, _ := fact.Get[[]observed.Asking](set, observed.Asked)
	if len(asked) != 1 || asked[0].Path != "/srv/[app]/requirements-dev.txt" {
		t.Errorf("asked %+v", asked)
	}
}

// TestHostileFrameworks: pipes, garbage and endless files where a framework
// keeps what it says of itself.
func TestHostileFrameworks(t *testing.T) {
	tr := fakeenv.New(t)
	site := tr.Venv("/opt/env", "3.11.7")
	tr.Target.ProjectDir = "/srv/app"
	garbage := strings.Repeat("\x00\xff{[('cuda_version',", 1<<10)
	for _, name := range []string{
		"/torch/version.py", "/tensorflow/python/platform/build_info.py", "/xformers/cpp_lib.json", "/deepspeed/git_version_info_installed.py",
		"/bitsandbytes/cextension.py", "/onnxruntime/capi/libonnxruntime_providers_cuda.so", "/vllm/_C.abi3.so", "/onnx/x_pb2.py",
	} {
		tr.Text(site+name, garbage)
	}
	tr.Text("/srv/app/requirements.txt", garbage)
	tr.Text("/srv/app/pyproject.toml", "[project]\ndependencies = ["+strings.Repeat("\"torch\",\n", 1<<12))
	pipe := filepath.Join(tr.Target.Root, "srv/app/requirements-pipe.txt")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Skip("no pipes: ", err)
	}
	tr.Link("/home/ada/.keras/keras.json", "keras.json")
	tr.Install(site, fakeenv.Dist{Name: "keras", Version: "3"})
	set := observe(t, tr.Target)
	if f := framework(t, set, "tensorflow"); f.CUDA != "" || f.Variant != "" {
		t.Errorf("garbage was believed: %+v", f)
	}
	if asked, _ := fact.Get[[]observed.Asking](set, observed.Asked); len(asked) > 600 {
		t.Errorf("%d requirements", len(asked))
	}
}
