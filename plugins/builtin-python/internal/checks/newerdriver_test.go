// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

// TestNewerDriver: the command is that of the examined machine or of the parent
// whose packages it takes; nobody is given another's, and a driver that belongs
// to a host or to Windows has none.
func TestNewerDriver(t *testing.T) {
	for _, c := range []struct {
		name    string
		facts   map[string]any
		command string // "" where advice is all there is
		says    string
	}{
		{"ubuntu", map[string]any{"os.id": "ubuntu", "os.id_like": "debian"}, "sudo ubuntu-drivers install", "restart the machine"},
		{"linuxmint", map[string]any{"os.id": "linuxmint", "os.id_like": "ubuntu debian"}, "sudo ubuntu-drivers install", ""},
		{"debian", map[string]any{"os.id": "debian"}, "sudo apt update && sudo apt install nvidia-driver", ""},
		{"kali", map[string]any{"os.id": "kali", "os.id_like": "debian"}, "sudo apt update && sudo apt install nvidia-driver", ""},
		{"fedora", map[string]any{"os.id": "fedora"}, "sudo dnf upgrade --refresh akmod-nvidia", ""},
		{"rocky", map[string]any{"os.id": "rocky", "os.id_like": "rhel centos fedora"}, "sudo dnf module install nvidia-driver:open-dkms", ""},
		{"endeavouros", map[string]any{"os.id": "endeavouros", "os.id_like": "arch"}, "sudo pacman -Syu", ""},
		{"leap", map[string]any{"os.id": "opensuse-leap", "os.id_like": "suse opensuse"}, "sudo zypper update", ""},
		{"amazon's repositories are not Fedora's", map[string]any{"os.id": "amzn", "os.id_like": "fedora"}, "", "525.60.13 or newer, and restart the machine"},
		{"nixos", map[string]any{"os.id": "nixos"}, "", ""},
		{"no os-release", nil, "", "525.60.13"},
		{"container", map[string]any{"os.id": "ubuntu", "os.container": "docker"}, "", "on the container's host"},
		{"WSL", map[string]any{"os.id": "ubuntu", "os.wsl": true}, "", "in Windows"},
		{"no container", map[string]any{"os.id": "ubuntu", "os.container": ""}, "sudo ubuntu-drivers install", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := newMachine(t)
			m.gpu("470.42.01", "A100", "8.0")
			for address, value := range c.facts {
				m.know(address, value)
			}
			m.InstallTorch(m.site, cu124)
			r := driverRemedy(t, m.diagnose())
			if r.Risk != check.High || !strings.Contains(r.Summary, c.says) || !strings.HasPrefix(r.Preview[len(r.Preview)-1], "nvidia-smi") {
				t.Errorf("remedy %+v", r)
			}
			if c.command == "" && (r.Kind != check.Advice || len(r.Preview) != 1) {
				t.Errorf("advice shows commands: %+v", r)
			}
			if c.command != "" && (r.Kind != check.SystemCommand || len(r.Preview) != 3 || !strings.HasPrefix(r.Preview[0], c.command) || r.Preview[1] != "sudo reboot") {
				t.Errorf("%+v, want %s first", r, c.command)
			}
		})
	}
}

func driverRemedy(t *testing.T, found []check.Finding) check.Remedy {
	t.Helper()
	for _, f := range found {
		for _, r := range f.Remedies {
			if f.Code == "torch.driver-too-old" && r.ID == "upgrade-driver" {
				return r
			}
		}
	}
	t.Fatalf("no remedy for the driver among %+v", found)
	return check.Remedy{}
}
