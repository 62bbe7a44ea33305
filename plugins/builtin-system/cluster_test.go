// SPDX-License-Identifier: Apache-2.0

package main

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// expect diagnoses a machine and holds the findings to a list of codes, and each
// of them to being whole.
func expect(t *testing.T, m machine, want string) map[string][]check.Finding {
	t.Helper()
	found := m.diagnose(t, nil)
	if got := codes(found); got != want {
		t.Errorf("findings %q, want %q", got, want)
	}
	for code, fs := range found {
		for _, f := range fs {
			if f.Detail == "" || f.Cause == "" || len(f.Evidence) == 0 || len(f.Remedies) == 0 || len(f.Verify) == 0 {
				t.Errorf("%s lacks a part: %+v", code, f)
			}
		}
	}
	return found
}

func env(pairs ...string) map[string]string {
	out := map[string]string{}
	for _, pair := range pairs {
		name, value, _ := strings.Cut(pair, "=")
		out[name] = value
	}
	return out
}

// gpuNodeMachine is a machine with GPUs and a loaded driver.
func gpuNodeMachine(variables ...string) machine {
	return laptop().with(nil, env(variables...)).sees("gpu.count", 4).sees("gpu.driver.loaded", true).sees("gpu.nvml.status", "not asked: the machine is not live")
}

func nodes(m machine, names ...string) machine {
	list := []map[string]any{}
	for _, n := range names {
		list = append(list, map[string]any{"path": n, "readable": true})
	}
	return m.sees("gpu.device_nodes", list)
}

func TestSlurm(t *testing.T) {
	for _, tt := range []struct {
		name string
		machine
		want string
	}{
		{"healthy job", gpuNodeMachine("SLURM_JOB_ID=81", "SLURM_JOB_GPUS=0,1", "SLURM_GPUS_ON_NODE=2", "CUDA_VISIBLE_DEVICES=0,1", "SLURM_MEM_PER_NODE=65536"), ""},
		{"job with all of the memory", gpuNodeMachine("SLURM_JOB_ID=81", "SLURM_GPUS_ON_NODE=2", "SLURM_MEM_PER_NODE=0"), ""},
		{"job whose GPUs are typed", gpuNodeMachine("SLURM_JOB_ID=81", "SLURM_GPUS=a100:2"), ""},
		{"no job", gpuNodeMachine(), ""},
		{"job on a node without GPUs", laptop().with(nil, env("SLURM_JOB_ID=81")).sees("gpu.count", 0), ""},
		{"job that hides the GPUs", gpuNodeMachine("SLURM_JOB_ID=81", "CUDA_VISIBLE_DEVICES=NoDevFiles"), "slurm.gpu-not-allocated:error"},
		{"job with no GPU by number", gpuNodeMachine("SLURM_JOB_ID=81", "SLURM_GPUS_ON_NODE=0"), "slurm.gpu-not-allocated:error"},
		{"job that nothing tells of", gpuNodeMachine("SLURM_JOB_ID=81"), "slurm.gpu-not-allocated:warning"},
		{"cluster that leaves its GPUs to everybody", gpuNodeMachine("SLURM_JOB_ID=81").sees("gpu.nvml.status", "ok"), ""},
		{"job whose user chose", gpuNodeMachine("SLURM_JOB_ID=81", "CUDA_VISIBLE_DEVICES=0"), ""},
		{"job id that is none", gpuNodeMachine("SLURM_JOB_ID=x; rm"), ""},
		{"little memory", gpuNodeMachine("SLURM_JOB_ID=81", "SLURM_GPUS_ON_NODE=1", "SLURM_MEM_PER_CPU=2048", "SLURM_CPUS_ON_NODE=1"), "slurm.memory-low:warning"},
		{"enough memory by CPUs", gpuNodeMachine("SLURM_JOB_ID=81", "SLURM_GPUS_ON_NODE=1", "SLURM_MEM_PER_CPU=2048", "SLURM_CPUS_ON_NODE=8"), ""},
		{"little memory without a GPU", laptop().with(nil, env("SLURM_JOB_ID=81", "SLURM_MEM_PER_NODE=1000")), "slurm.memory-low:warning"},
		{"memory that is no number", laptop().with(nil, env("SLURM_JOB_ID=81", "SLURM_MEM_PER_NODE=-1")), ""},
	} {
		t.Run(tt.name, func(t *testing.T) { expect(t, tt.machine, tt.want) })
	}
}

