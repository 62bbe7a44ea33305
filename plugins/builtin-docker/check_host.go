// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const (
	daemonReloadIssue = "https://github.com/NVIDIA/nvidia-container-toolkit/issues/48"
	troubleshooting   = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/troubleshooting.html"
	cdiGuide          = "https://docs.nvidia.com/datacenter/cloud-native/container-toolkit/latest/cdi-support.html"
)

// onHost reports whether this is a machine with a GPU whose driver is loaded, and
// not a container or WSL.
func onHost(c *check.Context) bool {
	return hasGPU(c) && c.Facts.Bool("gpu.driver.loaded") && c.Facts.String("os.container") == "" && !c.Facts.Bool("os.wsl")
}

func hasNvidiaCDI(c *check.Context) bool {
	specs, _ := fact.Get[[]cdiSpec](c.Facts, "docker.cdi.specs")
	return slices.ContainsFunc(specs, func(s cdiSpec) bool { return strings.HasPrefix(s.Kind, "nvidia.com/") })
}

var devCharMissing = check.Check{
	Code: "docker.dev-char-missing", Title: "Running containers will lose the GPU when systemd reloads its units",
	Area: "docker", Needs: []string{"docker.dev_char", "docker.engine.installed", "gpu.count"},
	Doc: check.Doc{
		Meaning: "Docker lets systemd manage the control groups of containers, and there are no links for NVIDIA's devices below /dev/char. When systemd reloads its units (systemctl daemon-reload, an upgrade of a package), " +
			"it applies the device rules of running containers again and leaves these devices out: nvidia-smi in the container then says \"Failed to initialize NVML: Unknown Error\".",
		Detection: "dockerd of this machine with the systemd driver (set in daemon.json, or the default on control groups version 2 under systemd), NVIDIA's hook, a GPU with a loaded driver and its device nodes, and no link 195:* in /dev/char, which has links of other devices. " +
			"A machine with a CDI specification of NVIDIA, or whose NVIDIA runtime is set to CDI, is not reported: there the rules stand in the container's own specification.",
		Cause:  "NVIDIA's driver creates its device nodes itself, without the links that udev makes for others.",
		Fix:    "Create the links now and at every boot, or give containers the GPU through CDI.",
		Verify: "After sudo systemctl daemon-reload, docker exec CONTAINER nvidia-smi still lists the GPUs.",
		References: []string{
			troubleshooting, daemonReloadIssue, "https://github.com/NVIDIA/nvidia-docker/issues/1730",
		},
	},
	Run: runDevCharMissing,
}

func runDevCharMissing(c *check.Context) {
	links, ok := fact.Get[devChar](c.Facts, "docker.dev_char")
	toolkit, _ := fact.Get[toolkitConfig](c.Facts, "docker.nvidia_toolkit.config")
	usesCDI := hasNvidiaCDI(c) || strings.Contains(toolkit.Mode, "cdi")
	if !ok || links.Links == 0 || len(links.NVIDIA) > 0 || usesCDI || !onHost(c) || !hasControlNode(c) || !systemdDriver(c) || !c.Facts.Known("docker.nvidia_toolkit.hook") {
		return
	}
	c.Report(check.Finding{
		Severity: check.Warning,
		Detail:   "/dev/char has no link to NVIDIA's devices, and Docker uses the systemd cgroup driver: after the next systemctl daemon-reload running containers report \"Failed to initialize NVML: Unknown Error\".",
		Cause:    "NVIDIA's driver makes its device nodes without the links that systemd looks for.",
		Evidence: c.Evidence("docker.dev_char", "docker.daemon_config", "docker.engine.enabled", "cgroup.version", "gpu.device_nodes"),
		Remedies: []check.Remedy{
			{
				ID: "create-links", Summary: "Create the links, now and whenever the driver is loaded", Kind: check.SystemCommand, Risk: check.Low,
				Preview: []string{
					"sudo nvidia-ctk system create-dev-char-symlinks --create-all",
					`echo 'ACTION=="add", DEVPATH=="/bus/pci/drivers/nvidia", RUN+="/usr/bin/nvidia-ctk system create-dev-char-symlinks --create-all"' | sudo tee /lib/udev/rules.d/71-nvidia-dev-char.rules`,
				},
			},
			{
				ID: "use-cdi", Summary: "Or give containers the GPU through CDI", Kind: check.SystemCommand, Risk: check.Low,
				Preview: []string{"sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml", "docker run --device nvidia.com/gpu=all IMAGE"},
			},
		},
		Verify: []string{"ls -l /dev/char | grep nvidia"},
	})
}

