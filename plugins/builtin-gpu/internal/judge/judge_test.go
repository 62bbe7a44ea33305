// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"context"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/collect"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/machinetest"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/nvml"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

type tree = machinetest.Tree

const bus = "0000:01:00.0"

var busDir = "/sys/devices/pci0000:00/" + bus

func rtx4090() tree { return machinetest.Healthy("2684", "NVIDIA GeForce RTX 4090", "535.183.01") }

// server is a data-centre machine without displays.
func server() tree {
	t := machinetest.Healthy("2330", "NVIDIA H100 80GB HBM3", "550.54.15")
	t.Class(bus, "030200")
	t["/run/nvidia-persistenced/socket"] = ""
	return t
}

func unloaded() tree {
	t := rtx4090()
	t.Unload()
	return t
}

// with copies a machine and changes it; an empty value removes a path.
func with(t tree, changes tree) tree {
	out := maps.Clone(t)
	for name, content := range changes {
		if content == "absent" {
			delete(out, name)
			continue
		}
		out[name] = content
	}
	return out
}

// machines holds every check to the machines on which it speaks, and all of
// them to silence elsewhere: want lists every finding as "code severity".
var machines = []struct {
	name string
	tree tree
	env  map[string]string
	want []string
}{
	// Machines that are in order.
	{name: "CPU-only runner", tree: machinetest.CPUOnly(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "", "CUDA_LAUNCH_BLOCKING": "1"}},
	{name: "unpacked image", tree: tree{"/etc/os-release": "ID=debian\n"}, env: map[string]string{"CUDA_VISIBLE_DEVICES": "7"}},
	{name: "RTX 4090 on driver 535, no CUDA_HOME", tree: rtx4090()},
	{name: "server", tree: server()},
	{name: "nodes made on demand", tree: with(rtx4090(), tree{"/dev/nvidiactl": "absent", "/dev/nvidia0": "absent", "/dev/nvidia-uvm": "absent"})},
	{name: "GPU index in range", tree: rtx4090(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "0"}},
	{name: "UUID cut short", tree: rtx4090(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "GPU-5b0c"}},
	{name: "WSL", tree: wsl()},
	{name: "Blackwell on the open module", tree: openBlackwell()},
	{name: "compat library on a server", tree: compat(server(), "570.86.10")},

	// The driver is not there.
	{name: "no driver", tree: noDriver(), want: []string{"gpu.driver-missing error"}},
	{name: "not loaded", tree: unloaded(), want: []string{"gpu.driver-missing error"}},
	{name: "blacklisted", tree: with(unloaded(), tree{"/etc/modprobe.d/x.conf": "blacklist nvidia\n", efi: "\x06\x00\x00\x00\x01"}), want: []string{"gpu.driver-missing error"}},
	{name: "nouveau", tree: bound(unloaded(), "nouveau"), want: []string{"gpu.nouveau-bound error"}},
	{name: "nouveau without any NVIDIA driver", tree: bound(noDriver(), "nouveau"), want: []string{"gpu.nouveau-bound error"}},
	{name: "nouveau on a GTX 1080 Ti that nobody computes on", tree: gpuOnly("1b06", "nouveau"), want: []string{"gpu.nouveau-bound info"}},
	{name: "nouveau on a GTX 1080 Ti, and CUDA is wanted", tree: toolkit(gpuOnly("1b06", "nouveau"), "12.2.0"), want: []string{"gpu.nouveau-bound error"}},
	{name: "GeForce GT 710 that shows a picture", tree: gpuOnly("128b", "nouveau"), want: []string{"gpu.nouveau-bound info"}},
	{name: "Tesla K80", tree: gpuOnly("102d", ""), want: []string{"gpu.driver-missing info"}},
	{name: "chip that no table knows", tree: gpuOnly("3fff", ""), want: []string{"gpu.driver-missing error"}},
	{name: "vfio", tree: bound(unloaded(), "vfio-pci"), want: []string{"gpu.vfio-bound warning"}},
	{name: "kernel upgraded", tree: otherKernel(), want: []string{"gpu.module-missing-for-kernel error"}},
	{name: "kernel upgraded, DKMS holds sources", tree: with(unloaded(), tree{module: "absent"}), want: []string{"gpu.module-missing-for-kernel error"}},
	{name: "Secure Boot", tree: with(unloaded(), tree{efi: "\x06\x00\x00\x00\x01", module: "unsigned and long enough to hold a mark"}), want: []string{"gpu.secure-boot-blocks-module error"}},
	{name: "Secure Boot off", tree: with(unloaded(), tree{efi: "\x06\x00\x00\x00\x00"}), want: []string{"gpu.driver-missing error"}},
	{name: "second GPU unclaimed", tree: second(rtx4090(), ""), want: []string{"gpu.device-unclaimed warning"}},
	{name: "second GPU for a virtual machine", tree: second(rtx4090(), "vfio-pci"), want: []string{"gpu.vfio-bound info"}},
	{name: "second GPU on nouveau", tree: second(rtx4090(), "nouveau"), want: []string{"gpu.nouveau-bound warning"}},

	// The driver is there and something is wrong with it.
	{name: "library upgraded", tree: libraries(rtx4090(), "/usr/lib/x86_64-linux-gnu", "570.158.01"), want: []string{"gpu.library-mismatch error"}},
	{name: "old library in LD_LIBRARY_PATH", tree: libraries(rtx4090(), "/opt/old", "470.42.01"), env: map[string]string{"LD_LIBRARY_PATH": "/opt/old"}, want: []string{"gpu.library-mismatch error"}},
	{name: "Blackwell on the closed module", tree: machinetest.Healthy("2b85", "NVIDIA GeForce RTX 5090", "570.158.01"), want: []string{"gpu.open-module-required error"}},
	{name: "Blackwell that the closed module refused", tree: refusedBlackwell(), want: []string{"gpu.open-module-required error"}},
	{name: "toolkit beside a driver of the future", tree: toolkit(machinetest.Healthy("2684", "NVIDIA GeForce RTX 4090", "700.12"), "12.8.1"), want: []string{"gpu.driver-unknown unknown"}},
	{name: "driver of the future", tree: machinetest.Healthy("2684", "NVIDIA GeForce RTX 4090", "700.12"), want: []string{"gpu.driver-unknown unknown"}},
	{name: "Linux driver in WSL", tree: libraries(wsl(), "/usr/lib/x86_64-linux-gnu", "535.183.01"), want: []string{"gpu.wsl-linux-driver error"}},

	// Device nodes.
	{name: "no nodes", tree: with(rtx4090(), tree{"/dev/nvidiactl": "absent", "/dev/nvidia0": "absent", "/dev/nvidia-uvm": "absent", "/usr/bin/nvidia-modprobe": "absent"}), want: []string{"gpu.device-nodes-missing error"}},
	{name: "container without GPUs", tree: inContainer(), want: []string{"gpu.device-nodes-missing info"}},
	{name: "container of a CUDA image without GPUs", tree: inContainer(), env: map[string]string{"NVIDIA_VISIBLE_DEVICES": "all"}, want: []string{"gpu.device-nodes-missing warning"}},
	{name: "container that asked for none", tree: inContainer(), env: map[string]string{"NVIDIA_VISIBLE_DEVICES": "void"}, want: []string{"gpu.device-nodes-missing info"}},
	{name: "no unified memory", tree: with(rtx4090(), tree{"/dev/nvidia-uvm": "absent", "/usr/bin/nvidia-modprobe": "absent"}), want: []string{"gpu.uvm-missing error"}},

	// Hardware and services.
	{name: "half the lanes", tree: with(rtx4090(), tree{busDir + "/current_link_width": "8\n"}), want: []string{"gpu.pcie-width-reduced info"}},
	{name: "a quarter of the lanes", tree: with(rtx4090(), tree{busDir + "/current_link_width": "4\n"}), want: []string{"gpu.pcie-width-reduced warning"}},
	{name: "virtual link", tree: with(rtx4090(), tree{busDir + "/current_link_width": "63\n", busDir + "/max_link_width": "255\n"})},
	{name: "no persistence", tree: with(server(), tree{"/run/nvidia-persistenced/socket": "absent"}), want: []string{"gpu.persistence-off info"}},
	{name: "no persistence on a laptop", tree: laptop()},
	{name: "no fabric manager", tree: nvswitch(server()), want: []string{"gpu.fabric-manager error"}},
	{name: "fabric manager runs", tree: with(nvswitch(server()), tree{"/run/nvidia-fabricmanager/nv-fabricmanager.pid": "4711\n"})},
	{name: "fabric manager of the host", tree: with(nvswitch(server()), tree{"/.dockerenv": ""})},

	// Variables.
	{name: "empty", tree: rtx4090(), env: map[string]string{"CUDA_VISIBLE_DEVICES": ""}, want: []string{"gpu.cuda-visible-devices warning"}},
	{name: "minus one", tree: rtx4090(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "-1"}, want: []string{"gpu.cuda-visible-devices warning"}},
	{name: "out of range", tree: rtx4090(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "0,1"}, want: []string{"gpu.cuda-visible-devices error"}},
	{name: "word", tree: rtx4090(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "all"}, want: []string{"gpu.cuda-visible-devices error"}},
	{name: "twice", tree: rtx4090(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "0,0"}, want: []string{"gpu.cuda-visible-devices error"}},
	{name: "UUID of another GPU", tree: rtx4090(), env: map[string]string{"CUDA_VISIBLE_DEVICES": "GPU-ffff"}, want: []string{"gpu.cuda-visible-devices error"}},
	{name: "UUIDs not known yet", tree: with(rtx4090(), tree{"/proc/driver/nvidia/gpus/" + bus + "/information": "GPU UUID: GPU-????????\n"}), env: map[string]string{"CUDA_VISIBLE_DEVICES": "GPU-ffff"}},
	{name: "one GPU of two in a container", tree: with(second(rtx4090(), "nvidia"), tree{"/.dockerenv": ""}), env: map[string]string{"CUDA_VISIBLE_DEVICES": "1"}, want: []string{"gpu.cuda-visible-devices error"}},
	{name: "driver missing explains it", tree: noDriver(), env: map[string]string{"CUDA_VISIBLE_DEVICES": ""}, want: []string{"gpu.driver-missing error"}},
	{name: "debugging", tree: rtx4090(), env: map[string]string{"CUDA_LAUNCH_BLOCKING": "1", "NCCL_P2P_DISABLE": "1", "NCCL_DEBUG": "INFO"}, want: []string{"gpu.debug-variables info", "gpu.debug-variables warning"}},
	{name: "debugging off", tree: rtx4090(), env: map[string]string{"CUDA_LAUNCH_BLOCKING": "0"}},

	// Toolkits.
	{name: "toolkit 12.8 on driver 535", tree: toolkit(rtx4090(), "12.8.1"), want: []string{"cuda.toolkit-newer-than-driver info"}},
	{name: "toolkit 13 on driver 535", tree: toolkit(rtx4090(), "13.0.0"), want: []string{"cuda.toolkit-newer-than-driver info"}},
	{name: "toolkit 12.2 on driver 535", tree: toolkit(rtx4090(), "12.2.0")},
	{name: "toolkit of the future", tree: toolkit(rtx4090(), "14.0.0"), want: []string{"cuda.toolkit-unknown unknown"}},
	{name: "newer minor than the tables", tree: toolkit(machinetest.Healthy("2684", "NVIDIA GeForce RTX 4090", "610.1"), "13.3.0")},
	{name: "toolkit without a GPU", tree: toolkit(machinetest.CPUOnly(), "12.8.1")},
	{name: "compat library on a GeForce", tree: compat(rtx4090(), "570.86.10"), want: []string{"cuda.compat-lib-on-geforce error"}},
	{name: "GCC too new", tree: gcc(toolkit(rtx4090(), "12.2.0"), "14"), want: []string{"cuda.gcc-too-new info"}},
	{name: "older GCC beside it", tree: gcc(gcc(toolkit(rtx4090(), "12.2.0"), "14"), "12")},
	{name: "GCC chosen", tree: gcc(toolkit(rtx4090(), "12.2.0"), "14"), env: map[string]string{"NVCC_CCBIN": "clang++"}},
	{name: "CUDA_HOME dangling", tree: rtx4090(), env: map[string]string{"CUDA_HOME": "/usr/local/cuda-11.8"}, want: []string{"cuda.home-dangling warning"}},
	{name: "CUDA_HOME in order", tree: toolkit(rtx4090(), "12.2.0"), env: map[string]string{"CUDA_HOME": "/usr/local/cuda-12"}},
}

