// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"maps"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/machinetest"
)

const (
	efi    = "/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c"
	module = "/lib/modules/" + machinetest.Kernel + "/updates/dkms/nvidia.ko"
)

// noDriver has a GPU and nothing of NVIDIA's on disk.
func noDriver() tree { return gpuOnly("2684", "") }

// gpuOnly has one GPU and the kernel's own drivers.
func gpuOnly(device, driver string) tree {
	t := machinetest.CPUOnly()
	t.GPU(bus, device, driver)
	return t
}

// laptop has a second GPU without a display of its own.
func laptop() tree {
	t := machinetest.Healthy("2717", "NVIDIA GeForce RTX 4090 Laptop GPU", "570.158.01")
	t.Class(bus, "030200")
	return t
}

// bound binds the first GPU to a driver.
func bound(t tree, driver string) tree {
	t.GPU(bus, "2684", driver)
	return t
}

// second adds a GPU.
func second(t tree, driver string) tree {
	t.GPU("0000:02:00.0", "2684", driver)
	return t
}

// otherKernel has a module for the kernel before the upgrade.
func otherKernel() tree {
	t := noDriver()
	t["/lib/modules/6.1.0-17-amd64/kernel/nvidia-535/nvidia.ko.zst"] = ""
	return t
}

func libraries(t tree, dir, version string) tree {
	t.Libraries(dir, version)
	return t
}

// wsl is the subsystem for Linux with the Windows driver's libraries.
func wsl() tree {
	return tree{
		"/proc/sys/kernel/osrelease":          "5.15.153.1-microsoft-standard-WSL2\n",
		"/usr/lib/wsl/lib/libcuda.so.1":       "",
		"/usr/lib/wsl/lib/libnvidia-ml.so.1":  "",
		"/dev/dxg":                            "",
		"/sys/bus/pci/devices/0/vendor":       "0x1414\n",
		"/sys/bus/pci/devices/0/class":        "0x030200\n",
		"/usr/lib/x86_64-linux-gnu/libc.so.6": "",
	}
}

func openBlackwell() tree {
	t := machinetest.Healthy("2b85", "NVIDIA GeForce RTX 5090", "570.158.01")
	t["/proc/driver/nvidia/version"] = "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.158.01  Release Build  (root@host)\n"
	return t
}

// refusedBlackwell has the closed module loaded, and the GPU bound to nothing.
func refusedBlackwell() tree {
	t := machinetest.Healthy("2b85", "NVIDIA GeForce RTX 5090", "570.158.01")
	delete(t, busDir+"/driver")
	return t
}

// inContainer has the host's kernel in view and none of its device nodes.
func inContainer() tree {
	t := rtx4090()
	maps.DeleteFunc(t, func(name, _ string) bool {
		return strings.HasPrefix(name, "/dev/nvidia") || strings.HasPrefix(name, "/usr/lib/x86_64-linux-gnu/lib")
	})
	t["/.dockerenv"] = ""
	return t
}

func nvswitch(t tree) tree {
	const dir = "/sys/bus/pci/devices/0000:05:00.0"
	t[dir+"/vendor"] = "0x10de\n"
	t[dir+"/class"] = "0x068000\n"
	return t
}

func toolkit(t tree, version string) tree {
	major, _, _ := strings.Cut(version, ".")
	dir := "/usr/local/cuda-" + major
	t.Toolkit(dir, version)
	t[dir+"/include/crt/host_config.h"] = "#error -- unsupported GNU version! gcc versions later than 12 are not supported!\n"
	t["/usr/local/cuda"] = "-> cuda-" + major
	return t
}

// compat puts a forward compatibility library on the loader's path.
func compat(t tree, version string) tree {
	const dir = "/usr/local/cuda-12.8/compat"
	t[dir+"/libcuda.so."+version] = ""
	t[dir+"/libcuda.so.1"] = "-> libcuda.so." + version
	t["/etc/ld.so.cache"] = loaderCache("libcuda.so.1", dir+"/libcuda.so.1")
	return t
}

func gcc(t tree, major string) tree {
	t["/usr/lib/gcc/x86_64-linux-gnu/"+major+"/cc1plus"] = ""
	return t
}

// loaderCache writes /etc/ld.so.cache with one library for amd64.
func loaderCache(name, path string) string {
	le := func(n uint32) string { return string([]byte{byte(n), byte(n >> 8), byte(n >> 16), byte(n >> 24)}) }
	const header, entry = 48, 24
	head := "glibc-ld.so.cache1.1" + le(1) + strings.Repeat("\x00", 24)
	row := le(0x303) + le(header+entry) + le(header+entry+uint32(len(name))+1) + strings.Repeat("\x00", 12)
	return head + row + name + "\x00" + path + "\x00"
}

func unloadedBlackwell() tree {
	t := machinetest.Healthy("2b85", "NVIDIA GeForce RTX 5090", "570.158.01")
	t.Unload()
	return t
}
