// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

const namespaceFlags = unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWNET | unix.CLONE_NEWIPC | unix.CLONE_NEWUTS

// attempt is one try at one level.
type attempt struct {
	spec    *Spec
	level   Level
	uid     int // the uid allocated for the program, or -1
	release func()
	plan    *plan
	cmd     *exec.Cmd
	missing []missing
}

// launchAt starts the program at exactly this level. A *StepError means that the
// level cannot be reached here.
func launchAt(ctx context.Context, spec *Spec, level Level) (*Process, error) {
	a := &attempt{spec: spec, level: level, uid: -1, release: func() {}}
	process, err := a.run(ctx)
	if err != nil {
		a.release()
	}
	return process, err
}

func (a *attempt) run(ctx context.Context) (*Process, error) {
	if err := a.prepare(); err != nil {
		return nil, err
	}
	if err := a.start(ctx); err != nil {
		a.discard()
		return nil, err
	}
	verified, err := a.verify()
	if err != nil {
		a.discard()
		return nil, err
	}
	dirFile, err := a.openDir()
	if err != nil && !gone(a.cmd.Process.Pid) {
		a.discard()
		return nil, a.failed("open-directory", a.plan.Dir, err)
	}
	return newProcess(a.cmd, a.report(verified), a.directories(dirFile), a.release), nil
}

// directories names the private directory from both sides.
func (a *attempt) directories(file *os.File) directory {
	if a.plan.Dir == "" {
		return directory{}
	}
	return directory{socket: socketDir(a.level), file: file}
}

// prepare allocates a uid and lays out the plan.
func (a *attempt) prepare() (err error) {
	if a.level > None && os.Geteuid() == 0 && a.spec.Identity == OwnUID {
		if a.uid, a.release, err = takeUID(); err != nil {
			a.release = func() {}
			return a.failed("take-uid", "", err)
		}
	}
	if a.level < Namespaced && a.spec.PrivateDir != "" && os.Geteuid() == 0 {
		owner := max(a.uid, 0)
		if err := os.Chown(a.spec.PrivateDir, owner, owner); err != nil {
			return a.failed("private-directory", a.spec.PrivateDir, err)
		}
	}
	a.plan, err = newPlan(a.spec, a.level, a.uid)
	return err
}

// start forks the shim, hands it the plan and waits until the program runs.
func (a *attempt) start(ctx context.Context) error {
	plan, lifeline, err := pipe()
	if err != nil {
		return a.failed("pipe", "", err)
	}
	defer lifeline.Close()
	records, status, err := pipe()
	if err != nil {
		_ = plan.Close()
		return a.failed("pipe", "", err)
	}
	defer records.Close()
	a.cmd = a.command(plan, status)
	err = onForkThread(a.cmd.Start)
	_ = plan.Close()
	_ = status.Close()
	if err != nil {
		return a.failed("clone", "", err)
	}
	return a.converse(ctx, lifeline, records)
}

// converse sends the plan and reads the shim's answer, which ends with exec.
func (a *attempt) converse(ctx context.Context, plan, records *os.File) error {
	stop := context.AfterFunc(ctx, func() { killTree(a.cmd) })
	sent := json.NewEncoder(plan).Encode(a.plan)
	failed, seen, err := a.readStatus(records)
	if !stop() {
		return fmt.Errorf("sandbox: start at level %s cut short: %w", a.level, context.Cause(ctx))
	}
	switch {
	case failed != nil:
		return a.explain(failed)
	case sent != nil:
		return a.failed("send-plan", "", sent)
	case err != nil || !seen:
		return a.failed("shim", "", errors.New("the sandbox process ended without a word; is the host's main calling sandbox.MaybeInit"))
	}
	return nil
}

// readStatus reads the records of the shim until the program runs.
func (a *attempt) readStatus(records *os.File) (failed *failure, seen bool, err error) {
	decoder := json.NewDecoder(records)
	for {
		var s status
		switch err := decoder.Decode(&s); {
		case err != nil && seen:
			return failed, true, nil
		case err != nil:
			return nil, false, err
		}
		seen = true
		a.missing = append(a.missing, s.Missing...)
		if s.Failure != nil {
			failed = s.Failure
		}
	}
}

// explain turns a failure of the shim into an error of ours.
func (a *attempt) explain(f *failure) error {
	if f.Bind >= 0 && f.Bind < len(a.spec.Binds) {
		return &BindError{Bind: a.spec.Binds[f.Bind], Err: f.Errno}
	}
	return a.failed(f.Step, f.Path, f.Errno)
}

func (a *attempt) failed(step, path string, err error) error {
	return &StepError{Level: a.level, Step: step, Path: path, Err: err}
}

// command describes the shim process.
func (a *attempt) command(plan, status *os.File) *exec.Cmd {
	attr := &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGKILL}
	if a.level == Namespaced {
		attr.Cloneflags = namespaceFlags
		if os.Geteuid() != 0 {
			attr.Cloneflags |= unix.CLONE_NEWUSER
			attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
			attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
		}
	}
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{shimName}, Env: []string{"GOGC=off", "GOMAXPROCS=2"},
		ExtraFiles: []*os.File{plan, status, a.spec.Exe}, SysProcAttr: attr,
	}
	if a.spec.Stdout != nil { // a nil *os.File in an io.Writer is not nil
		cmd.Stdout = a.spec.Stdout
	}
	if a.spec.Stderr != nil {
		cmd.Stderr = a.spec.Stderr
	}
	return cmd
}

// discard ends a half-built process.
func (a *attempt) discard() {
	if a.cmd == nil || a.cmd.Process == nil {
		return
	}
	killTree(a.cmd)
	_ = a.cmd.Wait()
}

// openDir opens the private directory as the host sees it.
func (a *attempt) openDir() (*os.File, error) {
	if a.plan.Dir == "" {
		return nil, nil
	}
	name := a.plan.Dir
	if a.level == Namespaced {
		name = fmt.Sprintf("/proc/%d/root%s", a.cmd.Process.Pid, ScratchDir)
	}
	fd, err := unix.Open(name, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), name), nil
}

// pipe returns a pipe in blocking mode, which is what the shim expects.
func pipe() (r, w *os.File, err error) {
	var fds [2]int
	if err := unix.Pipe2(fds[:], unix.O_CLOEXEC); err != nil {
		return nil, nil, err
	}
	return os.NewFile(uintptr(fds[0]), "pipe"), os.NewFile(uintptr(fds[1]), "pipe"), nil
}

// forkThread is a thread that lives as long as the process. The kernel sends the
// parent-death signal when the thread that forked ends, and Go ends threads as
// it likes.
var forkThread = sync.OnceValue(func() chan<- func() {
	jobs := make(chan func())
	go func() {
		runtime.LockOSThread()
		for job := range jobs {
			job()
		}
	}()
	return jobs
})

// onForkThread runs a start on the thread that never ends.
func onForkThread(start func() error) error {
	result := make(chan error, 1)
	forkThread() <- func() { result <- start() }
	return <-result
}

// killTree kills the process and its group. The group id is the pid, because the
// shim starts a session; it must not have been waited for.
func killTree(cmd *exec.Cmd) {
	_ = cmd.Process.Kill()
	_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL)
}

// awaitExit returns when the process has ended, and leaves it as a zombie, so
// that its pid and group stay its own.
func awaitExit(pid int) {
	for {
		if err := unix.Waitid(unix.P_PID, pid, nil, unix.WEXITED|unix.WNOWAIT, nil); err != unix.EINTR {
			return
		}
	}
}