func TestMachines(t *testing.T) {
	for _, m := range machines {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			found := findings(t, m.tree.Target(t, m.env), nil)
			if got := spoken(found); !slices.Equal(got, m.want) {
				t.Errorf("findings %q, want %q", got, m.want)
			}
			for _, f := range found {
				requireComplete(t, f)
			}
		})
	}
}

// TestEveryCheckSpeaks makes sure that no check lacks a machine above or a
// test of its own below.
func TestEveryCheckSpeaks(t *testing.T) {
	tested := map[string]bool{"gpu.compute-mode": true, "gpu.device-nodes-unreadable": true}
	for _, m := range hardware {
		for _, w := range m.want {
			code, _, _ := strings.Cut(w, " ")
			tested[code] = true
		}
	}
	for _, m := range machines {
		for _, w := range m.want {
			code, _, _ := strings.Cut(w, " ")
			tested[code] = true
		}
	}
	for _, c := range All() {
		if !tested[c.Code] {
			t.Errorf("no machine makes %s speak", c.Code)
		}
	}
}

func TestNodesUnreadable(t *testing.T) {
	target := rtx4090().Target(t, nil)
	if err := os.Chmod(filepath.Join(target.Root, "dev/nvidiactl"), 0o600); err != nil {
		t.Fatal(err)
	}
	if got := spoken(findings(t, target, nil)); !slices.Equal(got, []string{"gpu.device-nodes-unreadable error"}) {
		t.Errorf("an ordinary user: %q", got)
	}
}

