// SPDX-License-Identifier: Apache-2.0

package main

import (
	"fmt"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

// The same fault is mended by other commands in a container, in a pod, in a
// batch job and in a service. This file knows which.

// runCommand is the command that starts a container of the kind that the
// process is in; "" outside of one, and where no command line starts it.
func runCommand(c *check.Context) string {
	switch kind := container(c); kind {
	case "docker", "podman":
		return kind + " run"
	}
	return ""
}

// batchJob reports whether the process runs in a Slurm job.
func batchJob(c *check.Context) bool { return c.Facts.Known("slurm.job") }

// setProperty is the command that changes a property of the systemd unit whose
// control group has a limit; "" where that is no unit.
func setProperty(c *check.Context, address, property string) string {
	file := controlFile(c, address, "")
	unit := path.Base(path.Dir(file))
	switch path.Ext(unit) {
	case ".service", ".scope", ".slice":
	default:
		return ""
	}
	manager := "sudo systemctl"
	if strings.Contains(path.Dir(path.Dir(file)), "/user@") {
		manager = "systemctl --user"
	}
	return fmt.Sprintf("%s set-property %s %s", manager, quoted(unit), property)
}

// controlFile is the file in which a limit of the control group was found.
func controlFile(c *check.Context, address, otherwise string) string {
	for _, e := range c.Evidence(address) {
		if path.IsAbs(e.Path) {
			return e.Path
		}
	}
	return otherwise
}

// memoryRemedies raises the memory limit where it was set.
func memoryRemedies(c *check.Context, want int64) []check.Remedy {
	if total, ok := c.Facts.Int("memory.total_bytes"); ok {
		want = min(want, total)
	}
	r := check.Remedy{ID: "raise-memory", Summary: "Raise the memory limit", Kind: check.Advice, Risk: check.Low}
	goal := gibibytes(want)
	unit := setProperty(c, "cgroup.memory.limit_bytes", fmt.Sprintf("MemoryMax=%dG", goal))
	switch run := runCommand(c); {
	case container(c) == "kubernetes":
		r.Preview = []string{"resources:", "  limits:", fmt.Sprintf("    memory: %dGi", goal)}
	case run != "":
		r.Preview = []string{fmt.Sprintf("%s --memory=%dg IMAGE", run, goal)}
	case container(c) == "lxc":
		r.Preview = []string{fmt.Sprintf("lxc config set CONTAINER limits.memory %dGiB", goal)}
	case batchJob(c):
		r.Preview = []string{fmt.Sprintf("sbatch --mem=%dG JOB.sh", goal)}
	case unit != "":
		r.Kind, r.Risk, r.Preview = check.SystemCommand, check.Medium, []string{unit}
	default:
		r.Preview = []string{fmt.Sprintf("sudo systemd-run --scope -p MemoryMax=%dG COMMAND", goal)}
	}
	return []check.Remedy{r}
}

// taskRemedies raises the limit on processes and threads of the control group.
func taskRemedies(c *check.Context, want int64) []check.Remedy {
	r := check.Remedy{ID: "pids-limit", Summary: "Start the container with a higher limit", Kind: check.Advice, Risk: check.Low}
	unit := setProperty(c, "cgroup.pids.limit", fmt.Sprintf("TasksMax=%d", want))
	switch run := runCommand(c); {
	case container(c) == "kubernetes":
		r.Summary = "Raise the limit in the kubelet's configuration, as an administrator of the cluster"
		r.Preview = []string{fmt.Sprintf("podPidsLimit: %d", want)}
	case run != "":
		r.Preview = []string{fmt.Sprintf("%s --pids-limit=%d IMAGE", run, want)}
	case container(c) == "lxc":
		r.Preview = []string{fmt.Sprintf("lxc config set CONTAINER limits.processes %d", want)}
	case unit != "":
		r.Summary, r.Kind, r.Risk, r.Preview = "Raise the limit of the unit", check.SystemCommand, check.Medium, []string{unit}
	default:
		r.Preview = []string{fmt.Sprintf("docker run --pids-limit=%d IMAGE", want)}
	}
	return []check.Remedy{r, fewerThreads(4)}
}

// limitRemedies raises a limit of the process where it was set: for this shell
// up to the hard limit, else for the container or the login. Want is -1 for
// unlimited.
func limitRemedies(c *check.Context, name, flag string, l limit, want int64) []check.Remedy {
	switch run := runCommand(c); {
	case l.Hard < 0 || want >= 0 && l.Hard >= want:
		return []check.Remedy{{
			ID: "raise-soft", Summary: "Raise the soft limit before the job starts", Kind: check.Advice, Risk: check.Low,
			Preview: []string{raised(flag, want)},
		}}
	case run != "":
		return []check.Remedy{{
			ID: "container-ulimit", Summary: "Start the container with a higher limit", Kind: check.Advice, Risk: check.Low,
			Preview: []string{fmt.Sprintf("%s --ulimit %s=%d IMAGE", run, name, want)},
		}}
	case container(c) == "kubernetes":
		return []check.Remedy{podLimit(name, limitValue(want, "infinity"))}
	}
	value := limitValue(want, "unlimited")
	return []check.Remedy{{
		ID: "limits-conf", Summary: "Raise the limit for logins and log in again", Kind: check.SystemCommand, Risk: check.Medium,
		Preview: []string{fmt.Sprintf(`printf '%%s\n' '* - %[1]s %[2]s' 'root - %[1]s %[2]s' | sudo tee /etc/security/limits.d/90-%[1]s.conf`, name, value)},
	}}
}

// podLimit raises a limit for pods, which inherit those of the runtime: a pod
// itself cannot ask for one.
func podLimit(name, value string) check.Remedy {
	return check.Remedy{
		ID: "runtime-limit", Summary: "Raise the limit of the container runtime on the node, as an administrator: pods inherit it", Kind: check.SystemCommand, Risk: check.Medium,
		Preview: []string{"sudo systemctl edit containerd", "[Service]", fmt.Sprintf("Limit%s=%s", strings.ToUpper(name), value), "sudo systemctl restart containerd"},
	}
}

func limitValue(n int64, unlimited string) string {
	if n < 0 {
		return unlimited
	}
	return fmt.Sprint(n)
}
