// SPDX-License-Identifier: Apache-2.0

package manifest

import (
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pathtree"
	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// What the examined process's directory shows of others, of its memory, of its
// command line, where values of variables stand, and of its environment, which
// env grants give name by name.
var processPrivate = treesOf(
	"/environ", "/cmdline", "/mem", "/maps", "/smaps", "/pagemap", "/auxv", "/root", "/cwd", "/fd", "/fdinfo", "/map_files", "/task", "/ns", "/net",
)

// systemProc matches the names in /proc that are of the system and of no
// process.
var systemProc = pattern.Lazy(`^[a-z_-]+$`)

// refuseProcess keeps plugins from looking into processes.
func refuseProcess(place, rest string) string {
	parts := segments(rest)
	switch {
	case place == process && (len(parts) == 0 || HasGlob(parts[0]) || touches(rest, processPrivate)):
		return "this shows the memory, the files, the command line or the whole environment of the process; name another of its files, or use env grants"
	case place == "" && len(parts) > 0 && overlap(parts[:1], []string{"proc"}) && len(parts) > 1 &&
		(!systemProc().MatchString(parts[1]) || slices.Contains([]string{"self", "thread-self", "kcore", "kmsg", "vmcore"}, parts[1])):
		return "this shows the processes or the memory of the machine; " + process + " is the one that is examined"
	}
	return ""
}

// systemTrees are what the system runs or obeys.
var systemTrees = treesOf(
	"/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/libx32", "/nix", "/proc", "/root", "/run", "/sbin", "/snap", "/sys", "/usr",
	"/var/run", "/var/spool", "/var/lib/systemd", "/var/lib/docker", "/var/lib/containerd", "/var/lib/dpkg", "/var/lib/rpm",
	"/opt/conda", "/opt/homebrew", "/Applications", "/Library", "/System", "/private/etc", "/private/var", "/Windows",
)

// personalTrees are what the host, a shell, a desktop or an interpreter of the
// user runs or obeys, below the home or the project directory.
var personalTrees = treesOf(
	"/.config/bulkhead", "/.local/share/bulkhead", "/.local/state/bulkhead", "/.cache/bulkhead", "/.bulkhead",
	"/Library/Application Support/bulkhead", "/Library/Caches/bulkhead", "/AppData",
	"/bulkhead.hcl", "/*.bulkhead.hcl", "/bulkhead.hcl.json", "/*.bulkhead.hcl.json",
	"/.ssh", "/.gnupg", "/.netrc", "/.pypirc", "/.aws", "/.kube", "/.docker", "/.git-credentials",
	"/.bashrc", "/.bash_profile", "/.bash_login", "/.bash_logout", "/.bash_aliases", "/.profile", "/.zshrc", "/.zshenv", "/.zprofile",
	"/.zlogin", "/.zlogout", "/.cshrc", "/.tcshrc", "/.login", "/.kshrc", "/.inputrc", "/.config/fish", "/.pam_environment", "/.envrc",
	"/.xinitrc", "/.xprofile", "/.xsession", "/.xsessionrc", "/.config/autostart", "/.config/systemd", "/.config/environment.d",
	"/.config/plasma-workspace", "/.local/share/systemd", "/.local/share/applications", "/Library/LaunchAgents",
	"/bin", "/.bin", "/.local/bin", "/.local/lib", "/.cargo", "/go/bin", "/.pyenv", "/.ipython", "/.jupyter", "/.vimrc", "/.vim",
	"/.config/nvim", "/.emacs", "/.emacs.d", "/.tmux.conf", "/.gitconfig", "/.config/git", "/.git", "/.pip", "/.config/pip", "/.condarc",
)

// homes are the home directories of others, hidden what lies in one of them and
// configures programs.
var homes, hidden = treesOf("/home/*", "/Users/*"), treesOf("/home/*/.*")

const changesWhatRuns = "a plugin that may write there could change what the host, your shell or the system runs or obeys; " +
	"let it write to a directory of its own, such as ./out"

// refuseWrite keeps plugins from writing their way out.
func refuseWrite(place, rest string) string {
	switch {
	case place == process:
		return "a process is only looked at"
	case place == "" && (within(rest, systemTrees) || within(rest, hidden)):
		return changesWhatRuns
	case place == "" && within(rest, homes):
		return "a directory in somebody's home is named as ~/..., so that it is checked for whoever runs the plugin"
	case place == "." && len(named(rest)) == 0:
		return "this is the whole project with its configuration; " + changesWhatRuns
	case slices.Contains([]string{"~", ".", "$HOME"}, place) && touches(rest, personalTrees):
		return changesWhatRuns
	}
	return ""
}

// programDirs hold more programs than anybody can oversee.
var programDirs = treesOf("/bin", "/sbin", "/usr/bin", "/usr/sbin", "/usr/local/bin", "/usr/local/sbin", "/snap/bin", "/opt/homebrew/bin")

func refuseExec(place, rest string) string {
	switch {
	case place != "":
		return "a program is named by its absolute path, or by " + Python
	case isWide(rest, programDirs):
		return "these are all the programs of the machine; name those that are needed"
	}
	return ""
}

// hostDevices are the machine itself: its disks, its memory, its terminals and
// its keyboards.
var hostDevices = treesOf(
	"/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/dev/console", "/dev/tty*", "/dev/pts", "/dev/ptmx", "/dev/vcs*", "/dev/input",
	"/dev/uinput", "/dev/uhid", "/dev/hidraw[0-9]*", "/dev/sd[a-z]*", "/dev/hd[a-z]*", "/dev/vd[a-z]*", "/dev/xvd[a-z]*", "/dev/nvme[0-9]*",
	"/dev/mmcblk[0-9]*", "/dev/md[0-9]*", "/dev/dm-[0-9]*", "/dev/mapper", "/dev/disk", "/dev/block", "/dev/loop*", "/dev/sg[0-9]*",
	"/dev/sr[0-9]*", "/dev/bsg", "/dev/net", "/dev/fuse", "/dev/vhost-*", "/dev/fd", "/dev/std*", "/dev/cpu", "/dev/shm", "/dev/mqueue",
	// The same disks, memory, buses and keyboards by other doors.
	"/dev/ng[0-9]*", "/dev/nvme-fabrics", "/dev/raw", "/dev/mtd[0-9]*", "/dev/ubi*", "/dev/btrfs-control", "/dev/st[0-9]*", "/dev/nst[0-9]*",
	"/dev/snapshot", "/dev/nvram", "/dev/vfio", "/dev/iommu", "/dev/kvm", "/dev/userfaultfd", "/dev/bus", "/dev/usb", "/dev/i2c-[0-9]*",
	"/dev/mei[0-9]*", "/dev/tpm*", "/dev/ipmi*", "/dev/watchdog*", "/dev/uio[0-9]*", "/dev/serial", "/dev/ppp", "/dev/autofs", "/dev/rfkill",
)

// deviceNames are names that the patterns of hostDevices match, for globs.
var deviceNames = treesOf(
	"/dev/tty", "/dev/tty0", "/dev/ttyS0", "/dev/vcs", "/dev/hidraw0", "/dev/sda", "/dev/sda1", "/dev/hda", "/dev/vda", "/dev/vda1", "/dev/xvda",
	"/dev/nvme0", "/dev/nvme0n1", "/dev/mmcblk0", "/dev/md0", "/dev/dm-0", "/dev/loop0", "/dev/loop-control", "/dev/sg0", "/dev/sr0", "/dev/vhost-net",
	"/dev/ng0n1", "/dev/mtd0", "/dev/mtd0ro", "/dev/ubi0", "/dev/ubi_ctrl", "/dev/st0", "/dev/nst0", "/dev/i2c-0", "/dev/mei0", "/dev/tpm0", "/dev/tpmrm0",
	"/dev/ipmi0", "/dev/watchdog0", "/dev/uio0", "/dev/stdin",
)

func refuseDevice(place, rest string) string {
	if place != "" || !strings.HasPrefix(rest, "/dev/") {
		return "a device is named by its absolute path below /dev"
	}
	return refuseRead(place, rest)
}

// refuseRead keeps plugins from the devices of the host. To see the node is
// harmless where a sandbox has file systems of its own, and to open it where it
// has none is not.
func refuseRead(place, rest string) string {
	if place == "" && (within(rest, hostDevices) || within(rest, deviceNames)) {
		return "this is the machine's memory, a disk, a terminal or an input device; whoever has it has the machine"
	}
	return ""
}

// Readable says why no plugin may see a path of a user's machine to which a link
// or a variable led, "" when it may. The path is absolute and has no links in it;
// processDir is that of the examined process, without links too, or empty.
func Readable(p, processDir string) string {
	if processDir != "" && pathtree.Within(p, processDir) {
		return refuseProcess(process, strings.TrimPrefix(p, processDir))
	}
	return refusal(Read, "", p)
}

// Writable says why no plugin may write to a path of a user's machine, "" when
// it may. The path is absolute and has no links in it; home and the other
// directories that the user owns are absolute. It is the rule for manifests,
// held against what their words stand for.
func Writable(p string, personal []string) string {
	for _, dir := range append(slices.Clip(personal), homeAround(p)) {
		if dir == "" || !strings.HasPrefix(dir, "/") {
			continue
		}
		if pathtree.Within(dir, p) {
			return "it holds " + dir + "; " + changesWhatRuns
		}
		if pathtree.Within(p, dir) {
			if reason := refuseWrite("~", strings.TrimPrefix(p, strings.TrimSuffix(dir, "/"))); reason != "" {
				return reason
			}
		}
	}
	if isWide(p, wide) {
		return "it is a directory of the whole system"
	}
	if inHome := slices.ContainsFunc(personal, func(dir string) bool { return dir != "" && pathtree.Within(p, dir) }); inHome {
		return ""
	}
	if within(p, systemTrees) {
		return changesWhatRuns
	}
	return ""
}

// homeAround is the home directory of somebody, the user or not, in which a path
// lies by its name; "" for none. A link could lead a write of root there.
func homeAround(p string) string {
	if parts := segments(p); len(parts) > 1 && (parts[0] == "home" || parts[0] == "Users") {
		return "/" + parts[0] + "/" + parts[1]
	}
	return ""
}
