// SPDX-License-Identifier: Apache-2.0

//go:build !linux

package sandbox

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
)

// launchPlain starts the program at level none. It is executed by the name of
// the open file: these systems cannot execute a descriptor.
func launchPlain(ctx context.Context, spec *Spec) (*Process, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	env, err := environment(spec)
	if err != nil {
		return nil, &StepError{Level: None, Step: "secrets", Path: spec.PrivateDir, Err: err}
	}
	cmd := &exec.Cmd{Path: spec.Exe.Name(), Args: spec.Args, Env: env, Dir: spec.PrivateDir, ExtraFiles: spec.Inherit}
	connect(cmd, spec)
	release, err := startTree(cmd)
	if err != nil {
		return nil, &StepError{Level: None, Step: "start", Path: spec.Exe.Name(), Err: err}
	}
	report := Report{Level: None, Profile: spec.profile(), Walls: walls(nil)}
	return newProcess(cmd, report, privateDirectory(spec), release), nil
}

// connect gives a command the caller's pipes.
func connect(cmd *exec.Cmd, spec *Spec) {
	if spec.Stdout != nil { // a nil *os.File in an io.Writer is not nil
		cmd.Stdout = spec.Stdout
	}
	if spec.Stderr != nil {
		cmd.Stderr = spec.Stderr
	}
}

func privateDirectory(spec *Spec) directory {
	dir, _ := os.Open(spec.PrivateDir)
	return directory{socket: spec.PrivateDir, file: dir}
}

// environment is that of a program without a root of its own. It writes the
// secrets that one of the variables points to.
func environment(spec *Spec) ([]string, error) {
	secrets, err := writeSecrets(spec)
	own := spec.environment(directories{private: spec.PrivateDir, socket: spec.PrivateDir, target: spec.Root, secrets: secrets})
	return append(platformEnv(), own...), err
}

// writeSecrets puts the secrets into the private directory, each in a file that
// only the user can read. It returns their directory, "" without any.
func writeSecrets(spec *Spec) (string, error) {
	if len(spec.Secrets) == 0 {
		return "", nil
	}
	if spec.PrivateDir == "" {
		return "", errors.New("secrets need a private directory: Spec.PrivateDir is empty")
	}
	dir := filepath.Join(spec.PrivateDir, "secrets")
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return "", err
	}
	for _, s := range spec.Secrets {
		if !filepath.IsLocal(s.Name) || filepath.Base(s.Name) != s.Name {
			return "", fmt.Errorf("the secret %q must have a plain file name", s.Name)
		}
		if err := os.WriteFile(filepath.Join(dir, s.Name), []byte(s.Value), 0o400); err != nil && !errors.Is(err, os.ErrPermission) {
			return "", err
		}
	}
	return dir, nil
}
