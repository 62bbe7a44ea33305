// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var cu124 = fakeenv.Torch{Version: "2.6.0+cu124", CUDA: "12.4"}

// torchCases are machines with torch and exactly the findings that they must
// have.
var torchCases = []struct {
	name  string
	build func(m *machine)
	want  []want
}{
	{"4090, driver 535, cu124", func(m *machine) {
		m.gpu("535.129.03", "NVIDIA GeForce RTX 4090", "8.9")
		m.InstallTorch(m.site, cu124)
	}, nil},
	{"CPU wheel without a GPU", func(m *machine) { m.InstallTorch(m.site, fakeenv.Torch{Version: "2.6.0+cpu"}) }, nil},
	{"CPU wheel with a GPU", func(m *machine) {
		m.gpu("550.54.14", "A100", "8.0")
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.6.0+cpu"})
	}, []want{{"torch.cpu-wheel-on-gpu-host", check.Error, "torch 2.6.0+cpu has no CUDA"}}},
	{"ROCm wheel", func(m *machine) {
		m.gpu("550.54.14", "A100", "8.0")
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.6.0+rocm6.2", HIP: "6.2.41133"})
	}, []want{{"torch.rocm-wheel-on-nvidia", check.Error, "ROCm 6.2.41133"}}},
	{"driver too old for CUDA 12", func(m *machine) {
		m.gpu("470.42.01", "A100", "8.0")
		m.InstallTorch(m.site, cu124)
	}, []want{{"torch.driver-too-old", check.Error, "needs driver 525.60.13 or newer; the driver is 470.42.01"}}},
	{"driver too old for CUDA 13", func(m *machine) {
		m.gpu("570.86.10", "A100", "8.0")
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.8.0+cu130", CUDA: "13.0"})
	}, []want{{"torch.driver-too-old", check.Error, "needs driver 580 or newer"}}},
	{"driver too old, and the forward compatibility package", func(m *machine) {
		m.gpu("535.129.03", "A100", "8.0")
		m.know(driverLibraries, []driverLibrary{{"libcuda.so.1", "/usr/local/cuda-13.0/compat/libcuda.so.1", "580.65.06", "LD_LIBRARY_PATH"}})
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.9.0+cu130", CUDA: "13.0"})
	}, nil},
	{"driver too old, and a compatibility package that is not loaded", func(m *machine) {
		m.gpu("535.129.03", "A100", "8.0")
		m.know(driverLibraries, []driverLibrary{
			{"libcuda.so.1", "/usr/lib/libcuda.so.1", "535.129.03", "ld.so.cache"},
			{"libcuda.so.1", "/usr/local/cuda-13.0/compat/libcuda.so.1", "580.65.06", "toolkit"},
		})
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.9.0+cu130", CUDA: "13.0"})
	}, []want{{"torch.driver-too-old", check.Error, "the driver is 535.129.03"}}},
	{"CUDA 14", func(m *machine) {
		m.gpu("605.10", "B200", "10.0")
		m.InstallTorch(m.site, fakeenv.Torch{Version: "3.0.0+cu140", CUDA: "14.0"})
	}, []want{
		{"torch.driver-too-old", check.Unknown, "newer than the table"},
		{"torch.arch-unsupported", check.Unknown, "not known"},
	}},
	{"driver 700", func(m *machine) {
		m.gpu("700.10", "A100", "8.0")
		m.InstallTorch(m.site, cu124)
	}, []want{{"torch.driver-too-old", check.Unknown, "Driver 700.10 is newer than the table"}}},
	{"5090 with cu124", func(m *machine) {
		m.gpu("570.86.10", "NVIDIA GeForce RTX 5090", "12.0")
		m.InstallTorch(m.site, cu124)
	}, []want{{"torch.arch-unsupported", check.Error, "compute capability 12.0"}}},
	{"5090 with conda's build", func(m *machine) { // its list of devices is another
		m.gpu("570.86.10", "NVIDIA GeForce RTX 5090", "12.0")
		torch := cu124
		torch.Installer = "conda"
		m.InstallTorch(m.site, torch)
	}, nil},
	{"B300 with cu128", func(m *machine) { // 10.0 code runs on 10.3
		m.gpu("575.10", "B300", "10.3")
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.8.0+cu128", CUDA: "12.8"})
	}, nil},
	{"missing cuDNN", func(m *machine) {
		torch := cu124
		torch.Needs = []string{"libcudnn.so.9"}
		torch.Requires = []string{`nvidia-cudnn-cu12==9.1.0.70; platform_system == "Linux" and platform_machine == "x86_64"`}
		m.InstallTorch(m.site, torch)
	}, []want{
		{"torch.not-loadable", check.Error, "libcudnn.so.9, needed by /opt/env/lib/python3.11/site-packages/torch/lib/libtorch_cuda.so"},
		{"torch.nvidia-pins", check.Error, "nvidia-cudnn-cu12==9.1.0.70, which is not installed"},
	}},
	{"cuDNN through RPATH", func(m *machine) {
		torch := cu124
		torch.Needs = []string{"libcudnn.so.9"}
		m.InstallTorch(m.site, torch)
		m.InstallLibrary(m.site, "nvidia-cudnn-cu12", "9.1.0.70", "nvidia/cudnn/lib/libcudnn.so.9", fakeenv.Library{Soname: "libcudnn.so.9"})
	}, nil},
	{"driver libraries are the driver's", func(m *machine) {
		torch := cu124
		torch.Needs = []string{"libnvidia-ml.so.1"}
		m.InstallTorch(m.site, torch)
	}, nil},
	{"pins drifted", func(m *machine) {
		torch := cu124
		torch.Requires = []string{"nvidia-cublas-cu12==12.4.5.8", "triton==3.2.0"}
		m.InstallTorch(m.site, torch)
		m.dist("nvidia-cublas-cu12", "12.6.4.1")
		m.dist("triton", "3.2.0")
	}, []want{{"torch.nvidia-pins", check.Warning, "nvidia-cublas-cu12==12.4.5.8, and 12.6.4.1 is installed"}}},
	{"torchvision of another release", func(m *machine) {
		m.InstallTorch(m.site, cu124)
		m.dist("torchvision", "0.20.1+cu124", "torch==2.5.1", "numpy")
		m.dist("numpy", "2.0.0")
	}, []want{{"torch.companion-mismatch", check.Error, "torchvision 0.20.1+cu124 requires torch==2.5.1"}}},
	{"torchaudio of another build", func(m *machine) {
		m.InstallTorch(m.site, cu124)
		m.dist("torchaudio", "2.6.0+cpu", "torch==2.6.0")
	}, []want{{"torch.companion-mismatch", check.Error, "different platforms"}}},
	{"torn library", func(m *machine) {
		m.InstallTorch(m.site, cu124)
		m.Remove(m.site + "/torch/lib/libc10.so")
	}, []want{
		{"python.record-torn", check.Error, "torch/lib/libc10.so"},
		{"torch.not-loadable", check.Error, "libc10.so is missing"},
	}},
	{"library path hijack", func(m *machine) {
		hijack(m, fakeenv.Library{Soname: "libnvJitLink.so.12", Defines: []string{"nvJitLinkCreate"}})
	}, []want{{"python.ld-library-path-hijack", check.Error, "does not export __nvJitLinkComplete_12_4"}}},
	{"library path with a compatible library", func(m *machine) {
		hijack(m, fakeenv.Library{Soname: "libnvJitLink.so.12", Defines: []string{"nvJitLinkCreate", "__nvJitLinkComplete_12_4"}})
	}, []want{{"python.ld-library-path-hijack", check.Warning, "/usr/local/cuda/lib64/libnvJitLink.so.12"}}},
	{"glibc too old", func(m *machine) {
		m.Install(m.site, fakeenv.Dist{Name: "numpy", Version: "2.1.0", Files: map[string][]byte{
			"numpy/__init__.py": nil,
			"numpy/_core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so": fakeenv.Library{
				Needed: []string{"libc.so.6"}, Wants: map[string][]string{"libc.so.6": {"GLIBC_2.28", "GLIBC_2.38"}},
			}.Bytes(),
		}})
	}, []want{{"glibc.too-old", check.Error, "wants GLIBC_2.38 of /lib/x86_64-linux-gnu/libc.so.6"}}},
	{"glibc too old for an extension", func(m *machine) {
		m.Install(m.site, fakeenv.Dist{Name: "torch-scatter", Version: "2.1.2", Tag: "cp311-cp311-linux_x86_64", Files: map[string][]byte{
			"torch_scatter/__init__.py": nil,
			"torch_scatter/_version_cpu.so": fakeenv.Library{
				Needed: []string{"libc.so.6"}, Wants: map[string][]string{"libc.so.6": {"GLIBC_2.28", "GLIBC_2.32"}},
			}.Bytes(),
		}})
	}, []want{{"glibc.too-old", check.Error, "torch-scatter cannot be loaded: _version_cpu.so wants GLIBC_2.32 of /lib/x86_64-linux-gnu/libc.so.6, which has GLIBC_2.31 as its newest"}}},
	{"libstdc++ too old for the second who needs it", func(m *machine) {
		oldLibstdcxx(m, "/lib/x86_64-linux-gnu")
	}, []want{{"glibc.too-old", check.Error, "b.so wants GLIBCXX_3.4.29 of /lib/x86_64-linux-gnu/libstdc++.so.6, which"}}},
	{"an old libstdc++ on the library path", func(m *machine) {
		oldLibstdcxx(m, "/opt/matlab/lib")
		m.Target.Env["LD_LIBRARY_PATH"] = "/opt/matlab/lib"
	}, []want{{"python.ld-library-path-hijack", check.Error, "b.so wants GLIBCXX_3.4.29 of /opt/matlab/lib/libstdc++.so.6, which"}}},
	{"numpy without its BLAS", func(m *machine) {
		m.Install(m.site, fakeenv.Dist{Name: "numpy", Version: "2.1.0", Files: map[string][]byte{
			"numpy/__init__.py": nil,
			"numpy/_core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so": fakeenv.Library{
				Needed: []string{"libscipy_openblas64_.so"}, RPath: "$ORIGIN/../../numpy.libs",
			}.Bytes(),
		}})
	}, []want{{"frameworks.not-loadable", check.Error, "libscipy_openblas64_.so is missing"}}},
}

