// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path"
	"slices"
	"strings"
)

// TargetDir is the directory of the sandbox below which every grant appears.
const TargetDir = "/target"

// PluginDir is the directory of the sandbox for files of the plugin itself, such
// as the script that an interpreter runs.
const PluginDir = "/plugin"

// SecretsDir is the directory of a private root that holds Spec.Secrets.
const SecretsDir = "/run/secrets"

// ScratchDir is the writable directory of a sandbox that has a root of its own.
const ScratchDir = "/tmp"

// Unlimited switches one limit of [Limits] off.
const Unlimited = ^uint64(0)

// Identity says which uid the program gets when the host runs as root. An
// ordinary user cannot choose: the program runs under the user's own uid, which
// is uid 0 inside its user namespace, without capabilities.
type Identity int

const (
	// OwnUID gives each running instance a uid and gid of its own from
	// 61184..65519. Grants must be readable by everybody; the directories above
	// a granted path need not be.
	OwnUID Identity = iota
	// SameUID keeps uid 0 and drops every capability, for grants that only root
	// may read.
	SameUID
)

// Access is what a bind allows.
type Access int

const (
	// Read allows to read. Nothing in it can be executed or mapped as code.
	Read Access = iota
	// Write allows to read and to write. Nothing in it can be executed.
	Write
	// Library allows to read and to map as code: an interpreter's own files.
	Library
	// Exec is Library, and the programs in it may be started. It needs a level
	// with namespaces, since only there no descendant survives.
	Exec
	// Device allows the use of a device node, with reads, writes and ioctls as
	// the node's mode allows. Drivers have a large surface, so this is for
	// programs that are trusted with the device.
	Device
)

// Bind grants one file or directory of the machine, with everything mounted
// below it.
type Bind struct {
	// Source is an absolute path on the machine, or inside Spec.Root.
	Source string
	// Own: Source is on this machine, whatever Spec.Root is. An interpreter and its
	// libraries run here, also when another machine is looked at.
	Own bool
	// File, when not nil, is the object to bind, opened and verified by the
	// caller; Source then only names it.
	File *os.File
	// Target is the absolute path in the sandbox. For Read and Write it lies
	// below TargetDir or PluginDir, and empty means TargetDir + Source. For
	// Library, Exec and Device empty means Source, since programs look for such
	// files at their own place. A target inside another bind must exist there
	// already. Where the level has no root of its own the object stays in its
	// own place and Target does not count.
	Target string
	// Access is what the bind allows.
	Access Access
	// Optional makes a source that is absent or unreadable an entry in
	// Report.Skipped instead of an error.
	Optional bool
}

// root is where Source is looked up.
func (b Bind) root(s *Spec) string {
	if b.Own {
		return ""
	}
	return s.Root
}

// Secret is a value that the program reads from a file of its own.
type Secret struct {
	Name  string // a file name: letters, digits, '_', '-' and '.'
	Value string
}

// HeldPerFile is how many watches of descriptors (epoll) and locks of files a program
// may have for each file that it may open, on Linux: with the default limit 16,384.
const HeldPerFile = 64

// Limits bounds the program's resources. A zero field means the default named
// beside it; Unlimited switches the limit off. Limits are only ever lowered.
type Limits struct {
	DataBytes         uint64 // private memory, 512 MiB
	AddressSpaceBytes uint64 // mapped memory, 4 GiB; a Go program maps 1.3 GiB
	FileBytes         uint64 // largest file it may write, 16 MiB
	LockedBytes       uint64 // locked memory, 64 KiB
	StackBytes        uint64 // main stack, 8 MiB
	CPUSeconds        uint64 // processor time of its whole life, unlimited
	OpenFiles         uint64 // 256; the host allows HeldPerFile watches and locks for each
	// Processes bounds processes and threads, 64. The kernel counts them per
	// uid, so it applies only where the program has a uid or a user namespace of
	// its own.
	Processes     uint64
	ScratchBytes  uint64 // size of ScratchDir, 16 MiB
	ScratchInodes uint64 // files in ScratchDir, 256

	// The limits below need a control group. They bound the program with all
	// its descendants.
	GroupMemoryBytes uint64  // memory with the page cache that it causes, 1 GiB
	CPUs             float64 // processors' worth of time per second, 0 is unlimited
}

