// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const toolkitGuide = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/install-guide.html"

// hasGPU reports whether the machine has an NVIDIA GPU.
func hasGPU(c *check.Context) bool {
	n, _ := c.Facts.Int("gpu.count")
	return n > 0
}

var noNvidiaRuntime = check.Check{
	Code: "docker.no-nvidia-runtime", Title: "Docker cannot give containers the GPU",
	Area: "docker", Needs: []string{"docker.engine.installed", "gpu.count"},
	Doc: check.Doc{
		Meaning: "The machine has an NVIDIA GPU and a Docker engine, and nothing that connects them. docker run --gpus all fails with " +
			"'could not select device driver \"\" with capabilities: [[gpu]]'.",
		Detection: "No nvidia-container-runtime-hook in the places that dockerd looks in, no runtime of NVIDIA in daemon.json, and no CDI specification of kind nvidia.com/gpu. " +
			"Any one of them is enough: with the hook, --gpus works without a line in daemon.json. A GPU whose driver is not loaded is not reported here: the driver comes first.",
		Cause:      "The NVIDIA Container Toolkit is not installed.",
		Fix:        "Install nvidia-container-toolkit from NVIDIA's repository, register the runtime, and restart the engine.",
		Verify:     "docker run --rm --gpus all ubuntu nvidia-smi lists the GPUs.",
		References: []string{toolkitGuide, "https://github.com/moby/moby/blob/master/daemon/nvidia_linux.go"},
	},
	Run: runNoNvidiaRuntime,
}

func runNoNvidiaRuntime(c *check.Context) {
	flavor := c.Facts.String("docker.engine.flavor")
	loaded, known := fact.Get[bool](c.Facts, "gpu.driver.loaded")
	if !hasGPU(c) || known && !loaded || flavor != "docker" && flavor != "rootless" || hasGPURuntime(c) || c.Facts.String("os.container") != "" {
		return
	}
	severity := check.Warning
	if asksForGPU(c) {
		severity = check.Error // the project's own services do not start
	}
	c.Report(check.Finding{
		Severity: severity,
		Detail:   "docker run --gpus all fails here: \"could not select device driver\".",
		Cause:    "The NVIDIA Container Toolkit is not installed.",
		Evidence: c.Evidence("gpu.count", "docker.engine.flavor", "docker.daemon_config", "docker.nvidia_toolkit.path"),
		Explains: []string{"compose.nvidia-runtime"},
		Remedies: []check.Remedy{{
			ID: "install-toolkit", Summary: "Install the toolkit from NVIDIA's repository and register its runtime", Kind: check.SystemCommand, Risk: check.Medium,
			Preview: append(installToolkit(c), registerRuntime(c)...),
		}},
		Verify: []string{"docker run --rm --gpus all ubuntu nvidia-smi"},
	})
}

// asksForGPU reports whether a service of the project's compose files asks for
// the GPU.
func asksForGPU(c *check.Context) bool {
	for _, name := range c.Facts.Instances("compose") {
		for _, s := range servicesOf(c, name) {
			if s.Reserved || s.Runtime == "nvidia" {
				return true
			}
		}
	}
	return false
}

func hasGPURuntime(c *check.Context) bool {
	if c.Facts.Known("docker.nvidia_toolkit.hook") {
		return true
	}
	specs, _ := fact.Get[[]cdiSpec](c.Facts, "docker.cdi.specs")
	if slices.ContainsFunc(specs, func(s cdiSpec) bool { return strings.HasPrefix(s.Kind, "nvidia.com/") }) {
		return true
	}
	runtimes, _ := fact.Get[[]runtimeEntry](c.Facts, "docker.runtimes")
	return slices.ContainsFunc(runtimes, func(r runtimeEntry) bool { return strings.Contains(r.Path+r.Type, "nvidia") })
}

