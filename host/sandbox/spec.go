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

// Bind grants one file or directory of the machine, read-only and with
// everything mounted below it.
type Bind struct {
	// Source is an absolute path on the machine, or inside Spec.Root.
	Source string
	// Target is the absolute path in the sandbox and lies below TargetDir.
	// Empty means TargetDir + Source. A target inside another bind must exist
	// there already.
	Target string
	// Optional makes a source that is absent or unreadable an entry in
	// Report.Skipped instead of an error.
	Optional bool
	// Device grants the use of a device node, with reads, writes and ioctls as
	// the node's mode allows. Such a target lies below /dev and is Source when
	// empty: libraries open devices at their own place. Drivers have a large
	// surface, so this is for programs that are trusted with the device.
	Device bool
}

// Limits bounds the program's resources. A zero field means the default named
// beside it; Unlimited switches the limit off. Limits are only ever lowered.
type Limits struct {
	DataBytes         uint64 // private memory, 512 MiB
	AddressSpaceBytes uint64 // mapped memory, 4 GiB; a Go program maps 1.3 GiB
	FileBytes         uint64 // largest file it may write, 16 MiB
	LockedBytes       uint64 // locked memory, 64 KiB
	StackBytes        uint64 // main stack, 8 MiB
	CPUSeconds        uint64 // processor time of its whole life, unlimited
	OpenFiles         uint64 // 256
	// Processes bounds processes and threads, 64. The kernel counts them per
	// uid, so it applies only where the program has a uid or a user namespace of
	// its own.
	Processes     uint64
	ScratchBytes  uint64 // size of ScratchDir, 16 MiB
	ScratchInodes uint64 // files in ScratchDir, 256
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
	// the writable directory where there is no scratch file system.
	PrivateDir string
	// Stdout and Stderr are write ends of the caller's pipes; nil is /dev/null.
	// Standard input is always /dev/null.
	Stdout, Stderr *os.File

	Binds    []Bind
	Root     string // resolve every source inside this directory; "" is /
	Proc     bool   // mount a /proc that shows the sandbox's own processes
	Identity Identity
	Limits   Limits
	Floor    Level // lowest acceptable level; zero is the highest
	Ceiling  Level // highest level to try; zero is the highest
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

// target returns the checked place of the bind in the sandbox.
func (b Bind) target() (string, error) {
	if !path.IsAbs(b.Source) || strings.ContainsRune(b.Source, 0) {
		return "", fmt.Errorf("sandbox: grant of %q: the source must be an absolute path", b.Source)
	}
	if b.Device {
		return b.deviceTarget()
	}
	target := b.Target
	if target == "" {
		target = path.Join(TargetDir, b.Source)
	}
	if path.Clean(target) != target || !below(target, TargetDir) {
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

// minimalDevices are the nodes below /dev that every private root has.
var minimalDevices = []string{"null", "zero", "full", "random", "urandom"}

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
	return l
}