// Spec describes one launch.
type Spec struct {
	// Exe is the program, open for reading, and verified by the caller. The file
	// behind this descriptor is executed. Only ELF programs can be run so; a
	// script needs its interpreter as Exe.
	Exe *os.File
	// Args is the argument vector, the program's own name first.
	Args []string
	// Env is the whole environment as KEY=value; nothing is inherited.
	Env []string
	// DirEnv names variables that are set to the program's private writable
	// directory, whose path depends on the level reached.
	DirEnv []string
	// SocketEnv names a variable that is set to a short name of the same
	// directory, for sockets, whose paths may not exceed 107 bytes. See
	// Process.SocketDir.
	SocketEnv string
	// TargetEnv names a variable that is set to the prefix under which the
	// machine's paths appear: TargetDir with a private root, else Root.
	TargetEnv string
	// PrivateDir is an empty directory of the host, mode 0700, that serves as
	// the writable directory where there is no scratch file system. On Linux it is
	// emptied again when the program has ended.
	PrivateDir string
	// Stdout and Stderr are write ends of the caller's pipes; nil is /dev/null.
	// Standard input is always /dev/null.
	Stdout, Stderr *os.File

	// Ahead is what [Anticipate] has begun for this launch; nil for nothing.
	Ahead *Ahead
	// Inherit are further descriptors of the program, from 3 upwards.
	Inherit []*os.File
	// Secrets are files that only the program can read: in SecretsDir where it
	// has a root of its own, else in its private directory.
	Secrets []Secret
	// SecretsEnv names a variable that is set to the directory of the secrets.
	SecretsEnv string

	Binds    []Bind
	Root     string // resolve every source inside this directory; "" is /
	Proc     bool   // mount a /proc that shows the sandbox's own processes
	Identity Identity
	Limits   Limits
	Floor    Level // lowest acceptable level; zero is the highest
	Ceiling  Level // highest level to try; zero is the highest
	// Strict ends the program at its first refused system call, and names it,
	// instead of answering with an error.
	Strict bool
	// Trace is told of each use of a file's name by the program and those that it
	// starts, before it is carried out; the program waits meanwhile. It is called
	// from one goroutine at a time. A traced program can make processes without an
	// [Exec] grant, and start no program with them. See [ErrNoTrace].
	Trace func(Touch)
	// Runtime is a container runtime to use instead of the host's own walls:
	// "runsc", "crun", "runc", "docker" or the path of one. The level is then
	// Container.
	Runtime string
	// Without switches walls off by their names in a Report, for tests of the
	// others. A level that lacks one of its walls is not reached: the report
	// says weak at most.
	Without []string
}

// grants reports whether something was granted with that access.
func (s *Spec) grants(a Access) bool {
	return slices.ContainsFunc(s.Binds, func(b Bind) bool { return b.Access == a })
}

// profile names the kind of program that the grants make.
func (s *Spec) profile() string {
	switch {
	case s.grants(Exec):
		return "tools"
	case s.grants(Device):
		return "gpu"
	case s.grants(Library):
		return "python"
	case s.grants(Write), len(s.Inherit) > 0:
		return "kernel"
	case s.grants(Read):
		return "collector"
	}
	return "check"
}

// directories are what variables of the program point to, by the names that it
// knows them by. Those that it does not have are "".
type directories struct{ private, socket, target, secrets string }

// environment completes the variables whose values depend on the level.
func (s *Spec) environment(at directories) []string {
	env := append([]string{}, s.Env...)
	set := func(name, dir string) {
		if name != "" && dir != "" {
			env = append(env, name+"="+dir)
		}
	}
	for _, name := range s.DirEnv {
		set(name, at.private)
	}
	set(s.SocketEnv, at.socket)
	if s.TargetEnv != "" { // the machine's own root has the prefix ""
		env = append(env, s.TargetEnv+"="+at.target)
	}
	set(s.SecretsEnv, at.secrets)
	return env
}

// check refuses a specification that no level could carry out.
func (s *Spec) check() error {
	if s.Exe == nil {
		return errors.New("sandbox: no program to run: Spec.Exe is nil")
	}
	if len(s.Args) == 0 {
		return errors.New("sandbox: Spec.Args is empty: it starts with the program's name")
	}
	for _, text := range append(append([]string{}, s.Args...), s.Env...) {
		if strings.ContainsRune(text, 0) {
			return fmt.Errorf("sandbox: NUL byte in argument or environment %q", text)
		}
	}
	if err := s.checkSecrets(); err != nil {
		return err
	}
	if err := errors.Join(s.checkWithout(), s.checkTrace()); err != nil {
		return err
	}
	seen := make(map[string]bool)
	for _, b := range s.Binds {
		target, err := b.target()
		if err != nil {
			return err
		}
		if seen[target] {
			return fmt.Errorf("sandbox: two grants for %s: keep one", target)
		}
		seen[target] = true
	}
	return nil
}

// secretLimit bounds the secrets of one program together; they live in memory.
const secretLimit = 1 << 20

// secretBytes is the room that secrets need in a file system of memory pages.
func secretBytes(secrets []Secret) (total uint64) {
	for _, s := range secrets {
		total += uint64(len(s.Value)+4095) &^ 4095
	}
	return total
}

