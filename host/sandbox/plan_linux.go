// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"os"
	"path"
	"sort"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"
)

// The descriptors that the shim inherits beside the standard streams.
const (
	planFD   = 3
	statusFD = 4
	exeFD    = 5
)

// plan is what the host tells the shim. It holds no decision for the shim to
// make: the shim carries out the steps of one level.
type plan struct {
	Level    Level
	Args     []string
	Env      []string
	Dir      string // working directory at levels without a root of their own
	Root     string // directory inside which grants are resolved
	Mounts   []mount
	Proc     bool
	Scratch  scratch
	Identity *int // kuid and kgid to take on; nil keeps the present ones
	DropSet  bool // whether the bounding set and groups can be dropped
	Limits   []limit
	Inject   *failure // a step to fail, for tests
}

type scratch struct{ Bytes, Inodes uint64 }

type limit struct {
	Resource int
	Value    uint64
}

// mount is one object of the machine to show in the sandbox.
type mount struct {
	Source   string
	Target   string
	InRoot   bool // resolve Source inside plan.Root
	Optional bool
	Flags    uint64 // MOUNT_ATTR_* to set on the whole tree
	Bind     int    // index in Spec.Binds, or -1 for one of ours
}

// failure is a step that went wrong, as the shim reports it.
type failure struct {
	Step  string
	Path  string
	Errno syscall.Errno
	Bind  int // index of the required grant that failed, or -1
}

// status is one record on the status pipe.
type status struct {
	Failure *failure
	Missing []missing
}

// missing is an optional mount that could not be opened.
type missing struct {
	Mount int
	Errno syscall.Errno
}

const (
	grantFlags   = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	libraryFlags = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	deviceFlags  = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC
)

// injectFailure is copied into every plan; tests set it.
var injectFailure *failure

// newPlan lays out one level of a checked specification. uid is the uid of its
// own that was allocated for the program, or -1.
func newPlan(s *Spec, level Level, uid int) (*plan, error) {
	p := &plan{Level: level, Args: s.Args, Root: "/", DropSet: os.Geteuid() == 0, Inject: injectFailure}
	p.Limits = s.rlimits(level, uid)
	if level > None && p.DropSet {
		p.Identity = new(max(uid, 0))
	}
	p.Dir = s.PrivateDir
	if level == Namespaced {
		if err := p.layOut(s); err != nil {
			return nil, err
		}
	}
	p.Env = s.environment(p.Dir, level)
	return p, nil
}

// layOut plans the private root.
func (p *plan) layOut(s *Spec) error {
	p.Dir, p.Proc = ScratchDir, s.Proc
	if s.Root != "" {
		p.Root = s.Root
	}
	limits := s.Limits.withDefaults()
	p.Scratch = scratch{limits.ScratchBytes, limits.ScratchInodes}
	libraries, err := libraryMounts(s.Exe)
	if err != nil {
		return &StepError{Level: Namespaced, Step: "read-elf", Path: s.Exe.Name(), Err: err}
	}
	p.Mounts = append(append(grantMounts(s.Binds), deviceMounts()...), libraries...)
	// Parents come before what lies in them.
	sort.SliceStable(p.Mounts, func(i, j int) bool {
		return strings.Count(p.Mounts[i].Target, "/") < strings.Count(p.Mounts[j].Target, "/")
	})
	return nil
}

func grantMounts(binds []Bind) []mount {
	var out []mount
	for i, b := range binds {
		target, _ := b.target() // checked by Spec.check
		flags := uint64(grantFlags)
		if b.Device {
			flags = deviceFlags
		}
		out = append(out, mount{Source: b.Source, Target: target, InRoot: true, Optional: b.Optional, Flags: flags, Bind: i})
	}
	return out
}

func deviceMounts() []mount {
	var out []mount
	for _, name := range minimalDevices {
		device := path.Join("/dev", name)
		out = append(out, mount{Source: device, Target: device, Flags: deviceFlags, Bind: -1})
	}
	return out
}

// environment completes the variables whose values depend on the level.
func (s *Spec) environment(dir string, level Level) []string {
	env := append([]string{}, s.Env...)
	if dir != "" {
		for _, name := range s.DirEnv {
			env = append(env, name+"="+dir)
		}
	}
	if s.SocketEnv != "" && dir != "" {
		env = append(env, s.SocketEnv+"="+socketDir(level))
	}
	if s.TargetEnv != "" {
		prefix := s.Root
		if level == Namespaced {
			prefix = TargetDir
		}
		env = append(env, s.TargetEnv+"="+prefix)
	}
	return env
}

// socketDir is the private directory by a short name that works whatever the
// modes of the directories above it: below namespaced it is the working directory.
func socketDir(level Level) string {
	if level == Namespaced {
		return ScratchDir
	}
	return "/proc/self/cwd"
}

// rlimits turns the limits into resources of this kernel.
func (s *Spec) rlimits(level Level, uid int) []limit {
	if level < Weak {
		return nil
	}
	l := s.Limits.withDefaults()
	out := []limit{
		{unix.RLIMIT_NOFILE, l.OpenFiles}, {unix.RLIMIT_CORE, 0}, {unix.RLIMIT_FSIZE, l.FileBytes},
		{unix.RLIMIT_CPU, l.CPUSeconds}, {unix.RLIMIT_DATA, l.DataBytes}, {unix.RLIMIT_AS, l.AddressSpaceBytes},
		{unix.RLIMIT_MEMLOCK, l.LockedBytes}, {unix.RLIMIT_MSGQUEUE, 0}, {unix.RLIMIT_SIGPENDING, 128},
		{unix.RLIMIT_STACK, l.StackBytes}, {unix.RLIMIT_NICE, 0}, {unix.RLIMIT_RTPRIO, 0},
	}
	// The count of processes is per uid and user namespace; where those are
	// shared with others, the limit would strike at their processes too.
	if counted := uid >= 0 || (level == Namespaced && os.Geteuid() != 0); counted {
		out = append(out, limit{unix.RLIMIT_NPROC, l.Processes})
	}
	return out
}
