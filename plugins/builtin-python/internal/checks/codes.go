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
)