// oldLibstdcxx has a NumPy of two libraries, of which only the second is too
// new for the libstdc++ in dir.
func oldLibstdcxx(m *machine, dir string) {
	m.File(dir+"/libstdc++.so.6", fakeenv.Library{Soname: "libstdc++.so.6", Offers: []string{"GLIBCXX_3.4.9", "GLIBCXX_3.4.11"}}.Bytes())
	wants := func(versions ...string) map[string][]string { return map[string][]string{"libstdc++.so.6": versions} }
	m.Install(m.site, fakeenv.Dist{Name: "numpy", Version: "2.1.0", Files: map[string][]byte{
		"numpy/__init__.py": nil,
		"numpy/_core/_multiarray_umath.cpython-311-x86_64-linux-gnu.so": fakeenv.Library{
			Needed: []string{"libstdc++.so.6", "b.so"}, RPath: "$ORIGIN", Wants: wants("GLIBCXX_3.4.9"),
		}.Bytes(),
		"numpy/_core/b.so": fakeenv.Library{
			Soname: "b.so", Needed: []string{"libstdc++.so.6"}, Wants: wants("GLIBCXX_3.4.11", "GLIBCXX_3.4.21", "GLIBCXX_3.4.29", "GLIBCXX_3.4.9"),
		}.Bytes(),
	}})
}

