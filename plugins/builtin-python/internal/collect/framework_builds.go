// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/dist"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
)

// family is a framework: the distributions that bring its module, the first
// installed one counting, its key native files, and what reads its build.
type family struct {
	module        string
	distributions []string
	// natives are globs relative to the directory of packages.
	natives []string
	read    func(*framework)
}

var families = []family{
	{"torch", []string{"torch"}, []string{"torch/lib/libtorch_c*.so", "torch/lib/libtorch_hip.so", "torch/lib/libtorch_xpu.so"}, (*framework).torch},
	{"tensorflow", []string{"tensorflow", "tensorflow-gpu", "tensorflow-cpu", "tensorflow-rocm", "tf-nightly"}, []string{"tensorflow/libtensorflow_*.so*"}, (*framework).tensorflow},
	{"keras", []string{"keras"}, nil, (*framework).keras},
	{"jax", []string{"jax"}, nil, nil},
	{"jaxlib", []string{"jaxlib"}, []string{"jaxlib/_jax.so", "jaxlib/xla_extension.so"}, nil},
	{"flax", []string{"flax"}, nil, nil},
	{"onnxruntime", onnxruntimeNames, []string{"onnxruntime/capi/libonnxruntime_providers_*.so"}, (*framework).onnxruntime},
	{"mlflow", []string{"mlflow", "mlflow-skinny"}, nil, nil},
	{"transformers", []string{"transformers"}, nil, nil},
	{"peft", []string{"peft"}, nil, nil},
	{"trl", []string{"trl"}, nil, nil},
	{"datasets", []string{"datasets"}, nil, nil},
	{"accelerate", []string{"accelerate"}, nil, nil},
	{"bitsandbytes", []string{"bitsandbytes"}, []string{"bitsandbytes/libbitsandbytes_*.so"}, (*framework).bitsandbytes},
	{"flash_attn", []string{"flash-attn"}, []string{"flash_attn_2_cuda*.so", "flash_attn/*.so"}, (*framework).flashAttention},
	{"xformers", []string{"xformers"}, []string{"xformers/_C*.so"}, (*framework).xformers},
	{"triton", []string{"triton", "pytorch-triton", "pytorch-triton-rocm", "triton-windows"}, []string{"triton/_C/libtriton*.so"}, nil},
	{"deepspeed", []string{"deepspeed"}, []string{"deepspeed/ops/*/*.so"}, (*framework).deepspeed},
	{"vllm", []string{"vllm"}, []string{"vllm/_C*.so", "vllm/_moe_C*.so"}, (*framework).compiled},
}

var onnxruntimeNames = []string{"onnxruntime-gpu", "onnxruntime-directml", "onnxruntime-openvino", "onnxruntime-rocm", "onnxruntime-training", "onnxruntime"}

// framework is one framework while it is read.
type framework struct {
	*observer
	inv    *inventory
	loader *elfdeps.Loader
	site   string
	observed.Framework
}

// maxNatives bounds the native files that are listed of one framework.
const maxNatives = 24

// builds records version, variant and key native files of each framework.
func (o *observer) builds(ctx context.Context, inv *inventory, loader *elfdeps.Loader) {
	found := make([]*framework, len(families))
	parallel(ctx, len(families), func(i int) { found[i] = o.build(inv, loader, families[i]) })
	var list []observed.Framework
	for _, f := range found {
		if f != nil {
			list = append(list, f.Framework)
		}
	}
	if len(list) > 0 {
		o.add(observed.Frameworks, list)
	}
}

func (o *observer) build(inv *inventory, loader *elfdeps.Loader, fam family) *framework {
	d := inv.first(fam.distributions)
	site, ok := inv.module(fam.module)
	if !ok && d == nil {
		return nil
	}
	f := &framework{observer: o, inv: inv, loader: loader, site: site}
	f.Name = fam.module
	if d != nil {
		f.Distribution, f.Version = d.Name, d.Version
		if !ok {
			f.site = d.Site
		}
	}
	f.Path = path.Join(f.site, fam.module)
	f.list(fam.natives)
	if f.CUDA = localCUDA(f.Version); f.CUDA != "" {
		f.Variant = "cuda"
	}
	if fam.read != nil {
		fam.read(f)
	}
	return f
}

// first returns the distribution of the first name that is installed.
func (inv *inventory) first(names []string) *dist.Distribution {
	for _, name := range names {
		for _, d := range inv.all {
			if d.Key == name {
				return d
			}
		}
	}
	return nil
}

func (f *framework) list(globs []string) {
	for _, glob := range globs {
		for _, file := range f.target.Glob(path.Join(escapeGlob(f.site), glob)) {
			if len(f.Natives) < maxNatives {
				f.Natives = append(f.Natives, strings.TrimPrefix(file, f.site+"/"))
			}
		}
	}
}

// file reads a file of the framework and remembers it as the source.
func (f *framework) file(name string) []byte {
	name = path.Join(f.Path, name)
	data, err := f.target.ReadFile(name)
	if err != nil {
		return nil
	}
	f.Source = name
	return data
}

