// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep440"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var onnxruntimeCUDA = check.Check{
	Code: codeOnnxCUDA, Title: "ONNX Runtime does not find its CUDA libraries", Area: areaFrameworks,
	Needs: []string{gpuCount, need(observed.Frameworks)},
	Doc: check.Doc{
		Meaning:    "ONNX Runtime says \"Failed to create CUDAExecutionProvider. Require cuDNN 9.* and CUDA 12.*\" and runs the model on the CPU.",
		Detection:  "The libraries that libonnxruntime_providers_cuda.so needs are followed as the loader does, the nvidia packages that preload_dlls() opens included. Their names carry the major releases of CUDA and cuDNN that it was built for.",
		Cause:      "onnxruntime-gpu is built for one major release of CUDA and of cuDNN, and others or none are installed. Releases from 1.19 on want CUDA 12 and cuDNN 9, from 1.27 on CUDA 13.",
		Fix:        "Install the libraries with the extras of onnxruntime-gpu, or the release of onnxruntime-gpu for the CUDA that torch brings.",
		Verify:     "Run ldd on libonnxruntime_providers_cuda.so; make a session with CUDAExecutionProvider and print its get_providers().",
		References: []string{"https://onnxruntime.ai/docs/execution-providers/CUDA-ExecutionProvider.html#requirements", "https://onnxruntime.ai/docs/install/"},
	},
	Run: perEnvironment(lookOnnxCUDA),
}

func lookOnnxCUDA(e *environment) {
	f, ok := e.framework("onnxruntime")
	if !ok || !e.hasGPU() || f.Variant != "cuda" || len(f.Missing) == 0 {
		return
	}
	detail := fmt.Sprintf("%s %s is built for %s and does not find %s.", f.Distribution, f.Version, cudaText(f), missingText(f.Missing))
	e.report(check.Finding{
		Severity: check.Warning,
		Title:    fmt.Sprintf("ONNX Runtime wants %s", cudaText(f)),
		Detail:   detail + othersText(f.Missing),
		Cause:    "The installed CUDA libraries are of other major releases, or none are installed.",
		Evidence: append(e.paths(observed.Frameworks, missingPaths(f)...), e.ctx.Evidence(gpuCount)...),
		Remedies: e.onnxRemedies(f),
		Verify:   []string{"ldd " + quote(f.Source) + " | grep 'not found'   # prints nothing when all are found"},
	})
}

func cudaText(f observed.Framework) string {
	switch {
	case f.CUDA != "" && f.CUDNN != "":
		return "CUDA " + f.CUDA + " and cuDNN " + f.CUDNN
	case f.CUDA != "":
		return "CUDA " + f.CUDA
	}
	return "its CUDA libraries"
}

func missingText(missing []observed.MissingCUDA) string {
	var names []string
	for _, m := range missing {
		names = append(names, m.Library)
	}
	return listed(unique(names))
}

func othersText(missing []observed.MissingCUDA) string {
	var files []string
	for _, m := range missing {
		files = append(files, m.Others...)
	}
	if len(files) == 0 {
		return ""
	}
	return " There is " + listed(unique(files)) + "."
}

func missingPaths(f observed.Framework) []string {
	paths := nonEmpty(f.Source)
	for _, m := range f.Missing {
		paths = append(paths, m.NeededBy)
		paths = append(paths, m.Others...)
	}
	return unique(paths)
}

// onnxExtras is the first release whose metadata has the extras cuda and cudnn.
const onnxExtras = "1.21"

// onnxRemedies keeps the CUDA of torch where there is one of another major
// release, else brings the libraries that ONNX Runtime wants.
func (e *environment) onnxRemedies(f observed.Framework) []check.Remedy {
	torch, _ := get[observed.TorchBuild](e, observed.Torch)
	torchMajor, hasTorch := cudaMajor(torch.CUDA)
	own, known := cudaMajor(f.CUDA)
	var out []check.Remedy
	if row, ok := tables.Runtimes().For(torchMajor); hasTorch && known && own != torchMajor && ok {
		out = append(out, e.install(fmt.Sprintf("Install the releases for torch's CUDA %d.", torchMajor), "onnxruntime-gpu"+row.ONNXRuntime))
	}
	v, err1 := pep440.Parse(f.Version)
	first, err2 := pep440.Parse(onnxExtras)
	if err1 == nil && err2 == nil && v.Compare(first) >= 0 {
		return append(out, e.install("Install the libraries, and call onnxruntime.preload_dlls() before the first session.",
			"onnxruntime-gpu[cuda,cudnn]=="+publicText(v)))
	}
	var names []string
	for _, part := range []string{"cuda-runtime", "cublas", "cufft", "curand", "cuda-nvrtc"} {
		names = append(names, "nvidia-"+part+"-cu"+f.CUDA)
	}
	names = append(names, "nvidia-cudnn-cu"+f.CUDA+"=="+f.CUDNN+".*")
	if f.CUDA == "" || f.CUDNN == "" {
		names = []string{"--upgrade", "onnxruntime-gpu[cuda,cudnn]"}
	}
	return append(out, e.install("Install the libraries, and import torch or put them on LD_LIBRARY_PATH before the first session.", names...))
}

