// SPDX-License-Identifier: Apache-2.0

package container

import (
	"fmt"
	"io/fs"
	"strconv"
)

// ociVersion is the version of the runtime specification that configurations
// follow.
const ociVersion = "1.0.2"

// The part of config.json that is used here, by the runtime specification of the
// Open Container Initiative.
type (
	config struct {
		Version  string  `json:"ociVersion"`
		Process  process `json:"process"`
		Root     root    `json:"root"`
		Hostname string  `json:"hostname"`
		Mounts   []mount `json:"mounts"`
		Linux    linux   `json:"linux"`
	}
	process struct {
		Terminal        bool         `json:"terminal"`
		User            user         `json:"user"`
		Args            []string     `json:"args"`
		Env             []string     `json:"env"`
		Cwd             string       `json:"cwd"`
		Capabilities    capabilities `json:"capabilities"`
		Rlimits         []rlimit     `json:"rlimits,omitempty"`
		NoNewPrivileges bool         `json:"noNewPrivileges"`
		OOMScoreAdj     *int         `json:"oomScoreAdj,omitempty"`
	}
	user struct {
		UID   int    `json:"uid"`
		GID   int    `json:"gid"`
		Umask uint32 `json:"umask"`
	}
	// capabilities has every set, empty.
	capabilities struct {
		Bounding    []string `json:"bounding"`
		Effective   []string `json:"effective"`
		Inheritable []string `json:"inheritable"`
		Permitted   []string `json:"permitted"`
		Ambient     []string `json:"ambient"`
	}
	rlimit struct {
		Type string `json:"type"`
		Hard uint64 `json:"hard"`
		Soft uint64 `json:"soft"`
	}
	root struct {
		Path     string `json:"path"`
		Readonly bool   `json:"readonly"`
	}
	mount struct {
		Destination string   `json:"destination"`
		Type        string   `json:"type"`
		Source      string   `json:"source"`
		Options     []string `json:"options"`
	}
	linux struct {
		Namespaces    []namespace `json:"namespaces"`
		UIDMappings   []mapping   `json:"uidMappings,omitempty"`
		GIDMappings   []mapping   `json:"gidMappings,omitempty"`
		CgroupsPath   string      `json:"cgroupsPath,omitempty"`
		Resources     *resources  `json:"resources,omitempty"`
		Devices       []device    `json:"devices,omitempty"`
		Seccomp       *seccomp    `json:"seccomp,omitempty"`
		MaskedPaths   []string    `json:"maskedPaths"`
		ReadonlyPaths []string    `json:"readonlyPaths"`
	}
	namespace struct {
		Type string `json:"type"`
	}
	mapping struct {
		ContainerID int `json:"containerID"`
		HostID      int `json:"hostID"`
		Size        int `json:"size"`
	}
	resources struct {
		Memory  *memory      `json:"memory,omitempty"`
		Pids    *pids        `json:"pids,omitempty"`
		CPU     *cpu         `json:"cpu,omitempty"`
		Devices []deviceRule `json:"devices,omitempty"`
	}
	memory struct {
		Limit int64 `json:"limit"`
	}
	pids struct {
		Limit int64 `json:"limit"`
	}
	cpu struct {
		Quota  int64  `json:"quota"`
		Period uint64 `json:"period"`
	}
	deviceRule struct {
		Allow  bool   `json:"allow"`
		Type   string `json:"type,omitempty"`
		Major  *int64 `json:"major,omitempty"`
		Minor  *int64 `json:"minor,omitempty"`
		Access string `json:"access"`
	}
	device struct {
		Path  string      `json:"path"`
		Type  string      `json:"type"`
		Major int64       `json:"major"`
		Minor int64       `json:"minor"`
		Mode  fs.FileMode `json:"fileMode"`
		UID   int         `json:"uid"`
		GID   int         `json:"gid"`
	}
)

// machine is what a configuration depends on beside the request.
type machine struct {
	euid, egid int
	groups     bool                        // whether control groups can be had
	name       string                      // of the container
	program    string                      // host path of the program's copy
	place      string                      // where the program is to be mounted
	secrets    string                      // host directory of the secrets, "" without any
	node       func(b Bind) (device, bool) // the device behind a bind
	hard       func(kind string) uint64    // this process's own hard rlimit
}

func (m *machine) rootless() bool { return m.euid != 0 }

// newConfig lays out the container of a request.
func newConfig(r *Request, m *machine) *config {
	score := 1000
	c := &config{
		Version: ociVersion, Hostname: "bulkhead", Root: root{Path: "rootfs", Readonly: true},
		Process: process{
			Args: append([]string{r.place()}, r.Args[1:]...), Env: append([]string{}, r.Env...), Cwd: PrivateDir,
			User: user{UID: r.UID, GID: r.UID, Umask: 0o077}, NoNewPrivileges: true, OOMScoreAdj: &score,
			Capabilities: capabilities{[]string{}, []string{}, []string{}, []string{}, []string{}},
			Rlimits:      newRlimits(r.Limits, m),
		},
		Mounts: newMounts(r, m),
	}
	c.Linux = newLinux(r, m)
	if m.rootless() {
		c.Process.User = user{Umask: 0o077}
	}
	return c
}

