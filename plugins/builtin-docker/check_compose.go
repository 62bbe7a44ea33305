// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-docker/internal/compose"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-docker/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const composeGPUGuide = "https://docs.docker.com/compose/how-tos/gpu-support/"

func servicesOf(c *check.Context, name string) []compose.Service {
	out, _ := fact.Get[[]compose.Service](c.Facts, fact.At("compose", name, "services"))
	return out
}

// serviceImage is the image that a service runs, or the base of what it builds,
// and the stage that is built.
func serviceImage(c *check.Context, name string, s compose.Service) (tables.Image, stage) {
	if s.Build == "" {
		return tables.ParseImage(s.Image), stage{}
	}
	return builtImage(c, projectRelative(name, s.Build), s.Target)
}

// builtImage is the base of a Dockerfile's last stage, or of a named one.
func builtImage(c *check.Context, dockerfile, target string) (tables.Image, stage) {
	stages := stagesOf(c, dockerfile)
	for i, s := range slices.Backward(stages) {
		if target == "" && i == len(stages)-1 || target != "" && s.Name == target {
			return tables.ParseImage(s.Base), s
		}
	}
	return tables.Image{}, stage{}
}

var composeNoGPU = check.Check{
	Code: "compose.no-gpu-reservation", Title: "A service with a CUDA image asks for no GPU",
	Area: "docker", Needs: []string{"compose.services"},
	Doc: check.Doc{
		Meaning: "A service of a compose file runs an image that is made for CUDA, and nothing in the file gives it a GPU. It starts, and frameworks in it report \"Found no NVIDIA driver on your system\" or use the CPU.",
		Detection: "The image of the service, or the base of the Dockerfile that it builds, is known as one for CUDA, and the service has neither a reservation of devices under deploy, nor gpus, nor runtime: nvidia, nor NVIDIA's devices. " +
			"Merged anchors count, and a variable that may name a runtime. Nothing is said where daemon.json makes NVIDIA's runtime the default, which gives every such container the GPU. A service with zero replicas or that extends another one is not reported, and neither is one that another compose file of the project gives a GPU. On a machine without a GPU it is a note.",
		Cause:  "docker run has --gpus; the compose file needs the reservation written out.",
		Fix:    "Reserve the devices for the service, or give it the short form gpus: all.",
		Verify: "docker compose exec SERVICE nvidia-smi -L lists the GPUs.",
		References: []string{
			composeGPUGuide, "https://docs.docker.com/reference/compose-file/deploy/#devices", "https://docs.docker.com/reference/compose-file/services/#gpus",
		},
	},
	Run: runComposeNoGPU,
}

func runComposeNoGPU(c *check.Context) {
	severity := check.Warning
	if withoutGPU(c) {
		severity = check.Info
	}
	if defaultIsNVIDIA(c) {
		return
	}
	given := servicesWithGPU(c)
	for _, name := range c.Facts.Instances("compose") {
		for _, s := range servicesOf(c, name) {
			image, _ := serviceImage(c, name, s)
			if s.GPU || s.Extends || s.Off || given[s.Name] || !image.GPU {
				continue
			}
			line := max(s.ImageLine, s.Line)
			c.Report(check.Finding{
				Severity: severity,
				Subject:  fmt.Sprintf("%s:%d", name, line),
				Detail:   fmt.Sprintf("%s, line %d: the service %q runs %s:%s, which is made for CUDA, and asks for no GPU: it has no device and no driver.", path.Base(name), line, s.Name, image.Repository, image.Tag),
				Cause:    "The service has no reservation of devices.",
				Evidence: at(fact.At("compose", name, "services"), name, line, s.Name+": "+s.Image),
				Remedies: []check.Remedy{{
					ID: "reserve-gpu", Summary: "Reserve the GPUs for the service", Kind: check.WriteFile, Risk: check.Low,
					Preview: []string{"deploy:", "  resources:", "    reservations:", "      devices:", "        - driver: nvidia", "          count: all", "          capabilities: [gpu]"},
				}},
				Verify: []string{"docker compose -f " + quoted(name) + " config"},
			})
		}
	}
}