// TestNVMLOutweighsFiles: what was seen to work is not called broken.
func TestNVMLOutweighsFiles(t *testing.T) {
	works := func(string) nvml.Reading {
		return nvml.Reading{Status: facts.NVMLOk, Driver: "535.183.01", Devices: []facts.Device{{PCI: bus, UUID: "GPU-1", PersistenceMode: "on"}}}
	}
	for _, broken := range []tree{noDriver(), bound(unloaded(), ""), with(rtx4090(), tree{"/dev/nvidiactl": "absent", "/usr/bin/nvidia-modprobe": "absent"})} {
		target := broken.Target(t, nil)
		target.Live = true
		if got := spoken(findings(t, target, works)); len(got) > 0 {
			t.Errorf("findings %q beside an answer of NVML", got)
		}
	}
}

func TestComputeMode(t *testing.T) {
	for mode, want := range map[string][]string{
		"default": nil, "exclusive": {"gpu.compute-mode info"}, "prohibited": {"gpu.compute-mode error"},
	} {
		target := rtx4090().Target(t, nil)
		target.Live = true
		read := func(string) nvml.Reading {
			return nvml.Reading{Status: facts.NVMLOk, Devices: []facts.Device{{Name: "GPU", PCI: bus, ComputeMode: mode}}}
		}
		if got := spoken(findings(t, target, read)); !slices.Equal(got, want) {
			t.Errorf("mode %s: findings %q, want %q", mode, got, want)
		}
	}
}

