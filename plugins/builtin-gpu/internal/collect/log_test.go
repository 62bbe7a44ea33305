// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/machinetest"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/nvlog"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

const xidLine = "Nov 22 05:00:01 host kernel: [   12.500000] NVRM: Xid (PCI:0000:01:00): 31, pid=7, MMU Fault\n"

// TestLogSources: the ring buffer first, then the most specific file, and a
// reason where neither can be read.
func TestLogSources(t *testing.T) {
	tree := rtx4090()
	tree["/var/log/syslog"] = xidLine
	tree["/var/log/dmesg"] = strings.ReplaceAll(xidLine, "31", "62")
	target := tree.Target(t, nil)
	target.KernelLogUnknown = "kernel.dmesg_restrict"
	set := observe(t, target, nil)
	events, _ := fact.Get[[]facts.LogEvent](set, facts.LogEvents)
	if len(events) != 1 || events[0].Xid != 31 || events[0].Boot != facts.BootUnknown {
		t.Fatalf("%+v", events)
	}
	if f, _ := set.Lookup(facts.LogEvents); len(f.Evidence) != 1 || f.Evidence[0].Path != "/var/log/syslog" || f.Evidence[0].Line != 1 {
		t.Errorf("%+v", f.Evidence)
	}
	target.KernelLog = "[ 1.0] quiet\n[ 2.0] NVRM: Xid (PCI:0000:01:00): 48, DBE\n"
	set = observe(t, target, nil)
	events, _ = fact.Get[[]facts.LogEvent](set, facts.LogEvents)
	if f, _ := set.Lookup(facts.LogEvents); len(events) != 1 || events[0].Xid != 48 || f.Evidence[0].Path != ringBuffer || f.Evidence[0].Line != 2 {
		t.Errorf("%+v", events)
	}
	bare := rtx4090().Target(t, nil)
	bare.KernelLogUnknown = "kernel.dmesg_restrict keeps the kernel's log from this user"
	if f, _ := observe(t, bare, nil).Lookup(facts.LogEvents); f.Unknown != bare.KernelLogUnknown {
		t.Errorf("%+v", f)
	}
	require(t, observe(t, rtx4090().Target(t, nil), nil), map[string]string{facts.LogEvents: "absent"})
}

// TestQuietLog: a log without faults is a fact too.
func TestQuietLog(t *testing.T) {
	target := rtx4090().Target(t, nil)
	target.KernelLog = "[ 1.0] usb 1-1: new device\n"
	require(t, observe(t, target, nil), map[string]string{facts.LogEvents: "[]"})
}

// TestLongLog: only the end of a huge file is read, and its lines lose their
// numbers rather than get wrong ones.
func TestLongLog(t *testing.T) {
	tree := rtx4090()
	tree["/var/log/kern.log"] = strings.ReplaceAll(xidLine, "31", "62") + strings.Repeat("Nov 22 05:00:01 host kernel: nothing\n", 60000) + xidLine
	set := observe(t, tree.Target(t, nil), nil)
	events, _ := fact.Get[[]facts.LogEvent](set, facts.LogEvents)
	if f, _ := set.Lookup(facts.LogEvents); len(events) != 1 || events[0].Xid != 31 || f.Evidence[0].Line != 0 {
		t.Errorf("%+v", events)
	}
}

// TestHostileFiles: pipes, directories, loops and huge or wrong bytes in the
// place of what is read give no facts and no wait.
func TestHostileFiles(t *testing.T) {
	tree := rtx4090()
	for _, name := range append([]string{uptimeFile, procCPU, dpkgStatus, onlineCPUs, fabricLog}, kernelFiles...) {
		tree[name] = "-> " + filepath.Base(name) // a link to itself
	}
	tree["/var/log/kern.log/inside"] = "a directory"
	delete(tree, "/var/log/kern.log")
	tree["/sys/devices/pci0000:00/0000:01:00.0/config"] = "\xff"
	tree["/proc/self/status"] = strings.Repeat("\x00", 1<<16)
	target := tree.Target(t, map[string]string{"PATH": ":relative:/a\x00b:" + strings.Repeat("/x:", 5000), "LD_LIBRARY_PATH": strings.Repeat("/y:", 5000)})
	pipe(t, filepath.Join(target.Root, "var/log/messages.fifo"))
	if err := os.Rename(filepath.Join(target.Root, "var/log/messages.fifo"), filepath.Join(target.Root, "var/log/messages")); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	require(t, observe(t, target, nil), map[string]string{
		facts.LogEvents: "absent", facts.Uptime: "absent", facts.Virtual: "absent", facts.Affinity: "absent", facts.NVCCOnPath: "absent", facts.Count: "1",
	})
}

// TestDateByClock: a full date, or a stamp beyond the uptime, tells what a file
// without a start does not.
func TestDateByClock(t *testing.T) {
	now := time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)
	for line, want := range map[string]string{
		"2026-11-22T05:30:00+00:00 h kernel: NVRM: Xid (PCI:0000:01:00): 62, x":   facts.BootNow,
		"2026-11-22T04:30:00.5+00:00 h kernel: NVRM: Xid (PCI:0000:01:00): 62, x": facts.BootBefore,
		"2026-11-22T07:30:00+02:00 h kernel: NVRM: Xid (PCI:0000:01:00): 62, x":   facts.BootNow,
		"Nov 22 05:30:00 h kernel: [ 3700.5] NVRM: Xid (PCI:0000:01:00): 62, x":   facts.BootBefore,
		"Nov 22 05:30:00 h kernel: [ 12.5] NVRM: Xid (PCI:0000:01:00): 62, x":     facts.BootUnknown,
		"Nov 22 05:30:00 h kernel: NVRM: Xid (PCI:0000:01:00): 62, x":             facts.BootUnknown,
	} {
		events := nvlog.Parse(line, nvlog.File)
		if dateByClock(events, 3600, now); len(events) != 1 || events[0].Boot != want {
			t.Errorf("%q: %+v, want %s", line, events, want)
		}
	}
}

