// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"

	"github.com/bulkhead-ml/bulkhead/host/sandbox/cgroup"
	"github.com/bulkhead-ml/bulkhead/host/sandbox/seccomp"
	"golang.org/x/sys/unix"
)

// attempt is one try at one level.
type attempt struct {
	spec  *Spec
	level Level
	host  powers
	walls wallSet

	uid         int // the uid allocated for the program, or -1
	dir         string
	secrets     string // directory of the secrets
	objects     []object
	skipped     []Skipped
	leaf        *cgroup.Leaf
	loud, quiet *seccomp.Filter
	sockets     [2]*os.File // the host's end, the launch's end
	self        *os.File
	network     *network // being made; nil where the clone makes it
	pidNote     operand  // why the processes of the namespace could not be bounded
	pidsBounded bool

	undo []func() // what to give back when the program is gone
}

// newAttempt begins a try.
func newAttempt(spec *Spec, level Level) *attempt {
	host := hostPowers()
	return &attempt{spec: spec, level: level, host: host, walls: wallsOf(level, host, spec.Without), uid: -1}
}

// beginNetwork takes the network namespace that was begun for the launch, or begins
// one. An earlier level may have used the former.
func (a *attempt) beginNetwork() error {
	if !a.walls.ownNetwork() {
		return nil
	}
	if a.network = a.spec.Ahead.takeNetwork(); a.network == nil {
		a.network = beginNetwork()
	}
	a.undo = append(a.undo, a.network.discard)
	return nil
}

// failed is an error that drops the level.
func (a *attempt) failed(step, path string, err error) error {
	return &StepError{Level: a.level, Step: step, Path: path, Err: err}
}

// release gives back what the attempt holds.
func (a *attempt) release() {
	for _, undo := range slices.Backward(a.undo) {
		undo()
	}
	a.undo = nil
}

// preparation is a part of an attempt that the host does before the fork.
type preparation struct {
	name string
	run  func(*attempt) error
}

// preparations lists them in order. Their names can be made to fail as those of steps.
var preparations = []preparation{
	{"kernel", (*attempt).checkKernel},
	{"trace", (*attempt).canTrace},
	{"begin-network", (*attempt).beginNetwork},
	{"landlock-version", (*attempt).checkLandlock},
	{"grants", (*attempt).planObjects},
	{"take-uid", (*attempt).takeIdentity},
	{"private-directory", (*attempt).prepareDirectory},
	{"filter", (*attempt).planFilters},
	{"cgroup", (*attempt).makeGroup},
	{"sockets", (*attempt).openSockets},
}

// prepare does everything that needs no fork.
func (a *attempt) prepare() error {
	for _, p := range preparations {
		if injected != nil && injected.step == p.name {
			return a.failed(p.name, "", injected.errno)
		}
		if err := p.run(a); err != nil {
			return err
		}
	}
	return nil
}

// checkKernel refuses namespaces on kernels that count processes per uid across
// user namespaces.
func (a *attempt) checkKernel() error {
	if a.walls.mount && !atLeast(release(), 5, 14) {
		return a.failed("kernel", release(), unix.ENOSYS)
	}
	return nil
}

func (a *attempt) checkLandlock() error {
	if a.walls.landlock && landlockABI() == 0 {
		return a.failed("landlock-version", "", unix.EOPNOTSUPP)
	}
	return nil
}

// takeIdentity allocates a uid.
func (a *attempt) takeIdentity() (err error) {
	if !a.takesIdentity() || a.spec.Identity != OwnUID {
		return nil
	}
	uid, free, err := takeUID()
	if err != nil {
		return a.failed("take-uid", "", err)
	}
	a.uid, a.undo = uid, append(a.undo, free)
	return nil
}

// prepareDirectory makes the private directory the program's own, and writes the
// secrets where there is no private root to hold them.
func (a *attempt) prepareDirectory() error {
	a.dir, a.secrets = ScratchDir, SecretsDir
	if len(a.spec.Secrets) == 0 {
		a.secrets = ""
	}
	if a.walls.mount {
		return nil
	}
	a.dir, a.secrets = a.spec.PrivateDir, ""
	if a.dir != "" {
		a.undo = append(a.undo, func() { _ = emptyDirectory(a.spec.PrivateDir) })
	}
	if err := a.writeSecrets(); err != nil {
		return a.failed("secrets", a.dir, err)
	}
	if id := a.identity(); id >= 0 && a.dir != "" {
		if err := os.Chown(a.dir, id, id); err != nil {
			return a.failed("private-directory", a.dir, err)
		}
	}
	return nil
}