func TestTorchMachines(t *testing.T) {
	for _, c := range torchCases {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			c.build(m)
			compare(t, m.diagnose(), c.want)
		})
	}
}

// hijack installs cusparse, which needs nvJitLink and finds it by RUNPATH, and
// a CUDA toolkit on LD_LIBRARY_PATH that has another.
func hijack(m *machine, toolkit fakeenv.Library) {
	torch := cu124
	torch.Needs = []string{"libcusparse.so.12"}
	m.InstallTorch(m.site, torch)
	m.InstallLibrary(m.site, "nvidia-cusparse-cu12", "12.3.1.170", "nvidia/cusparse/lib/libcusparse.so.12", fakeenv.Library{
		Soname: "libcusparse.so.12", Needed: []string{"libnvJitLink.so.12"}, RunPath: "$ORIGIN/../../nvjitlink/lib",
		Uses: []string{"__nvJitLinkComplete_12_4"},
	})
	m.InstallLibrary(m.site, "nvidia-nvjitlink-cu12", "12.4.127", "nvidia/nvjitlink/lib/libnvJitLink.so.12", fakeenv.Library{
		Soname: "libnvJitLink.so.12", Defines: []string{"nvJitLinkCreate", "__nvJitLinkComplete_12_4"},
	})
	m.File("/usr/local/cuda/lib64/libnvJitLink.so.12", toolkit.Bytes())
	m.Target.Env["LD_LIBRARY_PATH"] = "/usr/local/cuda/lib64"
}
