// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

// lints lists code:line:severity of the findings about files of the project.
func lints(t *testing.T, m machine) string {
	t.Helper()
	var out []string
	found := m.diagnose(t)
	for _, c := range checks() {
		for _, f := range found[c.Code] {
			_, line, ok := strings.Cut(f.Subject, ":")
			if !ok || f.Evidence[0].Path == "" || fmt.Sprint(f.Evidence[0].Line) != line {
				t.Errorf("%s names no line: %+v", c.Code, f)
			}
			out = append(out, c.Code+":"+line+":"+f.Severity.String())
		}
	}
	return strings.Join(out, " ")
}

func driver(version, name string) map[string]any {
	return map[string]any{"gpu.driver.version": version, "gpu.count": 1, "gpu.devices": []map[string]string{{"name": name}}}
}

func TestBaseAgainstDriver(t *testing.T) {
	const tooNew = "dockerfile.cuda-base-newer-than-driver"
	for _, tt := range []struct {
		name, file string
		facts      map[string]any
		want       string
	}{
		{"12.4 on 535, by minor-version compatibility", "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\n", driver("535.183.01", "NVIDIA GeForce RTX 4090"), ""},
		{"12.4 on 470 with GeForce", "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\n", driver("470.57.02", "NVIDIA GeForce RTX 3090"), tooNew + ":1:error"},
		{"12.4 on 470 in a data center", "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\n", driver("470.57.02", "NVIDIA A100-SXM4-40GB"), tooNew + ":1:info"},
		{"12.4 on 470 with a GPU not known", "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\n", driver("470.57.02", ""), tooNew + ":1:warning"},
		{"PyTorch's image", "FROM pytorch/pytorch:2.9.1-cuda13.0-cudnn9-runtime\n", driver("570.158", "NVIDIA GeForce RTX 5090"), tooNew + ":1:error"},
		{"NVIDIA's image", "FROM nvcr.io/nvidia/pytorch:25.08-py3\n", driver("570.158", "NVIDIA GeForce RTX 5090"), tooNew + ":1:error"},
		{"NVIDIA's image that fits", "FROM nvcr.io/nvidia/pytorch:25.06-py3\n", driver("570.158", "NVIDIA GeForce RTX 5090"), ""},
		{"NVIDIA's image of the future", "FROM nvcr.io/nvidia/pytorch:31.01-py3\n", driver("570.158", "NVIDIA GeForce RTX 5090"), ""},
		{"CUDA of the future", "FROM nvidia/cuda:14.0.1-base-ubuntu26.04\n", driver("700.10", "NVIDIA GeForce RTX 6090"), tooNew + ":1:unknown"},
		{"no driver", "FROM nvidia/cuda:13.0.1-base-ubuntu24.04\n", nil, ""},
		{"variable", "ARG CUDA=12.4.1\nFROM nvidia/cuda:${CUDA}-base-ubuntu22.04\n", driver("470.57.02", "NVIDIA GeForce RTX 3090"), tooNew + ":2:error"},
		{"variable without a value", "ARG CUDA\nFROM nvidia/cuda:${CUDA}-base-ubuntu22.04\n", driver("470.57.02", "NVIDIA GeForce RTX 3090"), ""},
		{"builder that is not run", "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04 AS build\nRUN make\nFROM python:3.12\nCOPY --from=build /a /a\n", driver("470.57.02", "NVIDIA GeForce RTX 3090"), ""},
		{"stage on a stage", "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04 AS base\nFROM base\nCMD x\n", driver("470.57.02", "NVIDIA GeForce RTX 3090"), tooNew + ":1:error"},
		{"python", "FROM python:3.12\n", driver("470.57.02", "NVIDIA GeForce RTX 3090"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := lints(t, machine{tree: inProject(tt.file), facts: tt.facts}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestPackagesOfImages(t *testing.T) {
	const cpu, index = "dockerfile.cpu-base-gpu-wheel", "dockerfile.missing-cuda-index"
	for _, tt := range []struct{ name, file, want string }{
		{"torch on python", "FROM python:3.12-slim\nRUN pip install torch==2.8.0\n", ""},
		{"torch of an index on python", "FROM python:3.12-slim\nRUN pip install torch --index-url https://download.pytorch.org/whl/cu126\n", ""},
		{"onnxruntime-gpu on python", "FROM python:3.12-slim\nRUN apt-get update \\\n && pip install --no-cache-dir 'onnxruntime-gpu>=1.20'\n", cpu + ":3:warning"},
		{"onnxruntime-gpu with its extras", "FROM python:3.12\nRUN pip install 'onnxruntime-gpu[cuda,cudnn]'\n", ""},
		{"onnxruntime-gpu beside torch", "FROM python:3.12\nRUN pip install torch\nRUN pip install onnxruntime-gpu\n", ""},
		{"onnxruntime-gpu over a stage with torch", "FROM python:3.12 AS base\nRUN pip install torch\nFROM base\nRUN pip install onnxruntime-gpu\n", ""},
		{"onnxruntime-gpu beside a file", "FROM python:3.12\nRUN pip install -r requirements.txt onnxruntime-gpu\n", ""},
		{"onnxruntime-gpu without cudnn", "FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04\nRUN pip3 install onnxruntime-gpu\n", cpu + ":2:warning"},
		{"onnxruntime-gpu with cudnn", "FROM nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04\nRUN pip3 install onnxruntime-gpu\n", ""},
		{"onnxruntime-gpu on an image that is not known", "FROM corp/base:1\nRUN pip install onnxruntime-gpu\n", ""},
		{"onnxruntime-gpu with conda's libraries", "FROM continuumio/miniconda3\nRUN conda install -y cudnn && pip install onnxruntime-gpu\n", ""},
		{"onnxruntime-gpu with a copy", "FROM ubuntu:24.04\nCOPY --from=nvidia/cuda:12.4.1-cudnn-runtime-ubuntu22.04 /usr/local/cuda /usr/local/cuda\nRUN pip install onnxruntime-gpu\n", ""},
		{"cupy on base", "FROM nvidia/cuda:12.4.1-base-ubuntu22.04\nRUN uv pip install cupy-cuda12x\n", cpu + ":2:warning"},
		{"cupy on runtime", "FROM nvidia/cuda:12.4.1-runtime-ubuntu22.04\nRUN uv pip install cupy_cuda12x\n", ""},
		{"jax with local CUDA", "FROM ubuntu:24.04\nRUN pip install \"jax[cuda12_local]\"\n", cpu + ":2:warning"},
		{"jax with its CUDA", "FROM ubuntu:24.04\nRUN pip install \"jax[cuda12]\"\n", ""},
		{"onnxruntime for the CPU", "FROM python:3.12\nRUN pip install onnxruntime\n", ""},

		{"torch of PyPI on CUDA 11", "FROM nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04\nRUN pip install torch\n", index + ":2:info"},
		{"torch of its index on CUDA 11", "FROM nvidia/cuda:11.8.0-cudnn8-devel-ubuntu22.04\nRUN pip install torch --index-url=https://download.pytorch.org/whl/cu118\n", ""},
		{"torch of PyPI on CUDA 12", "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\nRUN pip install torch==2.8.0\n", ""},
		{"torch without a pin on CUDA 12", "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\nRUN pip install torch\n", ""},
		{"torch of CUDA 13 on CUDA 12", "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\nRUN pip install torch==2.11.0\n", index + ":2:info"},
		{"torch of the future on CUDA 12", "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\nRUN pip install torch==9.9.0\n", ""},
		{"torch for the CPU on CUDA", "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\nRUN pip install torch --index-url https://download.pytorch.org/whl/cpu\n", index + ":2:info"},
		{"torch by its label", "FROM nvidia/cuda:12.4.1-devel-ubuntu22.04\nRUN pip install torch==2.3.0+cu118 -f https://download.pytorch.org/whl/torch_stable.html\n", index + ":2:info"},
		{"torch of a mirror", "FROM nvidia/cuda:11.8.0-devel-ubuntu22.04\nRUN pip install -i https://pypi.corp/simple torch\n", ""},
		{"torch by a variable", "FROM nvidia/cuda:11.8.0-devel-ubuntu22.04\nENV PIP_EXTRA_INDEX_URL=https://download.pytorch.org/whl/cu118\nRUN pip install torch\n", ""},
		{"torch by a build argument", "FROM nvidia/cuda:11.8.0-devel-ubuntu22.04\nARG PIP_INDEX_URL\nRUN pip install torch\n", ""},
		{"torch by pip.conf", "FROM nvidia/cuda:11.8.0-devel-ubuntu22.04\nCOPY pip.conf /etc/pip.conf\nRUN pip install torch\n", ""},
		{"torch by pip config", "FROM nvidia/cuda:11.8.0-devel-ubuntu22.04\nRUN pip config set global.index-url https://x && pip install torch\n", ""},
		{"torch on arm", "FROM --platform=linux/arm64 nvidia/cuda:11.8.0-devel-ubuntu22.04\nRUN pip install torch\n", ""},
		{"torch on its own image", "FROM pytorch/pytorch:2.1.0-cuda11.8-cudnn8-devel\nRUN pip install torch\n", ""},
		{"path and variable", "FROM nvidia/cuda:11.8.0-devel-ubuntu22.04\nRUN pip install ./torch $PACKAGES \"torchvision\"\n", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := lints(t, machine{tree: inProject(tt.file)}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

// composed is a project with a compose file.
func composed(text string, others ...string) string {
	return "-- home/ada/train/compose.yaml --\n" + text + strings.Join(others, "")
}

func TestCompose(t *testing.T) {
	const (
		gpu     = "compose.no-gpu-reservation"
		shm     = "compose.shm-small"
		runtime = "compose.nvidia-runtime"
		cuda    = "services:\n  app:\n    image: nvidia/cuda:12.4.1-base-ubuntu22.04\n"
		devices = "    deploy: {resources: {reservations: {devices: [{capabilities: [gpu]}]}}}\n"
		torch   = "services:\n  app:\n    image: pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime\n    gpus: all\n"
		built   = "services:\n  app:\n    build: .\n    gpus: all\n"
	)
	dockerfile := func(text string) string { return inProject(text) }
	for _, tt := range []struct {
		name string
		machine
		want string
	}{
		{"nothing of ML", machine{tree: composed("services:\n  web:\n    image: nginx:1\n  db:\n    image: postgres:16\n    shm_size: 64m\n")}, ""},
		{"CUDA image", machine{tree: composed(cuda)}, gpu + ":3:warning"},
		{"CUDA image on a machine without a GPU", machine{tree: composed(cuda), facts: map[string]any{"gpu.count": 0}}, gpu + ":3:info"},
		{"CUDA image with a reservation", machine{tree: composed(cuda + devices)}, ""},
		{"CUDA image with a GPU in another file", machine{tree: composed(cuda, "-- home/ada/train/compose.gpu.yaml --\nservices:\n  app:\n    gpus: all\n")}, ""},
		{"CUDA image that extends", machine{tree: composed(cuda + "    extends: {file: common.yml, service: gpu}\n")}, ""},
		{"CUDA image that is built", machine{tree: composed("services:\n  app:\n    build: .\n", dockerfile("FROM nvidia/cuda:12.4.1-base-ubuntu22.04 AS base\nFROM base\n"))}, gpu + ":2:warning"},
		{"target without CUDA", machine{tree: composed("services:\n  app:\n    build: {context: ., target: Web}\n", dockerfile("FROM python:3 AS web\nFROM nvidia/cuda:12.4.1-base-ubuntu22.04\n"))}, ""},
		{"TensorFlow without CUDA", machine{tree: composed("services:\n  app:\n    image: tensorflow/tensorflow:2.19.0\n")}, ""},
		{"file that is no YAML", machine{tree: composed("services: [\n")}, ""},

		{"PyTorch without shm_size", machine{tree: composed(torch)}, shm + ":2:warning"},
		{"PyTorch with a small shm_size", machine{tree: composed(torch + "    shm_size: 64m\n")}, shm + ":5:warning"},
		{"PyTorch with a shm_size", machine{tree: composed(torch + "    shm_size: 8gb\n")}, ""},
		{"PyTorch with ipc", machine{tree: composed(torch + "    ipc: host\n")}, ""},
		{"training that is built", machine{tree: composed(built+"    command: torchrun --nproc-per-node 4 train.py\n", dockerfile("FROM python:3.12\nRUN pip install torch\n"))}, shm + ":2:warning"},
		{"training by its CMD", machine{tree: composed(built, dockerfile("FROM pytorch/pytorch:2.8.0-cuda12.8-cudnn9-runtime\nCMD [\"python\", \"src/train_sft.py\"]\n"))}, shm + ":2:warning"},
		{"server that is built", machine{tree: composed(built+"    command: uvicorn app:app\n", dockerfile("FROM python:3.12\nRUN pip install torch\n"))}, ""},
		{"torchrun without torch", machine{tree: composed(built+"    command: torchrun x.py\n", dockerfile("FROM python:3.12\n"))}, ""},

		{"runtime that is not there", machine{tree: runningEngine + composed("services:\n  app:\n    image: x\n    runtime: nvidia\n")}, runtime + ":4:error"},
		{"runtime that is not there, no GPU", machine{tree: runningEngine + composed("services:\n  app:\n    runtime: nvidia\n"), facts: map[string]any{"gpu.count": 0}}, runtime + ":3:info"},
		{"runtime that is there", machine{tree: runningEngine + toolkit + nvidiaConfig + composed("services:\n  app:\n    runtime: nvidia\n")}, ""},
		{"runtime on a machine without an engine", machine{tree: composed("services:\n  app:\n    runtime: nvidia\n")}, ""},
		{"runtime beside a reservation", machine{tree: composed("services:\n  app:\n    runtime: nvidia\n" + devices)}, runtime + ":3:info"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := lints(t, tt.machine); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestDevcontainer(t *testing.T) {
	file := func(text string) string { return "-- home/ada/train/.devcontainer/devcontainer.json --\n" + text }
	for _, tt := range []struct{ name, tree, want string }{
		{"CUDA image", file("// dev\n{\n  \"image\": \"nvidia/cuda:12.4.1-devel-ubuntu22.04\", // CUDA\n}\n"), "devcontainer.no-gpus:3:warning"},
		{"CUDA image with --gpus", file(`{"image": "nvidia/cuda:12.4.1-devel-ubuntu22.04", "runArgs": ["--gpus", "all"]}`), ""},
		{"CUDA image with a requirement", file(`{"image": "nvidia/cuda:12.4.1-devel-ubuntu22.04", "hostRequirements": {"gpu": "optional"}}`), ""},
		{"CUDA image that is built", file("{\n\"build\": {\"dockerfile\": \"Dockerfile\"}\n}\n") + "-- home/ada/train/.devcontainer/Dockerfile --\nFROM pytorch/pytorch:2.8.0-cuda12.8-cudnn9-devel\n",
			"devcontainer.no-gpus:2:warning"},
		{"python image", file(`{"image": "mcr.microsoft.com/devcontainers/python:3.12"}`), ""},
		{"compose", file(`{"dockerComposeFile": "compose.yaml", "image": "nvidia/cuda:12.4.1-devel-ubuntu22.04"}`), ""},
		{"image by a variable", file(`{"image": "nvidia/cuda:${localEnv:CUDA}-devel"}`), ""},
		{"garbage", file("{{{\x00"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := lints(t, machine{tree: tt.tree}); got != tt.want {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestParseRequirement(t *testing.T) {
	for text, want := range map[string]string{
		"torch": "torch []", "Onnxruntime_GPU[cuda, cudnn]>=1": "onnxruntime-gpu [cuda cudnn]", "torch==2.3.0+cu118": "torch [] 2.3.0 cu118", "torch==2.*": "torch []",
		"./x": "", "https://x/y.whl": "", "$X": "", "torch @ file:///x": "", "": "",
	} {
		r, ok := parseRequirement(text)
		got := ""
		if ok {
			var extras []string
			for _, e := range []string{"cuda", "cudnn"} {
				if r.extras[e] {
					extras = append(extras, e)
				}
			}
			got = strings.TrimSpace(fmt.Sprintf("%s %v %s %s", r.name, extras, r.pinned, r.local))
		}
		if got != want {
			t.Errorf("%q is %q, want %q", text, got, want)
		}
	}
}

// TestHostileProject holds the collector to its bounds.
func TestHostileProject(t *testing.T) {
	target := plugintest.Machine(t, map[string]string{
		"/home/ada/train/Dockerfile":                      "-> Dockerfile",
		"/home/ada/train/Dockerfile.long":                 "FROM a\nRUN pip install " + strings.Repeat("torch ", 200_000) + strings.Repeat("\nFROM a AS a", 50_000),
		"/home/ada/train/compose.yaml":                    "",
		"/home/ada/train/.devcontainer/devcontainer.json": strings.Repeat("[", 100_000),
		"/home/ada/train/docker-compose.nul.yml":          "services:\x00\xff",
	})
	if err := os.Truncate(filepath.Join(target.Root, "home/ada/train/compose.yaml"), 1<<40); err != nil {
		t.Skip("no sparse files here")
	}
	start := time.Now()
	plugintest.Observe(t, target, collectors()...)
	if took := time.Since(start); took > 2*time.Minute {
		t.Errorf("took %v", took)
	}
}

func FuzzParseRequirement(f *testing.F) {
	f.Add("onnxruntime-gpu[cuda]==1.20+cu12")
	f.Fuzz(func(t *testing.T, text string) {
		if r, ok := parseRequirement(text); ok && (r.name == "" || r.name != normalized(r.name)) {
			t.Errorf("%q gives %+v", text, r)
		}
	})
}
