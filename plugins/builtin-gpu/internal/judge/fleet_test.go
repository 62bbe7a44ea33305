// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/machinetest"
)

const (
	secureOn = "\x06\x00\x00\x00\x01"
	mounts   = "36 35 98:0 / / rw,noatime - overlay overlay rw\n41 36 0:50 / /proc/driver/nvidia rw - tmpfs tmpfs rw\n"
	legacy   = "[ 8.1] NVRM: The NVIDIA GeForce GTX 1080 GPU installed in this system is\n[ 8.1] NVRM:  supported through the NVIDIA 580.xx Legacy drivers. Please\n[ 8.1] NVRM:  visit http://www.nvidia.com/object/unix.html for more\n"
)

// virtualFunctions is a host that cuts a GPU up for virtual machines.
func virtualFunctions() tree {
	t := server()
	for _, vf := range []string{"0000:01:00.4", "0000:01:00.5"} {
		t.GPU(vf, "2330", "nvidia")
		t["/sys/devices/pci0000:00/"+vf+"/physfn"] = "-> ../" + bus
		delete(t, "/proc/driver/nvidia/gpus/"+vf+"/information")
	}
	return with(t, tree{"/proc/modules": "nvidia_vgpu_vfio 1 0 - Live 0x0\nnvidia 1 1 - Live 0x0\n", "/dev/nvidia-uvm": "absent", "/usr/bin/nvidia-modprobe": "absent"})
}

// jetson is an Orin: no GPU on the PCI bus, and numbers of its own.
func jetson(module string) tree {
	t := machinetest.CPUOnly()
	t.Toolkit("/usr/local/cuda-12", "12.6.68")
	return with(t, tree{
		"/proc/sys/kernel/osrelease":               "5.15.148-tegra\n",
		"/proc/driver/nvidia/version":              "NVRM version: NVIDIA UNIX Open Kernel Module for aarch64  " + module + "  Release Build\n",
		"/sys/module/nvidia/version":               module + "\n",
		"/usr/lib/x86_64-linux-gnu/libcuda.so.1.1": "ELF", "/usr/lib/x86_64-linux-gnu/libcuda.so.1": "-> libcuda.so.1.1",
		"/dev/nvidiactl": "", "/dev/nvidia0": "",
	})
}

// operator is a node whose driver is in a container of the GPU Operator.
func operator(t tree) tree {
	maps.DeleteFunc(t, func(name, _ string) bool {
		return strings.HasPrefix(name, "/dev/nvidia") || strings.HasPrefix(name, "/usr/lib/x86_64-linux-gnu/lib") ||
			strings.HasPrefix(name, "/run/nvidia") || strings.HasSuffix(name, "nvidia.ko") || strings.HasPrefix(name, "/usr/bin/nvidia")
	})
	return with(t, tree{
		"/run/nvidia/driver/dev/nvidiactl":                                 "",
		"/run/nvidia/driver/run/nvidia-persistenced/socket":                "",
		"/run/nvidia/driver/run/nvidia-fabricmanager/nv-fabricmanager.pid": "7\n",
	})
}

// mounted is a container over whose libraries the runtime has put those of the
// image's forward compatibility package.
func mounted(t tree, version string) tree {
	const dir = "/usr/lib/x86_64-linux-gnu/"
	return with(t, tree{
		"/.dockerenv": "", dir + "libcuda.so." + version: "ELF", dir + "libcuda.so.1": "-> libcuda.so." + version,
		"/usr/local/cuda-12.8/compat/libcuda.so." + version: "ELF", "/usr/local/cuda-12.8/compat/libcuda.so.1": "-> libcuda.so." + version,
	})
}

// debianModule names the module as Debian's alternatives do.
func debianModule(t tree) tree {
	out := with(t, tree{module: "absent"})
	for _, name := range []string{"nvidia-current.ko", "nvidia-current-drm.ko", "nvidia-current-uvm.ko"} {
		out["/lib/modules/"+machinetest.Kernel+"/updates/dkms/"+name] = "ELF"
	}
	return out
}

func width(t tree, lanes string) tree {
	return with(t, tree{busDir + "/current_link_width": lanes + "\n"})
}

// gaming is a laptop with NVML's answers.
func gaming(fields string) record {
	return record{"gpu.nvml.status": "ok", "gpu.devices": `[{"index":0,"name":"NVIDIA GeForce RTX 4090 Laptop GPU","pci":"` + bus + `","source":"nvml"` + fields + `}]`}
}