// TestMIGIsNotJudgedByNumber: instances are counted in another way than GPUs.
func TestMIGIsNotJudgedByNumber(t *testing.T) {
	target := server().Target(t, map[string]string{"CUDA_VISIBLE_DEVICES": "0"})
	target.Live = true
	read := func(string) nvml.Reading {
		return nvml.Reading{Status: facts.NVMLOk, Devices: []facts.Device{{PCI: bus, MIG: &facts.MIG{Mode: "on", Instances: []facts.MIGInstance{{UUID: "MIG-1"}}}, PersistenceMode: "on"}}}
	}
	if got := spoken(findings(t, target, read)); len(got) > 0 {
		t.Errorf("findings %q", got)
	}
}

// requireComplete: every finding says what, why, on what evidence and what to
// do, without shouting.
func requireComplete(t *testing.T, f check.Finding) {
	t.Helper()
	if f.Detail == "" || f.Cause == "" || len(f.Evidence) == 0 || len(f.Remedies) == 0 {
		t.Errorf("%s lacks a part: %+v", f.Code, f)
	}
	if strings.Contains(f.Detail+f.Cause, "!") || !strings.HasSuffix(f.Detail, ".") {
		t.Errorf("%s is not a plain sentence: %q", f.Code, f.Detail)
	}
	for _, r := range f.Remedies {
		if r.ID == "" || r.Summary == "" || r.Kind == "" || r.Risk == 0 {
			t.Errorf("%s has an incomplete remedy %+v", f.Code, r)
		}
	}
}

