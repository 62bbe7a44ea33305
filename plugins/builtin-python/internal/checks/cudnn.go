// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

var cudnnMixed = check.Check{
	Code: "torch.cudnn-mixed", Title: "cuDNN would load a part of another release", Area: areaFrameworks,
	Needs: []string{gpuCount, need(observed.Torch), need(observed.StrayCuDNN)},
	Doc: check.Doc{
		Meaning:    "The first convolution stops with CUDNN_STATUS_SUBLIBRARY_VERSION_MISMATCH. cuDNN 9 consists of several libraries that open each other by name; one that torch's package does not bring is found elsewhere, in another release.",
		Detection:  "For nvidia-cudnn of 9.20 or newer, libcudnn_engines_tensor_ir.so.9 is searched as the loader would for libcudnn_graph.so.9. It is reported where it is found outside of the package and its file has another release in its name; where it is not found cuDNN does without.",
		Cause:      "Wheels of cuDNN 9.20 to 9.22 lack the library, and a cuDNN of the system or of LD_LIBRARY_PATH has it.",
		Fix:        "Take the other cuDNN off the loader's path, or install the same release of it.",
		Verify:     "Run a convolution on the GPU.",
		References: []string{"https://github.com/pytorch/pytorch/issues/188892", "https://github.com/pytorch/pytorch/issues/187824"},
	},
	Run: perEnvironment(lookCuDNN),
}

func lookCuDNN(e *environment) {
	part, ok := get[observed.CuDNNPart](e, observed.StrayCuDNN)
	torch, cuda := e.cudaOnGPU()
	if !ok || !cuda {
		return
	}
	e.report(check.Finding{
		Detail:   fmt.Sprintf("%s opens %s, which %s %s does not bring, and gets %s of release %s.", part.OpenedBy, part.Library, part.Distribution, part.Version, part.Path, part.Release),
		Cause:    "A cuDNN of another release is on the loader's path, and libraries of one release refuse those of another.",
		Evidence: e.paths(observed.StrayCuDNN, part.Path, part.OpenedBy),
		Remedies: []check.Remedy{{
			ID: "one-cudnn", Kind: check.Advice, Risk: check.Medium,
			Summary: fmt.Sprintf("Remove the cuDNN that brings %s, or its directory from LD_LIBRARY_PATH: torch %s has its own.", part.Path, torch.Version),
		}},
		Verify: []string{e.imports("import torch; torch.nn.Conv2d(1, 1, 3).cuda()(torch.ones(1, 1, 8, 8).cuda())")},
	})
}