func TestKubernetes(t *testing.T) {
	pod := func(variables ...string) machine {
		return gpuNodeMachine(append(variables, "KUBERNETES_SERVICE_HOST=10.0.0.1")...)
	}
	for _, tt := range []struct {
		name string
		machine
		want string
	}{
		{"pod with a GPU", nodes(pod("NVIDIA_VISIBLE_DEVICES=GPU-1"), "/dev/nvidiactl", "/dev/nvidia0"), ""},
		{"pod on a node without GPUs", laptop().with(nil, env("KUBERNETES_SERVICE_HOST=10.0.0.1", "NVIDIA_VISIBLE_DEVICES=void")).sees("gpu.count", 0), ""},
		{"no pod", nodes(gpuNodeMachine("NVIDIA_VISIBLE_DEVICES=void")), ""},
		{"pod on a node whose driver is not loaded", nodes(pod()).sees("gpu.driver.loaded", false), ""},
		{"pod with void", nodes(pod("NVIDIA_VISIBLE_DEVICES=void")), "kubernetes.no-gpu-resource:error"},
		{"pod by its service account", nodes(gpuNodeMachine().with(file(namespaceFile, "train"), nil)), "kubernetes.no-gpu-resource:error"},
		{"pod without NVIDIA's runtime", nodes(pod("NVIDIA_VISIBLE_DEVICES=all")), "kubernetes.no-gpu-resource:error"},
	} {
		t.Run(tt.name, func(t *testing.T) { expect(t, tt.machine, tt.want) })
	}
	f := expect(t, nodes(pod("NVIDIA_VISIBLE_DEVICES=all")), "kubernetes.no-gpu-resource:error")["kubernetes.no-gpu-resource"]
	if !strings.Contains(strings.Join(f[0].Remedies[0].Preview, "\n"), "runtimeClassName: nvidia") {
		t.Errorf("the remedy is %q", f[0].Remedies[0].Preview)
	}
}

func plist(version string) string {
	return `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0"><dict>
	<key>ProductName</key> <string>macOS</string>
	<key>ProductVersion</key> <string>` + version + `</string>
</dict></plist>`
}