func TestChecksAreDocumented(t *testing.T) {
	codes := map[string]bool{}
	for _, c := range All() {
		if codes[c.Code] {
			t.Errorf("code %s stands twice", c.Code)
		}
		codes[c.Code] = true
		d := c.Doc
		if c.Title == "" || c.Area == "" || d.Meaning == "" || d.Detection == "" || d.Cause == "" || d.Fix == "" || d.Verify == "" || len(d.References) == 0 {
			t.Errorf("%s is not fully documented", c.Code)
		}
	}
}

// TestNeedsAreCollected: a check that needs a fact nobody records never runs.
func TestNeedsAreCollected(t *testing.T) {
	recorded := described()
	for _, c := range All() {
		for _, need := range c.Needs {
			if !slices.Contains(recorded, need) {
				t.Errorf("%s needs %s, which no collector describes", c.Code, need)
			}
		}
	}
}

// described lists every fact that the collectors may record.
func described() []string {
	var out []string
	for _, c := range collect.Collectors(nil) {
		for _, d := range c.Facts {
			out = append(out, d.Address)
		}
	}
	return out
}

func findings(t *testing.T, target *fact.Target, read nvml.Reader) []check.Finding {
	t.Helper()
	return judged(t, target, read, nil)
}

// judged judges what is observed together with facts that a recording gives in
// their place.
func judged(t *testing.T, target *fact.Target, read nvml.Reader, recorded []fact.Fact) []check.Finding {
	t.Helper()
	observed, diags := fact.Observe(context.Background(), target, collect.Collectors(read)...)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	var out []check.Finding
	for _, o := range checked(append(observed, recorded...)) {
		if strings.Contains(o.Reason, "panic") {
			t.Fatal(o.Reason)
		}
		out = append(out, o.Findings...)
	}
	return out
}

// checked runs every check on facts alone.
func checked(facts []fact.Fact) []check.Outcome {
	return check.Run(context.Background(), fact.NewSet(facts), All(), nil)
}

func spoken(findings []check.Finding) []string {
	var out []string
	for _, f := range findings {
		out = append(out, f.Code+" "+f.Severity.String())
	}
	slices.Sort(out)
	return out
}
