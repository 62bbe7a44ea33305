// SPDX-License-Identifier: Apache-2.0

package guest

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"
)

// emulation is how the machines of an architecture are emulated.
type emulation struct {
	program string   // of QEMU
	pkg     string   // of Debian, that has the program
	machine []string // arguments
	console string   // of the kernel
}

var emulations = map[string]emulation{
	"amd64": {"qemu-system-x86_64", "qemu-system-x86", []string{"-machine", "pc,accel=tcg"}, "ttyS0"},
	"arm64": {"qemu-system-aarch64", "qemu-system-arm", []string{"-machine", "virt,gic-version=3,accel=tcg", "-cpu", "cortex-a76"}, "ttyAMA0"},
}

// Machine is a guest that runs one test binary.
type Machine struct {
	Arch    string        // GOARCH of the kernel and the binary; "" is this machine's
	Kernel  string        // path of a bzImage, or an Image for arm64
	Binary  string        // path of a static test binary that calls Init
	Args    []string      // for the binary
	Legacy  bool          // pids, memory and cpu of cgroup version 1, not 2
	Memory  int           // MiB; 0 is 512
	Timeout time.Duration // for all of it; 0 is 4 minutes
}

// Result is what came out of a guest.
type Result struct {
	Status  int    // exit status of the binary; 128 + n for signal n
	Console string // what the kernel and the binary have printed
}

// ErrNoResult means that the guest ended, or had to be ended, before the binary
// did.
var ErrNoResult = errors.New("the guest gave no result")

// Boot runs the binary in a guest with cgroup v2 and fails the test when that
// cannot be done, or when the binary's exit status is not 0.
func Boot(t testing.TB, kernel, binary string, args ...string) *Result {
	t.Helper()
	return BootMachine(t, Machine{Kernel: kernel, Binary: binary, Args: args})
}

// BootMachine is [Boot] for any machine.
func BootMachine(t testing.TB, m Machine) *Result {
	t.Helper()
	result, err := m.Run(t.Context(), t.TempDir())
	if result != nil {
		t.Logf("console of the guest:\n%s", result.Console)
	}
	if err != nil {
		t.Fatal(err)
	}
	if result.Status != 0 {
		t.Errorf("the tests in the guest ended with status %d", result.Status)
	}
	return result
}

// Run boots the guest and waits for it to power off. The directory takes the
// initramfs. On an error the result, if there is one, has what was printed.
func (m Machine) Run(ctx context.Context, dir string) (*Result, error) {
	initramfs := filepath.Join(dir, "initramfs.cpio")
	if err := m.pack(initramfs); err != nil {
		return nil, err
	}
	timeout := m.Timeout
	if timeout == 0 {
		timeout = 4 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	console, err := m.emulate(ctx, initramfs)
	result := &Result{Console: console}
	if ctx.Err() != nil {
		return result, fmt.Errorf("%w within %v: %w", ErrNoResult, timeout, ctx.Err())
	}
	if err != nil {
		return result, fmt.Errorf("%s: %w", emulations[archOr(m.Arch)].program, err)
	}
	result.Status, err = status(console)
	return result, err
}

// pack writes the initramfs.
func (m Machine) pack(path string) (err error) {
	binary, err := os.ReadFile(m.Binary)
	if err != nil {
		return err
	}
	text, err := json.Marshal(order{Args: m.Args, Legacy: m.Legacy})
	if err != nil {
		return err
	}
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, file.Close()) }()
	a := archive{w: file}
	for _, dir := range []string{"dev", "proc", "sys", "tmp"} {
		a.dir(dir)
	}
	a.file(filepath.Base(orderPath), 0o644, text)
	a.file("init", 0o755, binary)
	return a.close()
}

// emulate runs the emulator and returns what the guest printed. The emulator
// ends with the context, and with this process.
func (m Machine) emulate(ctx context.Context, initramfs string) (string, error) {
	memory := m.Memory
	if memory == 0 {
		memory = 512
	}
	var console bytes.Buffer
	// Beside other work an emulated timer is late, which the kernel would take for a
	// broken one: no_timer_check.
	e := emulations[archOr(m.Arch)]
	args := append([]string{"-no-user-config", "-nodefaults", "-no-reboot"}, e.machine...)
	cmd := exec.CommandContext(ctx, e.program, append(args, "-m", strconv.Itoa(memory), "-display", "none", "-serial", "stdio",
		"-kernel", m.Kernel, "-initrd", initramfs, "-append", "console="+e.console+" panic=-1 quiet loglevel=3 no_timer_check")...)
	cmd.Stdout, cmd.Stderr = &console, &console
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.WaitDelay = 10 * time.Second
	// The parent-death signal comes when the thread ends that has forked.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := cmd.Run()
	return console.String(), err
}

var statusLine = regexp.MustCompile(`(?m)^` + marker + ` (\d+)\r?$`)

// status finds the last word of the guest.
func status(console string) (int, error) {
	found := statusLine.FindStringSubmatch(console)
	if found == nil {
		return 0, fmt.Errorf("%w: it ended early; the console says why", ErrNoResult)
	}
	return strconv.Atoi(found[1])
}

// archOr is the architecture, or this machine's.
func archOr(arch string) string { return cmp.Or(arch, runtime.GOARCH) }

// Build compiles the tests of the package whose tests run now into a static
// binary for an architecture, "" for this machine's, and returns its path.
func Build(t testing.TB, arch string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "tests")
	cmd := exec.CommandContext(t.Context(), "go", "test", "-c", "-o", path, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOARCH="+archOr(arch))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	return path
}
