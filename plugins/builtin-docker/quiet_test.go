// SPDX-License-Identifier: Apache-2.0

package main

import (
	"maps"
	"strings"
	"testing"
)

// pythons adds an environment with packages, as the python plugin sees it.
func pythons(facts map[string]any, packages ...string) map[string]any {
	list := []map[string]string{}
	for _, name := range packages {
		list = append(list, map[string]string{"name": name})
	}
	out := maps.Clone(facts)
	out["python.env[/opt/venv].packages"] = list
	return out
}

const defaultNVIDIA = "-- etc/docker/daemon.json --\n{\"default-runtime\": \"nvidia\", \"runtimes\": {\"nvidia\": {\"path\": \"nvidia-container-runtime\"}}}\n"

// cdiSpecOf is a specification of a driver, at a path.
func cdiSpecOf(path, libcuda string) string {
	return "-- " + path + " --\ncdiVersion: 0.5.0\nkind: nvidia.com/gpu\ndevices: [{name: all}, {name: \"0\"}]\ncontainerEdits:\n  mounts:\n  - hostPath: " + libcuda + "\n"
}

// TestQuiet holds the checks to silence, or to a note, on machines and projects
// that look like faulty ones.
func TestQuiet(t *testing.T) {
	const (
		lib      = "/usr/lib/x86_64-linux-gnu/libcuda.so."
		cuda     = "services:\n  app:\n    image: nvidia/cuda:12.4.1-base-ubuntu22.04\n"
		torch    = "services:\n  app:\n    image: pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime\n    gpus: all\n"
		index    = "dockerfile.missing-cuda-index"
		cpu      = "dockerfile.cpu-base-gpu-wheel"
		cuda11   = "FROM nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04\n"
		onDocker = "-- usr/bin/docker --\nELF\n"
	)
	bare := func(kind string) map[string]any {
		return with(with(gpu("570.158"), "os.container", kind), "gpu.device_nodes", []int{})
	}
	rootlessGPU := "-- home/ada/.config/systemd/user/docker.service --\n" + onDocker + "-- usr/bin/dockerd --\nELF\n"
	devcontainer := func(text string) string { return "-- home/ada/train/.devcontainer/devcontainer.json --\n" + text }
	for _, tt := range []struct {
		name string
		machine
		want string
	}{
		{"default runtime gives every container the GPU", machine{tree: hostGPU + defaultNVIDIA + composed(cuda) + devcontainer(`{"image": "nvidia/cuda:12.4.1-devel-ubuntu22.04"}`), facts: gpu("570.158")}, ""},
		{"engine with a larger default for shared memory", machine{tree: runningEngine + "-- etc/docker/daemon.json --\n{\"default-shm-size\": \"8G\"}\n" + composed(torch)}, ""},
		{"engine with a small default for shared memory", machine{tree: runningEngine + "-- etc/docker/daemon.json --\n{\"default-shm-size\": \"32M\"}\n" + composed(torch)}, "compose.shm-small:warning"},
		{"runtime that a variable names", machine{tree: composed(cuda + "    runtime: ${DOCKER_RUNTIME}\n")}, ""},
		{"service that is a template", machine{tree: composed(cuda + "    deploy: {replicas: 0}\n")}, ""},
		{"service that is scaled to nothing", machine{tree: composed(cuda + "    scale: 0\n")}, ""},
		{"tags of compose", machine{tree: composed(cuda+"    gpus: all\n", "-- home/ada/train/compose.override.yaml --\nservices:\n  app:\n    environment: !reset []\n    ports: !override [\"1:1\"]\n")}, ""},
		{"merge keys", machine{tree: composed("x-gpu: &gpu\n  deploy: {resources: {reservations: {devices: [{driver: nvidia, count: 1, capabilities: [gpu]}]}}}\nservices:\n  app:\n    <<: [*gpu]\n    image: nvidia/cuda:12.4.1-base-ubuntu22.04\n")}, ""},
		{"CDI device in compose", machine{tree: composed(cuda + "    devices: [\"nvidia.com/gpu=all\"]\n")}, ""},
		{"PyTorch's image without a tag", machine{tree: composed("services:\n  app:\n    image: pytorch/pytorch\n    shm_size: 8gb\n")}, "compose.no-gpu-reservation:warning"},
		{"devcontainer with a target without CUDA", machine{tree: devcontainer(`{"build": {"dockerfile": "Dockerfile", "target": "cpu"}}`) + "-- home/ada/train/.devcontainer/Dockerfile --\nFROM python:3 AS cpu\nFROM nvidia/cuda:12.4.1-base-ubuntu22.04\n"}, ""},

		{"CDI of WSL", machine{tree: cdiSpecOf("etc/cdi/nvidia.yaml", "/usr/lib/wsl/drivers/nv_dispi.inf_amd64_1/libcuda.so.1.1"), facts: gpu("576.80")}, ""},
		{"CDI of Jetson", machine{tree: cdiSpecOf("etc/cdi/nvidia.yaml", "/usr/lib/aarch64-linux-gnu/nvidia/libcuda.so.1.1"), facts: gpu("540.4.0")}, ""},
		{"old CDI under one that is refreshed", machine{tree: cdiSpecOf("etc/cdi/nvidia.yaml", lib+"550.54.14") + cdiSpecOf("var/run/cdi/nvidia.yaml", lib+"570.158"), facts: gpu("570.158")}, ""},
		{"old CDI over a new one", machine{tree: cdiSpecOf("etc/cdi/nvidia.yaml", lib+"570.158") + cdiSpecOf("var/run/cdi/nvidia.yaml", lib+"550.54.14"), facts: gpu("570.158")}, "docker.cdi-stale:warning"},
		{"CDI of the driver that is installed and not yet loaded", machine{tree: cdiSpecOf("etc/cdi/nvidia.yaml", lib+"580.65.06"), facts: with(gpu("570.158"), "gpu.driver.library_version", "580.65.06")}, ""},

		{"docker is a link to podman", machine{tree: "-- usr/bin/podman --\nELF\n-- usr/bin/docker --\n-> podman\n", facts: map[string]any{"gpu.count": 0}}, ""},
		{"GPU without a driver", machine{tree: runningEngine, facts: map[string]any{"gpu.count": 1, "gpu.driver.loaded": false, "os.container": ""}}, ""},
		{"configuration of another machine, no GPU here", machine{tree: runningEngine + nvidiaConfig, facts: map[string]any{"gpu.count": 0}}, "docker.runtime-binary-missing:info"},
		{"desktop beside an engine", machine{tree: hostGPU + "-- opt/docker-desktop/bin/com.docker.backend --\n", facts: unified()}, "docker.desktop-no-gpu:info"},
		{"podman with a project of the web", machine{tree: podman + "-- home/ada/train/Containerfile --\nFROM node:22\n", facts: unified()}, "podman.no-cdi:info"},
		{"podman with a hook of the administrator", machine{tree: podman + "-- etc/containers/oci/hooks.d/oci-nvidia-hook.json --\n{}\n", facts: unified()}, ""},
		{"rootless without a toolkit", machine{tree: rootlessGPU, facts: unified()}, "docker.no-nvidia-runtime:warning"},

		{"container without ML", machine{facts: pythons(bare("docker"), "flask")}, "docker.container-without-gpu:info"},
		{"container with PyTorch", machine{facts: pythons(bare("docker"), "torch")}, "docker.container-without-gpu:error"},
		{"container for video without ML", machine{env: map[string]string{"NVIDIA_DRIVER_CAPABILITIES": "video"}, facts: with(pythons(with(gpu("570.158"), "os.container", "docker"), "flask"), "gpu.driver.libraries", []int{})}, "docker.driver-capabilities:info"},

		{"output to a log with a date", machine{tree: inProject("FROM a\nRUN pip install torch > 2026-01-02.log\nRUN pip install torch >2.txt\n")}, ""},
		{"PowerShell", machine{tree: inProject("# escape=`\nFROM mcr.microsoft.com/windows/servercore:ltsc2022\nSHELL [\"powershell\", \"-Command\"]\nRUN pip install torch>=2.4\n")}, ""},
		{"Windows line ends", machine{tree: inProject("FROM a\r\nRUN apt-get update \\\r\n && pip install torch>=2.4\r\n")}, "dockerfile.unquoted-version:warning"},

		{"torch below a release", machine{tree: inProject(cuda11 + "RUN pip install 'torch<2.1'\nRUN pip install 'torch>=1.13,<2'\nRUN pip install 'torch~=2.0.1' \nRUN pip install 'torch==2.0.*'\n")}, ""},
		{"torch at least", machine{tree: inProject(cuda11 + "RUN pip install 'torch>=2.4'\n")}, index + ":info"},
		{"arguments in a variable", machine{tree: inProject(cuda11 + "ARG PIP_ARGS\nRUN pip install $PIP_ARGS torch\n")}, ""},
		{"pip.conf that is mounted", machine{tree: inProject(cuda11 + "RUN --mount=type=secret,id=pip,target=/etc/pip.conf pip install torch\n")}, ""},
		{"torch on a machine with arm", machine{tree: inProject(cuda11 + "RUN pip install torch\n"), facts: map[string]any{"os.arch": "arm64"}}, ""},
		{"torch for x86-64 on a machine with arm", machine{tree: inProject("FROM --platform=linux/amd64 nvidia/cuda:11.8.0-devel-ubuntu22.04\nRUN pip install torch\n"), facts: map[string]any{"os.arch": "arm64"}}, index + ":info"},

		{"libraries by apt", machine{tree: inProject("FROM ubuntu:24.04\nRUN apt-get install -y cuda\nRUN pip install onnxruntime-gpu\n")}, ""},
		{"libraries by NVIDIA's installer", machine{tree: inProject("FROM ubuntu:24.04\nRUN sh cuda_12.4.1_550.54.15_linux.run --silent --toolkit\nRUN pip install onnxruntime-gpu\n")}, ""},
		{"libraries by an environment of conda", machine{tree: inProject("FROM continuumio/miniconda3\nRUN conda env create -f env.yml\nRUN pip install onnxruntime-gpu\n")}, ""},
		{"libraries by a lock file", machine{tree: inProject("FROM python:3.12\nRUN uv sync --frozen\nRUN uv pip install onnxruntime-gpu\n")}, ""},
		{"libraries by the project", machine{tree: inProject("FROM python:3.12\nRUN pip install -e . && pip install onnxruntime-gpu\n")}, ""},
		{"libraries by a directory", machine{tree: inProject("FROM python:3.12\nRUN pip install . onnxruntime-gpu\n")}, ""},
		{"libraries by a variable", machine{tree: inProject("FROM python:3.12\nRUN pip install ${EXTRA} onnxruntime-gpu\n")}, ""},
		{"no libraries", machine{tree: inProject("FROM python:3.12\nRUN pip install -U onnxruntime-gpu\n")}, cpu + ":warning"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := codes(tt.diagnose(t)); got != tt.want {
				t.Errorf("findings %q, want %q", got, tt.want)
			}
		})
	}
}