func installToolkit(c *check.Context) []string {
	guide := "# add NVIDIA's repository first: " + toolkitGuide
	switch c.Facts.String("os.id") {
	case "debian", "ubuntu", "linuxmint", "pop":
		return []string{guide, "sudo apt-get install nvidia-container-toolkit"}
	case "fedora", "rhel", "centos", "rocky", "almalinux", "amzn":
		return []string{guide, "sudo dnf install nvidia-container-toolkit"}
	case "sles", "opensuse-leap", "opensuse-tumbleweed":
		return []string{guide, "sudo zypper install nvidia-container-toolkit"}
	}
	return []string{"# install nvidia-container-toolkit: " + toolkitGuide}
}

var runtimeBinaryMissing = check.Check{
	Code: "docker.runtime-binary-missing", Title: "daemon.json names a runtime whose program is not installed",
	Area: "docker", Needs: []string{"docker.engine.installed"},
	Doc: check.Doc{
		Meaning:    "A runtime in daemon.json points at NVIDIA's container runtime, and that program is not there. Containers with that runtime do not start, and when it is the default, no container does.",
		Detection:  "The path of the entry, or for a bare name the directories that dockerd searches.",
		Cause:      "The toolkit was removed or never installed, and its entry stayed; often daemon.json was copied from another machine.",
		Fix:        "Install the toolkit, or remove the entry.",
		Verify:     "docker run --rm --runtime=nvidia ubuntu true ends without an error.",
		References: []string{toolkitGuide, "https://docs.docker.com/engine/daemon/alternative-runtimes/"},
	},
	Run: runRuntimeBinaryMissing,
}

func runRuntimeBinaryMissing(c *check.Context) {
	runtimes, _ := fact.Get[[]runtimeEntry](c.Facts, "docker.runtimes")
	config, _ := fact.Get[daemonConfig](c.Facts, "docker.daemon_config")
	if !c.Facts.Bool("docker.engine.installed") {
		return
	}
	for _, r := range runtimes {
		if r.Found == nil || *r.Found {
			continue
		}
		severity, effect := check.Warning, fmt.Sprintf("docker run --runtime=%s fails", r.Name)
		if config.DefaultRuntime == r.Name {
			severity, effect = check.Error, "no container starts, since it is the default"
		} else if withoutGPU(c) {
			severity = check.Info // left over, or for another machine
		}
		c.Report(check.Finding{
			Severity: severity,
			Subject:  r.Name,
			Detail:   fmt.Sprintf("%s, line %d: the runtime %q is %s, which is not installed: %s.", config.Path, r.Line, r.Name, r.Path, effect),
			Cause:    "The NVIDIA Container Toolkit is not installed, and its entry is in daemon.json.",
			Evidence: []fact.Evidence{{Fact: "docker.runtimes", Path: config.Path, Line: r.Line, Value: r.Path}},
			Remedies: []check.Remedy{{
				ID: "install-toolkit", Summary: "Install the toolkit, or remove the entry", Kind: check.SystemCommand, Risk: check.Medium,
				Preview: append(installToolkit(c), engineCommand(c, "restart")),
			}},
			Verify: []string{fmt.Sprintf("docker run --rm --runtime=%s ubuntu true", r.Name)},
		})
	}
}

var cdiStale = check.Check{
	Code: "docker.cdi-stale", Title: "The CDI specification is for another driver",
	Area: "docker", Needs: []string{"gpu.count"},
	Doc: check.Doc{
		Meaning: "A CDI specification lists the libraries of a driver version that is not the one that runs. Containers that ask for nvidia.com/gpu get files that are gone, and do not start.",
		Detection: "The version in the name of libcuda.so.* or libnvidia-ml.so.* in the specification, against the version of the loaded kernel module. A specification in /etc/cdi is not reported where one in /var/run/cdi, which counts more, has its devices for the loaded driver, " +
			"nor is one for a driver that is installed and waits for a reboot.",
		Cause:      "The driver was upgraded and the specification was not generated again.",
		Fix:        "Generate the specification again, and enable nvidia-cdi-refresh so that it happens by itself.",
		Verify:     "nvidia-ctk cdi list ends without an error, and a container with --device nvidia.com/gpu=all starts.",
		References: []string{"https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/cdi-support.html"},
	},
	Run: runCDIStale,
}

