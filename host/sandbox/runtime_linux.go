// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"

	"github.com/bulkhead-ml/bulkhead/host/sandbox/container"
	"golang.org/x/sys/unix"
)

// sweepContainers removes what killed hosts left, once, before the first start.
// A failure is of no concern to the program that is to start now.
var sweepContainers = sync.OnceFunc(func() { _ = container.Sweep() })

// launchRuntime starts the program in a container of the runtime that the
// specification names. There is no lower level to fall to: who names a runtime
// wants that one.
func launchRuntime(ctx context.Context, spec *Spec) (*Process, error) {
	sweepContainers()
	a := newAttempt(spec, Container)
	p, err := a.contain(ctx)
	if err != nil {
		a.release()
	}
	return p, err
}

func (a *attempt) contain(ctx context.Context) (*Process, error) {
	if len(a.spec.Without) > 0 || a.spec.Strict {
		return nil, errors.New("sandbox: a container runtime builds all its walls and reports no refused calls: Spec.Without and Spec.Strict do not go with Spec.Runtime")
	}
	if a.spec.PrivateDir == "" {
		return nil, errors.New("sandbox: a container needs a private directory: Spec.PrivateDir is empty")
	}
	if err := errors.Join(a.planObjects(), a.takeIdentity()); err != nil {
		return nil, err
	}
	// Before the program can do anything to it.
	dir, err := unix.Open(a.spec.PrivateDir, unix.O_PATH|unix.O_DIRECTORY|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, a.failed("private-directory", a.spec.PrivateDir, err)
	}
	file := os.NewFile(uintptr(dir), a.spec.PrivateDir)
	h, err := container.Start(ctx, a.containerRequest())
	if err != nil {
		return nil, errors.Join(a.explainRuntime(err), file.Close())
	}
	p := &Process{
		started: containerProcess{h}, pid: h.PID(), report: a.containerReport(h), release: a.release,
		dir: directory{socket: container.PrivateDir, file: file}, done: make(chan struct{}),
	}
	p.begin()
	return p, nil
}

// explainRuntime makes a failed start a failed step, and says what to do.
func (a *attempt) explainRuntime(err error) error {
	failed, ok := errors.AsType[*container.Error](err)
	if !ok || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) {
		return fmt.Errorf("sandbox: %w", err)
	}
	return fmt.Errorf("sandbox: the runtime %q did not start the program: %w; check it, or leave `runtime` out to use the host's own walls",
		a.spec.Runtime, a.failed(failed.Step, "", failed.Err))
}

// containerRequest puts the specification into the words of package container.
func (a *attempt) containerRequest() *container.Request {
	s, l := a.spec, a.spec.Limits.withDefaults()
	env := s.environment(directories{
		private: container.ScratchDir, socket: container.PrivateDir,
		target: TargetDir, secrets: pick(len(s.Secrets) > 0, container.SecretsDir, ""),
	})
	r := &container.Request{
		Runtime: s.Runtime, Exe: s.Exe, Args: s.Args, Env: env, Dir: s.PrivateDir,
		Stdout: s.Stdout, Stderr: s.Stderr, Inherit: s.Inherit, UID: max(a.uid, 0), Binds: a.containerBinds(),
		Limits: container.Limits{
			DataBytes: l.DataBytes, AddressSpaceBytes: l.AddressSpaceBytes, FileBytes: l.FileBytes, LockedBytes: l.LockedBytes,
			StackBytes: l.StackBytes, CPUSeconds: l.CPUSeconds, OpenFiles: l.OpenFiles, Processes: l.Processes,
			ScratchBytes: l.ScratchBytes, ScratchInodes: l.ScratchInodes, MemoryBytes: l.GroupMemoryBytes, CPUs: l.CPUs,
		},
	}
	for _, secret := range s.Secrets {
		r.Secrets = append(r.Secrets, container.Secret{Name: secret.Name, Value: secret.Value})
	}
	return r
}

// containerBinds are the grants, and the libraries that the program needs to
// start. A container has the usual devices of its own.
func (a *attempt) containerBinds() (out []container.Bind) {
	for _, o := range a.objects {
		if o.target == "" || o.bind < 0 && below(o.target, "/dev") {
			continue
		}
		access := Library
		switch {
		case o.bind >= 0:
			access = a.spec.Binds[o.bind].Access
		case o.flags == grantFlags:
			access = Read
		}
		out = append(out, container.Bind{Source: o.path, Target: o.target, Access: containerAccess[access], Dev: o.dev, Ino: o.ino})
	}
	return out
}

var containerAccess = map[Access]container.Access{
	Read: container.Read, Write: container.Write, Library: container.Library, Exec: container.Exec, Device: container.Device,
}

func (a *attempt) containerReport(h *container.Handle) Report {
	r := Report{Level: Container, Profile: a.spec.profile(), Verified: h.Verified(), Skipped: a.skipped}
	for _, w := range h.Walls() {
		r.Walls = append(r.Walls, Wall{w.Name, w.On, w.Detail})
	}
	return r
}

// containerProcess is a container as Process wants it.
type containerProcess struct{ handle *container.Handle }

func (c containerProcess) kill()  { c.handle.Kill() }
func (c containerProcess) await() { <-c.handle.Done() }

func (c containerProcess) reap() *Exit {
	e := c.handle.Exit()
	return &Exit{Code: e.Code, Signal: e.Signal, OutOfMemory: e.OutOfMemory, PeakBytes: e.PeakBytes, CPU: e.CPU}
}
