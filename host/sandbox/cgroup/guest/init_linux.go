// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

const (
	orderPath = "/bulkhead-guest.json"
	insideKey = "BULKHEAD_GUEST"
	marker    = "bulkhead-guest-exit-status:"
)

// order is what the guest is to do.
type order struct {
	Args   []string
	Legacy bool
}

// Inside says that this process runs in a guest.
func Inside() bool { return os.Getenv(insideKey) != "" }

// Init is the guest's process 1: it sets the guest up, runs the tests and powers
// off, and never returns. In any other process it does nothing.
func Init() {
	if os.Getpid() != 1 {
		return
	}
	text, err := os.ReadFile(orderPath)
	if err != nil {
		return // process 1 of a container
	}
	status, err := work(text)
	if err != nil {
		fmt.Println("guest:", err)
	}
	fmt.Printf("\n%s %d\n", marker, status)
	powerOff()
}

// powerOff waits for the console to have said everything. Process 1 has nobody
// to report an error to; the caller of Run ends a guest that stays.
func powerOff() {
	_ = unix.IoctlSetInt(1, unix.TCSBRK, 1) // tcdrain(3)
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}

func work(text []byte) (status int, err error) {
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return 125, err
	}
	if err := mountAll(o.Legacy); err != nil {
		return 125, err
	}
	return runSelf(o.Args)
}

type fileSystem struct{ kind, point, options string }

var basics = []fileSystem{
	{"proc", "/proc", ""},
	{"sysfs", "/sys", ""},
	{"devtmpfs", "/dev", ""},
	{"tmpfs", "/tmp", "mode=1777"},
}

var unified = []fileSystem{{"cgroup2", "/sys/fs/cgroup", ""}}

var legacy = []fileSystem{
	{"tmpfs", "/sys/fs/cgroup", "mode=755"},
	{"cgroup", "/sys/fs/cgroup/pids", "pids"},
	{"cgroup", "/sys/fs/cgroup/memory", "memory"},
	{"cgroup", "/sys/fs/cgroup/cpu,cpuacct", "cpu,cpuacct"},
	{"cgroup2", "/sys/fs/cgroup/unified", ""},
}

func mountAll(version1 bool) error {
	groups := unified
	if version1 {
		groups = legacy
	}
	for _, list := range [][]fileSystem{basics, groups} {
		for _, f := range list {
			_ = os.MkdirAll(f.point, 0o755) // if it is not there, the mount says so
			if err := unix.Mount(f.kind, f.point, f.kind, 0, f.options); err != nil {
				return fmt.Errorf("mounting %s on %s: %w", f.kind, f.point, err)
			}
		}
	}
	return nil
}

// runSelf runs this binary and, being process 1, reaps whoever ends meanwhile.
func runSelf(args []string) (status int, err error) {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return 125, err
	}
	child, err := os.StartProcess(self, append([]string{filepath.Base(self)}, args...), &os.ProcAttr{
		Dir:   "/tmp",
		Env:   []string{"PATH=/", "HOME=/tmp", insideKey + "=1"},
		Files: []*os.File{os.Stdin, os.Stdout, os.Stderr},
	})
	if err != nil {
		return 125, err
	}
	for {
		var ws unix.WaitStatus
		pid, err := unix.Wait4(-1, &ws, 0, nil)
		switch {
		case err == unix.EINTR:
		case err != nil:
			return 125, err
		case pid == child.Pid && ws.Signaled():
			return 128 + int(ws.Signal()), nil
		case pid == child.Pid && ws.Exited():
			return ws.ExitStatus(), nil
		}
	}
}