func runCDIStale(c *check.Context) {
	driver := c.Facts.String("gpu.driver.version")
	installed := c.Facts.String("gpu.driver.library_version") // waits for a reboot, which is another finding
	specs, _ := fact.Get[[]cdiSpec](c.Facts, "docker.cdi.specs")
	for _, s := range specs {
		if driver == "" || s.DriverVersion == "" || s.DriverVersion == driver || s.DriverVersion == installed || !strings.HasPrefix(s.Kind, "nvidia.com/") || shadowed(specs, s, driver) {
			continue
		}
		c.Report(check.Finding{
			Severity: check.Warning,
			Subject:  s.Path,
			Detail:   fmt.Sprintf("%s, line %d, is for driver %s, and driver %s is loaded: containers that ask for %s do not start.", s.Path, s.Line, s.DriverVersion, driver, s.Kind),
			Cause:    "The driver was upgraded after the specification was generated.",
			Evidence: append([]fact.Evidence{{Fact: "docker.cdi.specs", Path: s.Path, Line: s.Line, Value: s.DriverVersion}}, c.Evidence("gpu.driver.version")...),
			Remedies: []check.Remedy{{
				ID: "regenerate", Summary: "Generate the specification again", Kind: check.SystemCommand, Risk: check.Low,
				Preview: []string{"sudo nvidia-ctk cdi generate --output=" + s.Path},
			}},
			Verify: []string{"nvidia-ctk cdi list"},
		})
	}
}

// shadowed reports whether another specification gives the same devices for the
// loaded driver from a directory that counts more: /var/run/cdi, which is
// /run/cdi, wins over /etc/cdi.
func shadowed(specs []cdiSpec, s cdiSpec, driver string) bool {
	return strings.HasPrefix(s.Path, "/etc/") && slices.ContainsFunc(specs, func(other cdiSpec) bool {
		missing := func(device string) bool { return !slices.Contains(other.Devices, device) }
		return !strings.HasPrefix(other.Path, "/etc/") && other.Kind == s.Kind && other.DriverVersion == driver && !slices.ContainsFunc(s.Devices, missing)
	})
}

var snapDocker = check.Check{
	Code: "docker.snap", Title: "Docker is the snap, which has its own NVIDIA toolkit",
	Area: "docker", Needs: []string{"docker.engine.installed", "gpu.count"},
	Doc: check.Doc{
		Meaning: "Docker is installed as a snap. It runs confined, brings its own NVIDIA Container Toolkit, and uses neither the toolkit of the machine nor /etc/docker/daemon.json, " +
			"so NVIDIA's installation guide does not apply to it.",
		Detection:  "The docker snap is there, no other engine is, and the machine has an NVIDIA GPU. Whether its own toolkit works with this driver cannot be told from files.",
		Cause:      "snap install docker, or the choice of Docker in the installer of Ubuntu Server.",
		Fix:        "If docker run --gpus fails, remove the snap and install Docker Engine from Docker's repository, then the toolkit from NVIDIA's. Removing the snap removes its images and volumes.",
		Verify:     "docker run --rm --gpus all ubuntu nvidia-smi lists the GPUs.",
		References: []string{"https://github.com/canonical/docker-snap", toolkitGuide},
	},
	Run: func(c *check.Context) {
		if c.Facts.String("docker.engine.flavor") != "snap" || !hasGPU(c) {
			return
		}
		c.Report(check.Finding{
			Severity: check.Info, Confidence: 0.7,
			Detail:   "Docker is the snap: the NVIDIA toolkit of the machine and /etc/docker/daemon.json have no effect on it.",
			Cause:    "Docker was installed with snap.",
			Evidence: c.Evidence("docker.engine.flavor", "gpu.count"),
			Remedies: []check.Remedy{{
				ID: "replace-snap", Summary: "If --gpus fails, replace the snap by Docker Engine; save images and volumes first", Kind: check.SystemCommand, Risk: check.High,
				Preview: []string{"sudo snap remove docker", "# then: https://docs.docker.com/engine/install/ubuntu/"},
			}},
			Verify: []string{"docker run --rm --gpus all ubuntu nvidia-smi"},
		})
	},
}

