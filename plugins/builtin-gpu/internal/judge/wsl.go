// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

const wslGuide = "https://docs.nvidia.com/cuda/wsl-user-guide/index.html"

var wslNoGPU = check.Check{
	Code: "gpu.wsl-no-gpu", Title: "WSL does not pass an NVIDIA GPU on", Area: areaGPU,
	Needs: []string{facts.WSL, facts.WSLDevice, facts.WSLLibrary},
	Doc: check.Doc{
		Meaning:    "Inside the Windows Subsystem for Linux, CUDA reaches the GPU through the device /dev/dxg and the libraries that Windows puts into /usr/lib/wsl/lib. Without either there is no CUDA inside WSL, whatever is installed there.",
		Detection:  "The kernel is Microsoft's, and /dev/dxg or /usr/lib/wsl/lib/libcuda.so.1 is not there. It is information on its own, since a computer without an NVIDIA GPU looks the same; a warning where a PyTorch for CUDA, a CUDA toolkit or CUDA_VISIBLE_DEVICES shows that a GPU is wanted, and where the library is there and the device is not.",
		Cause:      "WSL 1, an old kernel of WSL 2, no NVIDIA driver on Windows, GPU support switched off in .wslconfig, or no NVIDIA GPU.",
		Fix:        "Install NVIDIA's driver for Windows, update WSL, use version 2, and start it anew. Install no Linux driver inside.",
		Verify:     "nvidia-smi works inside WSL.",
		References: []string{wslGuide, "https://learn.microsoft.com/windows/wsl/tutorials/gpu-compute"},
	},
	Run: seen(judgeWSLDevice),
}

func judgeWSLDevice(s *scene) {
	device, library := s.Facts.Bool(facts.WSLDevice), s.Facts.Bool(facts.WSLLibrary)
	if !s.wsl || s.container || s.works() || device && library {
		return
	}
	f := check.Finding{
		Severity: check.Info,
		Evidence: s.Evidence(facts.WSL, facts.WSLDevice, facts.WSLLibrary),
		Explains: []string{"gpu.device-nodes-missing"},
		Remedies: []check.Remedy{advice("update-wsl", "On Windows: install NVIDIA's driver, update WSL, and start it anew.", "wsl.exe --update", "wsl.exe --shutdown")},
		Verify:   []string{"ls -l /dev/dxg /usr/lib/wsl/lib/libcuda.so.1", "nvidia-smi"},
	}
	if s.wanted() || library {
		f.Severity = check.Warning
	}
	switch {
	case s.versionOne():
		f.Detail = "This is WSL 1, which passes no GPU on."
		f.Cause = "The distribution was made for version 1."
		f.Remedies = []check.Remedy{advice("version-2", "On Windows: convert the distribution to version 2.", "wsl.exe --list --verbose", "wsl.exe --set-version DISTRIBUTION 2")}
	case device:
		f.Detail = "/dev/dxg is there, and Windows passes no CUDA driver into /usr/lib/wsl/lib."
		f.Cause = "Windows has no NVIDIA driver, or no NVIDIA GPU."
	case library:
		f.Detail = "Windows passes its CUDA driver into /usr/lib/wsl/lib, and /dev/dxg is not there."
		f.Cause = "The kernel of WSL is too old, or GPU support is switched off in .wslconfig."
	default:
		f.Detail = "Neither /dev/dxg nor /usr/lib/wsl/lib/libcuda.so.1 is there."
		f.Cause = "Windows has no NVIDIA driver, or GPU support is switched off in .wslconfig."
	}
	s.Report(f)
}

// versionOne reports whether the kernel is WSL 1's imitation: "4.4.0-19041-Microsoft".
func (s *scene) versionOne() bool {
	release := s.Facts.String(facts.Kernel)
	return strings.HasSuffix(release, "-Microsoft") && !strings.Contains(strings.ToLower(release), "wsl2")
}
