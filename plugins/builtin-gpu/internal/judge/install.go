// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

const driverGuide = "https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/index.html"

// installDriver proposes the distribution's own way to install the driver.
func (s *scene) installDriver() check.Remedy {
	lines, ok := map[string][]string{
		"ubuntu":              {"sudo ubuntu-drivers install", "sudo reboot"},
		"debian":              {"sudo apt install linux-headers-$(uname -r) nvidia-driver   # needs the component non-free", "sudo reboot"},
		"fedora":              {"sudo dnf install akmod-nvidia   # needs the repository RPM Fusion nonfree", "sudo akmods --force", "sudo reboot"},
		"arch":                {"sudo pacman -S nvidia-open", "sudo reboot"},
		"rhel":                {"sudo dnf module install nvidia-driver:open-dkms   # needs NVIDIA's CUDA repository", "sudo reboot"},
		"rocky":               {"sudo dnf module install nvidia-driver:open-dkms   # needs NVIDIA's CUDA repository", "sudo reboot"},
		"almalinux":           {"sudo dnf module install nvidia-driver:open-dkms   # needs NVIDIA's CUDA repository", "sudo reboot"},
		"opensuse-leap":       {"sudo zypper install nvidia-open-driver-G06-signed-kmp-meta   # needs NVIDIA's repository", "sudo reboot"},
		"opensuse-tumbleweed": {"sudo zypper install nvidia-open-driver-G06-signed-kmp-meta   # needs NVIDIA's repository", "sudo reboot"},
	}[s.distribution()]
	if s.container || !ok {
		return advice("install-driver", "Install NVIDIA's driver on the host, following NVIDIA's guide for its distribution.", driverGuide)
	}
	return command("install-driver", "Install NVIDIA's driver from the distribution.", check.Medium, lines...)
}

// distribution is the ID of os-release, or for a derivative of Debian, Ubuntu
// or Arch that of its parent, whose packages it takes. Derivatives of Fedora
// and RHEL have repositories of their own.
func (s *scene) distribution() string {
	id := s.Facts.String("os.id")
	if id == "debian" || id == "ubuntu" || id == "arch" {
		return id
	}
	for like := range strings.FieldsSeq(s.Facts.String("os.id_like")) {
		if like == "debian" || like == "ubuntu" || like == "arch" {
			return like
		}
	}
	return id
}

// family is the parent whose tools a distribution has: "debian", "fedora",
// "arch", "suse", or "" when it has none of them.
func (s *scene) family() string {
	for word := range strings.FieldsSeq(s.Facts.String("os.id") + " " + s.Facts.String("os.id_like")) {
		switch word {
		case "debian", "ubuntu":
			return "debian"
		case "fedora", "rhel", "centos", "rocky", "almalinux":
			return "fedora"
		case "arch":
			return "arch"
		case "suse", "opensuse", "opensuse-leap", "opensuse-tumbleweed", "sles":
			return "suse"
		}
	}
	return ""
}

const (
	fabricGuide  = "https://docs.nvidia.com/datacenter/tesla/fabric-manager-user-guide/index.html"
	enableFabric = "sudo systemctl enable --now nvidia-fabricmanager"
)

// firstPlainFabric is the first branch whose package in NVIDIA's repository has
// no branch in its name.
const firstPlainFabric = 590

// installFabricManager proposes the package of the driver's branch, which has
// another name in each family of distributions.
func (s *scene) installFabricManager() check.Remedy {
	const id = "start-fabric-manager"
	summary := "Install the fabric manager of version " + s.driver + " and enable it."
	branch, _, _ := strings.Cut(s.driver, ".")
	var line string
	switch s.distribution() {
	case "debian", "ubuntu":
		line = "sudo apt install nvidia-fabricmanager-" + branch
		if n, _ := tables.Branch(s.driver); n >= firstPlainFabric {
			line = "sudo apt install 'nvidia-fabricmanager=" + s.driver + "-*'"
		}
	case "rhel", "rocky", "almalinux":
		line = "sudo dnf module install nvidia-driver:" + branch + "/fm"
	case "sles", "opensuse-leap":
		line = "sudo zypper install cuda-drivers-fabricmanager-" + branch
	default:
		return advice(id, summary+" NVIDIA's guide names the package of each distribution.", fabricGuide, enableFabric)
	}
	return command(id, summary, check.Medium, line+"   # the version must be "+s.driver, enableFabric)
}

// rebuildInitramfs is the command that makes the boot image anew.
func (s *scene) rebuildInitramfs() string {
	switch s.family() {
	case "fedora", "suse":
		return "sudo dracut --force"
	case "arch":
		return "sudo mkinitcpio -P"
	case "debian":
		return "sudo update-initramfs -u"
	}
	return "sudo update-initramfs -u   # or what makes the boot image here: dracut --force, mkinitcpio -P"
}

// headers is the command that installs what modules are compiled against.
func (s *scene) headers() string {
	switch s.family() {
	case "fedora":
		return "sudo dnf install kernel-devel-$(uname -r)"
	case "arch":
		return "sudo pacman -S linux-headers"
	case "suse":
		return "sudo zypper install kernel-default-devel"
	case "debian":
		return "sudo apt install linux-headers-$(uname -r)"
	}
	return "# install the headers of kernel " + s.kernel() + " with this system's package manager"
}
