// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"path"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const (
	onlineCPUs = "/sys/devices/system/cpu/online"
	infiniband = "/sys/class/infiniband"
)

// maxAdapters bounds how many network adapters are described.
const maxAdapters = 64

// affinity records where the examined process may run and which processors
// stand next to each GPU.
func (m *machine) affinity(gpus []facts.PCIDevice) {
	if m.ProcessDir == "" || len(gpus) == 0 {
		return
	}
	status := m.ProcessDir + "/status"
	allowed, line := statusField(m.ReadText(status), "Cpus_allowed_list")
	online := m.ReadText(onlineCPUs)
	if allowed == "" || online == "" {
		return
	}
	out := facts.NUMA{Allowed: allowed, Online: online, Local: map[string]string{}}
	seen := []fact.Evidence{fact.File(status, line, "Cpus_allowed_list: "+allowed), fact.File(onlineCPUs, 1, online)}
	for _, g := range gpus {
		name := path.Join(pciDir, g.Address, "local_cpulist")
		if text := m.ReadText(name); text != "" && g.NUMANode >= 0 {
			out.Local[g.Address] = text
			seen = append(seen, fact.File(name, 1, text))
		}
	}
	m.record.Add(facts.Affinity, out, seen...)
}

// statusField returns a field of /proc/PID/status and its line.
func statusField(text, field string) (value string, line int) {
	for i, row := range strings.Split(text, "\n") {
		if rest, ok := strings.CutPrefix(row, field+":"); ok {
			return strings.TrimSpace(rest), i + 1
		}
	}
	return "", 0
}

// adapters records the network adapters with RDMA.
func (m *machine) adapters() {
	entries, err := m.ReadDir(infiniband)
	if err != nil {
		return
	}
	out := []facts.Adapter{}
	var seen []fact.Evidence
	for _, e := range entries[:min(len(entries), maxAdapters)] {
		dir := path.Join(infiniband, e.Name())
		a := facts.Adapter{Name: e.Name(), LinkLayer: m.ReadText(dir + "/ports/1/link_layer")}
		if link, err := m.Readlink(dir + "/device/driver"); err == nil {
			a.Driver = path.Base(link)
		}
		a.Active = strings.HasSuffix(m.ReadText(dir+"/ports/1/state"), "ACTIVE")
		out = append(out, a)
		seen = append(seen, fact.File(dir, 0, a.LinkLayer))
	}
	m.record.Add(facts.RDMA, out, seen...)
}

// masked reports whether something is mounted over the driver's files: container
// runtimes show a container its own GPUs that way.
func masked(mounts string) bool {
	for line := range strings.SplitSeq(mounts, "\n") {
		if fields := strings.Fields(line); len(fields) > 4 && strings.HasPrefix(fields[4], procDriver) {
			return true
		}
	}
	return false
}

// served records the GPUs that the loaded driver lists, unless what is there is
// a container's selection of them.
func (m *machine) served() {
	const dir = procDriver + "/gpus"
	entries, err := m.ReadDir(dir)
	if err != nil || m.ProcessDir != "" && masked(m.ReadText(m.ProcessDir+"/mountinfo")) {
		return
	}
	out := []string{}
	for _, e := range entries[:min(len(entries), maxPCI)] {
		if pciName().MatchString(e.Name()) {
			out = append(out, strings.ToLower(e.Name()))
		}
	}
	m.record.Add(facts.Served, out, fact.File(dir, 0, strings.Join(out, " ")))
}

var migPath = pattern.Lazy(`/gpu(\d{1,4})/mig/(gi\d{1,4}/ci\d{1,4})$`)

// migCapabilities records the compute instances of GPUs in MIG mode.
func (m *machine) migCapabilities() {
	if !m.Exists(procDriver + "/capabilities") {
		return
	}
	out := []facts.MIGCapability{}
	var seen []fact.Evidence
	for _, name := range m.Glob(procDriver + "/capabilities/gpu*/mig/gi*/ci*") {
		match := migPath().FindStringSubmatch(name)
		if match == nil || len(out) >= maxPCI {
			continue
		}
		gpu, _ := strconv.Atoi(match[1]) // at most four digits
		out = append(out, facts.MIGCapability{GPU: gpu, Instance: match[2]})
		seen = append(seen, fact.File(name, 0, ""))
	}
	m.record.Add(facts.Capabilities, out, seen[:min(len(seen), maxLogEvidence)]...)
}

// windowsSubsystem records what Windows passes into its subsystem for Linux.
func (m *machine) windowsSubsystem() {
	if !strings.Contains(strings.ToLower(m.ReadText(kernelRelease)), "microsoft") {
		return
	}
	m.presence(facts.WSLDevice, "/dev/dxg")
	m.presence(facts.WSLLibrary, "/usr/lib/wsl/lib/libcuda.so.1")
}
