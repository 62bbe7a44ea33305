// SPDX-License-Identifier: Apache-2.0

package judge

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-gpu/internal/tables"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
)

// legacyBranch is the branch by which a driver says that a GPU is served:
// "supported through the NVIDIA 470.xx Legacy drivers".
var legacyBranch = pattern.Lazy(`NVIDIA (\d{2,3})\.xx Legacy`)

// lastClosedBranch is the last one with a closed module for GPUs before Turing.
const lastClosedBranch = 580

// otherDriver proposes the driver that serves what the loaded one refused, where
// its words tell which that is.
func (s *scene) otherDriver(said string) []check.Remedy {
	if m := legacyBranch().FindStringSubmatch(said); m != nil {
		branch, _ := strconv.Atoi(m[1])
		return []check.Remedy{s.closedBranch(branch, fmt.Sprintf("Install a driver of branch %d, the last one that serves this GPU.", branch))}
	}
	if strings.Contains(said, "not supported by open") {
		branch, _ := tables.Branch(s.driver)
		branch = min(branch, lastClosedBranch)
		return []check.Remedy{s.closedBranch(branch, fmt.Sprintf("Install the closed flavour of branch %d: the open kernel module serves GPUs from Turing on.", branch))}
	}
	return nil
}

// closedBranch installs the closed module of a branch.
func (s *scene) closedBranch(branch int, summary string) check.Remedy {
	const id = "install-branch"
	var lines []string
	switch s.distribution() {
	case "ubuntu":
		lines = []string{fmt.Sprintf("sudo apt install nvidia-driver-%d", branch)}
	case "fedora":
		lines = []string{fmt.Sprintf("sudo dnf install akmod-nvidia-%dxx --allowerasing   # needs the repository RPM Fusion nonfree", branch), "sudo akmods --force"}
	case "rhel", "rocky", "almalinux":
		lines = []string{"sudo dnf module reset nvidia-driver", fmt.Sprintf("sudo dnf module install nvidia-driver:%d-dkms   # needs NVIDIA's CUDA repository", branch)}
	case "arch":
		lines = []string{fmt.Sprintf("git clone https://aur.archlinux.org/nvidia-%dxx-utils.git && cd nvidia-%dxx-utils && makepkg -si", branch, branch)}
	}
	if s.container || len(lines) == 0 {
		return advice(id, summary, driverGuide)
	}
	return command(id, summary, check.Medium, append(lines, "sudo reboot")...)
}
