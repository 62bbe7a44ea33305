// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/fakeenv"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

// unusualCases are machines of kinds that a rule of thumb gets wrong, with
// exactly the findings that they must have.
var unusualCases = []struct {
	name  string
	build func(m *machine)
	want  []want
}{
	{"NVIDIA's container", func(m *machine) { // its torch has other code than the wheel of that release
		m.gpu("570.86.10", "Tesla V100-SXM2-16GB", "7.0")
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.7.0a0+ecf3bae40a.nv25.04", CUDA: "12.8"})
		m.dist("torchvision", "0.22.0a0", "torch")
		m.dist("torchaudio", "2.7.0a0+2a5f1d3", "torch==2.7.0a0+ecf3bae40a.nv25.04")
	}, nil},
	{"torch of source beside torchvision of source", func(m *machine) {
		a100(m)
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.8.0a0+git1a2b3c4", CUDA: "12.8"})
		m.dist("torchvision", "0.23.0a0+824e8c8", "torch")
	}, nil},
	{"torch of source takes itself for older than its release", func(m *machine) {
		a100(m)
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.7.0a0+ecf3bae40a.nv25.04", CUDA: "12.8"})
		m.dist("vllm-plugin", "1.0", "torch>=2.7")
	}, []want{{"python.dependency-conflict", check.Info, "torch>=2.7, and 2.7.0a0+ecf3bae40a.nv25.04 is installed"}}},
	{"nightly", func(m *machine) {
		m.gpu("570.86.10", "Tesla V100-SXM2-16GB", "7.0")
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.9.0.dev20250801+cu128", CUDA: "12.8"})
		m.dist("torchvision", "0.24.0.dev20250801+cu128", "torch==2.9.0.dev20250801")
	}, nil},
	{"release candidate without code for the device", func(m *machine) {
		m.gpu("580.65.06", "NVIDIA GeForce GTX 1080 Ti", "6.1")
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.8.0rc3+cu128", CUDA: "12.8"})
	}, []want{{"torch.arch-unsupported", check.Error, "compute capability 6.1"}}},
	{"V100 with the CUDA 13 wheel of PyPI's index", func(m *machine) {
		m.gpu("580.65.06", "Tesla V100-SXM2-16GB", "7.0")
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.9.1+cu130", CUDA: "13.0"})
	}, []want{{"torch.arch-unsupported", check.Error, "compute capability 7.0"}}},
	{"V100 with the wheel for ARM", func(m *machine) { // of which the table knows nothing
		m.gpu("580.65.06", "Tesla V100-SXM2-16GB", "7.0")
		m.torchTagged("2.9.1+cu130", "13.0", "cp311-cp311-manylinux_2_28_aarch64")
	}, nil},
	{"torch of conda's own channel, an egg-info", func(m *machine) {
		m.gpu("570.86.10", "NVIDIA GeForce RTX 5090", "12.0")
		m.Text(env+"/conda-meta/pytorch-2.6.0-py3.11_cuda12.4_cudnn9.1.0_0.json", "{}")
		torch := fakeenv.Torch{Version: "2.6.0", CUDA: "12.4"}
		m.InstallTorch(m.site, torch)
	}, nil},
	{"graphviz of conda and its Python module of pip", func(m *machine) {
		m.Text(env+"/conda-meta/graphviz-9.0.0-h78e8752_1.json", "{}")
		m.Text(env+"/conda-meta/tzdata-2024a-h0c530f3_0.json", "{}")
		m.dist("graphviz", "0.20.3")
		m.dist("tzdata", "2024.1")
	}, nil},
	{"conda keeps its own together", func(m *machine) {
		for name, version := range map[string]string{"tensorflow": "2.17.0", "protobuf": "5.28.3"} {
			m.Text(env+"/conda-meta/"+name+"-"+version+"-py311h1_0.json", "{}")
		}
		m.Install(m.site, fakeenv.Dist{Name: "tensorflow", Version: "2.17.0", Installer: "conda", Requires: []string{"libclang>=13", "protobuf<5"}})
		m.Install(m.site, fakeenv.Dist{Name: "protobuf", Version: "5.28.3", Installer: "conda"})
	}, nil},
	{"pip over conda alone breaks nothing yet", func(m *machine) {
		m.Text(env+"/conda-meta/rich-13.0.0-pyhd8ed1ab_0.json", "{}")
		m.dist("rich", "14.1.0")
	}, []want{{"python.conda-pip-duplicate", check.Warning, "conda records rich 13.0.0, and version 14.1.0"}}},
	{"pandas of conda rebuilt for NumPy 2", func(m *machine) {
		for name, version := range map[string]string{"pandas": "2.2.1", "numpy": "2.0.2"} {
			m.Text(env+"/conda-meta/"+name+"-"+version+"-py311h1_1.json", "{}")
			m.Install(m.site, fakeenv.Dist{Name: name, Version: version, Installer: "conda"})
		}
	}, nil},
	{"a pure package that says numpy<2", func(m *machine) {
		m.dist("numpy", "2.0.2")
		m.pure("langchain-community", "0.3.0", "numpy<2,>=1.26")
	}, []want{{"numpy.abi", check.Warning, "langchain-community 0.3.0 requires numpy<2,>=1.26"}}},
	{"a newer cuDNN of the same major release", func(m *machine) {
		torch := cu124
		torch.Requires = []string{"nvidia-cudnn-cu12==9.1.0.70"}
		m.InstallTorch(m.site, torch)
		m.dist("nvidia-cudnn-cu12", "9.15.1.9")
	}, []want{{"torch.nvidia-pins", check.Warning, "9.15.1.9"}}},
	{"a cuDNN of another major release", func(m *machine) {
		torch := cu124
		torch.Requires = []string{"nvidia-cudnn-cu12==9.1.0.70"}
		m.InstallTorch(m.site, torch)
		m.dist("nvidia-cudnn-cu12", "8.9.7.29")
	}, []want{{"torch.nvidia-pins", check.Error, "8.9.7.29"}}},
	{"release candidate of Python made by uv", func(m *machine) {
		m.Text(env+"/pyvenv.cfg", "home = /usr/bin\nuv = 0.8.0\nversion_info = 3.11.0rc2\ninclude-system-site-packages = false\n")
		m.Install(m.site, fakeenv.Dist{Name: "new", Version: "1.0", RequiresPython: ">=3.11"})
	}, nil},
	{"torch for another platform in the requirements", func(m *machine) {
		m.project("3.14.0")
		m.Text("/srv/app/requirements.txt", "torch==2.2.2; sys_platform == \"darwin\" and platform_machine == \"x86_64\"\ntorch==2.5.1; python_version < \"3.13\"\ntorch>=2.9; python_version >= \"3.13\"\n")
	}, nil},
	{"torch by URL in the requirements", func(m *machine) {
		m.project("3.14.0")
		m.Text("/srv/app/requirements.txt", "torch @ https://example.org/torch-2.5.1-cp314-cp314-linux_x86_64.whl\n")
	}, nil},
	{"requirements of an old environment beside today's", func(m *machine) {
		m.project("3.14.0")
		m.Text("/srv/app/requirements-py38.txt", "torch==1.13.1\n")
		m.Text("/srv/app/requirements.txt", "torch>=2.9\n")
	}, nil},
	{"a pin with the build's name on a new Python", func(m *machine) {
		m.project("3.14.0")
		m.Text("/srv/app/requirements.txt", "torch==2.5.1+cu121\n")
	}, []want{{"python.too-new", check.Error, "torch==2.5.1+cu121"}}},
	{"JAX of conda-forge with CUDA", func(m *machine) {
		a100(m)
		m.Text(env+"/conda-meta/jaxlib-0.4.31-cuda120py311h4a7c0c5_200.json", "{}")
		m.Install(m.site, fakeenv.Dist{Name: "jaxlib", Version: "0.4.31", Installer: "conda"})
	}, nil},
	{"JAX plugin with a later post-release", func(m *machine) {
		a100(m)
		m.dist("jaxlib", "0.4.34")
		m.dist("jax-cuda12-plugin", "0.4.34.post1")
	}, nil},
	{"vLLM brings flashinfer, which it uses where there is nvcc", func(m *machine) {
		a100(m)
		m.cudaTorch()
		m.dist("vllm", "0.11.0", "flashinfer-python==0.3.1")
		m.dist("flashinfer-python", "0.3.1")
		m.shell("gcc")
		m.Text(headers, "")
		m.know(cudaToolkits, []toolkit{})
	}, nil},
	{"flashinfer with its kernels compiled", func(m *machine) {
		a100(m)
		m.cudaTorch()
		m.dist("flashinfer-python", "0.5.0")
		m.dist("flashinfer-jit-cache", "0.5.0")
		m.shell("gcc")
		m.Text(headers, "")
		m.know(cudaToolkits, []toolkit{})
	}, nil},
	{"deepspeed with its operations compiled", func(m *machine) {
		a100(m)
		m.cudaTorch()
		m.files("deepspeed", "0.16.0", nil, map[string]string{"deepspeed/__init__.py": "", "deepspeed/ops/adam/fused_adam_op.cpython-311-x86_64-linux-gnu.so": string(fakeenv.Library{}.Bytes())})
		m.shell("gcc")
		m.Text(headers, "")
		m.know(cudaToolkits, []toolkit{{"/usr/local/cuda", "11.8"}})
	}, []want{{"cuda.toolkit-torch-mismatch", check.Info, "11.8"}}},
	{"gsplat of a wheel for this torch", func(m *machine) {
		a100(m)
		m.cudaTorch()
		m.dist("gsplat", "1.5.2+pt26cu124")
		m.shell("gcc")
		m.Text(headers, "")
		m.know(cudaToolkits, []toolkit{})
	}, nil},
	{"gsplat beside a toolkit of another major", func(m *machine) {
		a100(m)
		m.cudaTorch()
		m.dist("gsplat", "1.5.2")
		m.shell("gcc")
		m.Text(headers, "")
		m.know(cudaToolkits, []toolkit{{"/usr/local/cuda", "11.8"}})
	}, []want{{"cuda.toolkit-torch-mismatch", check.Error, "gsplat"}}},
	{"CC in a place that may not be seen", func(m *machine) {
		a100(m)
		m.cudaTorch()
		m.dist("liger-kernel", "0.5.0")
		m.shell()
		m.Text(headers, "")
		m.Target.Env["CC"] = "/nfs/apps/gcc-13/bin/gcc"
	}, nil},
	{"Keras 3 whose backend the program chooses", func(m *machine) {
		m.dist("keras", "3.6.0")
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.6.0+cpu"})
	}, []want{{"keras.backend-missing", check.Info, "takes tensorflow as backend"}}},
	{"two nightly builds of ONNX Runtime", func(m *machine) {
		a100(m)
		for i, name := range []string{"ort-nightly", "onnxruntime-gpu"} {
			m.files(name, "1.20.0", nil, map[string]string{"onnxruntime/__init__.py": "x" + string(rune('0'+i))})
		}
	}, []want{{"onnxruntime.cpu-and-gpu", check.Error, "ort-nightly 1.20.0"}}},
	{"PYTHONPATH of ROS with nothing that the environment has", func(m *machine) {
		m.Target.Env["PYTHONPATH"] = "/opt/ros/humble/lib/python3.10/site-packages"
		m.Text("/opt/ros/humble/lib/python3.10/site-packages/rclpy/__init__.py", "")
		m.File("/opt/ros/humble/lib/python3.10/site-packages/rclpy/_rclpy_pybind11.cpython-310-x86_64-linux-gnu.so", fakeenv.Library{}.Bytes())
	}, []want{{"python.pythonpath-foreign", check.Warning, "It hides none of the environment's packages. Imported from it: rclpy."}}},
	{"PYTHONPATH with another Python's numpy", func(m *machine) {
		m.dist("numpy", "2.1.0")
		m.Target.Env["PYTHONPATH"] = "/opt/old/lib/python3.8/site-packages"
		m.Text("/opt/old/lib/python3.8/site-packages/numpy/__init__.py", "")
	}, []want{{"python.pythonpath-foreign", check.Error, "It hides the installed numpy."}}},
	{"PYTHONPATH with another Python's module of another name", func(m *machine) {
		m.Install(m.site, fakeenv.Dist{Name: "opencv-python", Version: "4.10.0", Files: map[string][]byte{"cv2/__init__.py": nil}})
		m.Target.Env["PYTHONPATH"] = "/opt/old/lib/python3.8/site-packages"
		m.Text("/opt/old/lib/python3.8/site-packages/cv2/__init__.py", "")
	}, []want{{"python.pythonpath-foreign", check.Error, "It hides the installed cv2 of opencv-python."}}},
	{"interpreter of uv", func(m *machine) {
		base := m.UVPython("3.12.4")
		m.Text(base+"/lib/python3.12/EXTERNALLY-MANAGED", "[externally-managed]\n")
		m.Target.Pythons = []string{base + "/bin/python3.12"}
		m.Target.Env = map[string]string{}
	}, []want{{"python.externally-managed", check.Info, "managed by uv"}}},
	{"CPU build that the project asks for", func(m *machine) {
		a100(m)
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.6.0+cpu"})
		m.Target.ProjectDir = "/srv/app"
		m.Text("/srv/app/requirements.txt", "--extra-index-url https://download.pytorch.org/whl/cpu\ntorch==2.6.0+cpu\n")
	}, []want{{"torch.cpu-wheel-on-gpu-host", check.Info, "asks for it"}}},
	{"build for Intel's GPUs", func(m *machine) {
		a100(m)
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.6.0+xpu"})
	}, []want{{"torch.cpu-wheel-on-gpu-host", check.Error, "built for Intel GPUs"}}},
	{"flash-attn wheel that names torch 2.10", func(m *machine) {
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.10.0+cu128", CUDA: "12.8"})
		m.dist("flash-attn", "2.8.3")
		m.Text(m.site+"/flash_attn-2.8.3.dist-info/direct_url.json", `{"url": "https://x.org/flash_attn-2.8.3%2Bcu128torch2.10cxx11abiTRUE-cp311-cp311-linux_x86_64.whl"}`)
	}, nil},
	{"names with other case and underscores", func(m *machine) {
		m.dist("Flask_SQLAlchemy", "3.1.1", "Flask>=2.2.5", "SQLAlchemy>=2.0.16", "typing.extensions")
		m.dist("flask", "3.0.0")
		m.dist("sqlalchemy", "2.0.40")
		m.dist("typing_extensions", "4.12.0")
	}, nil},
	{"CUDA libraries by the extras of a package of packages", func(m *machine) {
		m.InstallTorch(m.site, fakeenv.Torch{Version: "2.11.0", CUDA: "13.0", Requires: []string{"cuda-toolkit[cublas,cudart]==13.0.2", "triton~=3.6.0"}})
		m.pure("cuda-toolkit", "12.8.1")
		m.dist("triton", "3.5.1")
	}, []want{{"torch.nvidia-pins", check.Error, "cuda-toolkit[cublas,cudart]==13.0.2, and 12.8.1 is installed; torch 2.11.0 requires triton~=3.6.0"}}},
	{"BNB_CUDA_VERSION that is set to nothing", func(m *machine) {
		a100(m)
		m.cudaTorch()
		m.bitsandbytes(fallsBack, "124")
		m.Target.Env["BNB_CUDA_VERSION"] = ""
	}, nil},
	{"metadata that PEP 508 does not allow", func(m *machine) {
		m.dist("yanked", "1.0", "pytz (>dev)", "attrs>=19.2.*", "numpy>=1.7,", ";", "x; sys_platform = 'win32'")
		m.dist("attrs", "25.1.0")
		m.dist("numpy", "2.1.0")
		m.dist("pytz", "2024.1")
	}, nil},
	{"backports for old Pythons", func(m *machine) {
		m.dist("thing", "1.0", `importlib_metadata>=4; python_version < "3.8"`, `tomli>=1.1.0; python_full_version <= "3.11.0a6"`,
			`greenlet!=0.4.17; platform_machine == "aarch64" or (platform_machine == "arm64" and python_version < "3.10")`,
			`cffi; implementation_name == "pypy"`, `colorama; platform_system == "Windows"`, `x; extra == "dev" and python_version > "3"`, `y; python_version not in "3.11, 3.12"`)
	}, nil},
}

