// SPDX-License-Identifier: Apache-2.0

package main

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

var engineCollector = fact.Collector{
	Name:    "engine",
	Summary: "Docker client and engine, Podman, and where the client connects to",
	Facts: []fact.Description{
		{Address: "docker.client.path", Summary: "the docker command", Type: "string"},
		{Address: "docker.client.endpoint", Summary: "what may send the client elsewhere: {host, context, contexts}", Type: "object"},
		{Address: "docker.engine.installed", Summary: "whether an engine is installed", Type: "bool"},
		{Address: "docker.engine.flavor", Summary: `"docker", "rootless", "snap" or "desktop"; absent without an engine`, Type: "string"},
		{Address: "docker.engine.others", Summary: "programs of engines that are installed beside it", Type: "list"},
		{Address: "docker.engine.running", Summary: "whether the engine's process-id file is there; only for a running system", Type: "bool"},
		{Address: "docker.engine.enabled", Summary: "whether systemd starts the engine at boot", Type: "bool"},
		{Address: "docker.socket", Summary: "whether systemd holds the socket and starts the engine on demand: {activated}", Type: "object"},
		{Address: "docker.podman.path", Summary: "the podman command", Type: "string"},
	},
	Collect: func(_ context.Context, t *fact.Target, r *fact.Recorder) error {
		if t.OS == "windows" {
			return nil // Docker on Windows is Docker Desktop, whose engine runs in a virtual machine
		}
		collectClient(t, r)
		collectEngine(t, r)
		return nil
	},
}

var (
	clientPaths  = []string{"/usr/bin/docker", "/usr/local/bin/docker", "/snap/bin/docker"}
	podmanPaths  = []string{"/usr/bin/podman", "/usr/local/bin/podman"}
	daemonPaths  = []string{"/usr/bin/dockerd", "/usr/local/bin/dockerd", "/usr/sbin/dockerd"}
	snapMark     = "/snap/docker/current/meta/snap.yaml"
	rootlessUnit = ".config/systemd/user/docker.service"
	desktopMarks = []string{"/mnt/wsl/docker-desktop/cli-tools/usr/bin/docker", "/opt/docker-desktop/bin/com.docker.backend", "/Applications/Docker.app/Contents/Info.plist"}
	pidFiles     = []string{"/run/docker.pid", "/var/run/docker.pid"}
	bootLink     = "/etc/systemd/system/multi-user.target.wants/docker.service"
	socketLink   = "/etc/systemd/system/sockets.target.wants/docker.socket"
)

// present returns the first of the paths that is there. A link counts by
// itself: what it leads to may lie outside of the plugin's view.
func present(t *fact.Target, names []string) string {
	for _, name := range names {
		if _, err := t.Lstat(name); err == nil {
			return name
		}
	}
	return ""
}

func collectClient(t *fact.Target, r *fact.Recorder) {
	podman := present(t, podmanPaths)
	if podman != "" {
		r.Add("docker.podman.path", podman, fact.File(podman, 0, ""))
	}
	client := present(t, clientPaths)
	if client == "" || isPodmanScript(t, client) {
		return
	}
	r.Add("docker.client.path", client, fact.File(client, 0, ""))
	collectEndpoint(t, r)
}

// isPodmanScript recognises podman-docker, which installs a script as docker, and
// a link that a user made.
func isPodmanScript(t *fact.Target, name string) bool {
	if link, err := t.Readlink(name); err == nil && path.Base(link) == "podman" {
		return true
	}
	f, err := t.Open(name)
	if err != nil {
		return false
	}
	defer f.Close()
	head := make([]byte, 4096)
	n, _ := f.Read(head) // an empty or short file is no script
	return strings.HasPrefix(string(head[:n]), "#!") && strings.Contains(string(head[:n]), "podman")
}

// endpoint is the value of docker.client.endpoint.
type endpoint struct {
	Host     string `json:"host,omitempty"`
	Context  string `json:"context,omitempty"`
	Contexts int    `json:"contexts"`
}

