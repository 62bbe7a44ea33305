// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// programName is the program's copy in its private directory. The kernel knows a
// process by the first 16 bytes of such a name.
const programName = ".program"

// copyProgram puts the verified file where nobody else can exchange it: this
// system executes names, not descriptors. On one volume the copy shares the
// blocks of the original.
func copyProgram(exe *os.File, dir string) error {
	target, err := os.Open(dir)
	if err != nil {
		return err
	}
	defer target.Close()
	err = unix.Fclonefileat(int(exe.Fd()), int(target.Fd()), programName, 0)
	if err != nil && !errors.Is(err, fs.ErrExist) {
		err = copyBytes(exe, filepath.Join(dir, programName))
	}
	if err != nil {
		return err
	}
	return os.Chmod(filepath.Join(dir, programName), 0o500)
}

func copyBytes(exe *os.File, name string) error {
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o500)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.NewSectionReader(exe, 0, math.MaxInt64))
	return errors.Join(err, out.Close())
}

// locate returns the real name of what a bind grants.
func locate(b Bind, root string) (string, error) {
	source := b.Source
	if root != "" {
		source = filepath.Join(root, source)
	}
	name, err := filepath.EvalSymlinks(source)
	if err != nil {
		return "", err
	}
	if root != "" {
		real, err := filepath.EvalSymlinks(root)
		if err != nil {
			return "", err
		}
		if !below(name, real) {
			return "", fmt.Errorf("it is a link to %s, which lies outside of %s", name, root)
		}
	}
	return name, sameFile(b.File, name)
}

// sameFile makes sure that the name still leads to the file that was verified.
func sameFile(file *os.File, name string) error {
	if file == nil {
		return nil
	}
	verified, err := file.Stat()
	if err != nil {
		return err
	}
	found, err := os.Stat(name)
	if err == nil && !os.SameFile(verified, found) {
		err = errors.New("it is not the file that was verified")
	}
	return err
}

// reason is an error without the path, which its reader knows.
func reason(err error) string {
	if e, ok := errors.AsType[*fs.PathError](err); ok {
		return e.Err.Error()
	}
	return err.Error()
}

// zombie is the state of a process that has ended (sys/proc.h: SZOMB).
const zombie = 5

// awaitProgram waits until a process has become the program. It fails when the
// process ended as something else.
func awaitProgram(pid int) error {
	const patience = 10 * time.Second
	name := ""
	for deadline := time.Now().Add(patience); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		info, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
		if err != nil {
			return err
		}
		name, _, _ = strings.Cut(string(bytes.TrimRight(info.Proc.P_comm[:], "\x00")), "\x00")
		if name == programName {
			return nil
		}
		if info.Proc.P_stat == zombie {
			return fmt.Errorf("it ended as %q, before it ran the program", name)
		}
	}
	return fmt.Errorf("after %v the process is still %q", patience, name)
}