// fleet is machines as they stand in racks, clouds and homes, on which a
// careless check cries wolf or names the wrong cause.
var fleet = []struct {
	name   string
	tree   tree
	env    map[string]string
	log    string
	record record
	want   []string
}{
	{name: "vGPU host with virtual functions", tree: virtualFunctions()},
	{name: "Jetson with JetPack 5", tree: jetson("35.3.1")},
	{name: "Jetson with JetPack 6", tree: jetson("540.4.0")},
	{name: "nForce board", tree: with(rtx4090(), tree{"/sys/bus/pci/devices/0000:00:07.0/vendor": "0x10de\n", "/sys/bus/pci/devices/0000:00:07.0/class": "0x068000\n", "/sys/bus/pci/devices/0000:00:07.0/device": "0x03ef\n"})},
	{name: "NVSwitch by its number", tree: with(nvswitch(server()), tree{"/sys/bus/pci/devices/0000:05:00.0/device": "0x22a3\n"}), want: []string{"gpu.fabric-manager error"}},
	{name: "node of the GPU Operator", tree: operator(server()), want: []string{"gpu.device-nodes-missing info"}},
	{name: "HGX node of the GPU Operator", tree: operator(hgx()), want: []string{"gpu.device-nodes-missing info"}},

	{name: "GH200", tree: width(machinetest.Healthy("2342", "NVIDIA GH200 480GB", "570.86.15"), "1"), record: devices("")},
	{name: "DGX Spark", tree: with(width(openBlackwell(), "1"), tree{busDir + "/device": "0x2e12\n"})},
	{name: "GPU in a Thunderbolt enclosure", tree: with(width(rtx4090(), "4"), tree{busDir + "/removable": "removable\n"}), want: []string{"gpu.pcie-width-reduced info"}},
	{name: "GPU inside, with four lanes", tree: with(width(rtx4090(), "4"), tree{busDir + "/removable": "fixed\n"}), want: []string{"gpu.pcie-width-reduced warning"}},

	{name: "the image's newer CUDA, mounted over the driver's", tree: mounted(server(), "570.86.10")},
	{name: "the image's newer CUDA, and a toolkit that wants it", tree: toolkit(mounted(server(), "570.86.10"), "12.8.0")},
	{name: "the image's newer CUDA, mounted over a GeForce's", tree: mounted(rtx4090(), "570.86.10"), want: []string{"cuda.compat-lib-on-geforce error"}},
	{name: "another libcuda in a container", tree: with(mounted(server(), "570.86.10"), tree{"/usr/local/cuda-12.8/compat/libcuda.so.570.86.10": "absent"}), want: []string{"cuda.stray-libcuda error"}},
	{name: "compatibility package of an older CUDA", tree: compat(server(), "525.60.13"), want: []string{"cuda.stray-libcuda error"}},
	{name: "compatibility package of this driver", tree: compat(server(), "550.54.15")},
	{name: "conda's compatibility package", tree: with(server(), tree{"/opt/conda/cuda-compat/libcuda.so.570.86.10": "", "/opt/conda/cuda-compat/libcuda.so.1": "-> libcuda.so.570.86.10"}), env: map[string]string{"LD_LIBRARY_PATH": "/opt/conda/cuda-compat"}},
	{name: "image built with a stub, on a machine with GPUs", tree: with(inContainer(), tree{"/usr/local/cuda/lib64/stubs/libcuda.so.1": "ELF"}), env: map[string]string{"LD_LIBRARY_PATH": "/usr/local/cuda/lib64/stubs"}, want: []string{"gpu.device-nodes-missing info"}},
	{name: "image with a driver of its own, and no GPUs", tree: libraries(inContainer(), "/usr/lib/x86_64-linux-gnu", "535.99"), want: []string{"gpu.device-nodes-missing info"}},
	{name: "container with the control node alone", tree: with(rtx4090(), tree{"/.dockerenv": "", "/dev/nvidia0": "absent", "/usr/bin/nvidia-modprobe": "absent"}), env: map[string]string{"NVIDIA_VISIBLE_DEVICES": "all"}, want: []string{"gpu.device-nodes-missing warning"}},
	{name: "container with GPU 3 alone", tree: with(second(server(), "nvidia"), tree{"/.dockerenv": "", "/dev/nvidia0": "absent", "/dev/nvidia3": ""}), env: map[string]string{"NVIDIA_VISIBLE_DEVICES": "3", "CUDA_VISIBLE_DEVICES": "0"}},
	{name: "container without a mark, shown one GPU of two", tree: with(second(server(), "nvidia"), tree{"/proc/self/mountinfo": mounts, "/proc/driver/nvidia/gpus/0000:02:00.0/information": "absent"})},

	{name: "trailing comma", tree: rtx4090(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "0,"}},
	{name: "list ended by -1", tree: rtx4090(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "0,-1"}},
	{name: "list ended early", tree: second(rtx4090(), "nvidia"), env: map[string]string{"CUDA_VISIBLE_DEVICES": "0,-1,1"}, want: []string{"gpu.cuda-visible-devices warning"}},
	{name: "Slurm job without GPUs", tree: rtx4090(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "NoDevFiles"}, want: []string{"gpu.cuda-visible-devices warning"}},
	{name: "MIG UUID cut short", tree: server(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "MIG-aa"}, record: devices(`,"mig":{"mode":"on","instances":["MIG-aabbccdd"]}`)},

	{name: "Debian's module, not loaded", tree: debianModule(unloaded()), want: []string{"gpu.driver-missing error"}},
	{name: "Debian's module, Secure Boot", tree: with(debianModule(unloaded()), tree{efi: secureOn}), want: []string{"gpu.secure-boot-blocks-module error"}},
	{name: "Secure Boot, and a kernel that is not locked down", tree: with(unloaded(), tree{efi: secureOn, "/sys/kernel/security/lockdown": "[none] integrity confidentiality\n"}), want: []string{"gpu.driver-missing error"}},
	{name: "Secure Boot, and a kernel that is", tree: with(unloaded(), tree{efi: secureOn, "/sys/kernel/security/lockdown": "none [integrity] confidentiality\n"}), want: []string{"gpu.secure-boot-blocks-module error"}},
	{name: "Secure Boot, and the module spoke before it left", tree: with(unloaded(), tree{efi: secureOn}), log: legacy, want: []string{"gpu.driver-missing error"}},
	{name: "Blackwell that the closed module refused at boot", tree: with(unloadedBlackwell(), tree{efi: secureOn}),
		log: stamp + "The NVIDIA GPU 0000:01:00.0 (PCI ID: 10de:2b85)\nNVRM: installed in this system requires use of the NVIDIA open kernel modules.", want: []string{"gpu.open-module-required error"}},

	{name: "Proxmox host that passes its GPU on", tree: gpuOnly("2684", "vfio-pci"), want: []string{"gpu.vfio-bound info"}},
	{name: "Xen host that passes its GPU on", tree: gpuOnly("2684", "pciback"), want: []string{"gpu.vfio-bound info"}},
	{name: "Grace host that passes its GPU on", tree: gpuOnly("2342", "nvgrace-gpu-vfio-pci"), want: []string{"gpu.vfio-bound info"}},
	{name: "A10 on nouveau", tree: gpuOnly("2236", "nouveau"), want: []string{"gpu.nouveau-bound error"}},
	{name: "GeForce on nouveau, and JAX for CUDA", tree: gpuOnly("1b06", "nouveau"), record: record{"python.env[/e].packages": `[{"name":"jax-cuda12-plugin"}]`}, want: []string{"gpu.nouveau-bound error"}},
	{name: "old card for the picture beside an H100", tree: func() tree { t := server(); t.GPU("0000:02:00.0", "128b", ""); return t }(), want: []string{"gpu.device-unclaimed info"}},

	{name: "laptop whose firmware lowered the limit", tree: laptop(), record: gaming(`,"power_limit":80,"default_power_limit":150`)},
	{name: "laptop on its battery", tree: laptop(), record: gaming(`,"throttle_reasons":["hw_power_brake_slowdown"]`), want: []string{"gpu.throttled info"}},
	{name: "vGPU guest that answers little", tree: with(server(), tree{"/proc/cpuinfo": "flags\t: fpu hypervisor\n"}), record: record{"gpu.nvml.status": "ok", "gpu.devices": `[{"index":0,"name":"GRID A100-10C","uuid":"GPU-1","pci":"` + bus + `","source":"nvml"}]`}},
	{name: "two servers' GPUs in a cloud with its own network", tree: with(adapter("Ethernet", "4: ACTIVE"), tree{"/proc/cpuinfo": "flags\t: fpu hypervisor\n"})},
	{name: "a page that waited until the reset", tree: with(machinetest.Healthy("1db6", "Tesla V100-PCIE-32GB", "550.54.15"), tree{"/run/nvidia-persistenced/socket": ""}),
		log: stamp + "Xid (PCI:0000:01:00): 63, pid=1, Dynamic Page Retirement: New retired page, reload the driver to activate.", record: devices(`,"ecc":{"mode":"on"}`), want: []string{"gpu.xid info"}},
	{name: "kernel that names the caller", tree: server(), log: "<3>[  120.500000][ T1234] NVRM: Xid (PCI:0000:01:00): 62, x", want: []string{"gpu.xid error"}},
	{name: "journal with seconds", tree: server(), log: "[  120.500000] host kernel: NVRM: Xid (PCI:0000:01:00): 62, x", want: []string{"gpu.xid error"}},
	{name: "a GPU that failed to join the fabric", tree: hgx(), record: devices(`,"fabric":"failed"`), want: []string{"gpu.fabric-manager error"}},
	{name: "Xid 154 after the Xid that it sums up", tree: server(), log: stamp + "Xid (PCI:0000:01:00): 119, Timeout\n" + stamp + "Xid (PCI:0000:01:00): 154, GPU recovery action changed from 0x0 (None) to 0x1 (GPU Reset Required)", want: []string{"gpu.xid error", "gpu.xid info"}},
	{name: "MIG without instances, and a UUID of yesterday", tree: server(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "MIG-bb"}, record: devices(`,"mig":{"mode":"on"}`), want: []string{"gpu.mig-no-instance error"}},
	{name: "Tesla K80 on branch 470", tree: with(machinetest.Healthy("102d", "Tesla K80", "470.256.02"), tree{}), want: []string{"gpu.persistence-off info"}},
	{name: "driver 610", tree: machinetest.Healthy("2684", "NVIDIA GeForce RTX 4090", "610.43")},
	{name: "NixOS", tree: func() tree {
		t := rtx4090()
		maps.DeleteFunc(t, func(name, _ string) bool {
			return strings.HasPrefix(name, "/usr/lib/") || strings.HasPrefix(name, "/lib/")
		})
		t.Libraries("/run/opengl-driver/lib", "535.183.01")
		return t
	}()},
}

