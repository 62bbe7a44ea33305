// SPDX-License-Identifier: Apache-2.0

// Package machinetest builds machines out of plain files for the tests of the
// gpu plugin, with the GPUs, drivers and toolkits that they have.
package machinetest

import (
	"maps"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

// Kernel is the release that the machines run.
const Kernel = "6.1.0-18-amd64"

// Tree is the files of a machine, written as plugintest.Machine reads them.
type Tree map[string]string

// CPUOnly is a machine with a PCI bus and no NVIDIA device on it.
func CPUOnly() Tree {
	return Tree{
		"/proc/sys/kernel/osrelease":                  Kernel + "\n",
		"/proc/modules":                               "ext4 1 1 - Live 0x0\n",
		"/proc/cmdline":                               "BOOT_IMAGE=/vmlinuz root=/dev/sda1 quiet\n",
		"/proc/self/status":                           "Name:\tpython\nUid:\t1000\t1000\t1000\t1000\nGid:\t1000\t1000\t1000\t1000\nGroups:\t27 1000\n",
		"/sys/bus/pci/devices/0000:00:00.0":           "-> ../../../devices/pci0000:00/0000:00:00.0",
		"/sys/devices/pci0000:00/0000:00:00.0/vendor": "0x8086\n",
		"/sys/devices/pci0000:00/0000:00:00.0/class":  "0x060000\n",
		"/lib/modules/" + Kernel + "/modules.dep":     "kernel/fs/ext4/ext4.ko:\n",
		"/dev/null":                                    "",
		"/usr/lib/x86_64-linux-gnu/libc.so.6":          "",
		"/lib/modules/" + Kernel + "/kernel/fs/e.ko":   "",
		"/sys/devices/pci0000:00/0000:00:00.0/device":  "0x1237\n",
		"/sys/devices/pci0000:00/0000:00:00.0/irq":     "0\n",
		"/sys/devices/pci0000:00/0000:00:00.0/enabled": "1\n",
	}
}

// Healthy is a machine with one GPU (PCI number device, class 0300 or 0302)
// at 0000:01:00.0 and the closed driver of a version, everything in order.
func Healthy(device, model, driver string) Tree {
	t := CPUOnly()
	t.GPU("0000:01:00.0", device, "nvidia")
	t.Driver(driver)
	t["/proc/driver/nvidia/gpus/0000:01:00.0/information"] = "Model: \t\t " + model + "\nIRQ:   \t\t 150\n" +
		"GPU UUID: \t GPU-5b0c4a4e-1111-2222-3333-444455556666\nDevice Minor: \t 0\nGPU Firmware: \t " + driver + "\n"
	return t
}

// GPU puts a GPU on the bus; an empty driver leaves it unbound.
func (t Tree) GPU(address, device, driver string) {
	dir := "/sys/devices/pci0000:00/" + address
	t["/sys/bus/pci/devices/"+address] = "-> ../../../devices/pci0000:00/" + address
	t[dir+"/vendor"] = "0x10de\n"
	t[dir+"/device"] = "0x" + device + "\n"
	t[dir+"/class"] = "0x030000\n"
	t[dir+"/current_link_width"] = "16\n"
	t[dir+"/max_link_width"] = "16\n"
	t[dir+"/numa_node"] = "-1\n"
	if driver != "" {
		t[dir+"/driver"] = "-> ../../../bus/pci/drivers/" + driver
	}
	if driver == "nvidia" {
		t["/proc/driver/nvidia/gpus/"+address+"/information"] = "GPU UUID: \t GPU-????????-????-????-????-????????????\n"
	}
}

// Class changes the PCI class of a GPU, "030200" for one without display.
func (t Tree) Class(address, class string) {
	t["/sys/devices/pci0000:00/"+address+"/class"] = "0x" + class + "\n"
}

// Driver installs and loads the closed driver: module, libraries and nodes.
func (t Tree) Driver(version string) {
	maps.Copy(t, Tree{
		"/sys/module/nvidia/version":  version + "\n",
		"/proc/driver/nvidia/version": "NVRM version: NVIDIA UNIX x86_64 Kernel Module  " + version + "  Sun May 12 19:39:15 UTC 2024\nGCC version:  gcc\n",
		"/proc/modules":               "nvidia_uvm 1 0 - Live 0x0\nnvidia 1 1 - Live 0x0\next4 1 1 - Live 0x0\n",
		"/dev/nvidiactl":              "", "/dev/nvidia0": "", "/dev/nvidia-uvm": "",
		"/usr/bin/nvidia-modprobe":                           "",
		"/lib/modules/" + Kernel + "/updates/dkms/nvidia.ko": "ELF" + signature,
		"/var/lib/dkms/nvidia/" + version + "/source":        "-> /usr/src/nvidia",
	})
	t.Libraries("/usr/lib/x86_64-linux-gnu", version)
}

const signature = "~Module signature appended~\n"

// Libraries puts the driver's libraries of a version into a directory.
func (t Tree) Libraries(dir, version string) {
	for _, stem := range []string{"libnvidia-ml.so", "libcuda.so"} {
		t[dir+"/"+stem+"."+version] = "ELF"
		t[dir+"/"+stem+".1"] = "-> " + stem + "." + version
	}
}

// Unload takes the kernel module out of the kernel, and leaves it on disk.
func (t Tree) Unload() {
	for name := range t {
		if strings.HasPrefix(name, "/sys/module/nvidia") || strings.HasPrefix(name, "/proc/driver/nvidia") || strings.HasPrefix(name, "/dev/nvidia") {
			delete(t, name)
		}
	}
	t["/proc/modules"] = "ext4 1 1 - Live 0x0\n"
	delete(t, "/sys/devices/pci0000:00/0000:01:00.0/driver")
}

// Toolkit installs a CUDA toolkit with nvcc.
func (t Tree) Toolkit(dir, version string) {
	t[dir+"/version.json"] = `{"cuda": {"name": "CUDA SDK", "version": "` + version + `"}}`
	t[dir+"/bin/nvcc"] = ""
}

// Behind puts a GPU below PCI bridges instead of next to the processor. A
// bridge "0000:10:00.0" is made where there is none.
func (t Tree) Behind(address string, bridges ...string) {
	old := "/sys/devices/pci0000:00/" + address
	dir := "/sys/devices/pci0000:00/" + strings.Join(append(slices.Clone(bridges), address), "/")
	for name, content := range maps.Clone(t) {
		if rest, ok := strings.CutPrefix(name, old+"/"); ok {
			delete(t, name)
			t[dir+"/"+rest] = content
		}
	}
	t["/sys/bus/pci/devices/"+address] = "-> ../../.." + strings.TrimPrefix(dir, "/sys")
	if driver, ok := t[dir+"/driver"]; ok {
		t[dir+"/driver"] = "-> /sys/bus/pci/drivers/" + path.Base(driver)
	}
}

// Target writes the tree below a temporary directory and describes it as a
// recorded machine with an environment, without a project.
func (t Tree) Target(tb testing.TB, env map[string]string) *fact.Target {
	tb.Helper()
	target := plugintest.Machine(tb, t)
	target.Home, target.ProjectDir = "/home/user", ""
	maps.Copy(target.Env, env)
	return target
}