// TestCommands holds remedies to commands that fit the machine.
func TestCommands(t *testing.T) {
	wsl := map[string]any{"os.wsl": true, "os.container": ""}
	rootlessTree := "-- home/ada/.config/systemd/user/docker.service --\n-- usr/bin/docker --\nELF\n-- usr/bin/dockerd --\nELF\n"
	rootlessJSON := strings.Replace(nvidiaConfig, "etc/docker", "home/ada/.config/docker", 1)
	for _, tt := range []struct {
		name string
		machine
		code, want, not string
	}{
		{"toolkit for a rootless engine", machine{tree: rootlessTree, facts: unified()}, "docker.no-nvidia-runtime", "--config=$HOME/.config/docker/daemon.json\nsystemctl --user restart docker\nsudo nvidia-ctk config --set nvidia-container-cli.no-cgroups --in-place", "sudo systemctl"},
		{"toolkit for an engine of root", machine{tree: runningEngine, facts: unified()}, "docker.no-nvidia-runtime", "sudo nvidia-ctk runtime configure --runtime=docker\nsudo systemctl restart docker", "--user"},
		{"runtime of a rootless engine", machine{tree: rootlessTree + rootlessJSON}, "docker.runtime-binary-missing", "systemctl --user restart docker", "sudo systemctl"},
		{"client of Docker Desktop that is not running", machine{tree: "-- usr/bin/docker --\n-> /mnt/wsl/docker-desktop/cli-tools/usr/bin/docker\n", facts: wsl}, "docker.engine-absent", "Docker Desktop", "apt-get"},
		{"engine of WSL", machine{tree: stoppedEngine, facts: wsl}, "docker.engine-down", "sudo service docker start", "systemctl start"},
		{"engine of Alpine", machine{tree: stoppedEngine, facts: map[string]any{"os.id": "alpine"}}, "docker.engine-down", "sudo rc-service docker start", "systemctl"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			fs := tt.diagnose(t)[tt.code]
			if len(fs) != 1 {
				t.Fatalf("%d findings", len(fs))
			}
			text := fs[0].Cause
			for _, r := range fs[0].Remedies {
				text += "\n" + r.Summary + "\n" + strings.Join(r.Preview, "\n")
			}
			if !strings.Contains(text, tt.want) || strings.Contains(text, tt.not) {
				t.Errorf("want %q and not %q:\n%s", tt.want, tt.not, text)
			}
		})
	}
}
