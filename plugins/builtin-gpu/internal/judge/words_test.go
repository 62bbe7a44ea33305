// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/collect"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/machinetest"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// only returns the one finding of a machine.
func only(t *testing.T, m tree, env map[string]string, more ...fact.Fact) check.Finding {
	t.Helper()
	observed, diags := fact.Observe(t.Context(), m.Target(t, env), collect.Collectors(nil)...)
	if len(diags) > 0 {
		t.Fatal(diags)
	}
	var out []check.Finding
	for _, o := range check.Run(t.Context(), fact.NewSet(append(observed, more...)), All(), nil) {
		out = append(out, o.Findings...)
	}
	if len(out) != 1 {
		t.Fatalf("%d findings: %q", len(out), spoken(out))
	}
	return out[0]
}

// words is all that a person reads of a finding.
func words(f check.Finding) string {
	lines := []string{f.Title, f.Subject, f.Detail, f.Cause}
	for _, r := range f.Remedies {
		lines = append(append(lines, r.Summary), r.Preview...)
	}
	return strings.Join(append(lines, f.Verify...), "\n")
}

// TestWords: findings name the device, the file and the numbers of this
// machine, and the command that fits it.
func TestWords(t *testing.T) {
	for _, c := range []struct {
		name string
		tree tree
		env  map[string]string
		want []string
	}{
		{"no driver", noDriver(), nil, []string{"1 NVIDIA GPU", "GeForce RTX 4090 (0000:01:00.0)", machinetest.Kernel, driverGuide}},
		{"not loaded", unloaded(), nil, []string{"installed and not loaded", module, "sudo modprobe nvidia", "dmesg"}},
		{"blacklisted", with(unloaded(), tree{"/etc/modprobe.d/x.conf": "install nvidia /bin/false\n"}), nil, []string{"modprobe.d tells", "grep -rn nvidia"}},
		{"Blackwell not loaded", unloadedBlackwell(), nil, []string{"GeForce RTX 5090 (0000:01:00.0) works with the open kernel module only"}},
		{"kernel upgraded", otherKernel(), nil, []string{"Kernel " + machinetest.Kernel, "there is one for 6.1.0-17-amd64", "dkms autoinstall"}},
		{"unsigned", with(unloaded(), tree{efi: "\x06\x00\x00\x00\x01", module: "unsigned and long enough to hold a mark"}), nil, []string{"not signed", "mokutil"}},
		{"signed", with(unloaded(), tree{efi: "\x06\x00\x00\x00\x01"}), nil, []string{"signed with a key that the firmware may not know"}},
		{"nouveau kept out in vain", with(bound(noDriver(), "nouveau"), tree{"/etc/modprobe.d/n.conf": "blacklist nouveau\n"}), nil, []string{"rebuild the boot image", "update-initramfs -u"}},
		{"nouveau", bound(noDriver(), "nouveau"), nil, []string{"blacklist nouveau", "readlink /sys/bus/pci/devices/0000:01:00.0/driver"}},
		{"vfio", second(rtx4090(), "vfio-pci"), nil, []string{"0000:02:00.0", "1 of 2 GPUs left", "driver_override"}},
		{"mismatch", libraries(rtx4090(), "/usr/lib/x86_64-linux-gnu", "570.158.01"), nil, []string{"module is 535.183.01", "version 570.158.01", "stayed loaded", "sudo reboot"}},
		{"mismatch by variable", libraries(rtx4090(), "/opt/old", "470.42.01"), map[string]string{"LD_LIBRARY_PATH": "/opt/old"}, []string{"LD_LIBRARY_PATH puts a copy", "/opt/old/libnvidia-ml.so.1"}},
		{"mismatch in an image", with(libraries(rtx4090(), "/usr/lib/x86_64-linux-gnu", "570.158.01"), tree{"/.dockerenv": ""}), nil, []string{"image carries a copy", "without the driver's packages"}},
		{"lanes", with(rtx4090(), tree{busDir + "/current_link_width": "4\n"}), nil, []string{"4 of 16 lanes, 25%"}},
		{"fabric manager stopped", with(nvswitch(server()), tree{"/usr/bin/nv-fabricmanager": ""}), nil, []string{"1 NVSwitch bridge and 1 GPU", "its service is not running", "550.54.15"}},
		{"index", second(rtx4090(), "nvidia"), map[string]string{"CUDA_VISIBLE_DEVICES": "0, 1,2"}, []string{"there is no GPU 2, since this machine has 2 GPUs", "2 entries", "unset CUDA_VISIBLE_DEVICES"}},
		{"word", rtx4090(), map[string]string{"CUDA_VISIBLE_DEVICES": "all"}, []string{`"all" is neither a number nor a UUID`}},
		{"minor compatibility", toolkit(rtx4090(), "12.8.1"), nil, []string{"12.8.1", "535.183.01", "compiled with it run, except", "570"}},
		{"below the major's minimum", toolkit(rtx4090(), "13.0.0"), nil, []string{"do not run, since CUDA 13 needs driver 580"}},
		{"compat", compat(rtx4090(), "570.86.10"), nil, []string{"/usr/local/cuda-12.8/compat/libcuda.so.1", "570.86.10", "by ld.so.cache"}},
		{"gcc", gcc(toolkit(rtx4090(), "12.2.0"), "14"), nil, []string{"up to 12", "GCC 14", "NVCC_CCBIN=g++-12"}},
		{"home", toolkit(rtx4090(), "12.2.0"), map[string]string{"CUDA_HOME": "/gone"}, []string{"CUDA_HOME=/gone", "export CUDA_HOME=/usr/local/cuda"}},
		{"future", machinetest.Healthy("2684", "RTX", "700.12"), nil, []string{"Driver 700.12", "610"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			text := words(only(t, c.tree, c.env))
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("%q is not said in:\n%s", want, text)
				}
			}
		})
	}
}

