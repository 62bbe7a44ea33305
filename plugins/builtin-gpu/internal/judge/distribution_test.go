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
		{"ubuntu", "debian", "sudo ubuntu-drivers install", "sudo apt install linux-headers"},
		{"linuxmint", "ubuntu debian", "sudo ubuntu-drivers install", "sudo apt install linux-headers"},
		{"kali", "debian", "sudo apt install linux-headers-$(uname -r) nvidia-driver", "sudo apt install linux-headers"},
		{"endeavouros", "arch", "sudo pacman -S nvidia-open", "sudo pacman -S linux-headers"},
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