func TestParseUptime(t *testing.T) {
	for text, want := range map[string]float64{"1234.56 99.1\n": 1234.56, "7": 7, "": 0, "-3 1": 0, "NaN 1": 0, "1e300 1": 0, "x": 0} {
		got, ok := parseUptime([]byte(text))
		if ok != (want > 0) || ok && got != want {
			t.Errorf("%q: %v, %v", text, got, ok)
		}
	}
}

func TestFabricPackage(t *testing.T) {
	for status, want := range map[string]string{
		"Package: nvidia-fabricmanager-550\nStatus: install ok installed\nVersion: 550.54.15-1\n":                                                              "550.54.15",
		"Package: a\nStatus: install ok installed\nVersion: 1\n\nPackage: nvidia-fabricmanager\nVersion: 2:580.65.06-0ubuntu1\nStatus: install ok installed\n": "",
		"Package: nvidia-fabricmanager\nStatus: install ok installed\nArchitecture: amd64\nVersion: 2:580.65.06-0ubuntu1\n":                                    "580.65.06",
		"Package: nvidia-fabricmanager-550\nStatus: deinstall ok config-files\nVersion: 550.54.15-1\n":                                                         "",
		"Package: nvidia-fabricmanager-dev-550\nStatus: install ok installed\nVersion: 550.54.15-1\n":                                                          "",
		"Package: nvidia-fabricmanager\nStatus: install ok installed\nVersion: junk\n":                                                                         "",
		"": "",
	} {
		if got, _ := fabricPackage(status); got != want {
			t.Errorf("%q: %q, want %q", status, got, want)
		}
	}
}

// TestMathLibraries: the order of the loader, the version of the real file, and
// nothing twice.
func TestMathLibraries(t *testing.T) {
	tree := machinetest.CPUOnly()
	for name, content := range map[string]string{
		"/opt/mine/libcudnn.so.9": "-> libcudnn.so.9.1.0", "/opt/mine/libcudnn.so.9.1.0": "ELF", "/opt/mine/libcudnn_ops.so.9": "ELF",
		"/usr/lib/x86_64-linux-gnu/libcudnn.so.8": "-> libcudnn.so.8.9.7", "/usr/lib/x86_64-linux-gnu/libcudnn.so.8.9.7": "ELF",
		"/usr/local/cuda-12/lib64/libnccl.so.2": "-> libnccl.so.2.20.5", "/usr/local/cuda-12/lib64/libnccl.so.2.20.5": "ELF",
		"/etc/ld.so.cache": cache(0x303, "libcudnn.so.8", "/usr/lib/x86_64-linux-gnu/libcudnn.so.8"),
	} {
		tree[name] = content
	}
	require(t, observe(t, tree.Target(t, map[string]string{"LD_LIBRARY_PATH": "/opt/mine:/opt/mine"}), nil), map[string]string{
		facts.CUDNN: `[{"soname":"libcudnn.so.9","path":"/opt/mine/libcudnn.so.9","version":"9.1.0","origin":"LD_LIBRARY_PATH"},` +
			`{"soname":"libcudnn.so.8","path":"/usr/lib/x86_64-linux-gnu/libcudnn.so.8","version":"8.9.7","origin":"ld.so.cache"}]`,
		facts.NCCL: `[{"soname":"libnccl.so.2","path":"/usr/local/cuda-12/lib64/libnccl.so.2","version":"2.20.5","origin":"toolkit"}]`,
	})
}

func TestCompilerOnPath(t *testing.T) {
	tree := machinetest.CPUOnly()
	tree.Toolkit("/usr/local/cuda-12.4", "12.4.1")
	tree["/usr/local/cuda"] = "-> cuda-12.4"
	tree["/usr/bin/nvcc"] = ""
	tree["/usr/lib/cuda/version.txt"] = "CUDA Version 11.8.89\n"
	for path, want := range map[string]string{
		"/bin:/usr/local/cuda/bin:/usr/bin": `{"path":"/usr/local/cuda/bin/nvcc","toolkit":"/usr/local/cuda-12.4","version":"12.4.1"}`,
		"/usr/bin":                          `{"path":"/usr/bin/nvcc","toolkit":"/usr/lib/cuda","version":"11.8.89"}`,
		"/bin:relative":                     "absent",
	} {
		require(t, observe(t, tree.Target(t, map[string]string{"PATH": path}), nil), map[string]string{facts.NVCCOnPath: want})
	}
}

func FuzzSmallFiles(f *testing.F) {
	f.Add("Package: nvidia-fabricmanager-550\nStatus: install ok installed\nVersion: 1:550.54.15-1\n", "12.5 1")
	f.Add("Package:nvidia-fabricmanager\nStatus:0 installed\nVersion", "0")
	f.Add("flags : hypervisor\nCpus_allowed_list: 0-3", "")
	f.Fuzz(func(t *testing.T, text, number string) {
		if version, line := fabricPackage(text); (version == "") != (line == 0) {
			t.Errorf("%q, line %d", version, line)
		}
		hypervisorFlag(text)
		statusField(text, "Cpus_allowed_list")
		if n, ok := parseUptime([]byte(number)); ok && !(n > 0) {
			t.Errorf("uptime %v", n)
		}
	})
}
