// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"path"
	"sort"
	"strings"

	"golang.org/x/sys/unix"
)

// object is one file or directory of the machine that the program may use.
type object struct {
	source
	target   string // place in the private root; "" when it is not shown there
	flags    uint64 // MOUNT_ATTR_* of the whole tree
	rights   uint64 // what Landlock allows on it
	bind     int    // index in Spec.Binds, or -1 for one of ours
	optional bool

	rule operand // its struct landlock_path_beneath_attr in the program
	note operand // why an optional object was left out
}

// fd is the cell of the object's descriptor: the rule names it as well.
func (o *object) fd() operand { return o.rule + 8 }

const (
	grantFlags   = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	writeFlags   = unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV | unix.MOUNT_ATTR_NOEXEC
	libraryFlags = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NODEV
	deviceFlags  = unix.MOUNT_ATTR_RDONLY | unix.MOUNT_ATTR_NOSUID | unix.MOUNT_ATTR_NOEXEC
)

// flagsOf are the mount flags of an access.
func flagsOf(a Access) uint64 {
	switch a {
	case Write:
		return writeFlags
	case Library, Exec:
		return libraryFlags
	case Device:
		return deviceFlags
	}
	return grantFlags
}

// planObjects looks up everything the program is to have, parents before what
// lies in them.
func (a *attempt) planObjects() error {
	if err := a.planBinds(); err != nil {
		return err
	}
	if err := a.canExecute(); err != nil {
		return err
	}
	if err := a.canLoad(); err != nil {
		return err
	}
	if !a.walls.mount && !a.walls.landlock {
		return nil
	}
	for _, name := range minimalDevices {
		a.own(path.Join("/dev", name), Device, true)
	}
	if err := a.planCode(); err != nil {
		return err
	}
	sort.SliceStable(a.objects, func(i, j int) bool {
		return strings.Count(a.objects[i].target, "/") < strings.Count(a.objects[j].target, "/")
	})
	return nil
}

// planBinds looks up the grants.
func (a *attempt) planBinds() error {
	for i, b := range a.spec.Binds {
		if b.Access == Exec && !a.level.Spaces() {
			return a.failed("exec-grant", b.Source, errNoExec)
		}
		target, err := b.target()
		if err != nil {
			return err
		}
		found, err := a.lookUp(b)
		if err != nil && !b.Optional {
			return &BindError{Bind: b, Err: err}
		}
		if err != nil {
			a.skip(i, err)
			continue
		}
		a.objects = append(a.objects, object{
			source: found, target: target, flags: flagsOf(b.Access), rights: rightsOf(b.Access, found.dir), bind: i, optional: b.Optional,
		})
	}
	return nil
}

func (a *attempt) lookUp(b Bind) (source, error) {
	if b.File != nil {
		return sourceOfFile(b.File)
	}
	return findSource(b.root(a.spec), b.Source)
}

// skip records an optional grant that cannot be given.
func (a *attempt) skip(bind int, err error) {
	b := a.spec.Binds[bind]
	target, _ := b.target() // checked before
	a.skipped = append(a.skipped, Skipped{Source: b.Source, Target: target, Reason: err.Error()})
}

// own adds an object of the sandbox itself. One that the machine lacks is left
// out, since not every machine has every library directory.
func (a *attempt) own(name string, access Access, required bool) {
	found, err := findSource("", name)
	if err != nil {
		return
	}
	o := object{source: found, target: name, flags: flagsOf(access), rights: rightsOf(access, found.dir), bind: -1, optional: !required}
	if access == Device {
		o.rights = rightsOf(Device, false) &^ unix.LANDLOCK_ACCESS_FS_IOCTL_DEV
	}
	if !a.covered(name) {
		a.objects = append(a.objects, o)
	}
}

// covered reports whether a grant shows that place already.
func (a *attempt) covered(target string) bool {
	for _, o := range a.objects {
		if o.target != "" && below(target, o.target) {
			return true
		}
	}
	return false
}

// planCode adds what dynamically linked programs need to start: the system's
// libraries and the loaders.
func (a *attempt) planCode() error {
	loaders, err := a.loaders()
	if err != nil {
		return a.failed("read-elf", a.spec.Exe.Name(), err)
	}
	if len(loaders) == 0 {
		return nil
	}
	a.own("/etc/ld.so.cache", Read, false)
	for _, dir := range libraryDirs {
		a.own(dir, Library, false)
	}
	for _, loader := range loaders {
		if !a.covered(loader) {
			a.own(loader, Library, true)
		}
		a.executable(loader)
	}
	return nil
}

// executable lets Landlock pass a loader, which the kernel executes too.
func (a *attempt) executable(loader string) {
	if found, err := findSource("", loader); err == nil {
		a.objects = append(a.objects, object{source: found, rights: rightsOf(Exec, false), bind: -1, optional: true})
	}
}

// environment is that of a program behind the host's own walls.
func (a *attempt) environment() []string {
	return a.spec.environment(directories{
		private: a.dir, socket: pick(a.dir != "", a.socketDir(), ""),
		target: pick(a.walls.mount, TargetDir, a.spec.Root), secrets: a.secrets,
	})
}

// socketDir is the private directory by a short name that works whatever the
// modes of the directories above it: without a root it is the working directory.
func (a *attempt) socketDir() string { return pick(a.walls.mount, ScratchDir, "/proc/self/cwd") }

// limit is one resource of this kernel.
type limit struct {
	resource int
	value    uint64
}

// oneByte is the limit of core files with which there are none, and with which
// the kernel does not start the machine's collector of core files either, outside
// of all walls, as it does with a limit of 0.
const oneByte = 1

// limits turns the specification's limits into resources.
func (a *attempt) limits() []limit {
	l := a.spec.Limits.withDefaults()
	out := []limit{
		{unix.RLIMIT_NOFILE, l.OpenFiles}, {unix.RLIMIT_CORE, oneByte}, {unix.RLIMIT_FSIZE, l.FileBytes},
		{unix.RLIMIT_CPU, l.CPUSeconds}, {unix.RLIMIT_DATA, l.DataBytes}, {unix.RLIMIT_AS, l.AddressSpaceBytes},
		{unix.RLIMIT_MEMLOCK, l.LockedBytes}, {unix.RLIMIT_MSGQUEUE, 0}, {unix.RLIMIT_SIGPENDING, 128},
		{unix.RLIMIT_STACK, l.StackBytes}, {unix.RLIMIT_NICE, 0}, {unix.RLIMIT_RTPRIO, 0},
	}
	if a.countsProcesses() {
		out = append(out, limit{unix.RLIMIT_NPROC, l.Processes})
	}
	return out
}

// countsProcesses reports whether the number of processes can be limited: the
// kernel counts them per uid and user namespace, and where those are shared with
// others the limit would strike at their processes too.
func (a *attempt) countsProcesses() bool { return a.uid >= 0 || a.walls.user && a.host.uid != 0 }

// boundsPIDs reports whether the pid namespace is to bound the number of processes
// instead. Before Linux 6.14 all namespaces share one bound, which is not ours to
// change.
func (a *attempt) boundsPIDs() bool {
	return a.walls.pid && a.walls.rlimits && !a.countsProcesses() && atLeast(release(), 6, 14) &&
		a.spec.Limits.withDefaults().Processes < 1<<22
}

// leastPIDs is the lowest bound that the kernel takes.
const leastPIDs = 301

// errNoExec is why a level cannot give an exec grant.
var errNoExec = fmt.Errorf("programs may be started only where no descendant can outlive the plugin, which takes a pid namespace: %w", unix.ENOTSUP)