// withoutGPU reports whether the machine is known to have none.
func withoutGPU(c *check.Context) bool {
	n, known := c.Facts.Int("gpu.count")
	return known && n == 0
}

// servicesWithGPU names the services to which any file of the project gives a
// GPU: compose merges files, and which are merged is said on the command line.
func servicesWithGPU(c *check.Context) map[string]bool {
	out := map[string]bool{}
	for _, name := range c.Facts.Instances("compose") {
		for _, s := range servicesOf(c, name) {
			out[s.Name] = out[s.Name] || s.GPU
		}
	}
	return out
}

type composeShmSettings struct {
	MinBytes int64 `json:"min_bytes" default:"268435456" min:"0" doc:"Warn when shm_size of a training service is smaller than this, or not set."`
}

var composeShmSmall = check.Check{
	Code: "compose.shm-small", Title: "A training service has little shared memory",
	Area: "docker", Needs: []string{"compose.services"}, Config: composeShmSettings{},
	Doc: check.Doc{
		Meaning: "A service that runs PyTorch has less shared memory than min_bytes (256 MiB unless set); without shm_size Docker gives 64 MiB. DataLoader workers die with \"Bus error\", and NCCL with \"No space left on device\".",
		Detection: "The service runs an image with PyTorch, or torchrun, accelerate, deepspeed or a script named train*.py in an image on which PyTorch is installed, and has neither a large enough shm_size, nor ipc: host, nor a mount on /dev/shm. A default-shm-size of daemon.json counts. " +
			"Services that other images run are not reported.",
		Cause:  "The default of Docker is 64 MiB.",
		Fix:    "Set shm_size for the service, or ipc: host.",
		Verify: "docker compose exec SERVICE df -h /dev/shm shows the size.",
		References: []string{
			"https://docs.docker.com/reference/compose-file/services/#shm_size", "https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html",
			"https://github.com/pytorch/pytorch#using-pre-built-images",
		},
	},
	Run: runComposeShm,
}

// launchers start several processes that share memory, or a script that trains.
var launchers = pattern.Lazy(`(^|[\s"'/\[,])(torchrun|accelerate|deepspeed|[\w./-]*train[\w-]*\.py)($|[\s"',\]])|torch\.distributed\.(run|launch)`)

func runComposeShm(c *check.Context) {
	var settings composeShmSettings
	c.Config(&settings)
	config, _ := fact.Get[daemonConfig](c.Facts, "docker.daemon_config")
	standard := cmp.Or(config.DefaultShmBytes, 64<<20)
	for _, name := range c.Facts.Instances("compose") {
		for _, s := range servicesOf(c, name) {
			bytes := s.ShmBytes
			if bytes < 0 {
				bytes = standard
			}
			if s.SharesShm || s.Extends && s.ShmBytes < 0 || bytes >= settings.MinBytes || !sharesMemory(c, name, s) {
				continue
			}
			line, what := s.Line, fmt.Sprintf("has no shm_size, so that Docker gives it %d MiB", standard>>20)
			if s.ShmBytes >= 0 {
				line, what = s.ShmLine, fmt.Sprintf("has a shm_size of %d MiB", s.ShmBytes>>20)
			}
			c.Report(check.Finding{
				Severity: check.Warning,
				Subject:  fmt.Sprintf("%s:%d", name, line),
				Detail:   fmt.Sprintf("%s, line %d: the service %q runs PyTorch and %s: DataLoader workers die with \"Bus error\".", path.Base(name), line, s.Name, what),
				Cause:    "The default of Docker is too small for PyTorch.",
				Evidence: at(fact.At("compose", name, "services"), name, line, s.Name+": "+s.Image),
				Explains: []string{"system.shm-small"},
				Remedies: []check.Remedy{{
					ID: "shm-size", Summary: "Set the size for the service", Kind: check.WriteFile, Risk: check.Low, Preview: []string{"shm_size: 8gb"},
				}},
				Verify: []string{"docker compose -f " + quoted(name) + " exec " + quoted(s.Name) + " df -h /dev/shm"},
			})
		}
	}
}

