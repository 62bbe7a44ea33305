// SPDX-License-Identifier: Apache-2.0

package checks

// Codes that other checks refer to, as causes or because they leave a fault to
// them.
const (
	codeConflict         = "python.dependency-conflict"
	codeRecordTorn       = "python.record-torn"
	codeNumPyABI         = "numpy.abi"
	codeTorchNotLoadable = "torch.not-loadable"
	codeNotLoadable      = "frameworks.not-loadable"
	codeNvidiaPins       = "torch.nvidia-pins"
	codeCompanion        = "torch.companion-mismatch"
	codeArch             = "torch.arch-unsupported"
	codeJAXMismatch      = "jax.cuda-plugin-mismatch"
	codeTorchABI         = "torch.abi-mismatch"
	codeXFormers         = "xformers.torch-mismatch"
	codeUndefined        = "python.undefined-symbol"
	codeBNBLibrary       = "bitsandbytes.no-cuda-library"
	codeHeaders          = "python.headers-missing"
	codeHomeUnset        = "cuda.home-unset"
	codeOnnxCUDA         = "onnxruntime.cuda-mismatch"
	codeKernelBroken     = "jupyter.kernel-broken"
	codeGenerated        = "protobuf.generated-code"
	codeEditor           = "editor.interpreter-missing"
	codeShadowed         = "python.module-shadowed"
	codeWrongWheel       = "python.wheel-tags"
)
