// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"slices"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var slurmNoGPU = check.Check{
	Code: "slurm.gpu-not-allocated", Title: "The Slurm job has no GPU of the node",
	Area: "system", Needs: []string{"slurm.job", "gpu.count"},
	Doc: check.Doc{
		Meaning: "The process runs in a Slurm job on a node with NVIDIA GPUs, and the job did not ask for one. Slurm hides the devices from it, so that CUDA finds none: \"No CUDA GPUs are available\".",
		Detection: "SLURM_JOB_ID is set, the bus of the node shows a GPU, its driver is loaded, and either CUDA_VISIBLE_DEVICES is NoDevFiles, which Slurm sets for a job without GPUs, or SLURM_GPUS_ON_NODE is 0 (an error). " +
			"Where no variable of Slurm or CUDA tells of a GPU at all it is a warning, and nothing is said when NVML shows that the GPUs can be used: a cluster may leave its GPUs to everybody. It is a note where no Python environment has a framework: the job may be meant for CPUs. A user who sets CUDA_VISIBLE_DEVICES to nothing or to -1 means it.",
		Cause:  "sbatch, srun or salloc was started without --gpus or --gres=gpu, or a step was started without what its job has.",
		Fix:    "Ask for a GPU when the job is submitted; for a step of a job that has one, ask with srun too.",
		Verify: "echo $CUDA_VISIBLE_DEVICES in the job prints a number, and nvidia-smi -L a GPU.",
		References: []string{
			"https://slurm.schedmd.com/gres.html",
			"https://slurm.schedmd.com/sbatch.html#OPT_gpus",
		},
	},
	Run: runSlurmNoGPU,
}

func runSlurmNoGPU(c *check.Context) {
	job, _ := fact.Get[slurmJob](c.Facts, "slurm.job")
	gpus, _ := c.Facts.Int("gpu.count")
	if job.ID == "" || gpus == 0 || !c.Facts.Bool("gpu.driver.loaded") {
		return
	}
	if job.None {
		return // hidden by the user
	}
	severity, confidence, why := check.Error, 1.0, "Slurm says that the job has none"
	switch {
	case job.Hidden || job.GPUs != nil && *job.GPUs == 0:
	case job.GPUs == nil && !job.Chosen && c.Facts.String("gpu.nvml.status") != "ok":
		severity, confidence, why = check.Warning, 0.8, "no variable of Slurm tells of one for the job"
	default:
		return
	}
	if withoutML(c) {
		severity = check.Info
	}
	c.Report(check.Finding{
		Severity: severity, Confidence: confidence,
		Subject:  "job " + job.ID,
		Detail:   fmt.Sprintf("The node has %d GPUs, and %s: CUDA finds no device.", gpus, why),
		Cause:    "The job or its step was started without a request for a GPU.",
		Evidence: c.Evidence("slurm.job", "gpu.count", "gpu.driver.loaded"),
		Explains: []string{"gpu.*", "torch.*", "docker.container-without-gpu"},
		Remedies: []check.Remedy{{
			ID: "request-gpu", Summary: "Ask for a GPU when the job is submitted", Kind: check.Advice, Risk: check.Low,
			Preview: []string{"sbatch --gpus=1 JOB.sh", "srun --gpus=1 COMMAND"},
		}},
		Verify: []string{"srun --gpus=1 nvidia-smi -L"},
	})
}

type slurmMemorySettings struct {
	MinBytes    int64 `json:"min_bytes" default:"2147483648" min:"0" doc:"Warn when the job may use less memory than this on the node."`
	MinGPUBytes int64 `json:"min_gpu_bytes" default:"4294967296" min:"0" doc:"The same for a job that has a GPU."`
}

var slurmMemoryLow = check.Check{
	Code: "slurm.memory-low", Title: "The Slurm job has little memory",
	Area: "system", Needs: []string{"slurm.job"}, Config: slurmMemorySettings{},
	Doc: check.Doc{
		Meaning: "The job may use less memory on this node than min_bytes (2 GiB unless set), or than min_gpu_bytes (4 GiB unless set) where it has a GPU. Importing a framework and creating a CUDA context takes a good part of that, " +
			"and Slurm kills what goes over: \"Detected 1 oom_kill event\".",
		Detection:  "SLURM_MEM_PER_NODE, or SLURM_MEM_PER_CPU times SLURM_CPUS_ON_NODE, or SLURM_MEM_PER_GPU times the GPUs of the job, all in MiB. A job that may use the whole node is not reported.",
		Cause:      "The job was submitted without --mem, and the default of the partition for each CPU is small; a job with one CPU gets that once.",
		Fix:        "Ask for more memory, or for more CPUs where memory comes with them.",
		Verify:     "scontrol show job $SLURM_JOB_ID shows the memory under AllocTRES.",
		References: []string{"https://slurm.schedmd.com/sbatch.html#OPT_mem", "https://slurm.schedmd.com/slurm.conf.html#OPT_DefMemPerCPU"},
	},
	Run: runSlurmMemory,
}