var containerWithoutGPU = check.Check{
	Code: "docker.container-without-gpu", Title: "The container was started without the machine's GPU",
	Area: "docker", Needs: []string{"os.container", "gpu.count"},
	Doc: check.Doc{
		Meaning: "This is a container on a machine with an NVIDIA GPU and a loaded driver, and the container has no device of it. Frameworks report \"Found no NVIDIA driver on your system\".",
		Detection: "/sys shows the GPU and the loaded module, which containers share with the machine, and there is no /dev/nvidiactl; or there is, and NVIDIA_VISIBLE_DEVICES is none and there is no /dev/nvidia0 or other GPU. " +
			"A CUDA image on a machine without a GPU is not reported, although it sets NVIDIA_VISIBLE_DEVICES. Where no Python environment of the container has a framework it is a note: the container may be meant for CPUs.",
		Cause:      "--gpus was left out, or NVIDIA_VISIBLE_DEVICES is void or none.",
		Fix:        "Start the container with --gpus all; in a compose file reserve the devices; in Kubernetes request nvidia.com/gpu.",
		Verify:     "ls /dev/nvidiactl inside the container.",
		References: []string{"https://docs.docker.com/engine/containers/gpu/", "https://docs.docker.com/compose/how-tos/gpu-support/"},
	},
	Run: runContainerWithoutGPU,
}

func runContainerWithoutGPU(c *check.Context) {
	kind := c.Facts.String("os.container")
	if kind == "" || !hasGPU(c) || !c.Facts.Bool("gpu.driver.loaded") || c.Facts.Bool("os.wsl") || hasControlNode(c) && !asksForNone(c) {
		return
	}
	missing := "/dev/nvidiactl"
	if hasControlNode(c) {
		missing = "/dev/nvidia0 or other GPU"
	}
	cause := "The container was started without a request for the GPU."
	if v, ok := fact.Get[string](c.Facts, "docker.container.visible_devices"); ok && (v == "void" || v == "none" || v == "") {
		cause = fmt.Sprintf("NVIDIA_VISIBLE_DEVICES is %q, which asks for no device.", v)
	}
	severity := check.Error
	if withoutML(c) {
		severity = check.Info
	}
	c.Report(check.Finding{
		Severity: severity,
		Detail:   "The machine has a GPU and its driver is loaded, and this container has no " + missing + ": CUDA finds no device.",
		Cause:    cause,
		Evidence: c.Evidence("os.container", "gpu.count", "gpu.driver.loaded", "gpu.device_nodes", "docker.container.visible_devices"),
		Explains: []string{"gpu.*", "torch.*"},
		Remedies: []check.Remedy{gpuRequest(kind)},
		Verify:   []string{"ls -l /dev/nvidiactl"},
	})
}

type deviceNode struct {
	Path string `json:"path"`
}

func hasControlNode(c *check.Context) bool {
	nodes, _ := fact.Get[[]deviceNode](c.Facts, "gpu.device_nodes")
	return slices.ContainsFunc(nodes, func(n deviceNode) bool { return n.Path == "/dev/nvidiactl" })
}

var gpuNode = pattern.Lazy(`^/dev/nvidia\d+$`)

// asksForNone reports whether the container was told to have the driver and no
// GPU, and has none.
func asksForNone(c *check.Context) bool {
	nodes, _ := fact.Get[[]deviceNode](c.Facts, "gpu.device_nodes")
	return c.Facts.String("docker.container.visible_devices") == "none" &&
		!slices.ContainsFunc(nodes, func(n deviceNode) bool { return gpuNode().MatchString(n.Path) })
}

func gpuRequest(kind string) check.Remedy {
	r := check.Remedy{ID: "request-gpu", Summary: "Start the container with the GPU", Kind: check.Advice, Risk: check.Low}
	switch kind {
	case "kubernetes":
		r.Preview = []string{"resources:", "  limits:", "    nvidia.com/gpu: 1"}
	case "podman":
		r.Preview = []string{"podman run --device nvidia.com/gpu=all IMAGE"}
	case "lxc":
		r.Preview = []string{"lxc config device add CONTAINER gpu gpu"}
	default:
		r.Preview = []string{"docker run --gpus all IMAGE"}
	}
	return r
}