// TestDistributions: the command to type is the examined machine's own.
func TestDistributions(t *testing.T) {
	for id, want := range map[string][]string{
		"ubuntu":        {"ubuntu-drivers install", "update-initramfs"},
		"debian":        {"apt install linux-headers-$(uname -r) nvidia-driver", "update-initramfs"},
		"fedora":        {"dnf install akmod-nvidia", "dracut --force"},
		"rocky":         {"nvidia-driver:open-dkms", "dracut --force"},
		"arch":          {"pacman -S nvidia-open", "mkinitcpio -P"},
		"opensuse-leap": {"zypper install", "dracut --force"},
		"gentoo":        {driverGuide},
	} {
		text := words(only(t, bound(noDriver(), "nouveau"), nil, fact.Fact{Address: "os.id", Value: []byte(`"` + id + `"`)}))
		for _, w := range want {
			if !strings.Contains(text, w) {
				t.Errorf("%s: %q is not said in:\n%s", id, w, text)
			}
		}
	}
	for id, want := range map[string]string{
		"ubuntu": "apt install linux-headers-$(uname -r)", "fedora": "kernel-devel-$(uname -r)", "arch": "pacman -S linux-headers", "opensuse-leap": "kernel-default-devel",
	} {
		text := words(only(t, with(unloaded(), tree{module: "absent"}), nil, fact.Fact{Address: "os.id", Value: []byte(`"` + id + `"`)}))
		if !strings.Contains(text, want) {
			t.Errorf("%s: %q is not said in:\n%s", id, want, text)
		}
	}
}

func TestOpenFlavourNamesTheBranch(t *testing.T) {
	f := only(t, machinetest.Healthy("2b85", "NVIDIA GeForce RTX 5090", "570.158.01"), nil, fact.Fact{Address: "os.id", Value: []byte(`"ubuntu"`)})
	if !strings.Contains(words(f), "nvidia-driver-570-open") {
		t.Error(words(f))
	}
}

// TestSystemPluginKnowsContainersBetter: its fact outweighs this plugin's.
func TestSystemPluginKnowsContainersBetter(t *testing.T) {
	f := only(t, with(rtx4090(), tree{"/dev/nvidiactl": "absent"}), nil, fact.Fact{Address: "os.container", Value: []byte(`"kubernetes"`)})
	if f.Code != "gpu.device-nodes-missing" || f.Title != "The container was started without GPUs" {
		t.Errorf("%+v", f)
	}
}

