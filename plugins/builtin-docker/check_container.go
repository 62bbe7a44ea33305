// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var driverCapabilities = check.Check{
	Code: "docker.driver-capabilities", Title: "The container was given the GPU without the libraries of CUDA",
	Area: "docker", Needs: []string{"os.container", "docker.container.driver_capabilities"},
	Doc: check.Doc{
		Meaning: "NVIDIA_DRIVER_CAPABILITIES says which libraries of the driver NVIDIA's runtime puts into the container, and compute is not among them: there is a device and no libcuda.so.1, and frameworks report \"Found no NVIDIA driver on your system\". " +
			"Without utility there is no nvidia-smi and no NVML.",
		Detection: "The variable in a container that has /dev/nvidiactl, and the absence of libcuda.so.1 from the loader's paths. An empty variable means compute and utility. " +
			"Where only utility is left out, or no Python environment of the container has a framework, it is a note.",
		Cause:      "The variable was set for graphics or video (display, graphics, video) in the image or on the command line.",
		Fix:        "Start the container with NVIDIA_DRIVER_CAPABILITIES=compute,utility, or all.",
		Verify:     "ldconfig -p in the container names libcuda.so.1.",
		References: []string{"https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/docker-specialized.html#driver-capabilities"},
	},
	Run: runDriverCapabilities,
}

func runDriverCapabilities(c *check.Context) {
	value, _ := fact.Get[string](c.Facts, "docker.container.driver_capabilities")
	given := strings.Split(strings.ReplaceAll(value, " ", ""), ",")
	lacks := func(name string) bool {
		return value != "" && !slices.Contains(given, "all") && !slices.Contains(given, name)
	}
	if c.Facts.String("os.container") == "" || c.Facts.Bool("os.wsl") || !hasControlNode(c) {
		return
	}
	severity, detail := check.Error, "there is no libcuda.so.1 in the container: CUDA finds no driver."
	var explains []string
	switch {
	case lacks("compute") && c.Facts.Known("gpu.driver.libraries") && !hasLibrary(c, "libcuda.so.1"):
		explains = []string{"gpu.*", "torch.*"}
	case lacks("utility") && !lacks("compute") && c.Facts.Known("gpu.driver.libraries") && !hasLibrary(c, "libnvidia-ml.so.1"):
		severity, detail = check.Info, "there is no nvidia-smi and no NVML in the container."
	default:
		return
	}
	if withoutML(c) {
		severity = check.Info // a container for graphics or video
	}
	c.Report(check.Finding{
		Severity: severity,
		Subject:  "NVIDIA_DRIVER_CAPABILITIES",
		Detail:   fmt.Sprintf("NVIDIA_DRIVER_CAPABILITIES is %q, and %s", value, detail),
		Cause:    "The container was started with other parts of the driver than compute and utility.",
		Evidence: c.Evidence("docker.container.driver_capabilities", "gpu.driver.libraries", "os.container"),
		Explains: explains,
		Remedies: []check.Remedy{{
			ID: "compute-utility", Summary: "Start the container with the libraries of CUDA", Kind: check.Advice, Risk: check.Low,
			Preview: []string{"docker run --gpus all -e NVIDIA_DRIVER_CAPABILITIES=compute,utility IMAGE"},
		}},
		Verify: []string{"ldconfig -p | grep libcuda.so.1"},
	})
}

func hasLibrary(c *check.Context, soname string) bool {
	libraries, _ := fact.Get[[]struct{ Soname string }](c.Facts, "gpu.driver.libraries")
	return slices.ContainsFunc(libraries, func(l struct{ Soname string }) bool { return l.Soname == soname })
}