// systemdDriver reports whether dockerd surely lets systemd manage control
// groups: it does when told so, and by default on version 2 under systemd, which
// a unit that starts dockerd at boot shows.
func systemdDriver(c *check.Context) bool {
	config, _ := fact.Get[daemonConfig](c.Facts, "docker.daemon_config")
	if c.Facts.String("docker.engine.flavor") != "docker" {
		return false
	}
	if config.CgroupDriver != "" {
		return config.CgroupDriver == "systemd"
	}
	version, _ := c.Facts.Int("cgroup.version")
	return version == 2 && c.Facts.Bool("docker.engine.enabled")
}

var cgroupDriver = check.Check{
	Code: "docker.cgroup-driver", Title: "Docker manages control groups beside systemd",
	Area: "docker", Needs: []string{"docker.daemon_config", "docker.engine.installed", "gpu.count"},
	Doc: check.Doc{
		Meaning: "daemon.json sets native.cgroupdriver=cgroupfs on a machine where systemd manages control groups of version 2. It is a known way around containers that lose their GPU at a daemon-reload, " +
			"and it leaves two managers of one tree: limits of systemd do not count for containers, and a kubelet with the systemd driver does not start beside it.",
		Detection: "native.cgroupdriver=cgroupfs in exec-opts of daemon.json, control groups version 2, an engine that systemd starts, and a GPU with a loaded driver. It is a note: containers run.",
		Cause:     "The setting was made for the GPU, or is older than control groups version 2.",
		Fix:       "Create the links for NVIDIA's devices below /dev/char, or use CDI, and take the setting out.",
		Verify:    "docker info prints Cgroup Driver: systemd.",
		References: []string{
			"https://kubernetes.io/docs/setup/production-environment/container-runtimes/#cgroup-drivers", daemonReloadIssue,
			"https://docs.docker.com/reference/cli/dockerd/#configure-cgroup-driver",
		},
	},
	Run: func(c *check.Context) {
		config, _ := fact.Get[daemonConfig](c.Facts, "docker.daemon_config")
		version, _ := c.Facts.Int("cgroup.version")
		if config.CgroupDriver != "cgroupfs" || version != 2 || !c.Facts.Bool("docker.engine.enabled") || !onHost(c) {
			return
		}
		c.Report(check.Finding{
			Severity: check.Info,
			Subject:  config.Path,
			Detail:   config.Path + " sets native.cgroupdriver=cgroupfs on a machine where systemd manages control groups: with the links below /dev/char, or CDI, it is not needed for the GPU.",
			Cause:    "The setting was made to keep GPUs in containers, or is left over.",
			Evidence: c.Evidence("docker.daemon_config", "cgroup.version", "docker.engine.enabled"),
			Remedies: []check.Remedy{{
				ID: "use-systemd-driver", Summary: "Create the links, take the setting out, and restart the engine", Kind: check.DockerDaemonConfig, Risk: check.Medium,
				Preview: []string{"sudo nvidia-ctk system create-dev-char-symlinks --create-all", "sudo ${EDITOR:-vi} " + config.Path, engineCommand(c, "restart")},
			}},
			Verify: []string{"docker info --format '{{.CgroupDriver}}'"},
		})
	},
}

