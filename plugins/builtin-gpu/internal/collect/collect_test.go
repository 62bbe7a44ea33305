// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/machinetest"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/nvml"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

func observe(t *testing.T, target *fact.Target, read nvml.Reader) fact.Set {
	t.Helper()
	observed, diags := fact.Observe(context.Background(), target, Collectors(read)...)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	return fact.NewSet(observed)
}

// require compares facts, written as JSON.
func require(t *testing.T, set fact.Set, want map[string]string) {
	t.Helper()
	for address, value := range want {
		f, ok := set.Lookup(address)
		switch {
		case value == "absent" && ok:
			t.Errorf("%s = %s%s, want no such fact", address, f.Value, f.Unknown)
		case value != "absent" && string(f.Value) != value:
			t.Errorf("%s = %s%s\n want %s", address, f.Value, f.Unknown, value)
		}
	}
}

func rtx4090() machinetest.Tree {
	return machinetest.Healthy("2684", "NVIDIA GeForce RTX 4090", "535.183.01")
}

func TestHealthyMachine(t *testing.T) {
	tree := rtx4090()
	tree.Toolkit("/usr/local/cuda-12.4", "12.4.1")
	tree["/usr/local/cuda"] = "-> cuda-12.4"
	set := observe(t, tree.Target(t, map[string]string{"CUDA_VISIBLE_DEVICES": "0", "NVIDIA_API_KEY": "hunter2", "PATH": "/bin"}), nil)
	require(t, set, map[string]string{
		facts.PCI:            `[{"address":"0000:01:00.0","vendor":"10de","device":"2684","class":"030000","driver":"nvidia","link_width":16,"max_link_width":16,"numa_node":-1}]`,
		facts.Count:          `1`,
		facts.Switches:       `0`,
		facts.Loaded:         `true`,
		facts.DriverVersion:  `"535.183.01"`,
		facts.Flavor:         `"closed"`,
		facts.LibraryVersion: `"535.183.01"`,
		facts.OnDisk:         `[{"kernel":"6.1.0-18-amd64","path":"/lib/modules/6.1.0-18-amd64/updates/dkms/nvidia.ko","signed":true}]`,
		facts.DKMS:           `["535.183.01"]`,
		facts.Devices:        `[{"index":0,"name":"NVIDIA GeForce RTX 4090","uuid":"GPU-5b0c4a4e-1111-2222-3333-444455556666","pci":"0000:01:00.0","compute_capability":"8.9","architecture":"Ada","source":"files"}]`,
		facts.Modules:        `["nvidia","nvidia_uvm"]`,
		facts.Env:            `{"CUDA_VISIBLE_DEVICES":"0"}`,
		facts.Toolkits:       `[{"path":"/usr/local/cuda","version":"12.4.1","nvcc":true}]`,
		facts.NVMLStatus:     `"not a live machine"`,
		facts.ModprobeTool:   `true`,
		facts.Container:      `false`,
		facts.WSL:            `false`,
		facts.Home:           `absent`,
		facts.SecureBoot:     `absent`,
		facts.DriverCUDA:     `absent`,
	})
}

// TestImageTellsNothingAboutHardware: an unpacked image has no GPU facts, not
// the fact that there is no GPU.
func TestImageTellsNothingAboutHardware(t *testing.T) {
	set := observe(t, machinetest.Tree{"/etc/os-release": ""}.Target(t, nil), nil)
	require(t, set, map[string]string{
		facts.PCI: "absent", facts.Count: "absent", facts.Devices: "absent", facts.Loaded: "absent", facts.OnDisk: "absent",
	})
}

// TestHiddenBus: devices that may not be read are not devices that are absent.
func TestHiddenBus(t *testing.T) {
	tree := rtx4090()
	for name := range tree {
		if strings.HasSuffix(name, "/vendor") {
			delete(tree, name)
		}
	}
	set := observe(t, tree.Target(t, nil), nil)
	if f, _ := set.Lookup(facts.PCI); f.Unknown == "" {
		t.Errorf("%s = %s", facts.PCI, f.Value)
	}
	if n, ok := set.Int(facts.Count); ok && n == 0 {
		t.Error("the machine has no GPU")
	}
}

func TestDescribedFacts(t *testing.T) {
	described := map[string]bool{}
	for _, c := range Collectors(nil) {
		for _, d := range c.Facts {
			described[d.Address] = true
		}
	}
	for _, a := range observe(t, rtx4090().Target(t, map[string]string{"CUDA_HOME": "/x"}), nil).Addresses() {
		if !described[a] {
			t.Errorf("%s is recorded and not described", a)
		}
	}
}

