// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

// said runs the checks on a machine with a log and a recording, and joins what
// the findings of one code say.
func said(t *testing.T, code string, tree tree, log string, r record) string {
	t.Helper()
	target := tree.Target(t, nil)
	target.KernelLog = log
	var out []string
	for _, f := range judged(t, target, nil, r.facts(t)) {
		if f.Code == code {
			out = append(out, words(f))
		}
	}
	return strings.Join(out, "\n")
}

// TestHardwareWords: a finding names the GPU, the number, the time, what NVIDIA
// recommends, and the command for this GPU.
func TestHardwareWords(t *testing.T) {
	const xid119 = stamp + "Xid (PCI:0000:01:00): 119, Timeout after 6s!\n"
	late := with(server(), tree{"/proc/uptime": "7500.50 1.0\n"})
	for _, c := range []struct {
		name, code string
		tree       tree
		log        string
		record     record
		want       []string
	}{
		{"age", "gpu.xid", late, xid119 + xid119, nil, []string{"Xid 119 for NVIDIA H100 80GB HBM3 (0000:01:00.0), 2 times, the last 2 hours ago: Timeout after 6s.", "GSP", "RESET_GPU", "sudo nvidia-smi --gpu-reset -i 0000:01:00.0"}},
		{"no age", "gpu.xid", server(), xid119, nil, []string{"once 120 seconds after the machine started"}},
		{"before", "gpu.xid", late, xid119 + "[    0.000000] Linux version 6\n", nil, []string{"before the machine was last started"}},
		{"reloaded", "gpu.xid", late, xid119 + "[ 900.0] NVRM: loading NVIDIA UNIX x86_64 Kernel Module  550.54.15\n", nil, []string{"before the driver was last loaded"}},
		{"file", "gpu.xid", with(server(), tree{"/var/log/messages": "Nov 22 05:00:01 h kernel: NVRM: Xid (PCI:0000:01:00): 119, x\n"}), "", nil, []string{"once on Nov 22 05:00:01; the log does not show"}},
		{"unknown GPU", "gpu.xid", server(), stamp + "Xid (PCI:0000:99:00): 119, x", nil, []string{"NVIDIA GPU (0000:99:00.0)"}},
		{"no text", "gpu.xid", server(), stamp + "Xid (PCI:0000:01:00): 62", nil, []string{"the internal micro-controller halted"}},
		{"mechanics", "gpu.xid", server(), stamp + "Xid (PCI:0000:01:00): 54, x", nil, []string{"Check the power connectors"}},
		{"restart", "gpu.xid", server(), stamp + "Xid (PCI:0000:01:00): 79, x", nil, []string{"sudo reboot"}},
		{"program", "gpu.xid", server(), stamp + "Xid (PCI:0000:01:00): 13, x", nil, []string{"Look for the fault in the program", "compute-sanitizer", "dcgmi diag"}},
		{"cleanup", "gpu.xid", server(), stamp + "Xid (PCI:0000:01:00): 45, x", nil, []string{"Look for the number that came before it"}},
		{"node reboot", "gpu.xid", server(), stamp + "Xid (PCI:0000:01:00): 154, GPU recovery action changed from 0x0 (None) to 0x2 (Node Reboot Required)", nil, []string{"sudo reboot"}},
		{"without action", "gpu.xid", server(), stamp + "Xid (PCI:0000:01:00): 171, x", nil, []string{"No action is published", xidCatalog}},
		{"lost twice", "gpu.fallen-off-bus", with(server(), tree{busDir + "/config": "\xff\xff\xff\xff"}), stamp + "Xid (PCI:0000:01:00): 79, x", nil, []string{"the driver reported Xid 79 once", "reads as ones", "sudo poweroff"}},
		{"counted", "gpu.fallen-off-bus", with(second(server(), "nvidia"), tree{"/proc/driver/nvidia/gpus/0000:02:00.0/information": "absent"}), "", nil, []string{"the driver lists 1 GPU, and 2 are bound to it", "(0000:02:00.0)"}},
		{"ECC", "gpu.ecc-uncorrectable", server(), "", devices(`,"ecc":{"mode":"on","uncorrected_volatile":2,"uncorrected_aggregate":3}`), []string{"2 uncorrectable memory errors since the driver was loaded, and 3 over the life"}},
		{"heat", "gpu.throttled", server(), "", devices(`,"throttle_reasons":["hw_thermal_slowdown"],"temperature":93,"slowdown_temperature":92,"clocks":{"sm":345,"memory":1,"max_sm":1980}`), []string{"too hot", "at 93 °C of 92 °C, clock 345 of 1980 MHz"}},
		{"limit", "gpu.throttled", server(), "", devices(`,"power_limit":400,"default_power_limit":700`), []string{"400 W, and its default is 700 W", "-pl 700"}},
		{"holders", "gpu.memory-in-use", server(), "", devices(`,"memory_bytes":1048576000,"memory_used_bytes":1048576000,"processes":[{"pid":7,"memory_bytes":1},{"pid":8,"memory_bytes":9}]`), []string{"1000 of 1000 MiB", "by 2 programs that run now (PID 8, PID 7)"}},
		{"nobody", "gpu.memory-in-use", server(), "", devices(`,"memory_bytes":1048576000,"memory_used_bytes":1048576000`), []string{"cannot be seen from here"}},
		{"links", "gpu.nvlink-down", hgx(), "", links(12, ""), []string{"has 12 NVLinks up, and others of its model have 18", "0000:08:00.0"}},
		{"MIG", "gpu.mig-no-instance", server(), "", devices(`,"mig":{"mode":"on"}`), []string{"no compute instance", "mig -cgi PROFILE -C -i 0000:01:00.0", "-mig 0"}},
		{"far", "gpu.numa-affinity", pinned("0-7"), "", nil, []string{"processors 0-7, and those next to its GPUs are 8-15", "taskset -c 8-15"}},
		{"fabric", "gpu.fabric-manager-mismatch", with(nvswitch(server()), fabricPackage("550.90.07-1")), "", nil, []string{"550.90.07, and the loaded driver is 550.54.15"}},
		{"refused", "gpu.device-unclaimed", second(rtx4090(), ""), stamp + "The NVIDIA GPU 0000:02:00.0 (PCI ID: 10de:2684)\nNVRM: installed in this system is not supported by open\nNVRM: nvidia.ko because it does not include the required GPU\n", nil, []string{"The driver said: ", "does not include the required GPU"}},
		{"refused all", "gpu.driver-missing", unloaded(), stamp + "The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:0fc6)\nNVRM: installed in this system is not supported by the NVIDIA 550.54.14 driver release.\n", nil, []string{"not supported by the NVIDIA 550.54.14"}},
		{"ACS", "gpu.acs-p2p", switched("20f1", "\x1d\x00"), "", nil, []string{"2 PCI bridges above 2 GPUs", "setpci -s 0000:10:00.0 ECAP_ACS+0x6.w=0000", "setpci -s 0000:10:01.0 ECAP_ACS+0x6.w=0000"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := said(t, c.code, c.tree, c.log, c.record)
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not said in:\n%s", want, text)
				}
			}
		})
	}
}

