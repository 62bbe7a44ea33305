// SPDX-License-Identifier: Apache-2.0

package procfs

import (
	"path"
	"strconv"
	"strings"
)

// Status is what a doctor needs of /proc/PID/status.
type Status struct {
	// Capabilities in force, one bit for each as in capabilities(7), and the
	// line that holds them; HasCapabilities is false when the line is missing.
	Capabilities     uint64
	CapabilitiesLine int
	HasCapabilities  bool
	// AllowedCPUs counts the CPUs that the process may run on (cpuset and
	// affinity); 0 when not known.
	AllowedCPUs int
	AllowedLine int
}

// The capabilities that lift resource limits, as bit numbers.
const (
	CapIPCLock     = 14
	CapSysAdmin    = 21
	CapSysResource = 24
)

// Has reports whether a capability is in force.
func (s Status) Has(capability int) bool {
	return s.HasCapabilities && s.Capabilities>>capability&1 == 1
}

// ProcessStatus reads /proc/PID/status.
func ProcessStatus(data []byte) Status {
	var s Status
	for n, line := range lines(data) {
		key, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		switch key {
		case "CapEff":
			if v, err := strconv.ParseUint(value, 16, 64); err == nil {
				s.Capabilities, s.CapabilitiesLine, s.HasCapabilities = v, n, true
			}
		case "Cpus_allowed_list":
			if v, ok := CountCPUs(value); ok {
				s.AllowedCPUs, s.AllowedLine = v, n
			}
		}
	}
	return s
}

// Membership is one line of /proc/PID/cgroup.
type Membership struct {
	// Controllers of a version 1 hierarchy; empty for version 2. A named
	// hierarchy has "name=systemd".
	Controllers []string
	// Path of the cgroup below the root of the hierarchy. It starts with
	// "/.." when the cgroup lies outside the process's cgroup namespace.
	Path string
	Line int
}

// Memberships reads /proc/PID/cgroup.
func Memberships(data []byte) []Membership {
	var out []Membership
	for n, line := range lines(data) {
		parts := strings.SplitN(line, ":", 3)
		if len(parts) != 3 || !strings.HasPrefix(parts[2], "/") {
			continue
		}
		m := Membership{Path: strings.TrimSuffix(parts[2], " (deleted)"), Line: n}
		if m.Path != "/" {
			m.Path = strings.TrimSuffix(m.Path, "/")
		}
		if parts[1] != "" {
			m.Controllers = strings.Split(parts[1], ",")
		}
		out = append(out, m)
	}
	return out
}

// Below returns the directory of a cgroup under a mount of its hierarchy: a
// container's mount shows only a part, whose place Mount.Root names.
func Below(m Mount, cgroup string) string {
	rest, ok := strings.CutPrefix(cgroup, strings.TrimSuffix(m.Root, "/"))
	if !ok || (rest != "" && rest[0] != '/') || strings.HasPrefix(cgroup, "/..") {
		return m.Point
	}
	return path.Join(m.Point, path.Clean("/"+rest))
}