func TestPlatformFacts(t *testing.T) {
	dmi := func(pairs ...string) machine {
		files := map[string]string{}
		for name, value := range env(pairs...) {
			files[dmiDir+name] = value + "\n"
		}
		return laptop().with(files, nil)
	}
	for _, tt := range []struct {
		name string
		machine
		// want lists address=value; an empty value means that there is no such fact.
		want []string
	}{
		{"aws", dmi("sys_vendor=Amazon EC2", "product_name=p5.48xlarge", "board_vendor=Amazon EC2"),
			[]string{`cloud.vendor="aws"`, `cloud.instance_type="p5.48xlarge"`, `cloud.source="dmi"`, `os.hypervisor="amazon"`}},
		{"aws metal", dmi("sys_vendor=Amazon EC2", "product_name=g4dn.metal"), []string{`cloud.vendor="aws"`, `os.hypervisor="none"`}},
		{"gcp", dmi("sys_vendor=Google", "product_name=Google Compute Engine"), []string{`cloud.vendor="gcp"`, `cloud.instance_type=`, `os.hypervisor="google"`}},
		{"azure", dmi("sys_vendor=Microsoft Corporation", "product_version=Hyper-V UEFI Release v4.1", "chassis_asset_tag=7783-7084-3265-9085-8269-3286-77"),
			[]string{`cloud.vendor="azure"`, `os.hypervisor="microsoft"`}},
		{"Hyper-V at home", dmi("sys_vendor=Microsoft Corporation", "product_name=Virtual Machine"), []string{`cloud.vendor=`}},
		{"laptop", dmi("sys_vendor=LENOVO", "product_name=21CB").with(file(cpuinfoFile, "processor : 0\nflags : fpu vme\n"), nil),
			[]string{`cloud.vendor=`, `os.hypervisor="none"`}},
		{"hypervisor without a name", laptop().with(file(cpuinfoFile, "processor : 0\nflags\t\t: fpu hypervisor lahf_lm\n"), nil),
			[]string{`cloud.vendor=`, `os.hypervisor="vm-other"`}},
		{"arm without firmware", laptop().with(file(cpuinfoFile, "processor : 0\nFeatures : fp asimd\n"), nil), []string{`os.hypervisor=`}},
		{"cloud-init", laptop().with(file(cloudIDFile, "gce\n"), nil), []string{`cloud.vendor="gcp"`, `cloud.source="cloud-init"`}},
		{"cloud-init of no cloud", laptop().with(file(cloudIDFile, "nocloud\n"), nil), []string{`cloud.vendor=`}},
		{"cloud-init left over on other hardware", dmi("sys_vendor=Dell Inc.").with(file(cloudIDFile, "aws\n"), nil), []string{`cloud.vendor=`}},
		{"firmware of garbage", dmi("sys_vendor="+strings.Repeat("x", 5000), "product_name=\x00\xff"), []string{`cloud.vendor=`, `os.hypervisor=`}},
		{"macOS under Rosetta", laptop().with(map[string]string{versionPlist: plist("15.1"), rosettaRuntime: ""}, nil).on("darwin", "amd64"),
			[]string{`macos.version="15.1"`, `macos.rosetta=true`, `cloud.vendor=`}},
		{"macOS on arm64", laptop().with(file(versionPlist, plist("26.0")), nil).on("darwin", "arm64"), []string{`macos.version="26.0"`, `macos.rosetta=false`}},
		{"macOS on Intel", laptop().with(file(versionPlist, "<plist><key>ProductVersion<key>"), nil).on("darwin", "amd64"), []string{`macos.version=`, `macos.rosetta=`}},
		{"swap and huge pages", laptop().with(file("/proc/meminfo", "MemTotal: 1024 kB\nSwapTotal: 8 kB\nSwapFree: 4 kB\nHugePages_Total: 3\nHugePages_Free: 1\nHugepagesize: 2048 kB\n"), nil),
			[]string{`system.swap={"total_bytes":8192,"free_bytes":4096}`, `system.hugepages={"total":3,"free":1,"page_bytes":2097152}`}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			set := tt.observe(t)
			for _, w := range tt.want {
				address, value, _ := strings.Cut(w, "=")
				f, _ := set.Lookup(address)
				if string(f.Value) != value || value != "" && len(f.Evidence) == 0 && address != "macos.rosetta" {
					t.Errorf("%s = %s, want %s; evidence %v", address, f.Value, value, f.Evidence)
				}
			}
		})
	}
}

func TestLongPaths(t *testing.T) {
	windows := func(on bool, length int) machine {
		return machine{others: map[string]any{"windows.long_paths": on, "project.path_length": length}}
	}
	expect(t, windows(false, 120), "windows.long-paths:warning")
	expect(t, windows(false, 30), "")
	expect(t, windows(true, 120), "")
	set := fact.NewSet(machine{os: "windows"}.facts(t))
	if n, ok := set.Int("project.path_length"); !ok || n != int64(len("/home/ada/train")) {
		t.Errorf("project.path_length = %d", n)
	}
}

func FuzzPlist(f *testing.F) {
	f.Add([]byte(plist("15.1")))
	f.Fuzz(func(_ *testing.T, data []byte) { plistString(data, "ProductVersion") })
}