func (f *framework) torch() {
	build, _ := ParseTorchVersion(f.file("version.py"))
	switch {
	case build.Version == "":
		f.Source = ""
	case build.CUDA != "":
		f.Variant, f.CUDA = "cuda", build.CUDA
	case build.HIP != "":
		f.Variant = "rocm"
	default:
		f.Variant = "cpu"
	}
}

func (f *framework) tensorflow() {
	b := ParseTensorFlowBuild(f.file("python/platform/build_info.py"))
	if !b.known {
		f.Source = ""
		return
	}
	f.Variant, f.CUDA, f.CUDNN = "cpu", b.cudaVersion, b.cudnn
	switch {
	case b.cuda:
		f.Variant = "cuda"
		f.Missing = f.unfound(tensorflowLibraries(b))
	case b.rocm:
		f.Variant = "rocm"
	}
	if d := f.inv.first([]string{"tensorflow"}); d != nil && slices.ContainsFunc(d.Metadata.RequiresDist, func(line string) bool {
		return strings.Contains(line, "and-cuda")
	}) {
		f.Flags = append(f.Flags, observed.ANDCUDA)
	}
}

// keras finds the backend as keras/src/backend/config.py does: KERAS_BACKEND,
// then keras.json, then TensorFlow. Keras 2 has no choice.
func (f *framework) keras() {
	if major, _, _ := strings.Cut(f.Version, "."); len(major) != 1 || major < "3" {
		return
	}
	f.Backend = "tensorflow"
	if name := f.target.Env["KERAS_BACKEND"]; name != "" {
		f.Backend, f.BackendFrom = name, "KERAS_BACKEND"
		return
	}
	dir := f.target.Env["KERAS_HOME"]
	if !path.IsAbs(dir) {
		dir = path.Join(f.target.Home, ".keras")
	}
	file := path.Join(dir, "keras.json")
	if name := ParseKerasConfig(readHead(f.target, file, maxGeneratedRead)); name != "" {
		f.Backend, f.BackendFrom = name, file
	}
}

// tensorflowLibraries are the libraries without which TensorFlow gives up on
// GPUs, by the releases that it was built with.
func tensorflowLibraries(b tensorflowBuild) []string {
	major, _, _ := strings.Cut(b.cudaVersion, ".")
	cudnn, _, _ := strings.Cut(b.cudnn, ".")
	var out []string
	if major != "" && major != "11" { // 11 has other names for each minor release
		out = append(out, "libcudart.so."+major, "libcublas.so."+major)
	}
	if cudnn != "" {
		out = append(out, "libcudnn.so."+cudnn)
	}
	return out
}

func (f *framework) onnxruntime() {
	provider := path.Join(f.Path, "capi/libonnxruntime_providers_cuda.so")
	object, err := elfdeps.Read(f.target, provider)
	if err != nil {
		if f.Variant == "" && strings.EqualFold(f.Distribution, "onnxruntime") {
			f.Variant = "cpu"
		}
		return
	}
	f.Variant, f.Source = "cuda", provider
	f.CUDA, f.CUDNN = libraryMajors(object.Needed)
	for _, m := range f.loader.Walk([]string{provider}).Missing {
		if isCUDALibrary(m.Library) {
			f.Missing = append(f.Missing, observed.MissingCUDA{Library: m.Library, NeededBy: m.NeededBy, Others: f.others(m.Library)})
		}
	}
}

func (f *framework) bitsandbytes() {
	if code := f.file("cextension.py"); strings.Contains(string(code), "def _find_cuda_libs(") {
		f.Flags = append(f.Flags, observed.SameMajor)
	}
	f.Variant = "cpu"
	for _, name := range f.Natives {
		if strings.Contains(name, "_cuda") {
			f.Variant = "cuda"
		}
	}
}

func (f *framework) flashAttention() {
	if d := f.inv.first([]string{"flash-attn"}); d != nil {
		name := path.Join(d.Path, "direct_url.json")
		if b := ParseWheelTag(string(readHead(f.target, name, maxGeneratedRead))); b.torch != "" {
			f.Torch, f.CUDA, f.Source = b.torch, b.cuda, name
		}
	}
	f.compiled()
}

func (f *framework) xformers() {
	if b := ParseXFormersBuild(f.file("cpp_lib.json")); b.torch != "" {
		f.Torch, f.CUDA = b.torch, b.cuda
		if b.cuda != "" {
			f.Variant = "cuda"
		}
	} else {
		f.Source = ""
	}
}

func (f *framework) deepspeed() {
	if b := ParseDeepSpeedBuild(f.file("git_version_info_installed.py")); b.torch != "" {
		f.Torch = b.torch
	} else {
		f.Source = ""
	}
}

// compiled reads the CUDA release from what the first native file needs.
func (f *framework) compiled() {
	if len(f.Natives) == 0 {
		return
	}
	file := path.Join(f.site, f.Natives[0])
	object, err := elfdeps.Read(f.target, file)
	if err != nil {
		return
	}
	if cuda, cudnn := libraryMajors(object.Needed); cuda != "" {
		f.Variant = "cuda"
		f.CUDNN = cudnn
		if f.CUDA == "" {
			f.CUDA, f.Source = cuda, file
		}
	}
}