var tensorflowCPU = check.Check{
	Code: "tensorflow.cpu-only", Title: "TensorFlow is built without CUDA on a machine with a GPU", Area: areaFrameworks,
	Needs: []string{gpuCount, need(observed.Frameworks)},
	Doc: check.Doc{
		Meaning:    "tf.config.list_physical_devices('GPU') is empty although the machine has an NVIDIA GPU, and everything runs on the CPU.",
		Detection:  "tensorflow/python/platform/build_info.py says is_cuda_build False, and a PCI device of NVIDIA is there.",
		Cause:      "tensorflow-cpu is installed, or a wheel for a platform without GPU support: Windows since 2.11, and Linux on ARM.",
		Fix:        "Install tensorflow[and-cuda] on Linux; on Windows work in WSL2.",
		Verify:     "Print tf.config.list_physical_devices('GPU').",
		References: []string{"https://www.tensorflow.org/install/pip"},
	},
	Run: perEnvironment(func(e *environment) {
		f, ok := e.framework("tensorflow")
		if !ok || !e.hasGPU() || f.Variant != "cpu" {
			return
		}
		e.report(check.Finding{
			Severity: check.Warning,
			Detail:   fmt.Sprintf("%s %s has no CUDA, so the GPU stays unused.", f.Distribution, f.Version),
			Cause:    "The CPU build of TensorFlow is installed.",
			Evidence: append(e.paths(observed.Frameworks, f.Source), e.ctx.Evidence(gpuCount, "gpu.pci")...),
			Remedies: []check.Remedy{e.tensorflowWithCUDA(f)},
			Verify:   []string{e.listGPUs()},
		})
	}),
}

func (e *environment) listGPUs() string {
	return e.imports("import tensorflow as tf; print(tf.config.list_physical_devices('GPU'))")
}

// tensorflowWithCUDA replaces the CPU distribution: both bring the same module.
func (e *environment) tensorflowWithCUDA(f observed.Framework) check.Remedy {
	const summary = "Install the build with CUDA and the libraries that it wants."
	if e.condaOwns("tensorflow") {
		return e.condaInstall(summary, []string{"tensorflow=*=cuda*"}, "--channel", "conda-forge")
	}
	r := e.install(summary, "tensorflow[and-cuda]"+pinned(f.Version))
	if name := pep508.Normalize(f.Distribution); name != "tensorflow" && name != "" {
		r.Preview = append([]string{e.pip("uninstall", name)}, r.Preview...)
	}
	return r
}

func pinned(version string) string {
	v, err := pep440.Parse(version)
	if err != nil {
		return ""
	}
	return "==" + publicText(v)
}