func newLinux(r *Request, m *machine) linux {
	l := linux{
		Seccomp: newSeccomp(r),
		MaskedPaths: []string{
			"/proc/acpi", "/proc/asound", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/sched_debug",
			"/proc/scsi", "/proc/timer_list", "/proc/timer_stats", "/sys/firmware",
		},
		ReadonlyPaths: []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"},
	}
	kinds := []string{"pid", "network", "ipc", "uts", "mount"}
	if m.rootless() {
		kinds = append(kinds, "user")
		l.UIDMappings = []mapping{{0, m.euid, 1}}
		l.GIDMappings = []mapping{{0, m.egid, 1}}
	}
	for _, kind := range append(kinds, "cgroup") {
		l.Namespaces = append(l.Namespaces, namespace{kind})
	}
	l.Devices = newDevices(r, m)
	if m.groups {
		l.CgroupsPath = "/" + m.name
		l.Resources = newResources(r.Limits, l.Devices)
	}
	return l
}

func newMounts(r *Request, m *machine) []mount {
	out := []mount{
		{"/proc", "proc", "proc", []string{"nosuid", "noexec", "nodev"}},
		{"/dev", "tmpfs", "tmpfs", []string{"nosuid", "noexec", "strictatime", "mode=755", "size=65536k"}},
		{ScratchDir, "tmpfs", "tmpfs", scratchOptions(r.Limits)},
		{PrivateDir, "bind", r.Dir, []string{"bind", "rw", "nosuid", "nodev", "noexec", "rprivate"}},
	}
	if m.secrets != "" {
		out = append(out, mount{SecretsDir, "bind", m.secrets, bindOptions(Read)})
	}
	for _, b := range r.Binds {
		if _, isNode := m.node(b); b.Access == Device && isNode && !m.rootless() {
			continue // the runtime makes the node itself
		}
		out = append(out, mount{b.Target, "bind", b.Source, bindOptions(b.Access)})
	}
	if m.place != ProgramPath { // last: it may lie in a bind
		out = append(out, mount{m.place, "bind", m.program, bindOptions(Library)})
	}
	return out
}

func scratchOptions(l Limits) []string {
	out := []string{"nosuid", "nodev", "noexec", "mode=1777"}
	if l.ScratchBytes != 0 && l.ScratchBytes != Unlimited {
		out = append(out, "size="+strconv.FormatUint(l.ScratchBytes, 10))
	}
	if l.ScratchInodes != 0 && l.ScratchInodes != Unlimited {
		out = append(out, "nr_inodes="+strconv.FormatUint(l.ScratchInodes, 10))
	}
	return out
}

func bindOptions(a Access) []string {
	out := []string{"rbind", "rprivate", "nosuid"}
	if a != Write {
		out = append(out, "ro")
	}
	if a != Device {
		out = append(out, "nodev")
	}
	if a != Library && a != Exec {
		out = append(out, "noexec")
	}
	return out
}

func newDevices(r *Request, m *machine) (out []device) {
	for _, b := range r.Binds {
		if d, ok := m.node(b); ok && b.Access == Device && !m.rootless() {
			d.Path = b.Target
			out = append(out, d)
		}
	}
	return out
}

func newResources(l Limits, devices []device) *resources {
	r := &resources{Devices: []deviceRule{{Allow: false, Access: "rwm"}}}
	for _, d := range devices {
		r.Devices = append(r.Devices, deviceRule{true, d.Type, &d.Major, &d.Minor, "rw"})
	}
	if l.MemoryBytes != 0 && l.MemoryBytes != Unlimited {
		r.Memory = &memory{int64(min(l.MemoryBytes, 1<<62))}
	}
	if l.Processes != 0 && l.Processes != Unlimited {
		r.Pids = &pids{int64(min(l.Processes, 1<<31))}
	}
	if l.CPUs > 0 {
		const period = 100_000 // microseconds
		r.CPU = &cpu{max(1000, int64(l.CPUs*period)), period}
	}
	return r
}

// newRlimits only ever lowers: a hard limit above this process's own one would
// need a privilege.
func newRlimits(l Limits, m *machine) (out []rlimit) {
	for _, f := range []struct {
		kind  string
		value uint64
	}{
		{"RLIMIT_NOFILE", l.OpenFiles}, {"RLIMIT_FSIZE", l.FileBytes}, {"RLIMIT_CPU", l.CPUSeconds},
		{"RLIMIT_DATA", l.DataBytes}, {"RLIMIT_AS", l.AddressSpaceBytes}, {"RLIMIT_MEMLOCK", l.LockedBytes},
		{"RLIMIT_STACK", l.StackBytes},
	} {
		if f.value != 0 && f.value != Unlimited {
			value := min(f.value, m.hard(f.kind))
			out = append(out, rlimit{f.kind, value, value})
		}
	}
	return append(out, rlimit{"RLIMIT_CORE", 0, 0}, rlimit{"RLIMIT_MSGQUEUE", 0, 0})
}

// amount is a number of bytes in words.
func amount(bytes uint64) string {
	if bytes == 0 || bytes == Unlimited {
		return "not limited"
	}
	return fmt.Sprintf("%d MiB", bytes>>20)
}