// TestConfidence: what is inferred is less sure than what is read.
func TestConfidence(t *testing.T) {
	unsigned := only(t, with(unloaded(), tree{efi: "\x06\x00\x00\x00\x01", module: "unsigned and long enough to hold a mark"}), nil)
	signed := only(t, with(unloaded(), tree{efi: "\x06\x00\x00\x00\x01"}), nil)
	packed := only(t, with(unloaded(), tree{efi: "\x06\x00\x00\x00\x01", module: "absent", module + ".zst": ""}), nil)
	if !(unsigned.Confidence > packed.Confidence && packed.Confidence > signed.Confidence) {
		t.Errorf("unsigned %v, compressed %v, signed %v", unsigned.Confidence, packed.Confidence, signed.Confidence)
	}
}

// TestEvidencePointsToFiles: a reader can look the fault up.
func TestEvidencePointsToFiles(t *testing.T) {
	f := only(t, libraries(rtx4090(), "/usr/lib/x86_64-linux-gnu", "570.158.01"), nil)
	for _, want := range []string{"/sys/module/nvidia/version", "/usr/lib/x86_64-linux-gnu/libnvidia-ml.so.1"} {
		if !slices.ContainsFunc(f.Evidence, func(e fact.Evidence) bool { return e.Path == want && e.Fact != "" }) {
			t.Errorf("no evidence in %s: %+v", want, f.Evidence)
		}
	}
}

// TestExplainsNamesRealCodes: an edge of the root-cause graph that leads
// nowhere is a typing error.
func TestExplainsNamesRealCodes(t *testing.T) {
	codes := map[string]bool{}
	for _, c := range All() {
		codes[c.Code] = true
	}
	for _, m := range machines {
		if len(m.want) == 0 {
			continue
		}
		for _, f := range findings(t, m.tree.Target(t, m.env), nil) {
			for _, code := range f.Explains {
				if !codes[code] || code == f.Code {
					t.Errorf("%s explains %s", f.Code, code)
				}
			}
		}
	}
}

// TestEachGPUIsNamed: findings about single GPUs come one by one.
func TestEachGPUIsNamed(t *testing.T) {
	m := second(rtx4090(), "nvidia")
	m[busDir+"/current_link_width"] = "8\n"
	m["/sys/devices/pci0000:00/0000:02:00.0/current_link_width"] = "1\n"
	found := findings(t, m.Target(t, nil), nil)
	if len(found) != 2 || found[0].Subject == found[1].Subject || found[0].Severity != check.Info || found[1].Severity != check.Warning {
		t.Errorf("%+v", found)
	}
}

// FuzzFacts: facts may come from a file of anyone. No check may fail on them,
// whatever their shape.
func FuzzFacts(f *testing.F) {
	f.Add(`[{"address":"0000:01:00.0","device":"2b85","driver":"nvidia","link_width":1,"max_link_width":16}]`, `"570.1"`, true, `{"CUDA_VISIBLE_DEVICES":"1,,x"}`)
	f.Add(`[{"driver":"nouveau"},{"driver":"vfio-pci"},{}]`, `"700"`, false, `{"CUDA_LAUNCH_BLOCKING":"1"}`)
	f.Add(`[null]`, `""`, false, `[]`)
	lists := []string{facts.PCI, facts.Devices, facts.Nodes, facts.OnDisk, facts.DKMS, facts.Libraries, facts.Toolkits, facts.Compilers, facts.Blacklist, facts.Modules}
	texts := []string{facts.DriverVersion, facts.Flavor, facts.Kernel, facts.NVMLStatus, "os.id", "os.container"}
	bools := []string{facts.Loaded, facts.SecureBoot, facts.WSL, facts.Container, facts.ModprobeTool, facts.Persistenced, facts.FabricManager, facts.FabricProgram}
	f.Fuzz(func(t *testing.T, list, text string, yes bool, object string) {
		var all []fact.Fact
		add := func(value string, addresses ...string) {
			for _, a := range addresses {
				all = append(all, fact.Fact{Address: a, Value: []byte(value)})
			}
		}
		add(list, lists...)
		add(text, texts...)
		add(map[bool]string{true: "true", false: "false"}[yes], bools...)
		add(object, facts.Env, facts.Home)
		add("3", facts.Count, facts.Switches)
		for _, o := range check.Run(t.Context(), fact.NewSet(all), All(), nil) {
			if strings.HasPrefix(o.Reason, "panic") {
				t.Errorf("%s: %s", o.Code, o.Reason)
			}
		}
	})
}