func TestNVMLCompletesFiles(t *testing.T) {
	target := rtx4090().Target(t, nil)
	target.Live = true
	var asked string
	set := observe(t, target, func(library string) nvml.Reading {
		asked = library
		return nvml.Reading{Status: facts.NVMLOk, Driver: "535.183.01", CUDA: "12.2", Devices: []facts.Device{{Name: "RTX", PCI: "0000:01:00.0", MemoryBytes: 24 << 30, Source: "nvml"}}}
	})
	require(t, set, map[string]string{
		facts.NVMLStatus: `"ok"`,
		facts.DriverCUDA: `"12.2"`,
		facts.Devices:    `[{"index":0,"name":"RTX","pci":"0000:01:00.0","memory_bytes":25769803776,"compute_capability":"8.9","architecture":"Ada","source":"nvml"}]`,
	})
	if want := filepath.Join(target.Root, "usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"); asked != want {
		t.Errorf("library %q was asked, want %q", asked, want)
	}
}

// TestUnreachableNodesAreNotAMissingDriver: in a private root the library does
// not find /dev/nvidiactl and then says that the driver is not loaded.
func TestUnreachableNodesAreNotAMissingDriver(t *testing.T) {
	target := rtx4090().Target(t, nil)
	target.Live = true
	set := observe(t, target, func(string) nvml.Reading { return nvml.Reading{Status: facts.NVMLNoDriver} })
	require(t, set, map[string]string{facts.NVMLStatus: `"device nodes not visible to the plugin"`, facts.Loaded: "true", facts.Count: "1"})
}

func TestNVMLThatHangs(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	release := make(chan struct{})
	defer close(release)
	got := readInTime(ctx, func(string) nvml.Reading { <-release; return nvml.Reading{} }, "")
	if got.Status != facts.NVMLTimeout {
		t.Errorf("status %q", got.Status)
	}
}

func TestOtherSystems(t *testing.T) {
	target := rtx4090().Target(t, map[string]string{"CUDA_VISIBLE_DEVICES": "0"})
	target.OS = "windows"
	require(t, observe(t, target, nil), map[string]string{
		facts.PCI: "absent", facts.Loaded: "absent", facts.Env: `{"CUDA_VISIBLE_DEVICES":"0"}`, facts.NVMLStatus: `"asked on Linux only"`,
	})
}

func TestModulesOnDisk(t *testing.T) {
	const base = "/lib/modules/" + machinetest.Kernel
	for name, c := range map[string]struct {
		tree machinetest.Tree
		want string
	}{
		"Ubuntu":      {machinetest.Tree{base + "/kernel/nvidia-570/nvidia.ko.zst": ""}, base + "/kernel/nvidia-570/nvidia.ko.zst"},
		"akmods":      {machinetest.Tree{base + "/extra/nvidia/nvidia.ko.xz": ""}, base + "/extra/nvidia/nvidia.ko.xz"},
		"runfile":     {machinetest.Tree{base + "/kernel/drivers/video/nvidia.ko": "unsigned, and longer than the mark is"}, base + "/kernel/drivers/video/nvidia.ko"},
		"index":       {machinetest.Tree{base + "/modules.dep": "odd/nvidia.ko.gz: a.ko\n", base + "/odd/nvidia.ko.gz": ""}, base + "/odd/nvidia.ko.gz"},
		"stale index": {machinetest.Tree{base + "/modules.dep": "odd/nvidia.ko.gz:\n"}, ""},
		"nvidiafb":    {machinetest.Tree{base + "/kernel/drivers/video/nvidiafb.ko": ""}, ""},
	} {
		set := observe(t, c.tree.Target(t, nil), nil)
		modules, _ := fact.Get[[]facts.Module](set, facts.OnDisk)
		switch {
		case c.want == "" && len(modules) > 0, c.want != "" && (len(modules) != 1 || modules[0].Path != c.want):
			t.Errorf("%s: %+v, want %q", name, modules, c.want)
		case name == "runfile" && (modules[0].Signed == nil || *modules[0].Signed):
			t.Errorf("%s: signed is %v", name, modules[0].Signed)
		}
	}
}

func TestToolkits(t *testing.T) {
	tree := machinetest.CPUOnly()
	tree["/usr/local/cuda-10.2/version.txt"] = "CUDA Version 10.2.89\n"
	tree["/usr/local/cuda-11.8/version.json"] = `{"cuda": {"version": "not a version"}}`
	tree.Toolkit("/opt/here", "12.9.0")
	tree["/opt/here/targets/x86_64-linux/include/crt/host_config.h"] = "#error -- unsupported GNU version! gcc versions later than 14 are not supported! The nvcc flag"
	tree["/usr/lib/gcc/x86_64-linux-gnu/13/cc1plus"] = ""
	tree["/usr/lib/gcc/x86_64-linux-gnu/12/cc1"] = ""
	set := observe(t, tree.Target(t, map[string]string{"CUDA_HOME": "/opt/here/"}), nil)
	require(t, set, map[string]string{
		facts.Toolkits:  `[{"path":"/usr/local/cuda-10.2","version":"10.2.89","nvcc":false},{"path":"/opt/here","version":"12.9.0","nvcc":true,"max_gcc":14}]`,
		facts.Home:      `{"variable":"CUDA_HOME","path":"/opt/here","exists":true,"version":"12.9.0"}`,
		facts.Compilers: `[13]`,
	})
}

