// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/windows"
)

// MaybeInit does nothing here: there is no shim on this system.
func MaybeInit() {}

// launchAt starts the program at exactly this level. A *StepError means that the
// level cannot be reached here.
func launchAt(ctx context.Context, spec *Spec, level Level) (*Process, error) {
	if len(spec.Inherit) > 0 {
		return nil, errors.New("sandbox: this system cannot hand descriptors to a program: Spec.Inherit must be empty")
	}
	switch level {
	case None:
		return launchPlain(ctx, spec)
	case Partial:
		return launchPartial(ctx, spec)
	}
	return nil, &StepError{Level: level, Step: "platform", Err: errors.New("this system has the levels partial and none")}
}

func failed(step, path string, err error) error {
	return &StepError{Level: Partial, Step: step, Path: path, Err: err}
}

// launchPartial starts the program with a restricted token, suspended, puts it
// into its job, and only then lets it run: nothing of it is ever outside.
func launchPartial(ctx context.Context, spec *Spec) (*Process, error) {
	if len(spec.Without) > 0 {
		return nil, failed("without", "", errors.New("the walls of this level stand together"))
	}
	skipped, err := grants(spec.Binds)
	if err != nil {
		return nil, err
	}
	cmd, token, err := command(spec)
	if err != nil {
		return nil, err
	}
	defer closeHandle(windows.Handle(token))
	release, err := startIn(ctx, cmd, spec.Limits.withDefaults(), spec.grants(Exec))
	if err != nil {
		return nil, err
	}
	report := Report{Level: Partial, Profile: spec.profile(), Verified: true, Walls: walls(spec), Skipped: skipped}
	return newProcess(cmd, report, privateDirectory(spec), release), nil
}

// grants checks that what was granted is within reach. The user's own rights
// decide about reading. Writing needs a label that only the user may set.
func grants(binds []Bind) (skipped []Skipped, err error) {
	for _, b := range binds {
		err := grantable(b)
		switch {
		case err == nil:
		case b.Optional:
			skipped = append(skipped, Skipped{Source: b.Source, Target: b.Source, Reason: err.Error()})
		default:
			return nil, &BindError{Bind: b, Err: err}
		}
	}
	return skipped, nil
}

func grantable(b Bind) error {
	if b.Access == Device {
		return errors.New("this system has no device nodes")
	}
	if _, err := os.Stat(b.Source); err != nil {
		return err
	}
	if b.Access != Write {
		return nil
	}
	low, err := lowLabelled(b.Source)
	if err == nil && !low {
		err = fmt.Errorf("a sandboxed program writes only where the integrity level is low; run: icacls %q /setintegritylevel (OI)(CI)Low", b.Source)
	}
	return err
}

// command describes the program with its restricted token, which the caller closes.
func command(spec *Spec) (*exec.Cmd, windows.Token, error) {
	if spec.PrivateDir == "" {
		return nil, 0, errors.New("sandbox: level partial needs a private directory: Spec.PrivateDir is empty")
	}
	env, err := environment(spec)
	if err != nil {
		return nil, 0, failed("secrets", spec.PrivateDir, err)
	}
	// After the secrets: what lies in the directory inherits its label.
	if err := labelLow(spec.PrivateDir); err != nil {
		return nil, 0, failed("label", spec.PrivateDir, err)
	}
	token, err := restrictedToken()
	if err != nil {
		return nil, 0, failed("token", "", err)
	}
	cmd := &exec.Cmd{Path: spec.Exe.Name(), Args: spec.Args, Env: env, Dir: spec.PrivateDir}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Token: syscall.Token(token), HideWindow: true,
		CreationFlags: windows.CREATE_SUSPENDED | windows.CREATE_NO_WINDOW,
	}
	connect(cmd, spec)
	return cmd, token, nil
}

// startIn starts a suspended command, walls it in, verifies that, and lets it run.
func startIn(ctx context.Context, cmd *exec.Cmd, limits Limits, children bool) (release func(), err error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	job, err := newJob(&limits, children)
	if err != nil {
		return nil, failed("job", "", err)
	}
	if err := cmd.Start(); err != nil {
		closeHandle(job)
		return nil, failed("start", cmd.Path, err)
	}
	step, err := enclose(job, cmd.Process.Pid)
	if err != nil {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		closeHandle(job)
		return nil, failed(step, cmd.Path, err)
	}
	return keepJob(cmd.Process.Pid, job, limits.DataBytes), nil
}

// enclose puts a suspended process into a job, looks at it, and resumes it.
func enclose(job windows.Handle, pid int) (step string, err error) {
	if err := assign(job, pid); err != nil {
		return "assign", err
	}
	if err := verify(job, pid); err != nil {
		return "verify", err
	}
	return "resume", resume(pid)
}