// TestEvidencePointsAtTheLine: of several events each finding quotes its own.
func TestEvidencePointsAtTheLine(t *testing.T) {
	target := server().Target(t, nil)
	target.KernelLog = "[ 1.0] quiet\n" + stamp + "Xid (PCI:0000:01:00): 62, x\n" + stamp + "Xid (PCI:0000:01:00): 13, y\n"
	lines := map[string]int{}
	for _, f := range judged(t, target, nil, nil) {
		if len(f.Evidence) != 1 || f.Evidence[0].Path != "/dev/kmsg" || f.Evidence[0].Fact != facts.LogEvents {
			t.Errorf("%s: %+v", f.Title, f.Evidence)
		}
		lines[f.Title[:6]] = f.Evidence[0].Line
	}
	if lines["Xid 62"] != 2 || lines["Xid 13"] != 3 {
		t.Errorf("%v", lines)
	}
}

// TestOneSubject: what the log, NVML and the bus say of one GPU shares its
// subject, so that the graph of causes can join it.
func TestOneSubject(t *testing.T) {
	target := with(server(), tree{busDir + "/current_link_width": "4\n"}).Target(t, nil)
	target.KernelLog = stamp + "Xid (PCI:0000:01:00): 62, x\n"
	subjects := map[string]bool{}
	for _, f := range judged(t, target, nil, devices(`,"throttle_reasons":["hw_slowdown"],"remapped_rows":{"pending":true}`).facts(t)) {
		subjects[f.Subject] = true
	}
	if len(subjects) != 1 || !subjects["NVIDIA H100 80GB HBM3 (0000:01:00.0)"] {
		t.Errorf("%v", subjects)
	}
}