// TestSafeRemedies: a command that a machine cannot run, or should not, is not
// proposed there.
func TestSafeRemedies(t *testing.T) {
	guest := with(server(), tree{"/proc/cpuinfo": "flags\t: fpu hypervisor\n"})
	lost := stamp + "Xid (PCI:0000:01:00): 79, pid=1, GPU has fallen off the bus."
	waits := record{"gpu.nvml.status": "ok", "gpu.devices": `[{"index":0,"pci":"` + bus + `","source":"nvml","fabric":"in progress"},{"index":1,"pci":"0000:02:00.0","source":"nvml","fabric":"in progress"}]`}
	for _, c := range []struct {
		name, code  string
		tree        tree
		log         string
		record      record
		want, never string
	}{
		{"lost in a guest", "gpu.fallen-off-bus", guest, lost, nil, "cloud's console", "poweroff"},
		{"lost in a container", "gpu.fallen-off-bus", with(server(), tree{"/.dockerenv": ""}), lost, nil, "On the host", "poweroff"},
		{"reset in a container", "gpu.row-remap-pending", with(server(), tree{"/.dockerenv": ""}), "", devices(`,"remapped_rows":{"pending":true}`), "On the host", "fuser"},
		{"rack", "gpu.fabric-manager", machinetest.Healthy("2941", "NVIDIA GB200", "570.86.15"), "", waits, "switch trays", "systemctl"},
		{"GPU without a number", "gpu.xid", server(), stamp + "Xid (PCI:0000:99:00): 13, x", nil, "dcgmi diag -r 3\n", "-i 0"},
	} {
		text := said(t, c.code, c.tree, c.log, c.record)
		if !strings.Contains(text, c.want) || strings.Contains(text, c.never) {
			t.Errorf("%s: want %q, never %q in\n%s", c.name, c.want, c.never, text)
		}
	}
}

func TestFleet(t *testing.T) {
	for _, m := range fleet {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			target := m.tree.Target(t, m.env)
			target.KernelLog = m.log
			found := judged(t, target, nil, m.record.facts(t))
			if got := spoken(found); !slices.Equal(got, m.want) {
				t.Errorf("findings %q, want %q", got, m.want)
				for _, f := range found {
					t.Log(f.Detail)
				}
			}
			for _, f := range found {
				requireComplete(t, f)
			}
		})
	}
}