var tensorflowLibraries = check.Check{
	Code: "tensorflow.cuda-libraries-missing", Title: "TensorFlow does not find its CUDA libraries", Area: areaFrameworks,
	Needs: []string{gpuCount, need(observed.Frameworks)},
	Doc: check.Doc{
		Meaning:    "TensorFlow says \"Cannot dlopen some GPU libraries\" and \"Skipping registering GPU devices\", and runs on the CPU.",
		Detection:  "tensorflow/python/platform/build_info.py names the releases of CUDA and cuDNN that the wheel was built with. The libraries of those releases are looked for in the nvidia packages, LD_LIBRARY_PATH, ld.so.cache and the system's directories.",
		Cause:      "tensorflow was installed without its extra and-cuda, or the installed libraries are of other major releases.",
		Fix:        "Install tensorflow with the extra and-cuda.",
		Verify:     "Print tf.config.list_physical_devices('GPU').",
		References: []string{"https://www.tensorflow.org/install/pip", "https://www.tensorflow.org/install/source#gpu"},
	},
	Run: perEnvironment(func(e *environment) {
		f, ok := e.framework("tensorflow")
		if !ok || !e.hasGPU() || f.Variant != "cuda" || len(f.Missing) == 0 {
			return
		}
		e.report(check.Finding{
			Severity: check.Warning,
			Title:    "TensorFlow does not find " + missingText(f.Missing[:1]),
			Detail: fmt.Sprintf("tensorflow %s is built for %s and does not find %s.%s",
				f.Version, cudaText(f), missingText(f.Missing), othersText(f.Missing)),
			Cause:    "The wheel of TensorFlow brings no CUDA libraries; its extra and-cuda does.",
			Evidence: append(e.paths(observed.Frameworks, missingPaths(f)...), e.ctx.Evidence(gpuCount)...),
			Remedies: []check.Remedy{e.install("Install the CUDA libraries that this release pins.", "tensorflow[and-cuda]"+pinned(f.Version))},
			Verify:   []string{e.listGPUs()},
		})
	}),
}

// kerasBackends maps a backend to the distributions that bring it.
var kerasBackends = map[string][]string{
	"tensorflow": {"tensorflow", "tensorflow-cpu", "tensorflow-gpu", "tensorflow-intel", "tensorflow-macos", "tensorflow-rocm", "tf-nightly", "intel-tensorflow"},
	"jax":        {"jax"}, "torch": {"torch", "pytorch"}, "openvino": {"openvino"}, "numpy": {"numpy"},
}

var kerasBackend = check.Check{
	Code: "keras.backend-missing", Title: "Keras has no backend", Area: areaFrameworks,
	Needs: []string{need(observed.Frameworks)},
	Doc: check.Doc{
		Meaning:    "`import keras` stops with \"No module named 'tensorflow'\" or the name of another backend. Keras 3 brings no backend of its own.",
		Detection:  "The backend is chosen as Keras does, by KERAS_BACKEND, else keras.json, else TensorFlow, and looked for among the installed packages. Where the choice is Keras's own default and another backend is installed, it is for information: the program may set os.environ[\"KERAS_BACKEND\"] before it imports keras.",
		Cause:      "Keras was installed alone, or KERAS_BACKEND and keras.json name a backend that is not installed.",
		Fix:        "Install the backend, or name the one that is installed in KERAS_BACKEND.",
		Verify:     "Import keras and print keras.backend.backend().",
		References: []string{"https://keras.io/getting_started/#configuring-your-backend"},
	},
	Run: perEnvironment(lookKeras),
}

func lookKeras(e *environment) {
	f, ok := e.framework("keras")
	names, known := kerasBackends[f.Backend]
	if !ok || !known || e.anyInstalled(names) {
		return
	}
	severity, remedies := check.Error, []check.Remedy{e.install("Install the backend.", names[0])}
	for _, other := range []string{"torch", "jax", "tensorflow"} {
		if e.anyInstalled(kerasBackends[other]) {
			severity = check.Warning
			if f.BackendFrom == "" {
				severity = check.Info // a program may choose it before it imports keras
			}
			remedies = append([]check.Remedy{{
				ID: "choose-backend", Summary: "Choose the backend that is installed.", Kind: check.SetEnv, Risk: check.Low,
				Preview: []string{"export KERAS_BACKEND=" + other},
			}}, remedies...)
			break
		}
	}
	from := f.BackendFrom
	if from == "" {
		from = "its default"
	}
	e.report(check.Finding{
		Severity: severity,
		Title:    "Keras wants the backend " + f.Backend + ", which is not installed",
		Detail:   fmt.Sprintf("keras %s takes %s as backend by %s, and no package that brings it is installed.", f.Version, f.Backend, from),
		Cause:    "Keras 3 imports its backend and brings none.",
		Evidence: e.paths(observed.Frameworks, nonEmpty(f.Path, pathOnly(f.BackendFrom))...),
		Remedies: remedies,
		Verify:   []string{e.imports("import keras; print(keras.backend.backend())")},
	})
}

func pathOnly(text string) string {
	if strings.HasPrefix(text, "/") {
		return text
	}
	return ""
}

func (e *environment) anyInstalled(names []string) bool {
	for _, name := range names {
		if _, ok := e.installed(name); ok {
			return true
		}
		if _, ok := e.framework(name); ok {
			return true
		}
	}
	return false
}
