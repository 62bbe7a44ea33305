// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"fmt"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// gpuIntegrated describes the GPU of a Jetson, from the gpu plugin; absent
// elsewhere.
const gpuIntegrated = "gpu.integrated"

// jetsonGuide says which wheels there are for which release of JetPack.
const jetsonGuide = "https://docs.nvidia.com/deeplearning/frameworks/install-pytorch-jetson-platform/index.html"

type integratedGPU struct {
	Name    string `json:"name"`
	Release string `json:"release"`
}

func (e *environment) isJetson() bool { return e.ctx.Facts.Known(gpuIntegrated) }

// reportJetson speaks of a torch without CUDA on a Jetson: PyPI's wheels for
// arm64 have none, and those with CUDA are for servers up to JetPack 6.
func (e *environment) reportJetson(torch observed.TorchBuild) {
	gpu, _ := fact.Get[integratedGPU](e.ctx.Facts, gpuIntegrated)
	e.report(check.Finding{
		Detail:   fmt.Sprintf("torch %s has no CUDA, so the GPU of this %s stays unused and .cuda() fails.", torch.Version, gpu.Name),
		Cause:    "The wheel of PyPI for arm64 was installed, which is built for CPUs.",
		Evidence: e.ctx.Evidence(e.at(observed.Torch), gpuIntegrated),
		Explains: []string{codeTorchABI, codeXFormers, codeCompanion, codeBNBLibrary},
		Remedies: []check.Remedy{e.jetsonTorch(gpu.Release)},
		Verify:   []string{e.imports("import torch; print(torch.version.cuda, torch.cuda.is_available())")},
	})
}

// jetsonTorch names the index of a release of Jetson Linux: 36 is JetPack 6, and
// from 38 on torch's own wheels for arm64 serve.
func (e *environment) jetsonTorch(release string) check.Remedy {
	const summary = "Install a torch that is built for this Jetson."
	args := append([]string{"--force-reinstall"}, e.torchFamily()...)
	switch major, _, _ := strings.Cut(release, "."); major {
	case "36":
		return e.install(summary, append(args, "--index-url", "https://pypi.jetson-ai-lab.io/jp6/cu126")...)
	case "38":
		return e.install(summary, append(args, "--index-url", torchWheels+"cu130")...)
	}
	return check.Remedy{ID: "jetson-torch", Kind: check.Advice, Risk: check.Medium, Summary: summary + " NVIDIA's page names the wheel of each release of JetPack.", Preview: []string{jetsonGuide}}
}
