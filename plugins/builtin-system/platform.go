// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-system/internal/procfs"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var platformCollector = fact.Collector{
	Name:    "platform",
	Summary: "operating system, kernel, WSL and container",
	Facts: []fact.Description{
		{Address: "os.id", Summary: "ID of os-release, or the name of the system where there is no such file", Type: "string"},
		{Address: "os.id_like", Summary: "IDs of the distributions that this one is derived from, closest first; absent for one that is not", Type: "string"},
		{Address: "os.version_id", Summary: "VERSION_ID of os-release", Type: "string"},
		{Address: "os.pretty_name", Summary: "PRETTY_NAME of os-release", Type: "string"},
		{Address: "os.kernel", Summary: "release of the running kernel", Type: "string"},
		{Address: "os.arch", Summary: "architecture, in Go's names", Type: "string"},
		{Address: "os.wsl", Summary: "whether this is the Windows Subsystem for Linux", Type: "bool"},
		{Address: "os.wsl_version", Summary: "1 or 2, only under WSL and where the kernel tells", Type: "number"},
		{Address: "os.container", Summary: `"docker", "podman", "kubernetes", "lxc", or "" outside of a container`, Type: "string"},
	},
	Collect: collectPlatform,
}

func collectPlatform(_ context.Context, t *fact.Target, r *fact.Recorder) error {
	collectRelease(t, r)
	if t.Arch != "" {
		r.Add("os.arch", t.Arch)
	}
	if t.OS != "" && t.OS != "linux" {
		return nil
	}
	collectKernel(t, r)
	collectContainer(t, r)
	return nil
}

func collectRelease(t *fact.Target, r *fact.Recorder) {
	for _, name := range []string{"/etc/os-release", "/usr/lib/os-release"} {
		data, err := t.ReadFile(name)
		if err != nil {
			continue
		}
		values := procfs.OSRelease(data)
		for key, address := range map[string]string{
			"ID": "os.id", "ID_LIKE": "os.id_like", "VERSION_ID": "os.version_id", "PRETTY_NAME": "os.pretty_name",
		} {
			if v := values[key]; v != "" {
				r.Add(address, v, fact.File(name, 0, key+"="+v))
			}
		}
		return
	}
	if t.OS != "" {
		r.Add("os.id", t.OS)
	}
}

const kernelFile = "/proc/sys/kernel/osrelease"

// wsl1Kernel is the emulated kernel of WSL 1, which has no driver interface.
var wsl1Kernel = pattern.Lazy(`^4\.4\.0-\d+-Microsoft$`)

func collectKernel(t *fact.Target, r *fact.Recorder) {
	kernel := t.ReadText(kernelFile)
	if kernel == "" {
		return
	}
	evidence := fact.File(kernelFile, 1, kernel)
	r.Add("os.kernel", kernel, evidence)
	lower := strings.ToLower(kernel)
	wsl := strings.Contains(lower, "microsoft") || strings.Contains(lower, "wsl2") // the latter where the user built it
	r.Add("os.wsl", wsl, evidence)
	switch {
	case wsl && wsl1Kernel().MatchString(kernel):
		r.Add("os.wsl_version", 1, evidence)
	case wsl && (strings.Contains(lower, "wsl2") || strings.Contains(lower, "microsoft-standard")):
		r.Add("os.wsl_version", 2, evidence)
	}
}

// A sign is one trace that a container runtime leaves.
type sign struct {
	kind     string
	evidence fact.Evidence
	// stale marks a file that stays behind when an image becomes a machine.
	stale bool
}

// collectContainer says "" with the evidence when a trace is contradicted: an
// image that was written to the disk of a virtual machine keeps its /.dockerenv,
// but no container has a whole block device as its root.
func collectContainer(t *fact.Target, r *fact.Recorder) {
	mounts := mountsOf(t)
	found := containerSigns(t)
	root, known := procfs.MountOf(mounts, "/")
	if known && root.WholeDisk() && len(found) > 0 && found[0].stale {
		r.Add("os.container", "", found[0].evidence,
			fact.File(processFile(t, "mountinfo"), root.Line, "/ is the whole of "+root.Source))
		return
	}
	if len(found) > 0 {
		r.Add("os.container", found[0].kind, found[0].evidence)
		return
	}
	if known || t.Exists(kernelFile) {
		r.Add("os.container", "")
	}
}

// containerSigns lists the traces found, the most specific first.
func containerSigns(t *fact.Target) []sign {
	var out []sign
	if v := t.Env["KUBERNETES_SERVICE_HOST"]; v != "" {
		out = append(out, sign{kind: "kubernetes", evidence: fact.Call("environment", "KUBERNETES_SERVICE_HOST="+v)})
	}
	out = append(out, cgroupSigns(t)...)
	if t.Exists("/run/.containerenv") {
		out = append(out, sign{kind: "podman", evidence: fact.File("/run/.containerenv", 0, "")})
	}
	if kind := knownContainer(t.Env["container"]); kind != "" {
		out = append(out, sign{kind: kind, evidence: fact.Call("environment", "container="+t.Env["container"])})
	}
	if kind := knownContainer(t.ReadText("/run/systemd/container")); kind != "" {
		out = append(out, sign{kind: kind, evidence: fact.File("/run/systemd/container", 1, kind)})
	}
	if t.Exists("/.dockerenv") {
		out = append(out, sign{kind: "docker", evidence: fact.File("/.dockerenv", 0, ""), stale: true})
	}
	return out
}

// cgroupNames are the parts of cgroup paths that container runtimes use.
var cgroupNames = []struct{ part, kind string }{
	{"/kubepods", "kubernetes"}, {"/libpod", "podman"}, {"/lxc/", "lxc"}, {"/lxc.payload", "lxc"},
	{"/docker/", "docker"},
}

// dockerScope is the unit of a container, and not of a service named docker-so-and-so.
var dockerScope = pattern.Lazy(`/docker-[0-9a-f]+\.scope`)

func cgroupSigns(t *fact.Target) []sign {
	data, err := t.ReadFile(processFile(t, "cgroup"))
	if err != nil {
		return nil
	}
	for _, m := range procfs.Memberships(data) {
		for _, name := range cgroupNames {
			if strings.Contains(m.Path, name.part) || name.kind == "docker" && dockerScope().MatchString(m.Path) {
				return []sign{{kind: name.kind, evidence: fact.File(processFile(t, "cgroup"), m.Line, m.Path)}}
			}
		}
	}
	return nil
}

// knownContainer maps systemd's names; see Container Interface of systemd.
func knownContainer(name string) string {
	switch name {
	case "docker", "podman", "lxc":
		return name
	case "lxc-libvirt", "lxd":
		return "lxc"
	}
	return ""
}
