// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package sandbox

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"runtime"
)

// errPlatform is why only level none exists here.
var errPlatform = errors.New("this system has no sandbox yet: only Linux has")

// MaybeInit does nothing here: there is no shim on this system.
func MaybeInit() {}

// launchAt starts the program at level none. The program is executed by the name
// of the open file: this system cannot execute a descriptor.
func launchAt(ctx context.Context, spec *Spec, level Level) (*Process, error) {
	if level > None {
		return nil, &StepError{Level: level, Step: "platform", Path: runtime.GOOS, Err: errPlatform}
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	cmd := &exec.Cmd{Path: spec.Exe.Name(), Args: spec.Args, Env: environment(spec), Dir: spec.PrivateDir}
	if spec.Stdout != nil { // a nil *os.File in an io.Writer is not nil
		cmd.Stdout = spec.Stdout
	}
	if spec.Stderr != nil {
		cmd.Stderr = spec.Stderr
	}
	release, err := startTree(cmd)
	if err != nil {
		return nil, &StepError{Level: level, Step: "start", Path: spec.Exe.Name(), Err: err}
	}
	dir, _ := os.Open(spec.PrivateDir)
	return newProcess(cmd, platformReport(), directory{socket: spec.PrivateDir, file: dir}, release), nil
}

// environment completes the variables that depend on the level.
func environment(spec *Spec) []string {
	env := append(platformEnv(), spec.Env...)
	for _, name := range spec.DirEnv {
		env = append(env, name+"="+spec.PrivateDir)
	}
	if spec.SocketEnv != "" {
		env = append(env, spec.SocketEnv+"="+spec.PrivateDir)
	}
	if spec.TargetEnv != "" {
		env = append(env, spec.TargetEnv+"="+spec.Root)
	}
	return env
}

// platformReport lists the walls that Linux has as off, with the reason.
func platformReport() Report {
	r := Report{Level: None}
	for _, name := range []string{
		"user namespace", "mount namespace", "pid namespace", "network namespace", "ipc namespace", "uts namespace",
		"identity", "capabilities", "no_new_privs", "rlimits",
	} {
		r.Walls = append(r.Walls, Wall{Name: name, Detail: errPlatform.Error()})
	}
	r.Walls = append(r.Walls,
		Wall{Name: "environment", On: true, Detail: "only what the host sets"},
		Wall{Name: "parent death", On: diesWithHost, Detail: parentDeath},
	)
	return r
}