// TestOneOfTwoWithoutInstance: MIG without an instance on one of two GPUs
// leaves the other.
func TestOneOfTwoWithoutInstance(t *testing.T) {
	r := record{facts.NVMLStatus: "ok", facts.Devices: []facts.Device{
		{Index: 0, Name: "A100", PCI: bus, Source: "nvml", PersistenceMode: "on", MIG: &facts.MIG{Mode: "on"}},
		{Index: 1, Name: "A100", PCI: "0000:02:00.0", Source: "nvml", PersistenceMode: "on"},
	}}
	found := judged(t, second(server(), "nvidia").Target(t, nil), nil, r.facts(t))
	if len(found) != 1 || found[0].Code != "gpu.mig-no-instance" || found[0].Severity != check.Warning {
		t.Errorf("%q", spoken(found))
	}
}

func TestAgo(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Second: "within the last two minutes", 90 * time.Minute: "90 minutes ago", 47 * time.Hour: "47 hours ago", 400 * time.Hour: "16 days ago",
	} {
		if got := ago(d); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func TestCanonical(t *testing.T) {
	for text, want := range map[string]string{
		"PCI:0000:01:00": "0000:01:00.0", "0000:01:00.0": "0000:01:00.0", "00000000:0A:00.0": "0000:0a:00.0", "": "",
	} {
		if got := canonical(text); got != want {
			t.Errorf("%q: %q, want %q", text, got, want)
		}
	}
}

func TestCPUs(t *testing.T) {
	for text, want := range map[string]int{"0-3": 4, "0,2,8-9": 4, "7": 1, "": -1, "3-1": -1, "0-99999": -1, "x": -1, "-1": -1, "0-": -1} {
		got, ok := cpus(text)
		if ok != (want >= 0) || ok && len(got) != want {
			t.Errorf("%q: %v, %v", text, got, ok)
		}
	}
}

func FuzzCPUs(f *testing.F) {
	f.Add("0-15,32-47")
	f.Add("0-8191,8192")
	f.Fuzz(func(t *testing.T, text string) {
		if got, ok := cpus(text); ok && (len(got) == 0 || len(got) > maxCPU) {
			t.Errorf("%q: %d processors", text, len(got))
		}
	})
}

// FuzzRecordedFacts: whatever a recording says of devices and logs, no check
// panics.
func FuzzRecordedFacts(f *testing.F) {
	f.Add(`[{"index":-5,"pci":"x","mig":{"mode":"on"},"nvlink":[{"active":true}],"ecc":{"uncorrected_volatile":1}}]`, `[{"kind":"xid","xid":79,"pci":"y","text":"!"}]`)
	f.Fuzz(func(t *testing.T, devices, events string) {
		r := record{facts.NVMLStatus: "ok", facts.Devices: devices, facts.LogEvents: events, facts.Switches: "2", facts.Loaded: "true"}
		facts := r.facts(t)
		for _, o := range checked(facts) {
			if strings.Contains(o.Reason, "panic") {
				t.Fatal(o.Reason)
			}
		}
	})
}