var rootlessCgroups = check.Check{
	Code: "docker.rootless-no-cgroups", Title: "Rootless Docker cannot give containers the GPU",
	Area: "docker", Needs: []string{"docker.nvidia_toolkit.config", "docker.engine.flavor", "gpu.count"},
	Doc: check.Doc{
		Meaning: "The engine runs without root, and NVIDIA's toolkit is set to write device rules into control groups, which only root may: docker run --gpus all ends with " +
			"\"nvidia-container-cli: mount error: failed to add device rules\" or \"bpf_prog_query(BPF_CGROUP_DEVICE) failed: operation not permitted\".",
		Detection:  "The user unit of rootless Docker, NVIDIA's hook, a GPU with a loaded driver, and no no-cgroups = true in /etc/nvidia-container-runtime/config.toml. With a CDI specification of NVIDIA it is not reported.",
		Cause:      "The toolkit was installed for an engine of root.",
		Fix:        "Set nvidia-container-cli.no-cgroups to true, or use CDI.",
		Verify:     "docker run --rm --gpus all ubuntu nvidia-smi lists the GPUs.",
		References: []string{toolkitGuide, "https://docs.docker.com/engine/security/rootless/"},
	},
	Run: func(c *check.Context) {
		config, ok := fact.Get[toolkitConfig](c.Facts, "docker.nvidia_toolkit.config")
		if !ok || config.NoCgroups || strings.Contains(config.Mode, "cdi") || hasNvidiaCDI(c) || !onHost(c) ||
			c.Facts.String("docker.engine.flavor") != "rootless" || !c.Facts.Known("docker.nvidia_toolkit.hook") {
			return
		}
		c.Report(check.Finding{
			Severity: check.Warning,
			Subject:  config.Path,
			Detail:   config.Path + " does not set no-cgroups = true, and the engine runs without root: docker run --gpus all fails with \"failed to add device rules\".",
			Cause:    "The toolkit is configured for an engine of root.",
			Evidence: c.Evidence("docker.nvidia_toolkit.config", "docker.engine.flavor"),
			Remedies: []check.Remedy{{
				ID: "no-cgroups", Summary: "Let the toolkit leave control groups alone", Kind: check.SystemCommand, Risk: check.Medium,
				Preview: []string{"sudo nvidia-ctk config --set nvidia-container-cli.no-cgroups --in-place", "systemctl --user restart docker"},
			}},
			Verify: []string{"docker run --rm --gpus all ubuntu nvidia-smi"},
		})
	},
}

var desktopNoGPU = check.Check{
	Code: "docker.desktop-no-gpu", Title: "Docker Desktop on Linux cannot give containers the GPU",
	Area: "docker", Needs: []string{"docker.engine.flavor", "gpu.count"},
	Doc: check.Doc{
		Meaning:    "Docker Desktop is installed on Linux. Its engine runs in a virtual machine that has no access to the GPU, so that docker run --gpus all fails with 'could not select device driver \"\" with capabilities: [[gpu]]', whatever toolkit is installed on the machine.",
		Detection:  "Docker Desktop's program on a Linux machine that is not WSL, and a GPU with a loaded driver. Where Docker Engine is installed beside it, it is a note, since the context of the client decides which of them runs containers.",
		Cause:      "Docker Desktop was chosen in place of Docker Engine. Its GPU support is for Windows with WSL 2 only.",
		Fix:        "Install Docker Engine beside it and point the client at it, or remove Docker Desktop.",
		Verify:     "docker run --rm --gpus all ubuntu nvidia-smi lists the GPUs.",
		References: []string{"https://docs.docker.com/desktop/features/gpu/", "https://docs.docker.com/desktop/setup/install/linux/"},
	},
	Run: func(c *check.Context) {
		onLinux := func(e fact.Evidence) bool { return strings.HasPrefix(e.Path, "/opt/docker-desktop/") }
		if c.Facts.String("docker.engine.flavor") != "desktop" || !slices.ContainsFunc(c.Evidence("docker.engine.flavor"), onLinux) || !onHost(c) {
			return
		}
		others, _ := fact.Get[[]string](c.Facts, "docker.engine.others")
		severity := check.Warning
		if len(others) > 0 {
			severity = check.Info // which of the two the client uses is not known
		}
		c.Report(check.Finding{
			Severity: severity,
			Detail:   "Docker Desktop runs containers in a virtual machine without the GPU: docker run --gpus all fails with \"could not select device driver\".",
			Cause:    "GPU support of Docker Desktop is for Windows only.",
			Evidence: c.Evidence("docker.engine.flavor", "gpu.count"),
			Remedies: []check.Remedy{{
				ID: "use-engine", Summary: "Install Docker Engine, and use its context", Kind: check.SystemCommand, Risk: check.Medium,
				Preview: append(installEngine(c), "docker context use default"),
			}},
			Verify: []string{"docker context ls"},
		})
	},
}

