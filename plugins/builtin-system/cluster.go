// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var clusterCollector = fact.Collector{
	Name:    "cluster",
	Summary: "what Slurm and Kubernetes gave to the job",
	Facts: []fact.Description{
		{Address: "slurm.job", Summary: "the Slurm job: {id, nodes, tasks, cpus_on_node, memory_bytes, memory_from, gpus, gpus_from, hidden, chosen, none}; " +
			"gpus is absent where no variable tells, hidden is true where Slurm hides the GPUs of a job that asked for none, chosen where CUDA_VISIBLE_DEVICES is set otherwise, and none where it is then empty or -1", Type: "object"},
		{Address: "kubernetes.pod", Summary: "the pod: {namespace, visible_devices}; the last is NVIDIA_VISIBLE_DEVICES, absent where it is not set", Type: "object"},
	},
	Collect: func(_ context.Context, t *fact.Target, r *fact.Recorder) error {
		collectSlurm(t, r)
		collectPod(t, r)
		return nil
	},
}

// slurmJob is the value of slurm.job. Only the node on which the process runs
// is meant.
type slurmJob struct {
	ID         string `json:"id"`
	Nodes      int64  `json:"nodes,omitempty"`
	Tasks      int64  `json:"tasks,omitempty"`
	CPUsOnNode int64  `json:"cpus_on_node,omitempty"`
	// MemoryBytes that the job may use on this node; 0 for all or not told.
	MemoryBytes int64  `json:"memory_bytes,omitempty"`
	MemoryFrom  string `json:"memory_from,omitempty"`
	// GPUs of the job on this node; nil where no variable tells.
	GPUs     *int64 `json:"gpus,omitempty"`
	GPUsFrom string `json:"gpus_from,omitempty"`
	// Hidden is true where CUDA_VISIBLE_DEVICES is NoDevFiles, which Slurm sets
	// for a job without GPUs on a node that has some.
	Hidden bool `json:"hidden"`
	// Chosen is true where CUDA_VISIBLE_DEVICES has another value.
	Chosen bool `json:"chosen"`
	// None is true where that value asks for no GPU: nothing, or -1.
	None bool `json:"none"`
}

var jobID = pattern.Lazy(`^\d{1,20}$`)

func collectSlurm(t *fact.Target, r *fact.Recorder) {
	id := t.Env["SLURM_JOB_ID"]
	if !jobID().MatchString(id) {
		return
	}
	visible, chosen := t.Env["CUDA_VISIBLE_DEVICES"]
	job := slurmJob{ID: id, Hidden: visible == "NoDevFiles", Chosen: chosen && visible != "NoDevFiles", None: chosen && (visible == "" || visible == "-1")}
	job.Nodes = count(t.Env["SLURM_JOB_NUM_NODES"])
	job.Tasks = count(t.Env["SLURM_NTASKS"])
	job.CPUsOnNode = count(t.Env["SLURM_CPUS_ON_NODE"])
	job.gpus(t.Env)
	job.memory(t.Env)
	evidence := []fact.Evidence{fact.Call("environment", "SLURM_JOB_ID="+id)}
	for _, name := range []string{job.GPUsFrom, job.MemoryFrom, "CUDA_VISIBLE_DEVICES"} {
		if v, ok := t.Env[name]; ok {
			evidence = append(evidence, fact.Call("environment", name+"="+v))
		}
	}
	r.Add("slurm.job", job, evidence...)
}

// count reads a number of Slurm; 0 for what is none.
func count(text string) int64 {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > 1<<40 {
		return 0
	}
	return n
}

// gpus takes the first variable that tells what the job has on this node: lists
// of devices before numbers, since a number may be that of the whole job.
func (j *slurmJob) gpus(env map[string]string) {
	for _, name := range []string{"SLURM_STEP_GPUS", "SLURM_JOB_GPUS", "GPU_DEVICE_ORDINAL"} {
		if list := env[name]; list != "" {
			j.found(int64(1+strings.Count(list, ",")), name)
			return
		}
	}
	for _, name := range []string{"SLURM_GPUS_ON_NODE", "SLURM_GPUS_PER_NODE", "SLURM_GPUS_PER_TASK", "SLURM_GPUS"} {
		if v := env[name]; v != "" {
			if n, ok := typedCount(v); ok {
				j.found(n, name)
			}
			return
		}
	}
}

var gpuCount = pattern.Lazy(`^(?:[\w.-]+:)*(\d{1,6})$`)

// typedCount adds up "4", "a100:4" and "a100:2,v100:2"; false for other text.
func typedCount(text string) (int64, bool) {
	total := int64(0)
	for part := range strings.SplitSeq(text, ",") {
		m := gpuCount().FindStringSubmatch(strings.TrimSpace(part))
		if m == nil {
			return 0, false
		}
		total += count(m[1])
	}
	return total, true
}

func (j *slurmJob) found(n int64, name string) { j.GPUs, j.GPUsFrom = &n, name }

// memory reads what sbatch gave with --mem, --mem-per-cpu or --mem-per-gpu, in
// MiB; 0 means all of the node.
func (j *slurmJob) memory(env map[string]string) {
	gpus := int64(0)
	if j.GPUs != nil {
		gpus = *j.GPUs
	}
	for _, v := range []struct {
		name  string
		times int64
	}{{"SLURM_MEM_PER_NODE", 1}, {"SLURM_MEM_PER_CPU", j.CPUsOnNode}, {"SLURM_MEM_PER_GPU", gpus}} {
		if n := count(env[v.name]); n > 0 && v.times > 0 && n*v.times < 1<<43 {
			j.MemoryBytes, j.MemoryFrom = n*v.times<<20, v.name
			return
		}
	}
}

// pod is the value of kubernetes.pod.
type pod struct {
	Namespace      string  `json:"namespace,omitempty"`
	VisibleDevices *string `json:"visible_devices,omitempty"`
}

const namespaceFile = "/var/run/secrets/kubernetes.io/serviceaccount/namespace"

// collectPod reads the namespace alone: the token beside it is not granted.
func collectPod(t *fact.Target, r *fact.Recorder) {
	service, namespace := t.Env["KUBERNETES_SERVICE_HOST"], t.ReadText(namespaceFile)
	if service == "" && namespace == "" {
		return
	}
	var evidence []fact.Evidence
	if service != "" {
		evidence = append(evidence, fact.Call("environment", "KUBERNETES_SERVICE_HOST="+service))
	}
	p := pod{}
	if len(namespace) <= 63 && namespace != "" { // RFC 1123 label
		p.Namespace = namespace
		evidence = append(evidence, fact.File(namespaceFile, 1, namespace))
	}
	if v, ok := t.Env["NVIDIA_VISIBLE_DEVICES"]; ok {
		p.VisibleDevices = &v
		evidence = append(evidence, fact.Call("environment", "NVIDIA_VISIBLE_DEVICES="+v))
	}
	r.Add("kubernetes.pod", p, evidence...)
}
