// SPDX-License-Identifier: Apache-2.0

package checks

import (
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

// newerDriver proposes the examined machine's own way to a newer driver. In a
// container and under WSL the driver is somebody else's, and a distribution
// that is not known has no command.
func (e *environment) newerDriver(minimum string) check.Remedy {
	r := check.Remedy{
		ID: "upgrade-driver", Kind: check.Advice, Risk: check.High,
		Summary: "Install NVIDIA driver " + minimum + " or newer, and restart the machine.",
	}
	proof := "nvidia-smi --query-gpu=driver_version --format=csv   # after the restart: " + minimum + " or newer"
	switch command := driverCommand(e.distribution()); {
	case e.ctx.Facts.Bool("os.wsl"):
		r.Summary = "Install NVIDIA driver " + minimum + " or newer in Windows, and run wsl --shutdown there."
		r.Preview = []string{proof}
	case e.ctx.Facts.String("os.container") != "":
		r.Summary = "Install NVIDIA driver " + minimum + " or newer on the container's host, and restart it."
		r.Preview = []string{proof}
	case command == "":
		r.Preview = []string{proof}
	default:
		r.Kind = check.SystemCommand
		r.Preview = []string{command + "   # must bring " + minimum + " or newer", "sudo reboot", proof}
	}
	return r
}

// distribution is the ID of os-release, or for a derivative of Debian, Ubuntu
// or Arch that of its parent, whose packages it takes. Derivatives of Fedora
// and RHEL have repositories of their own.
func (e *environment) distribution() string {
	id := e.ctx.Facts.String("os.id")
	if driverCommand(id) != "" {
		return id
	}
	for like := range strings.FieldsSeq(e.ctx.Facts.String("os.id_like")) {
		if like == "debian" || like == "ubuntu" || like == "arch" {
			return like
		}
	}
	return id
}

// driverCommand brings a distribution's newest driver; "" where it is not known.
func driverCommand(id string) string {
	switch id {
	case "ubuntu":
		return "sudo ubuntu-drivers install"
	case "debian":
		return "sudo apt update && sudo apt install nvidia-driver"
	case "fedora":
		return "sudo dnf upgrade --refresh akmod-nvidia"
	case "arch":
		return "sudo pacman -Syu"
	case "rhel", "rocky", "almalinux":
		return "sudo dnf module install nvidia-driver:open-dkms"
	case "opensuse-leap", "opensuse-tumbleweed":
		return "sudo zypper update nvidia-open-driver-G06-signed-kmp-meta"
	}
	return ""
}