// torchTagged installs torch of a wheel for a platform.
func (m *machine) torchTagged(version, cuda, tag string) {
	m.InstallTorch(m.site, fakeenv.Torch{Version: version, CUDA: cuda})
	m.Text(m.site+"/torch-"+version+".dist-info/WHEEL", "Wheel-Version: 1.0\nTag: "+tag+"\n")
	m.Target.Arch = "arm64"
}

// pure installs a package without compiled parts.
func (m *machine) pure(name, version string, requires ...string) {
	m.Install(m.site, fakeenv.Dist{Name: name, Version: version, Requires: requires, Tag: "py3-none-any"})
}

// from installs a package with a library and the direct_url.json of PEP 610.
func (m *machine) from(name, version, library, directURL string) {
	m.files(name, version, nil, map[string]string{
		library: string(fakeenv.Library{}.Bytes()), strings.ReplaceAll(name, "-", "_") + "-" + version + ".dist-info/direct_url.json": directURL,
	})
}

// conda records a package as conda's own.
func (m *machine) conda(name, version, build string) {
	m.Text(env+"/conda-meta/"+name+"-"+version+"-"+build+".json", "{}")
}

// TestUnusualRemedies: who installed a package installs it again, from where it
// came.
func TestUnusualRemedies(t *testing.T) {
	for _, c := range []struct {
		name  string
		build func(m *machine)
		code  string
		want  string
	}{
		{"nightly", func(m *machine) {
			m.InstallTorch(m.site, fakeenv.Torch{Version: "2.9.0.dev20250801+cu128", CUDA: "12.8"})
			m.Remove(m.site + "/torch/lib/libtorch_cpu.so")
		}, "python.record-torn", python + " -m pip install --force-reinstall --no-deps torch==2.9.0.dev20250801+cu128 --pre --index-url https://download.pytorch.org/whl/nightly/cu128"},
		{"release candidate", func(m *machine) {
			m.InstallTorch(m.site, fakeenv.Torch{Version: "2.8.0rc3+cu128", CUDA: "12.8"})
			m.Remove(m.site + "/torch/lib/libtorch_cpu.so")
		}, "python.record-torn", python + " -m pip install --force-reinstall --no-deps torch==2.8.0rc3+cu128 --pre --index-url https://download.pytorch.org/whl/test/cu128"},
		{"a container's torch is of no index", func(m *machine) {
			m.InstallTorch(m.site, fakeenv.Torch{Version: "2.7.0a0+ecf3bae40a.nv25.04", CUDA: "12.8"})
			m.Remove(m.site + "/torch/lib/libtorch_cpu.so")
		}, "python.record-torn", ""},
		{"a companion of a torch of no index", func(m *machine) {
			m.InstallTorch(m.site, fakeenv.Torch{Version: "2.7.0a0+ecf3bae40a.nv25.04", CUDA: "12.8"})
			m.dist("torchvision", "0.22.0", "torch==2.7.0")
		}, "torch.companion-mismatch", python + " -m pip install --force-reinstall --no-deps --no-build-isolation git+https://github.com/pytorch/vision"},
		{"a companion of another build is replaced alone", func(m *machine) {
			m.InstallTorch(m.site, cu124)
			m.dist("torchaudio", "2.6.0+cpu", "torch==2.6.0")
		}, "torch.companion-mismatch", python + " -m pip install --force-reinstall --no-deps torchaudio==2.6.0+cu124 --index-url https://download.pytorch.org/whl/cu124"},
		{"a wheel from a URL", func(m *machine) {
			m.from("flash-attn", "2.7.4", "flash_attn_2_cuda.so", `{"url": "https://example.org/flash_attn-2.7.4+cu12torch2.6cxx11abiFALSE-cp311-cp311-linux_x86_64.whl", "archive_info": {}}`)
			m.Remove(m.site + "/flash_attn_2_cuda.so")
		}, "python.record-torn", python + " -m pip install --force-reinstall --no-deps https://example.org/flash_attn-2.7.4+cu12torch2.6cxx11abiFALSE-cp311-cp311-linux_x86_64.whl"},
		{"a commit", func(m *machine) {
			m.from("mine", "0.1", "mine/x.so", `{"url": "https://github.com/me/mine.git", "vcs_info": {"vcs": "git", "commit_id": "1a2b3c4"}}`)
			m.Remove(m.site + "/mine/x.so")
		}, "python.record-torn", python + " -m pip install --force-reinstall --no-deps git+https://github.com/me/mine.git@1a2b3c4"},
		{"conda's torch", func(m *machine) {
			m.conda("pytorch", "2.5.1", "cpu_generic_py311h1234567_0")
			m.gpu("550.54.14", "A100", "8.0")
			m.InstallTorch(m.site, fakeenv.Torch{Version: "2.5.1", Installer: "conda"})
		}, "torch.cpu-wheel-on-gpu-host", "CONDA_OVERRIDE_CUDA=12.6 conda install --prefix /opt/env --channel conda-forge pytorch-gpu cuda-version=12.6"},
		{"conda's torch, torn", func(m *machine) {
			m.conda("pytorch", "2.5.1", "cuda126_py311h1234567_300")
			m.InstallTorch(m.site, fakeenv.Torch{Version: "2.5.1", CUDA: "12.6", Installer: "conda"})
			m.Remove(m.site + "/torch/lib/libtorch_cpu.so")
		}, "python.record-torn", "conda install --prefix /opt/env --force-reinstall pytorch"},
		{"conda's protobuf under a package of pip", func(m *machine) {
			m.conda("protobuf", "5.28.3", "py311h1_0")
			m.Install(m.site, fakeenv.Dist{Name: "protobuf", Version: "5.28.3", Installer: "conda"})
			m.dist("old", "1.0", "protobuf<5,>=4.21")
		}, "python.dependency-conflict", "conda install --prefix /opt/env 'protobuf<5,>=4.21'"},
		{"conda's TensorFlow", func(m *machine) {
			a100(m)
			m.conda("tensorflow", "2.18.0", "cpu_py311h1_0")
			m.tensorflow("tensorflow", false)
		}, "tensorflow.cpu-only", "conda install --prefix /opt/env --channel conda-forge 'tensorflow=*=cuda*'"},
		{"a package of packages keeps its extras", func(m *machine) {
			m.InstallTorch(m.site, fakeenv.Torch{Version: "2.11.0", CUDA: "13.0", Requires: []string{"cuda-toolkit[cublas,cudart]==13.0.2"}})
			m.pure("cuda-toolkit", "12.8.1")
		}, "torch.nvidia-pins", python + " -m pip install 'cuda-toolkit[cublas,cudart]==13.0.2'"},
		{"a device too new for all that this Python has", func(m *machine) {
			m.gpu("580.65.06", "NVIDIA GeForce RTX 5090", "12.0")
			m.InstallTorch(m.site, cu124)
		}, "torch.arch-unsupported", python + " -m pip install --force-reinstall 'torch==2.15.*' --index-url https://download.pytorch.org/whl/cu132"},
		{"JAX's own version and not jaxlib's", func(m *machine) {
			a100(m)
			m.dist("jax", "0.4.35")
			m.dist("jaxlib", "0.4.34")
		}, "jax.cuda-plugin-missing", python + " -m pip install 'jax[cuda12]==0.4.35'"},
		{"ONNX Runtime without a GPU", func(m *machine) {
			for i, name := range []string{"onnxruntime", "onnxruntime-gpu"} {
				m.files(name, "1.20.0", nil, map[string]string{"onnxruntime/__init__.py": "# " + string(rune('0'+i)), "onnxruntime/capi/x.so": string(rune('0' + i))})
			}
			m.pure("thing", "1.0", "onnxruntime<1.22")
		}, "onnxruntime.cpu-and-gpu", python + " -m pip uninstall -y onnxruntime onnxruntime-gpu\n" + python + " -m pip install 'onnxruntime<1.22'"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.pure("pip", "24.0")
			c.build(m)
			if got := firstCommand(t, m.diagnose(), c.code); got != c.want {
				t.Errorf("got  %s\nwant %s", got, c.want)
			}
		})
	}
}

func TestUnusualMachines(t *testing.T) {
	for _, c := range unusualCases {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			c.build(m)
			compare(t, m.diagnose(), c.want)
		})
	}
}
