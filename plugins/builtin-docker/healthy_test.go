// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-docker/internal/compose"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// TestHealthyMachines holds the checks to silence on machines and projects that
// are unusual and well.
func TestHealthyMachines(t *testing.T) {
	wsl := func() map[string]any {
		return map[string]any{"os.wsl": true, "os.container": "", "gpu.count": 1, "gpu.driver.loaded": true, "gpu.driver.version": "576.80", "cgroup.version": 2}
	}
	gpuProject := inProject("FROM nvidia/cuda:12.8.1-cudnn-devel-ubuntu24.04\nRUN pip install torch --index-url https://download.pytorch.org/whl/cu128\nRUN pip install flash-attn --no-build-isolation\n") +
		"-- home/ada/train/compose.yaml --\nservices:\n  train:\n    build: .\n    gpus: all\n    shm_size: 16gb\n    command: torchrun train.py\n"
	for _, tt := range []struct {
		name string
		machine
	}{
		{"host with all of it", machine{tree: hostGPU + nvidiaConfig + cdi570 + devChars + nvidiaDev + gpuProject, facts: unified()}},
		{"CI runner that builds for GPUs", machine{tree: runningEngine + gpuProject, facts: map[string]any{"gpu.count": 0, "os.container": ""}}},
		{"WSL 2 with Docker Desktop", machine{tree: "-- usr/bin/docker --\nELF\n-- mnt/wsl/docker-desktop/cli-tools/usr/bin/docker --\n" + gpuProject, facts: wsl()}},
		{"WSL 2 with an engine", machine{tree: hostGPU + nvidiaConfig + devChars + gpuProject, facts: wsl()}},
		{"rootless", machine{tree: hostGPU + rootless + tomlSet + "-- home/ada/.config/docker/daemon.json --\n{\"runtimes\": {\"nvidia\": {\"path\": \"nvidia-container-runtime\"}}}\n", facts: unified()}},
		{"podman with CDI in /run", machine{tree: podman + strings.Replace(cdi570, "etc/cdi", "run/cdi", 1) + inProject("FROM nvidia/cuda:12.4.1-base-ubuntu22.04\n"), facts: unified()}},
		{"NixOS", machine{tree: strings.Replace(cdi570, "etc/cdi", "var/run/cdi", 1), facts: with(unified(), "os.id", "nixos")}},
		{"project of the web", machine{tree: runningEngine + inProject("FROM node:22 AS build\nRUN npm ci\nFROM nginx:1\nCOPY --from=build /app /srv\n") + "-- home/ada/train/compose.yaml --\nservices:\n  web: {build: .}\n  db: {image: postgres}\n",
			facts: map[string]any{"gpu.count": 0}}},
		{"python without a GPU", machine{tree: inProject("FROM python:3.13-slim\nRUN pip install --no-cache-dir torch --index-url https://download.pytorch.org/whl/cpu\n"), facts: map[string]any{"gpu.count": 0}}},
		{"CUDA builder for an image of Python", machine{tree: inProject("FROM nvidia/cuda:12.4.1-devel-ubuntu22.04 AS build\nRUN make\nFROM python:3.12\nCOPY --from=build /x /x\nRUN pip install torch\n"),
			facts: driver("535.183.01", "NVIDIA GeForce RTX 4090")}},
		{"container with a GPU for compute", machine{env: map[string]string{"NVIDIA_VISIBLE_DEVICES": "all", "NVIDIA_DRIVER_CAPABILITIES": "compute,utility"},
			facts: with(gpu("570.158"), "os.container", "docker")}},
		{"driver of the future", machine{tree: inProject("FROM nvcr.io/nvidia/pytorch:25.06-py3\n"), facts: driver("700.10", "NVIDIA H900")}},
		{"development container", machine{tree: "-- home/ada/train/.devcontainer.json --\n{\"image\": \"mcr.microsoft.com/devcontainers/base:ubuntu\",}\n"}},
		{"inference server that asks", machine{tree: "-- home/ada/train/compose.yaml --\nservices:\n  llm:\n    image: vllm/vllm-openai:v0.9.1\n    ipc: host\n    deploy: {resources: {reservations: {devices: [{driver: nvidia, count: 1, capabilities: [gpu]}]}}}\n"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := codes(tt.diagnose(t)); got != "" {
				t.Errorf("findings %q", got)
			}
		})
	}
}

