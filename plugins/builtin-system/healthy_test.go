// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const unlimited = `Limit                     Soft Limit           Hard Limit           Units
Max open files            1048576              1048576              files
Max locked memory         unlimited            unlimited            bytes
Max processes             unlimited            unlimited            processes
`

// TestHealthyMachines holds the checks to silence on machines that are unusual
// and well.
func TestHealthyMachines(t *testing.T) {
	gpu := func(m machine) machine {
		return nodes(m.sees("gpu.count", 1).sees("gpu.driver.loaded", true), "/dev/nvidiactl", "/dev/nvidia0")
	}
	models := map[string]string{"/home/ada/train/model.safetensors": weights(4000), hub + "/version.txt": "1"}
	for _, tt := range []struct {
		name string
		machine
		want string
	}{
		{"laptop with a model", gpu(laptop().with(models, nil)), ""},
		{"CI runner", laptop().with(file("/proc/meminfo", "MemTotal: 7340032 kB\nSwapTotal: 0 kB\nSwapFree: 0 kB\n"), env("CI=true", "GITHUB_ACTIONS=true")).sees("gpu.count", 0), ""},
		{"WSL 2", laptop().with(file(kernelFile, "6.6.87.2-microsoft-standard-WSL2\n"), nil).sees("gpu.count", 0), ""},
		{"unlimited", gpu(laptop().with(file("/proc/self/limits", unlimited), nil).with(file(infiniband, "InfiniBand\n"), nil)), ""},
		{"corporate network", laptop().with(file("/etc/ca.pem", "x"), env("HTTP_PROXY=http://proxy:3128", "HTTPS_PROXY=http://proxy:3128", "NO_PROXY=localhost, 127.0.0.1, ::1, .corp, 10.0.0.0/8",
			"REQUESTS_CA_BUNDLE=/etc/ca.pem", "PIP_INDEX_URL=https://ada:pw@pypi.corp/simple", "HF_ENDPOINT=https://hub.corp:8443/hf/")), ""},
		{"proxy for https alone", laptop().with(nil, env("https_proxy=http://proxy:3128")), ""},
		{"mirror with a path", laptop().with(nil, env("HF_ENDPOINT=https://artifactory.corp/artifactory/api/huggingfaceml/hub")), ""},
		{"tuned job", laptop().with(nil, env("OMP_NUM_THREADS=4", "MKL_NUM_THREADS=4", "PYTORCH_ALLOC_CONF=expandable_segments:True", "XLA_CLIENT_MEM_FRACTION=.9", "NCCL_P2P_LEVEL=NVL", "NCCL_IB_HCA=mlx5",
			"TORCH_NCCL_ASYNC_ERROR_HANDLING=1", "HF_XET_HIGH_PERFORMANCE=1")), ""},
		{"variables that are off", laptop().with(nil, env("NCCL_P2P_DISABLE=0", "NCCL_P2P_LEVEL=NVL", "TORCH_NCCL_BLOCKING_WAIT=0", "TORCH_NCCL_ASYNC_ERROR_HANDLING=1", "HF_HUB_OFFLINE=0")), ""},
		{"Slurm job of four processes", gpuNodeMachine("SLURM_JOB_ID=81", "SLURM_JOB_GPUS=0,1,2,3", "SLURM_NTASKS=4", "SLURM_CPUS_ON_NODE=64", "SLURM_MEM_PER_CPU=4000", "OMP_NUM_THREADS=8", "CUDA_VISIBLE_DEVICES=0,1,2,3"), ""},
		{"login node", gpuNodeMachine("SLURM_CONF=/etc/slurm.conf"), ""},
		{"pod with a GPU", gpu(laptop().with(file(namespaceFile, "train"), env("KUBERNETES_SERVICE_HOST=10.0.0.1", "NVIDIA_VISIBLE_DEVICES=GPU-8c2f"))), ""},
		{"pod without a GPU on a node without one", laptop().with(file(namespaceFile, "web"), env("KUBERNETES_SERVICE_HOST=10.0.0.1")).sees("gpu.count", 0), ""},
		{"container with the shared memory of Docker", dockerContainer(), "shm-small:warning"},
		{"cloud instance", laptop().with(map[string]string{dmiDir + "sys_vendor": "Amazon EC2\n", dmiDir + "product_name": "g6.xlarge\n"}, nil), ""},
		{"huge pages", laptop().with(file("/proc/meminfo", "MemTotal: 16384000 kB\nHugePages_Total: 512\nHugePages_Free: 512\nHugepagesize: 2048 kB\n"), nil), ""},
		{"NixOS", laptop().with(file("/etc/os-release", "ID=nixos\nVERSION_ID=\"25.05\"\n"), env("NIX_SSL_CERT_FILE=/etc/ssl/certs/ca-bundle.crt")), ""},
		{"limit with a model that fits", limited().with(models, nil).sees("gpu.count", 0), ""},
		{"macOS", machine{os: "darwin", arch: "arm64", files: file(versionPlist, plist("26.0"))}, ""},
		{"Windows near the root", machine{os: "windows", others: map[string]any{"windows.long_paths": false, "project.path_length": 12}}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) { expect(t, tt.machine, tt.want) })
	}
}

// TestUnknownIsSilent gives every new check facts of other shapes and facts that
// could not be read.
func TestUnknownIsSilent(t *testing.T) {
	for _, value := range []any{nil, true, -1, 1e300, "", "\x1b", []any{}, []any{nil}, map[string]any{}, map[string]any{"id": []int{1}}} {
		m := machine{others: map[string]any{}}
		for _, c := range checks() {
			for _, need := range c.Needs {
				m.others[need] = value
			}
		}
		for code, fs := range m.diagnose(t, nil) {
			for _, f := range fs {
				if strings.Contains(f.Detail, "%!") {
					t.Errorf("%s with %v: %s", code, value, f.Detail)
				}
			}
		}
	}
}

func TestSlurmFacts(t *testing.T) {
	two, none := int64(2), int64(0)
	for _, tt := range []struct {
		variables string
		want      slurmJob
	}{
		{"SLURM_JOB_ID=5", slurmJob{ID: "5"}},
		{"SLURM_JOB_ID=5 SLURM_STEP_GPUS=4,7 SLURM_GPUS=8", slurmJob{ID: "5", GPUs: &two, GPUsFrom: "SLURM_STEP_GPUS"}},
		{"SLURM_JOB_ID=5 SLURM_GPUS_PER_NODE=h100:2", slurmJob{ID: "5", GPUs: &two, GPUsFrom: "SLURM_GPUS_PER_NODE"}},
		{"SLURM_JOB_ID=5 SLURM_GPUS_ON_NODE=0", slurmJob{ID: "5", GPUs: &none, GPUsFrom: "SLURM_GPUS_ON_NODE"}},
		{"SLURM_JOB_ID=5 SLURM_MEM_PER_CPU=1024 SLURM_CPUS_ON_NODE=4", slurmJob{ID: "5", CPUsOnNode: 4, MemoryBytes: 4 << 30, MemoryFrom: "SLURM_MEM_PER_CPU"}},
		{"SLURM_JOB_ID=5 SLURM_MEM_PER_CPU=1024", slurmJob{ID: "5"}},
		{"SLURM_JOB_ID=5 SLURM_MEM_PER_GPU=2048 SLURM_JOB_GPUS=0,1", slurmJob{ID: "5", GPUs: &two, GPUsFrom: "SLURM_JOB_GPUS", MemoryBytes: 4 << 30, MemoryFrom: "SLURM_MEM_PER_GPU"}},
		{"SLURM_JOB_ID=5 SLURM_MEM_PER_NODE=99999999999999999999", slurmJob{ID: "5"}},
		{"SLURM_JOB_ID=5 CUDA_VISIBLE_DEVICES=NoDevFiles", slurmJob{ID: "5", Hidden: true}},
		{"SLURM_JOB_ID=5 CUDA_VISIBLE_DEVICES=0 SLURM_JOB_NUM_NODES=2 SLURM_NTASKS=8", slurmJob{ID: "5", Chosen: true, Nodes: 2, Tasks: 8}},
		{"SLURM_NTASKS=8", slurmJob{}},
	} {
		got, _ := fact.Get[slurmJob](laptop().with(nil, env(strings.Fields(tt.variables)...)).observe(t), "slurm.job")
		if (got.GPUs == nil) != (tt.want.GPUs == nil) || got.GPUs != nil && *got.GPUs != *tt.want.GPUs {
			t.Errorf("%s: GPUs %v", tt.variables, got.GPUs)
		}
		got.GPUs, tt.want.GPUs = nil, nil
		if got != tt.want {
			t.Errorf("%s\n got  %+v\n want %+v", tt.variables, got, tt.want)
		}
	}
}

func TestEndpointProblems(t *testing.T) {
	for value, ok := range map[string]bool{
		"https://hf-mirror.com": true, "http://127.0.0.1:8080": true, "HTTPS://HUB.CORP": true, "https://[::1]:80/x": true,
		"hf-mirror.com": false, "//hf-mirror.com": false, "https://": false, "ftp://x": false, "https://x:99999": false, "https://x?token=y": false, "https://x y": false, "'https://x'": false,
		"https://x\n": false, "\x00": false, "https://%zz": false,
	} {
		if got := endpointProblem(value); (got == "") != ok {
			t.Errorf("%q: %q", value, got)
		}
	}
}
