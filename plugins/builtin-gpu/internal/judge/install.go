// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/facts"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

const driverGuide = "https://docs.nvidia.com/datacenter/tesla/driver-installation-guide/index.html"

// installDriver proposes the distribution's own way to install a driver that
// serves the GPUs of this machine: from Turing on that may be the open module,
// before it only the closed one of branch 580 or older does, and for Blackwell
// only the open one.
func (s *scene) installDriver() check.Remedy {
	lines := s.installLines()
	if s.container || len(lines) == 0 {
		return advice("install-driver", "Install NVIDIA's driver on the host, following NVIDIA's guide for its distribution.", driverGuide)
	}
	return command("install-driver", "Install NVIDIA's driver from the distribution.", check.Medium, append(lines, "sudo reboot")...)
}

func (s *scene) installLines() []string {
	open := s.servedByOpen()
	switch s.distribution() {
	case "ubuntu":
		return []string{"sudo ubuntu-drivers install"}
	case "debian":
		if len(s.openOnly()) > 0 {
			return []string{"sudo apt install " + s.headersPackage() + " nvidia-open   # needs NVIDIA's CUDA repository, Debian's own driver is too old for this GPU"}
		}
		return []string{"sudo apt install " + s.headersPackage() + " nvidia-driver   # needs the component non-free"}
	case "fedora":
		return []string{"sudo dnf install akmod-nvidia   # needs the repository RPM Fusion nonfree", "sudo akmods --force"}
	case "rhel", "rocky", "almalinux":
		return s.installEnterprise(open)
	}
	if !open {
		return nil
	}
	switch s.distribution() {
	case "arch":
		return []string{"sudo pacman -S nvidia-open-dkms " + s.headersPackage()}
	case "opensuse-leap", "opensuse-tumbleweed":
		return []string{"sudo zypper install nvidia-open-driver-G06-signed-kmp-meta   # needs NVIDIA's repository"}
	}
	return nil
}

// installEnterprise names the packages of NVIDIA's repository for RHEL: module
// streams up to release 9, plain packages after it.
func (s *scene) installEnterprise(open bool) []string {
	const note = "   # needs NVIDIA's CUDA repository"
	release, _ := tables.Branch(s.Facts.String("os.version_id"))
	switch {
	case release >= 10 && open:
		return []string{"sudo dnf install nvidia-open" + note}
	case release >= 10:
		return nil
	case open:
		return []string{"sudo dnf module install nvidia-driver:open-dkms" + note}
	}
	return []string{"sudo dnf module install nvidia-driver:580-dkms" + note}
}

// servedByOpen reports whether the open module serves every GPU, which it does
// from Turing on.
func (s *scene) servedByOpen() bool {
	for _, g := range s.gpus {
		if !tables.SinceTuring(g.Device) {
			return false
		}
	}
	return true
}

// install is the command that installs a package of the same name everywhere.
func (s *scene) install(name string) string {
	switch s.family() {
	case "debian":
		return "sudo apt install " + name
	case "fedora":
		return "sudo dnf install " + name
	case "suse":
		return "sudo zypper install " + name
	case "arch":
		return "sudo pacman -S nvidia-utils   # holds " + name
	}
	return "# install " + name + " with this system's package manager"
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
	name := s.headersPackage()
	switch s.family() {
	case "fedora":
		return "sudo dnf install " + name
	case "arch":
		return "sudo pacman -S " + name
	case "suse":
		return "sudo zypper install " + name
	case "debian":
		return "sudo apt install " + name
	}
	return "# install the headers of kernel " + s.kernel() + " with this system's package manager"
}

// headersPackage is the package of the running kernel's headers.
func (s *scene) headersPackage() string {
	release := s.Facts.String(facts.Kernel)
	switch s.family() {
	case "fedora":
		return "kernel-devel-$(uname -r)"
	case "suse":
		return "kernel-default-devel"
	case "arch":
		for _, flavour := range []string{"lts", "zen", "hardened"} {
			if strings.HasSuffix(release, "-"+flavour) {
				return "linux-" + flavour + "-headers"
			}
		}
		return "linux-headers"
	}
	if strings.HasSuffix(release, "-pve") {
		return "proxmox-headers-$(uname -r)"
	}
	return "linux-headers-$(uname -r)"
}

// ubuntuModule finds the branch in the place of Ubuntu's compiled modules:
// "kernel/nvidia-535srv-open/nvidia.ko".
var ubuntuModule = pattern.Lazy(`/kernel/nvidia-(\d{3})`)

// buildModule proposes the way in which this machine's module came about, for
// the running kernel.
func (s *scene) buildModule(modules []facts.Module, dkms bool) check.Remedy {
	const id = "build-module"
	at := func(part string) bool {
		return slices.ContainsFunc(modules, func(m facts.Module) bool { return strings.Contains(m.Path, part) })
	}
	for _, m := range modules {
		if match := ubuntuModule().FindStringSubmatch(m.Path); match != nil && !dkms && s.distribution() == "ubuntu" {
			return command(id, "Install the module that Ubuntu compiles for this kernel.", check.Medium,
				"sudo apt install linux-modules-nvidia-"+match[1]+"-$(uname -r)   # where it was of a server or open flavour: its name has -server or -open before the kernel", "sudo modprobe nvidia")
		}
	}
	switch {
	case s.distribution() == "fedora" && !dkms && at("/extra/"):
		return command(id, "Install the kernel's headers and let akmods build the module.", check.Medium, s.headers(), "sudo akmods --force", "sudo modprobe nvidia")
	case s.distribution() == "arch" && !dkms:
		return command(id, "Reboot into the kernel that was installed by the last upgrade, for which there is a module.", check.Medium, "sudo reboot")
	}
	return command(id, "Install the kernel's headers and build the module.", check.Medium, s.headers(), "sudo dkms autoinstall", "sudo modprobe nvidia")
}

// enrolKey is the command that makes the firmware trust the key with which
// modules are signed here.
func (s *scene) enrolKey() []string {
	switch s.distribution() {
	case "ubuntu":
		return []string{"sudo mokutil --import /var/lib/shim-signed/mok/MOK.der", "sudo reboot"}
	case "fedora":
		return []string{"sudo kmodgenca -a", "sudo mokutil --import /etc/pki/akmods/certs/public_key.der", "sudo reboot"}
	}
	return []string{"sudo mokutil --import /var/lib/dkms/mok.pub", "sudo reboot"}
}
