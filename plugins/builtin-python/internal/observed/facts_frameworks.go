// SPDX-License-Identifier: Apache-2.0

package observed

// Facts about the machine that frameworks depend on.
const (
	// Variables is an object of the variables of FrameworkVariables that are set.
	Variables = "python.variables"
	// Compilers is a Compiler: what programs find that compile C while they run.
	Compilers = "python.compiler"
	// Asked lists what the project's own files require, as Asking.
	Asked = "python.project_requirements"
)

// Fields of an environment about its frameworks.
const (
	// Frameworks is a list of Framework, absent where there is none.
	Frameworks = "frameworks"
	// Headers is a HeaderFile, absent where it cannot be told.
	Headers = "headers"
	// Generated is a list of GeneratedCode, absent where none is judged.
	Generated = "protobuf_code"
)

// FrameworkVariables are the variables that change what a framework loads.
var FrameworkVariables = []string{
	"KERAS_BACKEND", "KERAS_HOME", "BNB_CUDA_VERSION", "BNB_ROCM_VERSION", "CC", "CXX", "PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION",
	"TEMPORARILY_DISABLE_PROTOBUF_VERSION_CHECK", "DS_SKIP_CUDA_CHECK", "FLASHINFER_DISABLE_VERSION_CHECK", "JAX_SKIP_CUDA_CONSTRAINTS_CHECK",
}

// Framework is one framework as its files describe it.
type Framework struct {
	// Name is the import name: "torch", "flash_attn".
	Name string `json:"name"`
	// Distribution that installed it, "" when only its directory is there.
	Distribution string `json:"distribution,omitempty"`
	Version      string `json:"version,omitempty"`
	// Path of the package's directory.
	Path string `json:"path"`
	// Variant is "cuda", "rocm", "cpu" or "" where files do not tell.
	Variant string `json:"variant,omitempty"`
	// CUDA and CUDNN are releases, "12.4" or only "12"; "" where none is named.
	CUDA  string `json:"cuda,omitempty"`
	CUDNN string `json:"cudnn,omitempty"`
	// Torch is the release that an extension of torch was compiled against.
	Torch string `json:"torch,omitempty"`
	// Backend is what Keras 3 will import, and BackendFrom the variable or file
	// that says so, "" for its default.
	Backend     string `json:"backend,omitempty"`
	BackendFrom string `json:"backend_from,omitempty"`
	// Source is the file that says so.
	Source string `json:"source,omitempty"`
	// Natives are its key native files, relative to the directory of packages.
	Natives []string `json:"natives,omitempty"`
	// Missing are the CUDA libraries that it loads when it is asked for a GPU
	// and that the loader does not find.
	Missing []MissingCUDA `json:"missing,omitempty"`
	// Flags are properties of the release that checks ask for.
	Flags []string `json:"flags,omitempty"`
}

// SameMajor is a flag of bitsandbytes: it takes the library of a neighbouring
// CUDA release when its own is not there.
const SameMajor = "same-major-fallback"

// ANDCUDA is a flag of TensorFlow: its metadata offers the extra and-cuda.
const ANDCUDA = "extra-and-cuda"

// MissingCUDA is a CUDA library that is not found.
type MissingCUDA struct {
	// Library is "libcudnn.so.9".
	Library  string `json:"library"`
	NeededBy string `json:"needed_by"`
	// Others are files of the same library in other major releases.
	Others []string `json:"others,omitempty"`
}

// Compiler is the C compiler that a program finds on PATH.
type Compiler struct {
	// C is the path of the compiler, "" when there is none.
	C string `json:"c"`
	// By is what names it: "CC" or the name that was found.
	By string `json:"by,omitempty"`
	// NVCC is the path of nvcc on PATH, "" when there is none.
	NVCC string `json:"nvcc"`
	// Searched are the directories.
	Searched []string `json:"searched"`
}

// HeaderFile is Python.h of an environment's interpreter.
type HeaderFile struct {
	Path   string `json:"path"`
	Exists bool   `json:"exists"`
}

// Asking is one requirement in a file of the project.
type Asking struct {
	Name string `json:"name"`
	// Requirement as written.
	Requirement string `json:"requirement"`
	Path        string `json:"path"`
	Line        int    `json:"line"`
}

// GeneratedCode is code that protoc generated.
type GeneratedCode struct {
	// Distribution that installed it, "" for a file of the project.
	Distribution string `json:"distribution,omitempty"`
	Path         string `json:"path"`
	Line         int    `json:"line"`
	// Version of protobuf for Python that it demands at least, "" when it
	// demands none.
	Version string `json:"version,omitempty"`
	// Direct tells that it creates descriptors itself, as protoc before 3.19 did.
	Direct bool `json:"direct,omitempty"`
}