func TestStageFacts(t *testing.T) {
	m := machine{tree: inProject("ARG V=12.4.1\nFROM nvidia/cuda:${V}-devel-ubuntu22.04 AS base\nRUN apt-get install -y python3-pip \\\n && pip install -r requirements.txt 'torch==2.6.0' --index-url https://ada:pw@pypi.corp/simple\nFROM base\nENV PIP_INDEX_URL=https://x\nCMD [\"torchrun\", \"x.py\"]\n")}
	set := fact.NewSet(observe(t, m))
	stages, ok := fact.Get[[]stage](set, fact.At("dockerfile", "/home/ada/train/Dockerfile", "stages"))
	if !ok || len(stages) != 2 {
		t.Fatalf("%+v", stages)
	}
	want := "{Line:2 Name:base Image:nvidia/cuda:12.4.1-devel-ubuntu22.04 Base:nvidia/cuda:12.4.1-devel-ubuntu22.04 BaseLine:2 Below:[] Platform: Index:false CUDA:false Commands: " +
		"Installs:[{Line:4 Installer:pip install Requirements:[torch==2.6.0] Indexes:[***@pypi.corp/simple] Files:[requirements.txt]}]}"
	if got := fmt.Sprintf("%+v", stages[0]); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if s := stages[1]; s.Base != stages[0].Base || s.BaseLine != 2 || fmt.Sprint(s.Below) != "[0]" || !s.Index || !strings.Contains(s.Commands, "torchrun") {
		t.Errorf("%+v", s)
	}
	for _, f := range set.All() {
		if strings.Contains(string(f.Value), "ada:pw") {
			t.Errorf("%s shows a password", f.Address)
		}
	}
}

func TestComposeFacts(t *testing.T) {
	m := machine{tree: composed("services:\n  a:\n    image: x:1\n    runtime: nvidia\n  b:\n    build: {context: app, target: T}\n") + "-- home/ada/train/docker-compose.bad.yml --\n[\n"}
	set := fact.NewSet(observe(t, m))
	services, _ := fact.Get[[]compose.Service](set, fact.At("compose", "/home/ada/train/compose.yaml", "services"))
	if len(services) != 2 || services[0].RuntimeLine != 4 || !services[0].GPU || services[1].Build != "app/Dockerfile" || services[1].Target != "t" || services[1].Line != 5 {
		t.Errorf("%+v", services)
	}
	if f, ok := set.Lookup(fact.At("compose", "/home/ada/train/docker-compose.bad.yml", "services")); !ok || !strings.Contains(f.Unknown, "cannot be parsed") {
		t.Errorf("a file that is no YAML is %+v", f)
	}
}

// TestUnknownIsSilent gives every check facts of other shapes.
func TestUnknownIsSilent(t *testing.T) {
	for _, value := range []any{nil, true, -1, 1e300, "", "\x1b", []any{}, []any{nil}, map[string]any{}, []any{map[string]any{"below": []int{7, -1}, "installs": []any{map[string]any{"requirements": []string{"onnxruntime-gpu"}}}, "base": "python"}}} {
		facts := map[string]any{"dockerfile[/d].stages": value, "compose[/c].services": value, "devcontainer[/v].config": value}
		for _, c := range checks() {
			for _, need := range c.Needs {
				facts[need] = value
			}
		}
		for code, fs := range (machine{facts: facts}).diagnose(t) {
			for _, f := range fs {
				if strings.Contains(f.Detail, "%!") {
					t.Errorf("%s with %v: %s", code, value, f.Detail)
				}
			}
		}
	}
}
