// SPDX-License-Identifier: Apache-2.0

package judge

import "github.com/bulkhead-ml/bulkhead/sdk/check"

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
	}[s.Facts.String("os.id")]
	if s.container || !ok {
		return advice("install-driver", "Install NVIDIA's driver on the host, following NVIDIA's guide for its distribution.", driverGuide)
	}
	return command("install-driver", "Install NVIDIA's driver from the distribution.", check.Medium, lines...)
}

// rebuildInitramfs is the distribution's command for the boot image.
func (s *scene) rebuildInitramfs() string {
	switch s.Facts.String("os.id") {
	case "fedora", "rhel", "rocky", "almalinux", "centos", "opensuse-leap", "opensuse-tumbleweed":
		return "sudo dracut --force"
	case "arch":
		return "sudo mkinitcpio -P"
	}
	return "sudo update-initramfs -u"
}

// headers is the distribution's command for the running kernel's headers.
func (s *scene) headers() string {
	switch s.Facts.String("os.id") {
	case "fedora", "rhel", "rocky", "almalinux", "centos":
		return "sudo dnf install kernel-devel-$(uname -r)"
	case "arch":
		return "sudo pacman -S linux-headers"
	case "opensuse-leap", "opensuse-tumbleweed":
		return "sudo zypper install kernel-default-devel"
	}
	return "sudo apt install linux-headers-$(uname -r)"
}
