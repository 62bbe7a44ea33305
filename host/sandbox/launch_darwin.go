// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/bulkhead-ml/bulkhead/host/sandbox/seatbelt"
	"github.com/bulkhead-ml/bulkhead/host/sandbox/watchdog"
)

// sandboxExec applies a profile to itself and then executes a program.
const sandboxExec = "/usr/bin/sandbox-exec"

// attempt is one start behind a seatbelt profile.
type attempt struct {
	spec    *Spec
	plan    plan
	cmd     *exec.Cmd
	skipped []Skipped
}

// launchAt starts the program at exactly this level. A *StepError means that the
// level cannot be reached here.
func launchAt(ctx context.Context, spec *Spec, level Level) (*Process, error) {
	switch level {
	case None:
		return launchPlain(ctx, spec)
	case Seatbelt:
		a := &attempt{spec: spec}
		return a.run(ctx)
	}
	return nil, &StepError{Level: level, Step: "platform", Err: errors.New("this system has the levels seatbelt and none")}
}

func failed(step, path string, err error) error {
	return &StepError{Level: Seatbelt, Step: step, Path: path, Err: err}
}

func (a *attempt) run(ctx context.Context) (*Process, error) {
	if len(a.spec.Without) > 0 {
		return nil, failed("without", "", errors.New("a profile is one wall and cannot stand in part"))
	}
	if err := probe(); err != nil {
		return nil, failed("probe", sandboxExec, err)
	}
	if err := a.prepare(); err != nil {
		return nil, err
	}
	if err := a.start(ctx); err != nil {
		a.discard()
		return nil, err
	}
	report := Report{Level: Seatbelt, Profile: a.spec.profile(), Verified: true, Walls: walls(a.spec), Skipped: a.skipped}
	return newProcess(a.cmd, report, privateDirectory(a.spec), func() {}), nil
}

// prepare lays out the private directory and the profile.
func (a *attempt) prepare() error {
	if a.spec.PrivateDir == "" {
		return errors.New("sandbox: level seatbelt needs a private directory: Spec.PrivateDir is empty")
	}
	private, err := filepath.EvalSymlinks(a.spec.PrivateDir)
	if err != nil {
		return failed("private-directory", a.spec.PrivateDir, err)
	}
	program := filepath.Join(private, programName)
	if err := copyProgram(a.spec.Exe, private); err != nil {
		return failed("copy-program", program, err)
	}
	profile, err := a.profile(program, private)
	if err != nil {
		return err
	}
	text, err := profile.Text()
	if err != nil {
		return failed("profile", "", err)
	}
	env, err := environment(a.spec)
	if err != nil {
		return failed("secrets", private, err)
	}
	a.plan = plan{Profile: text, Program: program, Args: a.spec.Args, Env: env, Dir: private, Limits: rlimits(a.spec.Limits)}
	return nil
}

// profile turns the grants into rules.
func (a *attempt) profile(program, private string) (seatbelt.Profile, error) {
	p := seatbelt.Profile{Program: program, Private: private}
	lists := map[Access]*[]string{Read: &p.Read, Write: &p.Write, Library: &p.Library, Exec: &p.Exec, Device: &p.Device}
	for _, b := range a.spec.Binds {
		name, err := locate(b, b.root(a.spec))
		switch {
		case err == nil:
			*lists[b.Access] = append(*lists[b.Access], name)
		case b.Optional:
			a.skipped = append(a.skipped, Skipped{Source: b.Source, Target: b.Source, Reason: reason(err)})
		default:
			return p, &BindError{Bind: b, Err: err}
		}
	}
	return p, nil
}

// start runs the shim, which becomes sandbox-exec, which becomes the program.
func (a *attempt) start(ctx context.Context) error {
	planR, planW, err := os.Pipe()
	if err != nil {
		return failed("pipe", "", err)
	}
	defer planW.Close()
	statusR, statusW, err := os.Pipe()
	if err != nil {
		_ = planR.Close()
		return failed("pipe", "", err)
	}
	defer statusR.Close()
	err = a.fork(planR, statusW)
	_ = planR.Close()
	_ = statusW.Close()
	if err != nil {
		return err
	}
	return a.converse(ctx, planW, statusR)
}

// fork starts the shim. It waits for its plan, so that it is guarded before it
// does anything.
func (a *attempt) fork(plan, status *os.File) error {
	self, err := os.Executable()
	if err != nil {
		return failed("shim", "", err)
	}
	files := append(append([]*os.File{}, a.spec.Inherit...), plan, status)
	a.cmd = &exec.Cmd{
		Path: self, Args: []string{shimName, strconv.Itoa(len(a.spec.Inherit))}, Env: []string{"GOGC=off", "GOMAXPROCS=2"},
		ExtraFiles: files, SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	connect(a.cmd, a.spec)
	if err := a.cmd.Start(); err != nil {
		return failed("fork", self, err)
	}
	if err := watchdog.Guard(a.cmd.Process.Pid); err != nil {
		return failed("watchdog", "", err)
	}
	return nil
}

// converse sends the plan and waits until the program itself runs.
func (a *attempt) converse(ctx context.Context, plan, status *os.File) error {
	stop := context.AfterFunc(ctx, func() { killTree(a.cmd) })
	sent := json.NewEncoder(plan).Encode(a.plan)
	_ = plan.Close()
	said, err := io.ReadAll(io.LimitReader(status, 4096))
	if err == nil && sent == nil && len(said) == 0 {
		err = awaitProgram(a.cmd.Process.Pid)
	}
	if !stop() {
		return fmt.Errorf("sandbox: start at level %s cut short: %w", Seatbelt, context.Cause(ctx))
	}
	switch {
	case len(said) > 0:
		return failed("shim", "", errors.New(string(said)))
	case sent != nil:
		return failed("send-plan", "", sent)
	case err != nil:
		return failed("sandbox-exec", sandboxExec, err)
	}
	return nil
}

// discard ends a half-built process.
func (a *attempt) discard() {
	if a.cmd == nil || a.cmd.Process == nil {
		return
	}
	killTree(a.cmd)
	_ = a.cmd.Wait()
}
