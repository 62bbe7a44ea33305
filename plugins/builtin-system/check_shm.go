// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

type shmSettings struct {
	MinBytes int64 `json:"min_bytes" default:"268435456" min:"0" doc:"Warn when /dev/shm is smaller than this."`
}

var shmSmall = check.Check{
	Code: "system.shm-small", Title: "Shared memory is too small for data loaders and NCCL",
	Area: "system", Needs: []string{"shm.total_bytes"}, Config: shmSettings{},
	Doc: check.Doc{
		Meaning: "/dev/shm is smaller than min_bytes (256 MiB unless set). PyTorch's DataLoader workers hand batches over " +
			"through it and NCCL keeps its buffers between processes there.",
		Detection: "The size is that of statfs(2), or the size option of the tmpfs on /dev/shm in mountinfo. A machine with less than 1 GiB of memory whose /dev/shm has half of it, the default of Linux, is not reported, " +
			"and neither is a container without a GPU in whose Python environments no framework is installed.",
		Cause:  "Docker and Kubernetes give a container 64 MiB unless they are told otherwise. A whole machine has half of its memory.",
		Fix:    "Start the container with a larger --shm-size or with --ipc=host; in Kubernetes mount an emptyDir with medium Memory on /dev/shm; on a whole machine remount /dev/shm, and write the size into /etc/fstab so that it lasts.",
		Verify: "df -h /dev/shm shows the new size.",
		References: []string{
			"https://docs.docker.com/reference/cli/docker/container/run/",
			"https://docs.nvidia.com/deeplearning/nccl/user-guide/docs/troubleshooting.html",
			"https://docs.kernel.org/filesystems/tmpfs.html",
		},
	},
	Run: runShmSmall,
}

func runShmSmall(c *check.Context) {
	var settings shmSettings
	c.Config(&settings)
	total, ok := c.Facts.Int("shm.total_bytes")
	if !ok || total >= settings.MinBytes || ordinaryShm(c, total) || container(c) != "" && !hasGPUNode(c) && withoutML(c) {
		return
	}
	c.Report(check.Finding{
		Severity: check.Warning,
		Subject:  shmDir,
		Detail: fmt.Sprintf("/dev/shm holds %s, less than %s: DataLoader workers die with \"Bus error\" and NCCL with \"No space left on device\" when it is full.",
			size(total), size(settings.MinBytes)),
		Cause:    shmCause(c, total),
		Evidence: c.Evidence("shm.total_bytes", "os.container"),
		Remedies: shmRemedies(c),
		Verify:   []string{"df -h /dev/shm"},
	})
}

// ordinaryShm reports whether a machine with little memory has given half of it
// to /dev/shm, as Linux does: then memory is what it lacks.
func ordinaryShm(c *check.Context, total int64) bool {
	memory, known := c.Facts.Int("memory.total_bytes")
	return known && memory < 1<<30 && total >= memory/100*45
}

func shmCause(c *check.Context, total int64) string {
	if kind := container(c); kind != "" {
		if total == 64<<20 {
			return fmt.Sprintf("The %s container was started with the default of 64 MiB.", kind)
		}
		return fmt.Sprintf("The %s container was started with a small /dev/shm.", kind)
	}
	return "The tmpfs on /dev/shm was mounted with a small size."
}

// shmRemedies proposes half of the memory that the process may use, which is
// what a whole machine has, up to 16 GiB.
func shmRemedies(c *check.Context) []check.Remedy {
	goal := min(gibibytes(usableMemory(c)/2), 16)
	switch container(c) {
	case "", "lxc":
		return []check.Remedy{{
			ID: "remount", Summary: "Remount /dev/shm with more space", Kind: check.SystemCommand, Risk: check.Low,
			Preview: []string{fmt.Sprintf("sudo mount -o remount,size=%dG /dev/shm", goal)},
		}}
	case "kubernetes":
		return []check.Remedy{{
			ID: "memory-volume", Summary: "Mount a memory volume on /dev/shm in the pod", Kind: check.Advice, Risk: check.Low,
			Preview: []string{
				"volumes:", "  - name: shm", "    emptyDir:", "      medium: Memory", fmt.Sprintf("      sizeLimit: %dGi", goal),
				"containers:", "  - volumeMounts:", "      - name: shm", "        mountPath: /dev/shm",
			},
		}}
	case "podman":
		return restartWith("podman run", goal)
	}
	return restartWith("docker run", goal)
}

func restartWith(command string, goal int64) []check.Remedy {
	return []check.Remedy{
		{
			ID: "shm-size", Summary: "Start the container with more shared memory", Kind: check.Advice, Risk: check.Low,
			Preview: []string{fmt.Sprintf("%s --shm-size=%dg IMAGE", command, goal)},
		},
		{
			ID: "compose-shm-size", Summary: "Or set it for the service in the compose file", Kind: check.Advice, Risk: check.Low,
			Preview: []string{fmt.Sprintf("shm_size: %dgb", goal)},
		},
	}
}

// usableMemory is the memory of the machine or of its control group, 0 when
// neither is known.
func usableMemory(c *check.Context) int64 {
	total, _ := c.Facts.Int("memory.total_bytes")
	if bound, ok := c.Facts.Int("cgroup.memory.limit_bytes"); ok && (total == 0 || bound < total) {
		return bound
	}
	return total
}

type shmFullSettings struct {
	MinFreeBytes int64 `json:"min_free_bytes" default:"67108864" min:"0" doc:"Warn when less than this is free in /dev/shm."`
}

var shmFull = check.Check{
	Code: "system.shm-full", Title: "Shared memory is nearly full",
	Area: "system", Needs: []string{"shm.free_bytes", "shm.total_bytes"}, Config: shmFullSettings{},
	Doc: check.Doc{
		Meaning:   "Less than min_free_bytes (64 MiB unless set) is free in /dev/shm, although it is large enough as a whole.",
		Detection: "statfs(2) of /dev/shm.",
		Cause:     "Other jobs use it now, or jobs that were killed left their segments behind: names such as torch_*, nccl-* and sem.*.",
		Fix:       "Look at the owners of the files in /dev/shm and remove those whose processes are gone.",
		Verify:    "df -h /dev/shm shows free space.",
		References: []string{
			"https://docs.pytorch.org/docs/stable/multiprocessing.html#sharing-strategies",
			"https://man7.org/linux/man-pages/man7/shm_overview.7.html",
		},
	},
	Run: runShmFull,
}

func runShmFull(c *check.Context) {
	var settings shmFullSettings
	c.Config(&settings)
	free, known := c.Facts.Int("shm.free_bytes")
	total, _ := c.Facts.Int("shm.total_bytes")
	// A small /dev/shm is the other finding; one fault is reported once.
	if !known || free >= settings.MinFreeBytes || total < 2*settings.MinFreeBytes {
		return
	}
	c.Report(check.Finding{
		Severity: check.Warning,
		Subject:  shmDir,
		Detail:   fmt.Sprintf("Only %s of the %s of /dev/shm is free; the next job that needs more dies with \"Bus error\" or \"No space left on device\".", size(free), size(total)),
		Cause:    "Running jobs fill it, or jobs that were killed left their segments behind.",
		Evidence: c.Evidence("shm.free_bytes", "shm.total_bytes"),
		Remedies: []check.Remedy{{
			ID: "list-segments", Summary: "See which files fill it, and remove those without a living owner", Kind: check.Advice, Risk: check.Medium,
			Preview: []string{"ls -lhS /dev/shm", "sudo lsof /dev/shm"},
		}},
		Verify: []string{"df -h /dev/shm"},
	})
}