func TestContainerMarks(t *testing.T) {
	const disk = "27 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
	const overlay = "27 1 0:44 / / rw,relatime - overlay overlay rw,lowerdir=/x\n"
	for name, c := range map[string]struct {
		tree machinetest.Tree
		env  map[string]string
		want string
	}{
		"none":                    {tree: machinetest.Tree{"/proc/self/mountinfo": disk}, want: "false"},
		"Docker":                  {tree: machinetest.Tree{"/.dockerenv": "", "/proc/self/mountinfo": overlay}, want: "true"},
		"Docker over a disk":      {tree: machinetest.Tree{"/.dockerenv": "", "/proc/self/mountinfo": disk + overlay}, want: "true"},
		"image on a virtual disk": {tree: machinetest.Tree{"/.dockerenv": "", "/proc/self/mountinfo": disk}, want: "false"},
		"Podman":                  {tree: machinetest.Tree{"/run/.containerenv": ""}, want: "true"},
		"Kubernetes":              {tree: machinetest.Tree{"/x": ""}, env: map[string]string{"KUBERNETES_SERVICE_HOST": "10.0.0.1"}, want: "true"},
	} {
		f, _ := observe(t, c.tree.Target(t, c.env), nil).Lookup(facts.Container)
		if string(f.Value) != c.want {
			t.Errorf("%s: %s, want %s", name, f.Value, c.want)
		}
	}
}

// TestHostileMachine feeds every file of a machine with garbage and directories
// in the place of files, and expects no panic and no claim about a driver.
func TestHostileMachine(t *testing.T) {
	garbage := strings.Repeat("\xff\x00]%\n:", 5000)
	tree := rtx4090()
	for name, content := range tree {
		if !strings.HasPrefix(content, "-> ") && !strings.HasSuffix(name, "/") {
			tree[name] = garbage
		}
	}
	tree["/etc/ld.so.cache"] = garbage
	tree["/etc/modprobe.d/x.conf"] = garbage
	set := observe(t, tree.Target(t, map[string]string{"LD_LIBRARY_PATH": strings.Repeat("/a:", 500), "CUDA_HOME": "\xff"}), nil)
	require(t, set, map[string]string{facts.PCI: "", facts.DriverVersion: "absent", facts.Flavor: "absent"})
	for _, f := range set.All() {
		if f.Unknown == "" && !json.Valid(f.Value) {
			t.Errorf("%s holds no JSON: %q", f.Address, f.Value)
		}
	}
}

func TestLinkLoops(t *testing.T) {
	set := observe(t, machinetest.Tree{
		"/sys/bus/pci/devices/0000:01:00.0":           "-> 0000:02:00.0",
		"/sys/bus/pci/devices/0000:02:00.0":           "-> 0000:01:00.0",
		"/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1": "-> libnvidia-ml.so.1",
		"/dev/nvidiactl":                              "-> nvidiactl",
	}.Target(t, nil), nil)
	require(t, set, map[string]string{facts.PCI: "", facts.Libraries: "[]", facts.Nodes: "[]"})
}

func TestNodePermissions(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs files of root")
	}
	for _, c := range []struct {
		mode   os.FileMode
		status string
		want   string
	}{
		{0o666, "", "true"},
		{0o600, "Uid:\t1000\t1000\t1000\t1000\nGroups:\t27\n", "false"},
		{0o660, "Uid:\t1000\t1000\t1000\t1000\nGroups:\t27 0\n", "true"},
		{0o600, "Uid:\t0\t0\t0\t0\n", "true"},
		{0o600, "garbage", "unknown"},
	} {
		target := machinetest.Tree{"/dev/nvidiactl": "", "/proc/self/status": c.status}.Target(t, nil)
		if err := os.Chmod(filepath.Join(target.Root, "dev/nvidiactl"), c.mode); err != nil {
			t.Fatal(err)
		}
		nodes, _ := fact.Get[[]facts.Node](observe(t, target, nil), facts.Nodes)
		if len(nodes) != 1 {
			t.Fatalf("%+v", nodes)
		}
		got := "unknown"
		if nodes[0].Readable != nil {
			got = map[bool]string{true: "true", false: "false"}[*nodes[0].Readable]
		}
		if got != c.want {
			t.Errorf("mode %o, status %q: readable %s, want %s", c.mode, c.status, got, c.want)
		}
	}
}
