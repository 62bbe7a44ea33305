// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"syscall"
)

// shimName is the argv[0] by which the host's own binary knows that it is to
// prepare itself for a program.
const shimName = "bulkhead-sandbox-init"

// shimExit is the exit status of a shim that failed; the reason is on the pipe.
const shimExit = 126

// plan is what the host tells the shim.
type plan struct {
	Profile string
	Program string
	Args    []string
	Env     []string
	Dir     string
	Limits  []limit
}

type limit struct {
	Resource int
	Value    uint64
}

// rlimits are the limits that this kernel keeps. It counts processes per user,
// and does not bound mapped memory.
func rlimits(l Limits) []limit {
	l = l.withDefaults()
	return []limit{
		{syscall.RLIMIT_NOFILE, l.OpenFiles}, {syscall.RLIMIT_CORE, 0}, {syscall.RLIMIT_FSIZE, l.FileBytes},
		{syscall.RLIMIT_CPU, l.CPUSeconds}, {rlimitMemlock, l.LockedBytes}, {syscall.RLIMIT_STACK, l.StackBytes},
		{syscall.RLIMIT_DATA, l.DataBytes},
	}
}

// rlimitMemlock is RLIMIT_MEMLOCK (sys/resource.h).
const rlimitMemlock = 6

// init runs the shim before the packages that the host needs are initialised.
func init() { MaybeInit() }

// MaybeInit turns this process into the sandboxed program, or into the probe,
// when it was started to be one, and then never returns. In every other process
// it does nothing.
//
// Importing this package already calls it, as early as Go allows. Call it as the
// first statement of main, and of TestMain, all the same: it states that the
// binary is its own shim, and it must come before anything that reads arguments.
func MaybeInit() {
	if len(os.Args) < 2 {
		return
	}
	switch {
	case os.Args[0] == shimName:
		os.Exit(runShim(os.Args[1]))
	case os.Args[1] == probeName:
		os.Exit(runProbe(os.Args[2:]))
	}
}

// runShim carries out the plan. It returns only when a step failed, and says
// which one on the status pipe.
func runShim(inherited string) int {
	count, err := strconv.Atoi(inherited)
	if err != nil {
		return shimExit
	}
	planFD, statusFD := 3+count, 4+count
	syscall.CloseOnExec(planFD)
	syscall.CloseOnExec(statusFD)
	if err := shim(planFD); err != nil {
		_, _ = syscall.Write(statusFD, []byte(err.Error()))
	}
	return shimExit
}

func shim(planFD int) error {
	var p plan
	if err := json.NewDecoder(os.NewFile(uintptr(planFD), "plan")).Decode(&p); err != nil {
		return fmt.Errorf("reading the plan: %w", err)
	}
	syscall.Umask(0o077)
	if err := syscall.Chdir(p.Dir); err != nil {
		return fmt.Errorf("entering %s: %w", p.Dir, err)
	}
	if err := closeOthers(planFD); err != nil {
		return fmt.Errorf("closing files: %w", err)
	}
	for _, l := range p.Limits {
		if err := lower(l); err != nil {
			return fmt.Errorf("lowering limit %d to %d: %w", l.Resource, l.Value, err)
		}
	}
	argv := append([]string{sandboxExec, "-p", p.Profile, p.Program}, p.Args[1:]...)
	return fmt.Errorf("executing %s: %w", sandboxExec, syscall.Exec(sandboxExec, argv, p.Env))
}

// closeOthers keeps every descriptor from first upwards from the program.
func closeOthers(first int) error {
	entries, err := os.ReadDir("/dev/fd")
	for _, e := range entries {
		if fd, err := strconv.Atoi(e.Name()); err == nil && fd >= first {
			syscall.CloseOnExec(fd)
		}
	}
	return err
}

// lower sets a limit, soft and hard alike. One that is lower stays as it is.
func lower(l limit) error {
	var now syscall.Rlimit
	if err := syscall.Getrlimit(l.Resource, &now); err != nil {
		return err
	}
	value := min(l.Value, now.Max)
	return syscall.Setrlimit(l.Resource, &syscall.Rlimit{Cur: value, Max: value})
}