// sharesMemory reports whether a service surely runs PyTorch with processes that
// share memory: an image that has PyTorch, or a launcher.
func sharesMemory(c *check.Context, name string, s compose.Service) bool {
	image, built := serviceImage(c, name, s)
	torch := image.Torch || slices.ContainsFunc(built.Installs, func(in install) bool { _, ok := torchOf(in); return ok })
	return s.Build == "" && image.Torch || torch && launchers().MatchString(s.Command+" "+built.Commands)
}

var composeRuntime = check.Check{
	Code: "compose.nvidia-runtime", Title: "A service asks for a runtime that the engine does not have",
	Area: "docker", Needs: []string{"compose.services"},
	Doc: check.Doc{
		Meaning: "A service has runtime: nvidia, the older way to ask for a GPU, and daemon.json defines no such runtime: docker compose up ends with \"unknown or invalid runtime name: nvidia\". " +
			"Where the service also reserves devices, the runtime is not needed at all.",
		Detection: "An engine on this machine, no runtime of that name in its daemon.json, and nothing that sends the client to another machine. A runtime beside a reservation of devices is a note, and so is all of it on a machine without a GPU.",
		Cause:     "The NVIDIA Container Toolkit was not configured for Docker here, or the file is of the time of nvidia-docker2.",
		Fix:       "Replace runtime: nvidia by a reservation of devices, or register the runtime.",
		Verify:    "docker info lists the runtime nvidia.",
		References: []string{
			composeGPUGuide, toolkitGuide, "https://docs.docker.com/reference/compose-file/services/#runtime",
		},
	},
	Run: runComposeRuntime,
}

func runComposeRuntime(c *check.Context) {
	for _, name := range c.Facts.Instances("compose") {
		for _, s := range servicesOf(c, name) {
			if s.Runtime != "nvidia" {
				continue
			}
			missing := runtimeMissing(c)
			severity, what, cause := check.Error, "which the engine of this machine does not have: the service does not start", "The runtime is not registered with the engine."
			switch {
			case missing && withoutGPU(c):
				severity = check.Info // the file is for another machine
			case missing:
			case s.Reserved:
				severity, what, cause = check.Info, "and reserves devices too, which is enough", "The older way was left beside the newer one."
			default:
				continue
			}
			c.Report(check.Finding{
				Severity: severity,
				Subject:  fmt.Sprintf("%s:%d", name, s.RuntimeLine),
				Detail:   fmt.Sprintf("%s, line %d: the service %q has runtime: nvidia, %s.", path.Base(name), s.RuntimeLine, s.Name, what),
				Cause:    cause,
				Evidence: append(at(fact.At("compose", name, "services"), name, s.RuntimeLine, "runtime: nvidia"), c.Evidence("docker.runtimes", "docker.engine.flavor")...),
				Remedies: runtimeRemedies(c, missing),
				Verify:   []string{"docker info --format '{{json .Runtimes}}'"},
			})
		}
	}
}

// runtimeMissing reports whether the engine surely lacks the runtime: dockerd can
// be given one on its command line only by whoever changed its unit, so that an
// engine without NVIDIA's runtime program is asked for.
func runtimeMissing(c *check.Context) bool {
	flavor := c.Facts.String("docker.engine.flavor")
	_, elsewhere := c.Facts.Lookup("docker.client.endpoint")
	config, _ := fact.Get[daemonConfig](c.Facts, "docker.daemon_config")
	runtimes, _ := fact.Get[[]runtimeEntry](c.Facts, "docker.runtimes")
	named := slices.ContainsFunc(runtimes, func(r runtimeEntry) bool { return r.Name == "nvidia" })
	return (flavor == "docker" || flavor == "rootless") && !elsewhere && !named && config.Problem == "" &&
		c.Facts.String("os.container") == "" && !c.Facts.Known("docker.nvidia_toolkit.path")
}