// writeSecrets puts the secrets into a new directory of the private one.
func (a *attempt) writeSecrets() error {
	if len(a.spec.Secrets) == 0 {
		return nil
	}
	if a.dir == "" {
		return errors.New("secrets need a private directory: Spec.PrivateDir is empty")
	}
	dir, err := os.MkdirTemp(a.dir, "secrets-")
	if err != nil {
		return err
	}
	a.secrets = dir // removed with what else is in the private directory
	for _, s := range a.spec.Secrets {
		if err := a.writeSecret(filepath.Join(dir, s.Name), s.Value); err != nil {
			return err
		}
	}
	return a.giveAway(dir)
}

func (a *attempt) writeSecret(name, value string) error {
	if err := os.WriteFile(name, []byte(value), 0o400); err != nil {
		return err
	}
	return a.giveAway(name)
}

// giveAway makes a file the program's.
func (a *attempt) giveAway(name string) error {
	if id := a.identity(); id > 0 {
		return os.Lchown(name, id, id)
	}
	return nil
}

// makeGroup makes the control group.
func (a *attempt) makeGroup() error {
	if !a.walls.quota {
		return nil
	}
	l := a.spec.Limits.withDefaults()
	leaf, err := cgroup.New(cgroup.Limits{MemoryBytes: bounded(l.GroupMemoryBytes), Processes: bounded(l.Processes), CPUs: l.CPUs})
	if u, ok := errors.AsType[*cgroup.Unavailable](err); ok {
		return a.failed("cgroup", u.Path, err)
	}
	if err != nil {
		return a.failed("cgroup", "", err)
	}
	a.leaf = leaf
	return nil
}

// bounded is a limit in the words of package cgroup and of tmpfs, where 0 is none.
func bounded(limit uint64) uint64 {
	if limit == Unlimited {
		return 0
	}
	return limit
}

// openSockets makes the way by which descriptors come back.
func (a *attempt) openSockets() (err error) {
	if a.self, err = selfHandle(); err != nil {
		return a.failed("pidfd", "", err)
	}
	if a.sockets, err = socketPair(); err != nil {
		return a.failed("sockets", "", err)
	}
	return nil
}

// namespaces are the flags of clone. The cgroup namespace is made later, when the
// program is in its group, and the network namespace may be there already.
func (a *attempt) namespaces() (flags uintptr) {
	for _, s := range []struct {
		on   bool
		flag uintptr
	}{
		{a.walls.user, unix.CLONE_NEWUSER}, {a.walls.mount, unix.CLONE_NEWNS}, {a.walls.pid, unix.CLONE_NEWPID},
		{a.walls.net && !a.walls.ownNetwork(), unix.CLONE_NEWNET}, {a.walls.ipc, unix.CLONE_NEWIPC}, {a.walls.uts, unix.CLONE_NEWUTS},
	} {
		if s.on {
			flags |= s.flag
		}
	}
	return flags
}

// explain turns the failure of an op into an error of ours.
func (a *attempt) explain(c *compiler, o *outcome) error {
	if o.failed < 0 || o.failed >= len(c.places) {
		return a.failed("launch", "", errors.New("the process ended before the program ran; is the host's main calling sandbox.MaybeInit"))
	}
	at, errno := c.places[o.failed], o.errno
	if better := o.note(at.note); at.note != 0 && errno == unix.ENOENT && better != 0 && better != unix.EEXIST {
		errno = better
	}
	if at.bind >= 0 {
		return &BindError{Bind: a.spec.Binds[at.bind], Err: grantFailure(errno)}
	}
	return a.failed(at.step, at.path, errno)
}

// grantFailure words the errno of a grant.
func grantFailure(errno unix.Errno) error {
	if errno == unix.ESTALE {
		return fmt.Errorf("it was replaced by another file while it was being granted: %w", errno)
	}
	return errno
}

// skipMissing records the optional grants that the launch left out.
func (a *attempt) skipMissing(o *outcome) {
	for i := range a.objects {
		if errno := o.note(a.objects[i].note); errno != 0 && a.objects[i].bind >= 0 {
			a.skip(a.objects[i].bind, grantFailure(errno))
		}
	}
}
