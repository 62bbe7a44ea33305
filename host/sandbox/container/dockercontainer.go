// SPDX-License-Identifier: Apache-2.0

package container

import (
	"fmt"
	"strings"
)

// The part of a container's description that is used here, by the Docker Engine
// API.
type (
	dockerContainer struct {
		Image           string
		Hostname        string
		User            string
		Env             []string
		Entrypoint      []string
		WorkingDir      string
		NetworkDisabled bool
		AttachStdout    bool
		AttachStderr    bool
		HostConfig      dockerHost
	}
	dockerHost struct {
		NetworkMode    string
		IpcMode        string
		CgroupnsMode   string
		ReadonlyRootfs bool
		CapDrop        []string
		SecurityOpt    []string
		PidsLimit      *int64 `json:",omitempty"`
		Memory         int64  `json:",omitempty"`
		MemorySwap     int64  `json:",omitempty"`
		NanoCpus       int64  `json:",omitempty"`
		OomScoreAdj    int
		Tmpfs          map[string]string
		Mounts         []dockerMount
		Devices        []dockerDevice `json:",omitempty"`
		Ulimits        []dockerUlimit
		LogConfig      dockerLog
	}
	dockerMount struct {
		Type        string
		Source      string
		Target      string
		ReadOnly    bool
		BindOptions dockerBind
	}
	dockerBind   struct{ Propagation string }
	dockerDevice struct {
		PathOnHost, PathInContainer, CgroupPermissions string
	}
	dockerUlimit struct {
		Name       string
		Soft, Hard int64
	}
	dockerLog struct{ Type string }
)

// newDockerContainer describes the container of a request.
func newDockerContainer(r *Request, image string, uid int, m *machine) dockerContainer {
	c := dockerContainer{
		Image: image, Hostname: "bulkhead", User: fmt.Sprintf("%d:%d", uid, uid), Env: append([]string{}, r.Env...),
		Entrypoint: append([]string{r.place()}, r.Args[1:]...), WorkingDir: PrivateDir,
		NetworkDisabled: true, AttachStdout: true, AttachStderr: true,
	}
	c.HostConfig = dockerHost{
		NetworkMode: "none", IpcMode: "private", CgroupnsMode: "private", ReadonlyRootfs: true,
		CapDrop: []string{"ALL"}, SecurityOpt: []string{"no-new-privileges"}, OomScoreAdj: 1000,
		Tmpfs:  map[string]string{ScratchDir: strings.Join(append([]string{"rw"}, scratchOptions(r.Limits)...), ",")},
		Mounts: []dockerMount{{"bind", r.Dir, PrivateDir, false, dockerBind{"rprivate"}}},
		// The engine would keep all that the program prints, without a bound.
		LogConfig: dockerLog{"none"},
	}
	c.HostConfig.bound(r.Limits, m)
	c.HostConfig.grant(r, m)
	return c
}

// bound sets the limits that were asked for.
func (h *dockerHost) bound(l Limits, m *machine) {
	limits := newResources(l, nil)
	if limits.Memory != nil {
		h.Memory, h.MemorySwap = limits.Memory.Limit, limits.Memory.Limit
	}
	if limits.Pids != nil {
		h.PidsLimit = &limits.Pids.Limit
	}
	h.NanoCpus = int64(l.CPUs * 1e9)
	for _, limit := range newRlimits(l, m) {
		value := int64(min(limit.Hard, 1<<62))
		name := strings.ToLower(strings.TrimPrefix(limit.Type, "RLIMIT_"))
		if name == "as" {
			continue // the engine knows no such limit
		}
		h.Ulimits = append(h.Ulimits, dockerUlimit{name, value, value})
	}
}

// grant adds the binds. The engine mounts by path.
func (h *dockerHost) grant(r *Request, m *machine) {
	if m.secrets != "" {
		h.Mounts = append(h.Mounts, dockerMount{"bind", m.secrets, SecretsDir, true, dockerBind{"rprivate"}})
	}
	for _, b := range r.Binds {
		if b.Access == Device {
			h.Devices = append(h.Devices, dockerDevice{b.Source, b.Target, "rw"})
			continue
		}
		h.Mounts = append(h.Mounts, dockerMount{"bind", b.Source, b.Target, b.Access != Write, dockerBind{"rprivate"}})
	}
	if m.place != ProgramPath {
		h.Mounts = append(h.Mounts, dockerMount{"bind", m.program, m.place, true, dockerBind{"rprivate"}})
	}
}