// collectEndpoint counts the user's contexts by their metadata files;
// ~/.docker/config.json, which names the current one, holds passwords too and
// is not read.
func collectEndpoint(t *fact.Target, r *fact.Recorder) {
	e := endpoint{Host: t.Env["DOCKER_HOST"], Context: t.Env["DOCKER_CONTEXT"]}
	var evidence []fact.Evidence
	for _, name := range []string{"DOCKER_HOST", "DOCKER_CONTEXT"} {
		if v := t.Env[name]; v != "" {
			evidence = append(evidence, fact.Call("environment", name+"="+v))
		}
	}
	if path.IsAbs(t.Home) {
		contexts := t.Glob(path.Join(t.Home, ".docker/contexts/meta/*/meta.json"))
		e.Contexts = len(contexts)
		for _, name := range contexts {
			evidence = append(evidence, fact.File(name, 0, ""))
		}
	}
	if len(evidence) > 0 {
		r.Add("docker.client.endpoint", e, evidence...)
	}
}

func collectEngine(t *fact.Target, r *fact.Recorder) {
	flavor, mark := engineFlavor(t)
	if flavor == "" {
		r.Add("docker.engine.installed", false)
		return
	}
	evidence := fact.File(mark, 0, flavor)
	r.Add("docker.engine.installed", true, evidence)
	r.Add("docker.engine.flavor", flavor, evidence)
	if other := present(t, daemonPaths); other != "" && flavor == "desktop" {
		r.Add("docker.engine.others", []string{other}, fact.File(other, 0, ""))
	}
	if flavor == "docker" {
		r.Add("docker.engine.enabled", linked(t, bootLink), fact.File(bootLink, 0, ""))
		r.Add("docker.socket", socket{Activated: linked(t, socketLink)}, fact.File(socketLink, 0, ""))
	}
	if flavor == "docker" || flavor == "rootless" {
		collectRunning(t, r, flavor)
	}
}

type socket struct {
	Activated bool `json:"activated"`
}

func linked(t *fact.Target, name string) bool {
	_, err := t.Lstat(name)
	return err == nil
}

// engineFlavor returns the engine that the client reaches by default and the
// file that shows it.
func engineFlavor(t *fact.Target) (flavor, mark string) {
	if name := present(t, desktopMarks); name != "" {
		return "desktop", name
	}
	if path.IsAbs(t.Home) {
		if name := path.Join(t.Home, rootlessUnit); linked(t, name) {
			return "rootless", name
		}
	}
	if name := present(t, daemonPaths); name != "" {
		return "docker", name
	}
	if linked(t, snapMark) {
		return "snap", snapMark
	}
	return "", ""
}

// collectRunning says nothing of a disk or an image, where no system runs.
func collectRunning(t *fact.Target, r *fact.Recorder, flavor string) {
	if !t.Exists("/proc/sys/kernel/osrelease") {
		return
	}
	files := pidFiles
	if flavor == "rootless" {
		if t.Env["XDG_RUNTIME_DIR"] == "" {
			return
		}
		files = []string{path.Join(t.Env["XDG_RUNTIME_DIR"], "docker.pid")}
	} else if config := readDaemonConfig(t); config.PidFile != "" {
		r.Unknown("docker.engine.running", "daemon.json puts the process-id file at "+config.PidFile+", which is not looked at",
			fact.File(config.Path, 0, ""))
		return
	}
	for _, name := range files {
		text := t.ReadText(name)
		if pid, err := strconv.Atoi(text); err == nil && pid > 0 {
			r.Add("docker.engine.running", alive(t, pid), fact.File(name, 1, text))
			return
		}
	}
	r.Add("docker.engine.running", false, fact.File(files[0], 0, "no such file"))
}

// alive looks for the process where other processes can be seen, which a
// sandboxed plugin cannot: there the file alone counts.
func alive(t *fact.Target, pid int) bool {
	if !t.Live || !t.Exists("/proc/1/stat") {
		return true
	}
	return t.Exists(fmt.Sprintf("/proc/%d", pid))
}
