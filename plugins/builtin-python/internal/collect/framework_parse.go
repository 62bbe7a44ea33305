// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"encoding/json"
	"strconv"
	"strings"
)

// tensorflowBuild is what tensorflow/python/platform/build_info.py says.
type tensorflowBuild struct {
	known       bool
	cuda, rocm  bool
	cudaVersion string
	cudnn       string
}

var buildInfoItem = pattern(`['"](is_cuda_build|is_rocm_build|cuda_version|cudnn_version)['"]\s*[,:]\s*(?:['"]([0-9.]{1,20})['"]|(True|False))`)

// ParseTensorFlowBuild reads build_info.py as text: an OrderedDict of pairs,
// ('cuda_version', '12.5.1'), ('is_cuda_build', True).
func ParseTensorFlowBuild(data []byte) tensorflowBuild {
	var out tensorflowBuild
	for _, m := range buildInfoItem().FindAllSubmatch(data, 64) {
		switch value, truth := string(m[2]), string(m[3]) == "True"; string(m[1]) {
		case "is_cuda_build":
			out.known, out.cuda = true, truth
		case "is_rocm_build":
			out.rocm = truth
		case "cuda_version":
			out.cudaVersion = value
		case "cudnn_version":
			out.cudnn = value
		}
	}
	return out
}

// extensionBuild is against what an extension of torch was compiled.
type extensionBuild struct{ torch, cuda string }

// ParseXFormersBuild reads xformers/cpp_lib.json: {"version": {"cuda": 1208,
// "torch": "2.10.0+cu128"}}.
func ParseXFormersBuild(data []byte) extensionBuild {
	var file struct {
		Version struct {
			CUDA  json.Number `json:"cuda"`
			Torch string      `json:"torch"`
		} `json:"version"`
	}
	if json.Unmarshal(data, &file) != nil || !plainVersion().MatchString(file.Version.Torch) {
		return extensionBuild{}
	}
	return extensionBuild{torch: file.Version.Torch, cuda: dotted(file.Version.CUDA.String())}
}

var plainVersion = pattern(`^[0-9]+(\.[0-9]+){1,3}[a-z0-9.+]{0,20}$`)

// dotted makes "12.8" of 1208.
func dotted(compact string) string {
	n, err := strconv.Atoi(compact)
	if err != nil || n < 1000 || n > 99999 {
		return ""
	}
	return strconv.Itoa(n/100) + "." + strconv.Itoa(n%100)
}

// ParseKerasConfig reads "backend" of keras.json; "" when it is not there.
func ParseKerasConfig(data []byte) string {
	var file struct {
		Backend string `json:"backend"`
	}
	if json.Unmarshal(data, &file) != nil || len(file.Backend) > 40 {
		return ""
	}
	return file.Backend
}

var deepspeedTorch = pattern(`(?m)^torch_info\s*=\s*\{[^}\n]{0,300}?'version':\s*'([0-9.]{1,12})'`)

// ParseDeepSpeedBuild reads deepspeed/git_version_info_installed.py. A wheel
// that was built without torch says 0.0.
func ParseDeepSpeedBuild(data []byte) extensionBuild {
	m := deepspeedTorch().FindSubmatch(data)
	if m == nil || string(m[1]) == "0.0" {
		return extensionBuild{}
	}
	return extensionBuild{torch: string(m[1])}
}

// flashWheel matches "flash_attn-2.7.4.post1+cu12torch2.6cxx11abiFALSE-cp311-...".
var flashWheel = pattern(`\+cu([0-9]{2,3})torch([0-9]+\.[0-9]+)(?:cxx11abi(?:TRUE|FALSE))?-`)

// ParseWheelTag reads against what a wheel was built from its file name, which
// direct_url.json keeps.
func ParseWheelTag(url string) extensionBuild {
	url = strings.ReplaceAll(strings.ReplaceAll(url, "%2B", "+"), "%2b", "+")
	m := flashWheel().FindStringSubmatch(url)
	if m == nil {
		return extensionBuild{}
	}
	cuda := m[1]
	if len(cuda) == 3 {
		cuda = cuda[:2] + "." + cuda[2:]
	}
	return extensionBuild{torch: m[2], cuda: cuda}
}

var localTag = pattern(`(?:^|[.+])cu(\d{2})(\d)(?:$|[.])`)

// localCUDA reads "12.4" from the local part of "0.6.1+cu124".
func localCUDA(version string) string {
	_, local, ok := strings.Cut(version, "+")
	if m := localTag().FindStringSubmatch(local); ok && m != nil {
		return m[1] + "." + m[2]
	}
	return ""
}

var cudaLibrary = pattern(`^lib(cudart|cublas|cublasLt|cudnn)\.so\.(\d{1,2})(?:\.\d+)?$`)

// libraryMajors reads the major releases of CUDA and cuDNN from the libraries
// that an object needs.
func libraryMajors(needed []string) (cuda, cudnn string) {
	for _, name := range needed {
		switch m := cudaLibrary().FindStringSubmatch(name); {
		case m == nil:
		case m[1] == "cudnn":
			cudnn = m[2]
		default:
			cuda = m[2]
		}
	}
	return cuda, cudnn
}

// isCUDALibrary reports whether a library comes with CUDA and not with the
// driver or the system.
func isCUDALibrary(name string) bool {
	stem, _, ok := strings.Cut(name, ".so.")
	if !ok {
		return false
	}
	switch strings.TrimPrefix(stem, "lib") {
	case "cudart", "cublas", "cublasLt", "cudnn", "cufft", "curand", "cusolver", "cusparse", "nvrtc", "nvJitLink", "nccl", "nvinfer":
		return true
	}
	return false
}
