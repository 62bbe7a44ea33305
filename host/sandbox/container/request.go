// SPDX-License-Identifier: Apache-2.0

package container

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

// Places in a container.
const (
	ProgramPath = "/program"
	PrivateDir  = "/run/p"
	SecretsDir  = "/run/secrets"
	ScratchDir  = "/tmp"
)

// Unlimited switches one limit of [Limits] off.
const Unlimited = ^uint64(0)

// Access is what a bind allows.
type Access int

// The kinds of access, as in package sandbox.
const (
	Read    Access = iota // read, nothing executable
	Write                 // read and write, nothing executable
	Library               // read and map as code
	Exec                  // Library, and programs in it may be started
	Device                // a device node
)

// Bind shows one file or directory of the machine.
type Bind struct {
	Source string // absolute path on the machine, without links
	Target string // absolute clean path in the container
	Access Access
	// Dev and Ino say which file Source is, where the caller has verified it.
	// The start fails when the container shows another one. Ino 0 checks nothing.
	Dev, Ino uint64
}

// Secret is a value that only the program can read, in a file of SecretsDir.
type Secret struct{ Name, Value string }

// Limits bounds the program. 0 means that the runtime decides, Unlimited that
// nothing bounds it.
type Limits struct {
	DataBytes, AddressSpaceBytes, FileBytes, LockedBytes, StackBytes uint64 // rlimits, bytes
	CPUSeconds, OpenFiles                                            uint64 // rlimits
	Processes                                                        uint64 // processes and threads
	ScratchBytes, ScratchInodes                                      uint64 // of ScratchDir
	MemoryBytes                                                      uint64 // of the control group
	CPUs                                                             float64
}

// Request describes one program to run.
type Request struct {
	// Runtime is "docker", the name of an OCI runtime, or the path of one.
	Runtime string
	// Exe is the program, open for reading; what it holds is what runs.
	Exe *os.File
	// Args is the argument vector. Where its first element is an absolute path,
	// the program is shown and executed at that place, through the links that a
	// bind has there; any other one does not count, and it is ProgramPath.
	Args []string
	// Env is the whole environment as KEY=value.
	Env []string
	// Dir is a directory of the host that appears as PrivateDir.
	Dir string
	// Stdout and Stderr are the program's; nil is /dev/null. They stay the
	// caller's to close.
	Stdout, Stderr *os.File
	// Inherit are further descriptors, from 3 upwards; runc and crun only.
	Inherit []*os.File
	Secrets []Secret
	Binds   []Bind
	// UID is the uid and gid of the program under a root host. Another host's
	// program keeps the uid of the host.
	UID    int
	Limits Limits
}

// Exit is how a program ended and what it used. The figures are 0 where the
// runtime does not tell.
type Exit struct {
	Code        int            // exit status; -1 after a signal
	Signal      syscall.Signal // 0 without one
	OutOfMemory bool           // ended at the memory limit of its control group
	PeakBytes   uint64         // largest memory of the control group, or resident
	CPU         time.Duration  // processor time, user and system
}

// Wall is one isolation mechanism and whether it stands.
type Wall struct {
	Name   string
	On     bool
	Detail string
}

// Error is a container that could not be started.
type Error struct {
	Runtime string
	Step    string // "create"
	Err     error
}

// Error names the runtime and the step.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s: %v", e.Runtime, e.Step, e.Err) }

// Unwrap returns the reason.
func (e *Error) Unwrap() error { return e.Err }

var fileName = pattern.Lazy(`^[A-Za-z0-9_.-]{1,128}$`)

// reserved are the places that a container has of its own.
var reserved = []string{ProgramPath, PrivateDir, SecretsDir, ScratchDir, "/proc", "/dev", "/sys"}

func (r *Request) check() error {
	switch {
	case r.Exe == nil:
		return errors.New("no program to run: Request.Exe is nil")
	case len(r.Args) == 0:
		return errors.New("Request.Args is empty: it starts with the program's name")
	case !path.IsAbs(r.Dir):
		return fmt.Errorf("the private directory %q is not an absolute path", r.Dir)
	case r.Runtime == "":
		return errors.New("no runtime is named")
	}
	if err := checkPlace(r.place()); err != nil {
		return err
	}
	for _, s := range r.Secrets {
		if !fileName().MatchString(s.Name) || s.Name == "." || s.Name == ".." {
			return fmt.Errorf("the secret %q must have a plain file name", s.Name)
		}
	}
	for _, b := range r.Binds {
		if err := b.check(); err != nil {
			return err
		}
	}
	return nil
}

func (b Bind) check() error {
	if !path.IsAbs(b.Source) || !path.IsAbs(b.Target) || path.Clean(b.Target) != b.Target || b.Target == "/" {
		return fmt.Errorf("the grant of %q at %q: both must be absolute, and the target clean", b.Source, b.Target)
	}
	for _, dir := range reserved {
		if below(b.Target, dir) && !(b.Access == Device && dir == "/dev" && b.Target != dir) {
			return fmt.Errorf("the grant of %s: its target %s lies in %s, which the container has of its own", b.Source, b.Target, dir)
		}
	}
	return nil
}

// below reports whether name is dir or lies in it.
func below(name, dir string) bool {
	return name == dir || strings.HasPrefix(name, dir+"/")
}