func runtimeRemedies(c *check.Context, missing bool) []check.Remedy {
	out := []check.Remedy{{
		ID: "reserve-gpu", Summary: "Take runtime: nvidia out, and reserve the devices", Kind: check.WriteFile, Risk: check.Low,
		Preview: []string{"deploy:", "  resources:", "    reservations:", "      devices:", "        - driver: nvidia", "          count: all", "          capabilities: [gpu]"},
	}}
	if missing {
		out = append(out, check.Remedy{
			ID: "register-runtime", Summary: "Or install the toolkit and register its runtime", Kind: check.SystemCommand, Risk: check.Medium,
			Preview: append(installToolkit(c), registerRuntime(c)...),
		})
	}
	return out
}

var devcontainerNoGPU = check.Check{
	Code: "devcontainer.no-gpus", Title: "The development container has a CUDA image and asks for no GPU",
	Area: "docker", Needs: []string{"devcontainer.config"},
	Doc: check.Doc{
		Meaning:   "devcontainer.json starts an image that is made for CUDA without a GPU: the terminal of the editor has no device, and frameworks report \"Found no NVIDIA driver on your system\".",
		Detection: "The image, or the base of the Dockerfile that is built, is known as one for CUDA, and neither runArgs has --gpus or an NVIDIA device, nor hostRequirements asks for a gpu. A container that a compose file starts is left to its checks, and nothing is said where daemon.json makes NVIDIA's runtime the default. On a machine without a GPU it is a note.",
		Cause:     "The image alone does not bring the GPU into the container.",
		Fix:       "Add hostRequirements with gpu set to optional, which gives a GPU where there is one, or --gpus all to runArgs.",
		Verify:    "nvidia-smi -L in the terminal of the editor lists the GPUs.",
		References: []string{
			"https://containers.dev/implementors/json_reference/", composeGPUGuide,
		},
	},
	Run: runDevcontainer,
}

func runDevcontainer(c *check.Context) {
	severity := check.Warning
	if withoutGPU(c) {
		severity = check.Info
	}
	if defaultIsNVIDIA(c) {
		return
	}
	for _, name := range c.Facts.Instances("devcontainer") {
		d, ok := fact.Get[devcontainer](c.Facts, fact.At("devcontainer", name, "config"))
		image := tables.ParseImage(d.Image)
		if d.Image == "" && d.Build != "" {
			image, _ = builtImage(c, projectRelative(name, d.Build), d.Target)
		}
		if !ok || d.GPU || d.Compose || !image.GPU {
			continue
		}
		c.Report(check.Finding{
			Severity: severity,
			Subject:  fmt.Sprintf("%s:%d", name, d.Line),
			Detail:   fmt.Sprintf("%s, line %d: the container runs %s:%s, which is made for CUDA, and asks for no GPU.", path.Base(name), d.Line, image.Repository, image.Tag),
			Cause:    "Neither runArgs nor hostRequirements asks for a GPU.",
			Evidence: at(fact.At("devcontainer", name, "config"), name, d.Line, d.Image+d.Build),
			Remedies: []check.Remedy{{
				ID: "ask-for-gpu", Summary: "Ask for a GPU where there is one", Kind: check.WriteFile, Risk: check.Low, Preview: []string{`"hostRequirements": {"gpu": "optional"}`},
			}},
			Verify: []string{"nvidia-smi -L"},
		})
	}
}

// quoted makes a path safe to paste into a shell.
func quoted(name string) string {
	if strings.ContainsAny(name, " \t\n'\"\\$`*?[]#~<>|&;()!") {
		return "'" + strings.ReplaceAll(name, "'", `'\''`) + "'"
	}
	return name
}