func runSlurmMemory(c *check.Context) {
	var settings slurmMemorySettings
	c.Config(&settings)
	job, _ := fact.Get[slurmJob](c.Facts, "slurm.job")
	least := settings.MinBytes
	if job.GPUs != nil && *job.GPUs > 0 {
		least = max(least, settings.MinGPUBytes)
	}
	total, known := c.Facts.Int("memory.total_bytes")
	if job.MemoryBytes == 0 || job.MemoryBytes >= least || known && job.MemoryBytes >= total {
		return
	}
	c.Report(check.Finding{
		Severity: check.Warning,
		Subject:  "job " + job.ID,
		Detail:   fmt.Sprintf("The job may use %s of memory on this node, less than %s: loading a model ends with \"oom_kill event\".", size(job.MemoryBytes), size(least)),
		Cause:    "The job was submitted with little memory, or with the default of the partition.",
		Evidence: c.Evidence("slurm.job", "memory.total_bytes"),
		Explains: []string{"system.cgroup-memory-low", "system.cgroup-oom-killed", "system.model-memory"},
		Remedies: []check.Remedy{{
			ID: "request-memory", Summary: "Ask for more memory when the job is submitted", Kind: check.Advice, Risk: check.Low,
			Preview: []string{fmt.Sprintf("sbatch --mem=%dG JOB.sh", gibibytes(4*least))},
		}},
		Verify: []string{"scontrol show job " + job.ID},
	})
}

var podNoGPU = check.Check{
	Code: "kubernetes.no-gpu-resource", Title: "The pod has no GPU of its node",
	Area: "system", Needs: []string{"kubernetes.pod", "gpu.count"},
	Doc: check.Doc{
		Meaning: "The container runs in a Kubernetes pod on a node with an NVIDIA GPU and a loaded driver, and no device of it is in the container: frameworks report \"Found no NVIDIA driver on your system\".",
		Detection: "KUBERNETES_SERVICE_HOST or the namespace of a service account, the GPU and the loaded module in /sys, which containers share with the node, and no /dev/nvidiactl. " +
			"NVIDIA_VISIBLE_DEVICES tells the causes apart: void and none are set for a container that asked for nothing. It is a note where no Python environment of the container has a framework: the pod may be meant for CPUs.",
		Cause:  "The container has no nvidia.com/gpu in resources.limits; or it has, and the pod does not run under NVIDIA's runtime because its runtimeClassName is missing.",
		Fix:    "Ask for nvidia.com/gpu in the limits of the container; where the cluster's default runtime is not NVIDIA's, set runtimeClassName: nvidia.",
		Verify: "kubectl exec POD -- ls /dev/nvidiactl prints the device.",
		References: []string{
			"https://kubernetes.io/docs/tasks/manage-gpus/scheduling-gpus/",
			"https://github.com/NVIDIA/k8s-device-plugin#running-gpu-jobs",
		},
	},
	Run: runPodNoGPU,
}

func runPodNoGPU(c *check.Context) {
	p, ok := fact.Get[pod](c.Facts, "kubernetes.pod")
	gpus, _ := c.Facts.Int("gpu.count")
	if !ok || gpus == 0 || !c.Facts.Bool("gpu.driver.loaded") || controlNode(c) {
		return
	}
	cause, remedy := podCause(p)
	severity := check.Error
	if withoutML(c) {
		severity = check.Info
	}
	c.Report(check.Finding{
		Severity: severity,
		Subject:  p.Namespace,
		Detail:   fmt.Sprintf("The node has %d GPUs with a loaded driver, and the pod has no /dev/nvidiactl: CUDA finds no device.", gpus),
		Cause:    cause,
		Evidence: c.Evidence("kubernetes.pod", "gpu.count", "gpu.driver.loaded", "gpu.device_nodes"),
		Explains: []string{"docker.container-without-gpu", "gpu.*", "torch.*"},
		Remedies: []check.Remedy{remedy},
		Verify:   []string{"ls -l /dev/nvidiactl"},
	})
}

func podCause(p pod) (string, check.Remedy) {
	if v := p.VisibleDevices; v != nil && *v != "" && *v != "void" && *v != "none" {
		return fmt.Sprintf("NVIDIA_VISIBLE_DEVICES is %q, and the pod does not run under NVIDIA's runtime, which would obey it.", *v), check.Remedy{
			ID: "runtime-class", Summary: "Run the pod under NVIDIA's runtime, and ask for the GPU", Kind: check.Advice, Risk: check.Low,
			Preview: []string{"spec:", "  runtimeClassName: nvidia", "  containers:", "  - resources:", "      limits:", "        nvidia.com/gpu: 1"},
		}
	}
	return "The container asks for no nvidia.com/gpu in resources.limits.", check.Remedy{
		ID: "request-gpu", Summary: "Ask for a GPU in the container's limits", Kind: check.Advice, Risk: check.Low,
		Preview: []string{"resources:", "  limits:", "    nvidia.com/gpu: 1"},
	}
}

// gpuNode is an element of gpu.device_nodes.
type gpuNode struct {
	Path string `json:"path"`
}

// hasGPUNode reports whether the process has a device file of NVIDIA.
func hasGPUNode(c *check.Context) bool {
	nodes, _ := fact.Get[[]gpuNode](c.Facts, "gpu.device_nodes")
	return len(nodes) > 0
}

// controlNode reports whether the container has the driver's control device, or
// WSL's, through which all GPUs go.
func controlNode(c *check.Context) bool {
	nodes, _ := fact.Get[[]gpuNode](c.Facts, "gpu.device_nodes")
	return c.Facts.Bool("os.wsl") || slices.ContainsFunc(nodes, func(n gpuNode) bool { return n.Path == "/dev/nvidiactl" })
}
