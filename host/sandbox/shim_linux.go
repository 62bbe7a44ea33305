// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"encoding/json"
	"errors"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// shimName is the argv[0] by which the host's own binary knows that it is to
// build walls.
const shimName = "bulkhead-sandbox-init"

// shimExit is the exit status of a shim that failed; the reason is on the pipe.
const shimExit = 126

// init runs the shim before the packages that the host needs are initialised,
// which saves several milliseconds for each start.
func init() { MaybeInit() }

// MaybeInit turns this process into the sandboxed program when it was started to
// be one, and then never returns. In every other process it does nothing.
//
// Importing this package already calls it, as early as Go allows. Call it as the
// first statement of main, and of TestMain, all the same: it states that the
// binary is its own shim, and it must come before anything that reads arguments.
func MaybeInit() {
	if len(os.Args) == 0 || os.Args[0] != shimName {
		return
	}
	runtime.LockOSThread()
	os.Exit(runShim())
}

// builder is the state that the steps of the shim share.
type builder struct {
	plan    *plan
	trees   []int // detached mounts, parallel to plan.Mounts; -1 is missing
	root    int   // the private root
	missing []missing
}

// step is one thing to do; its name is what a refusal reports.
type step struct {
	name string
	run  func(*builder) error
}

// runShim carries out the plan. It returns only when a step failed.
func runShim() int {
	b := &builder{root: -1}
	err := b.readPlan()
	if err == nil {
		err = b.build()
	}
	report(status{Failure: describe(err)})
	return shimExit
}

// readPlan decodes fd 3, which the host keeps open as the lifeline.
func (b *builder) readPlan() error {
	pipe := os.NewFile(planFD, "plan")
	if err := json.NewDecoder(pipe).Decode(&b.plan); err != nil {
		return &stepFailure{step: "read-plan", errno: unix.EPROTO}
	}
	runtime.SetFinalizer(pipe, nil)
	unix.CloseOnExec(planFD)
	return nil
}

// build runs the steps of the level and executes the program.
func (b *builder) build() error {
	for _, s := range stepsOf(b.plan.Level) {
		if in := b.plan.Inject; in != nil && in.Step == s.name {
			return &stepFailure{step: s.name, errno: in.Errno, bind: -1}
		}
		if err := s.run(b); err != nil {
			return inStep(s.name, err)
		}
	}
	report(status{Missing: b.missing})
	return inStep("exec", b.exec())
}

// stepsOf lists what a level does, in order.
func stepsOf(level Level) []step {
	lifeline := step{"lifeline", (*builder).lifeline}
	closeFiles := step{"close-files", (*builder).closeFiles}
	if level == None {
		return []step{{"umask", (*builder).umask}, {"directory", (*builder).directory}, closeFiles, lifeline}
	}
	walls := []step{
		{"umask", (*builder).umask},
		{"bounding-set", (*builder).boundingSet},
		{"securebits", (*builder).secureBits},
		{"identity", (*builder).identity},
		{"no-new-privs", (*builder).noNewPrivileges},
		{"capabilities", (*builder).capabilities},
		closeFiles,
		{"rlimits", (*builder).rlimits},
		lifeline,
	}
	if level == Weak {
		return append([]step{{"directory", (*builder).directory}}, walls...)
	}
	return append(viewSteps(), walls...)
}

// exec replaces this process by the program behind the inherited descriptor.
func (b *builder) exec() error {
	argv, err := syscall.SlicePtrFromStrings(b.plan.Args)
	if err != nil {
		return err
	}
	envv, err := syscall.SlicePtrFromStrings(b.plan.Env)
	if err != nil {
		return err
	}
	empty := [1]byte{}
	_, _, errno := unix.RawSyscall6(unix.SYS_EXECVEAT, exeFD, uintptr(unsafe.Pointer(&empty[0])),
		uintptr(unsafe.Pointer(&argv[0])), uintptr(unsafe.Pointer(&envv[0])), unix.AT_EMPTY_PATH, 0)
	return errno
}

// stepFailure carries the place of a failure up to the report.
type stepFailure struct {
	step  string
	path  string
	errno syscall.Errno
	bind  int
}

func (f *stepFailure) Error() string { return f.step + ": " + f.errno.Error() }

// atPath adds the path to an errno; nil stays nil.
func atPath(path string, bind int, err error) error {
	if err == nil {
		return nil
	}
	return &stepFailure{path: path, errno: errnoOf(err), bind: bind}
}

// inStep adds the step to a failure; nil stays nil.
func inStep(name string, err error) error {
	if err == nil {
		return nil
	}
	var f *stepFailure
	if !errors.As(err, &f) {
		f = &stepFailure{errno: errnoOf(err), bind: -1}
	}
	f.step = name
	return f
}

func errnoOf(err error) syscall.Errno {
	var errno syscall.Errno
	if errors.As(err, &errno) {
		return errno
	}
	return unix.EINVAL
}

// describe puts a failure into the form of the pipe.
func describe(err error) *failure {
	var f *stepFailure
	if !errors.As(err, &f) {
		return &failure{Step: "unknown", Errno: unix.EINVAL, Bind: -1}
	}
	return &failure{Step: f.step, Path: f.path, Errno: f.errno, Bind: f.bind}
}

// report writes one record to the status pipe.
func report(s status) {
	text, err := json.Marshal(s)
	if err == nil {
		_, _ = unix.Write(statusFD, text)
	}
}