var podmanNoCDI = check.Check{
	Code: "podman.no-cdi", Title: "Podman cannot give containers the GPU",
	Area: "docker", Needs: []string{"docker.podman.path", "gpu.count"},
	Doc: check.Doc{
		Meaning: "The machine has an NVIDIA GPU and Podman, and no CDI specification for the GPU: podman run --device nvidia.com/gpu=all ends with \"unresolvable CDI devices nvidia.com/gpu=all\".",
		Detection: "The podman command, a GPU with a loaded driver, and neither a CDI specification of kind nvidia.com/gpu in /etc/cdi, /run/cdi or /var/run/cdi nor NVIDIA's OCI hook. " +
			"It is a warning where Podman is the only engine and a Containerfile, Dockerfile or compose file of the project is about CUDA or a framework, else a note.",
		Cause:      "The NVIDIA Container Toolkit is not installed, or the specification was not generated.",
		Fix:        "Install nvidia-container-toolkit and generate the specification; the service nvidia-cdi-refresh keeps it up to date.",
		Verify:     "nvidia-ctk cdi list names nvidia.com/gpu=all.",
		References: []string{cdiGuide, "https://docs.podman.io/en/latest/markdown/podman-run.1.html#device-host-device-container-device-permissions"},
	},
	Run: runPodmanNoCDI,
}

func runPodmanNoCDI(c *check.Context) {
	if c.Facts.String("docker.podman.path") == "" || hasNvidiaCDI(c) || c.Facts.Known("docker.podman.hook") || !onHost(c) {
		return
	}
	severity := check.Info
	if projectWantsGPU(c) && !c.Facts.Bool("docker.engine.installed") {
		severity = check.Warning
	}
	install := []string{"sudo nvidia-ctk cdi generate --output=/etc/cdi/nvidia.yaml"}
	if !c.Facts.Known("docker.nvidia_toolkit.path") {
		install = append(installToolkit(c), install...)
	}
	c.Report(check.Finding{
		Severity: severity,
		Detail:   "There is no CDI specification for the GPU: podman run --device nvidia.com/gpu=all ends with \"unresolvable CDI devices\".",
		Cause:    "The specification was not generated.",
		Evidence: c.Evidence("docker.podman.path", "docker.cdi.specs", "gpu.count"),
		Remedies: []check.Remedy{{ID: "generate-cdi", Summary: "Generate the specification", Kind: check.SystemCommand, Risk: check.Low, Preview: install}},
		Verify:   []string{"nvidia-ctk cdi list"},
	})
}

type diskSettings struct {
	MinFreeBytes int64 `json:"min_free_bytes" default:"10737418240" min:"0" doc:"Warn when less than this is free where images are kept."`
}

var diskLow = check.Check{
	Code: "docker.disk-low", Title: "The disk of Docker's images has little room",
	Area: "docker", Needs: []string{"docker.data_root", "docker.data_root.free_bytes"}, Config: diskSettings{},
	Doc: check.Doc{
		Meaning: "Less than min_free_bytes (10 GiB unless set) is free where Docker keeps images and containers. An image with PyTorch and CUDA takes 8 to 20 GiB when it is unpacked: pulling or building it ends with \"no space left on device\".",
		Detection: "The data-root of daemon.json or the default, and statfs(2) of its file system, on a machine with a GPU or a project that has a Dockerfile, compose file or development container. " +
			"A data-root on a disk of its own can be measured only by who may see into it.",
		Cause:      "Images, build cache and stopped containers that are not used any more.",
		Fix:        "Remove what is not used, or move data-root to a larger disk.",
		Verify:     "docker system df shows what is used, and df -h of the directory what is free.",
		References: []string{"https://docs.docker.com/reference/cli/docker/system/prune/", "https://docs.docker.com/engine/daemon/#daemon-data-directory"},
	},
	Run: runDiskLow,
}

func runDiskLow(c *check.Context) {
	var settings diskSettings
	c.Config(&settings)
	root, _ := fact.Get[dataRoot](c.Facts, "docker.data_root")
	free, known := c.Facts.Int("docker.data_root.free_bytes")
	files, _ := fact.Get[[]projectFile](c.Facts, "docker.files")
	if !known || free >= settings.MinFreeBytes || !hasGPU(c) && len(files) == 0 {
		return
	}
	c.Report(check.Finding{
		Severity: check.Warning,
		Subject:  root.Path,
		Detail:   fmt.Sprintf("%d MiB is free in %s, less than %d MiB: pulling or building an image with a framework ends with \"no space left on device\".", free>>20, root.Path, settings.MinFreeBytes>>20),
		Cause:    "The file system of Docker's images is nearly full.",
		Evidence: c.Evidence("docker.data_root", "docker.data_root.free_bytes"),
		Remedies: []check.Remedy{
			{ID: "prune", Summary: "Remove images and build cache that nothing uses", Kind: check.SystemCommand, Risk: check.Medium, Preview: []string{"docker system df", "docker image prune", "docker builder prune"}},
		},
		Verify: []string{"docker system df", "df -h " + quoted(root.Path)},
	})
}
