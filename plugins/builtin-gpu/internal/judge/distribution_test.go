// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/machinetest"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// release is the facts that the system plugin reads from os-release.
func release(id, like string) []fact.Fact {
	var r fact.Recorder
	r.Add("os.id", id)
	if like != "" {
		r.Add("os.id_like", like)
	}
	return r.Facts()
}

// TestDerivedDistributions: the commands are those of the distribution or of the
// parent whose packages it takes, and nobody is given another's.
func TestDerivedDistributions(t *testing.T) {
	for _, c := range []struct {
		id, like        string
		driver, headers string
	}{
		{"ubuntu", "debian", "sudo ubuntu-drivers install", "sudo apt install linux-modules-nvidia-535-$(uname -r)"},
		{"linuxmint", "ubuntu debian", "sudo ubuntu-drivers install", "sudo apt install linux-modules-nvidia-535-$(uname -r)"},
		{"kali", "debian", "sudo apt install linux-headers-$(uname -r) nvidia-driver", "sudo apt install linux-headers"},
		{"endeavouros", "arch", "sudo pacman -S nvidia-open", "sudo reboot"},
		{"fedora", "", "sudo dnf install akmod-nvidia", "sudo dnf install kernel-devel"},
		{"amzn", "fedora", driverGuide, "sudo dnf install kernel-devel"},
		{"nixos", "", driverGuide, "# install the headers of kernel " + machinetest.Kernel},
	} {
		t.Run(c.id, func(t *testing.T) {
			if got := words(only(t, noDriver(), nil, release(c.id, c.like)...)); !strings.Contains(got, c.driver) {
				t.Errorf("the driver is installed by\n%s\nwant %s", got, c.driver)
			}
			if got := words(only(t, otherKernel(), nil, release(c.id, c.like)...)); !strings.Contains(got, c.headers) {
				t.Errorf("the headers are installed by\n%s\nwant %s", got, c.headers)
			}
		})
	}
}

// TestInstallsWhatServesTheGPU: the open module serves nothing before Turing, and
// only it serves Blackwell; nobody is told to install the other.
func TestInstallsWhatServesTheGPU(t *testing.T) {
	for _, c := range []struct{ id, version, device, want, never string }{
		{"arch", "", "2684", "nvidia-open-dkms", ""},
		{"arch", "", "1b80", driverGuide, "nvidia-open"},
		{"rocky", "9.5", "2330", "nvidia-driver:open-dkms", ""},
		{"rocky", "9.5", "1db6", "nvidia-driver:580-dkms", "open"},
		{"rhel", "10.0", "2330", "dnf install nvidia-open", "module install"},
		{"rhel", "10.0", "1db6", driverGuide, "nvidia-open"},
		{"opensuse-leap", "15.6", "1b80", driverGuide, "open-driver"},
		{"debian", "12", "2b85", "nvidia-open", "non-free"},
		{"debian", "12", "2684", "nvidia-driver", "nvidia-open"},
	} {
		text := words(only(t, gpuOnly(c.device, ""), nil, fact.Fact{Address: "os.id", Value: []byte(`"` + c.id + `"`)}, fact.Fact{Address: "os.version_id", Value: []byte(`"` + c.version + `"`)}))
		if !strings.Contains(text, c.want) || c.never != "" && strings.Contains(text, c.never) {
			t.Errorf("%s %s with %s: want %q, never %q in\n%s", c.id, c.version, c.device, c.want, c.never, text)
		}
	}
}

// TestHowTheModuleCame: a module is made again in the way in which it was made.
func TestHowTheModuleCame(t *testing.T) {
	akmod := with(noDriver(), tree{"/lib/modules/6.1.0-17-amd64/extra/nvidia/nvidia.ko.xz": ""})
	for _, c := range []struct {
		id          string
		tree        tree
		want, never string
	}{
		{"fedora", akmod, "sudo akmods --force", "dkms autoinstall"},
		{"ubuntu", otherKernel(), "linux-modules-nvidia-535-$(uname -r)", "dkms autoinstall"},
		{"arch", akmod, "sudo reboot", "dkms autoinstall"},
		{"debian", with(unloaded(), tree{module: "absent"}), "sudo dkms autoinstall", "akmods"},
		{"debian", with(unloaded(), tree{module: "absent", "/proc/sys/kernel/osrelease": "6.8.12-8-pve\n"}), "proxmox-headers-$(uname -r)", "linux-headers"},
		{"ubuntu", with(unloaded(), tree{efi: secureOn, module: "unsigned and long enough to hold a mark"}), "/var/lib/shim-signed/mok/MOK.der", "dkms/mok.pub"},
		{"fedora", with(unloaded(), tree{efi: secureOn, module: "unsigned and long enough to hold a mark"}), "/etc/pki/akmods/certs/public_key.der", "dkms/mok.pub"},
		{"ubuntu", with(unloaded(), tree{"/lib/modprobe.d/blacklist-nvidia.conf": "blacklist nvidia\n"}), "prime-select on-demand", "grep -rn"},
	} {
		f := only(t, c.tree, nil, fact.Fact{Address: "os.id", Value: []byte(`"` + c.id + `"`)})
		text := strings.Join(f.Remedies[0].Preview, "\n")
		if !strings.Contains(text, c.want) || strings.Contains(text, c.never) {
			t.Errorf("%s: want %q, never %q in\n%s", c.id, c.want, c.never, text)
		}
	}
}

// TestOpenFlavourOfABranchThatServes: no flavour of branch 535 serves Blackwell.
func TestOpenFlavourOfABranchThatServes(t *testing.T) {
	for driver, want := range map[string]string{
		"535.183.01": "nvidia-driver-570-open", "575.64": "nvidia-driver-575-open",
	} {
		f := only(t, machinetest.Healthy("2b85", "NVIDIA GeForce RTX 5090", driver), nil, release("ubuntu", "debian")...)
		if got := words(f); !strings.Contains(got, want) {
			t.Errorf("driver %s: want %s in\n%s", driver, want, got)
		}
	}
}

// TestFabricManagerOfTheDistribution: the package is the one that the
// distribution has, and where it is installed nothing is installed again.
func TestFabricManagerOfTheDistribution(t *testing.T) {
	for _, c := range []struct{ id, like, want string }{
		{"ubuntu", "debian", "sudo apt install nvidia-fabricmanager-550   # the version must be 550.54.15"},
		{"linuxmint", "ubuntu debian", "sudo apt install nvidia-fabricmanager-550"},
		{"rocky", "rhel centos fedora", "sudo dnf module install nvidia-driver:550/fm"},
		{"sles", "suse", "sudo zypper install cuda-drivers-fabricmanager-550"},
		{"amzn", "fedora", fabricGuide},
		{"arch", "", fabricGuide},
	} {
		text := words(only(t, nvswitch(server()), nil, release(c.id, c.like)...))
		if !strings.Contains(text, c.want) || !strings.Contains(text, enableFabric) {
			t.Errorf("%s: want %s in\n%s", c.id, c.want, text)
		}
		if strings.Contains(text, "apt ") && !strings.Contains(c.want, "apt ") {
			t.Errorf("%s is told to use apt:\n%s", c.id, text)
		}
	}
	installed := with(nvswitch(server()), tree{"/usr/bin/nv-fabricmanager": ""})
	text := words(only(t, installed, nil, release("ubuntu", "debian")...))
	if strings.Contains(text, "apt install") || !strings.Contains(text, enableFabric) || !strings.Contains(text, "journalctl -u nvidia-fabricmanager") {
		t.Errorf("installed and not running:\n%s", text)
	}
}