func (s *Spec) checkSecrets() error {
	seen := make(map[string]bool)
	for _, secret := range s.Secrets {
		name := secret.Name
		plain := strings.Trim(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-.") == ""
		if !plain || strings.Trim(name, ".") == "" || len(name) > 255 || seen[name] {
			return fmt.Errorf("sandbox: secret %q: each needs a name of its own of letters, digits, '_', '-' and '.'", name)
		}
		seen[name] = true
	}
	if n := secretBytes(s.Secrets); n > secretLimit {
		return fmt.Errorf("sandbox: the secrets take %d bytes: at most %d fit", n, secretLimit)
	}
	return nil
}

// checkWithout refuses names that are no walls, and a floor that a launch without
// them could not reach.
func (s *Spec) checkWithout() error {
	for _, name := range s.Without {
		if !slices.Contains(wallNames(), name) {
			return fmt.Errorf("sandbox: %q is no wall that can be left out: use one of %s", name, strings.Join(wallNames(), ", "))
		}
	}
	if best := reported(ladder[0], s.Without); best < s.Floor.floor() {
		return fmt.Errorf("sandbox: level %s cannot be reached with walls left out: the highest is %s", s.Floor.floor(), best)
	}
	return nil
}

// target returns the checked place of the bind in the sandbox.
func (b Bind) target() (string, error) {
	if !path.IsAbs(b.Source) || strings.ContainsRune(b.Source, 0) {
		return "", fmt.Errorf("sandbox: grant of %q: the source must be an absolute path", b.Source)
	}
	switch b.Access {
	case Device:
		return b.deviceTarget()
	case Library, Exec:
		return b.ownPlace()
	}
	target := b.Target
	if target == "" {
		target = path.Join(TargetDir, b.Source)
	}
	if path.Clean(target) != target || !below(target, TargetDir) && !below(target, PluginDir) {
		return "", fmt.Errorf("sandbox: grant of %s: target %q must be a clean path below %s", b.Source, target, TargetDir)
	}
	return target, nil
}

// deviceTarget is target for a device: below /dev, and not one of the nodes
// that every sandbox has.
func (b Bind) deviceTarget() (string, error) {
	target := b.Target
	if target == "" {
		target = b.Source
	}
	if path.Clean(target) != target || !strings.HasPrefix(target, "/dev/") {
		return "", fmt.Errorf("sandbox: grant of device %s: target %q must be a clean path below /dev", b.Source, target)
	}
	if slices.Contains(minimalDevices, path.Base(target)) && path.Dir(target) == "/dev" {
		return "", fmt.Errorf("sandbox: grant of device %s: every sandbox has %s already", b.Source, target)
	}
	return target, nil
}

// ownPlace is target for code: anywhere but where the sandbox has files of its own.
func (b Bind) ownPlace() (string, error) {
	target := b.Target
	if target == "" {
		target = path.Clean(b.Source)
	}
	if path.Clean(target) != target || !path.IsAbs(target) || target == "/" {
		return "", fmt.Errorf("sandbox: grant of %s: target %q must be a clean absolute path", b.Source, target)
	}
	for _, dir := range []string{"/dev", "/proc", ScratchDir, SecretsDir, TargetDir, PluginDir} {
		if below(target, dir) {
			return "", fmt.Errorf("sandbox: grant of %s: target %q lies in %s, which the sandbox makes itself", b.Source, target, dir)
		}
	}
	return target, nil
}

// minimalDevices are the nodes below /dev that every private root has. /dev/zero
// is not among them: mapped as shared memory it counts towards no limit.
var minimalDevices = []string{"null", "full", "random", "urandom"}

// below reports whether name is dir or lies in it; both are clean.
func below(name, dir string) bool {
	return name == dir || strings.HasPrefix(name, strings.TrimSuffix(dir, "/")+"/")
}

// withDefaults fills in the zero fields.
func (l Limits) withDefaults() Limits {
	fill := func(field *uint64, value uint64) {
		if *field == 0 {
			*field = value
		}
	}
	fill(&l.DataBytes, 512<<20)
	fill(&l.AddressSpaceBytes, 4<<30)
	fill(&l.FileBytes, 16<<20)
	fill(&l.LockedBytes, 64<<10)
	fill(&l.StackBytes, 8<<20)
	fill(&l.CPUSeconds, Unlimited)
	fill(&l.OpenFiles, 256)
	fill(&l.Processes, 64)
	fill(&l.ScratchBytes, 16<<20)
	fill(&l.ScratchInodes, 256)
	fill(&l.GroupMemoryBytes, 1<<30)
	return l
}
