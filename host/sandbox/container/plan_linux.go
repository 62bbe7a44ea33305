// SPDX-License-Identifier: Apache-2.0

package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// plan is what the monitor is told, and what a sweep finds in the container's
// directory.
type plan struct {
	Name      string // of the container
	Dir       string // holds the bundle; removed at the end
	Engine    string // "docker", or the path of an OCI runtime
	Inherit   int    // descriptors to pass on
	UID       int    // of the program, as the host counts
	Seccomp   bool   // whether a filter was asked for
	Groups    bool   // whether control groups were asked for
	Binds     []identity
	Docker    *dockerPlan
	Gvisor    bool
	PlainSpec []byte `json:",omitempty"` // config.json without control groups, to fall back to
}

// planFile is the plan in the container's directory.
const planFile = "plan.json"

var counter atomic.Int64

// newPlan makes the container's directory, with all that goes into it.
func newPlan(r *Request) (*plan, error) {
	engine, err := findEngine(r.Runtime)
	if err != nil {
		return nil, err
	}
	start, err := startTime(os.Getpid())
	if err != nil {
		return nil, err
	}
	base, err := stateDir()
	if err != nil {
		return nil, err
	}
	name := fmt.Sprintf("%s%d-%d-%d", namePrefix, os.Getpid(), start, counter.Add(1))
	p := &plan{Name: name, Dir: filepath.Join(base, name), Engine: engine, Inherit: len(r.Inherit), UID: programUID(r)}
	p.Gvisor = filepath.Base(engine) == "runsc"
	if err := os.Mkdir(p.Dir, 0o700); err != nil {
		return nil, err
	}
	if err := p.fill(r); err != nil {
		_ = p.remove()
		return nil, err
	}
	return p, nil
}

// fill writes the program, the secrets and the configuration.
func (p *plan) fill(r *Request) error {
	if os.Geteuid() == 0 {
		if err := os.Chown(r.Dir, p.UID, p.UID); err != nil {
			return err
		}
	}
	secrets, err := p.writeSecrets(r.Secrets)
	if err != nil {
		return err
	}
	p.Binds = identitiesOf(r.Binds)
	if p.Engine == dockerEngine {
		err = p.fillDocker(r, secrets)
	} else {
		err = p.fillBundle(r, secrets)
	}
	if err != nil {
		return err
	}
	text, err := json.Marshal(p)
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.Dir, planFile), text, 0o600)
}

// fillBundle writes an OCI bundle: config.json and a root with the program.
func (p *plan) fillBundle(r *Request, secrets string) error {
	p.Seccomp, p.Groups = true, groupsWritable()
	rootfs := filepath.Join(p.Dir, "rootfs")
	if err := os.Mkdir(rootfs, 0o755); err != nil {
		return err
	}
	if err := copyProgram(r.Exe, p.program()); err != nil {
		return err
	}
	if err := p.expectProgram(r.place()); err != nil {
		return err
	}
	m, err := thisMachine(p, r, secrets)
	if err != nil {
		return err
	}
	plain := *m
	plain.groups = false
	if p.PlainSpec, err = json.Marshal(newConfig(r, &plain)); err != nil {
		return err
	}
	text, err := json.Marshal(newConfig(r, m))
	if err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(p.Dir, "config.json"), text, 0o600)
}

// program is the host path of the program's copy.
func (p *plan) program() string {
	if p.Engine == dockerEngine {
		return filepath.Join(p.Dir, "program")
	}
	return filepath.Join(p.Dir, "rootfs", ProgramPath)
}

// expectProgram has the monitor check that a place in the container, which may
// lead through links of a bind, shows the copy and no other file.
func (p *plan) expectProgram(place string) error {
	if place == ProgramPath {
		return nil
	}
	var st unix.Stat_t
	if err := unix.Lstat(p.program(), &st); err != nil {
		return &os.PathError{Op: "lstat", Path: p.program(), Err: err}
	}
	p.Binds = append(p.Binds, identity{place, st.Dev, st.Ino})
	return nil
}

// copyProgram writes what the verified descriptor holds.
func copyProgram(exe *os.File, name string) error {
	out, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o755)
	if err != nil {
		return err
	}
	_, err = io.Copy(out, io.NewSectionReader(exe, 0, math.MaxInt64))
	if err == nil {
		err = out.Chmod(0o555) // whatever the umask is
	}
	return errors.Join(err, out.Close())
}

// writeSecrets returns the directory of the secrets, "" without any.
func (p *plan) writeSecrets(secrets []Secret) (string, error) {
	if len(secrets) == 0 {
		return "", nil
	}
	dir := filepath.Join(p.Dir, "secrets")
	if err := os.Mkdir(dir, 0o700); err != nil {
		return "", err
	}
	for _, s := range secrets {
		name := filepath.Join(dir, s.Name)
		if err := os.WriteFile(name, []byte(s.Value), 0o400); err != nil {
			return "", err
		}
		if err := p.own(name); err != nil {
			return "", err
		}
	}
	return dir, p.own(dir)
}

// own gives a file to the program.
func (p *plan) own(name string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	return os.Chown(name, p.UID, p.UID)
}

// programUID is the uid of the program as the host counts.
func programUID(r *Request) int {
	if uid := os.Geteuid(); uid != 0 {
		return uid
	}
	return r.UID
}

// findEngine returns dockerEngine or the path of an OCI runtime. The
// directories of the administrator count even where the user's PATH lacks them.
func findEngine(name string) (string, error) {
	if name == dockerEngine {
		return name, nil
	}
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			return "", fmt.Errorf("the runtime %q must be a name or an absolute path", name)
		}
		return name, unix.Access(name, unix.X_OK)
	}
	found, err := exec.LookPath(name)
	for _, dir := range adminDirs {
		if err == nil {
			return found, nil
		}
		found, err = exec.LookPath(filepath.Join(dir, name))
	}
	if err != nil {
		return "", absentEngine(name)
	}
	return found, nil
}

// adminDirs are the directories of the administrator's programs.
var adminDirs = []string{"/usr/local/sbin", "/usr/sbin", "/sbin"}

// absentEngine says where a runtime was looked for. The reason of one place alone
// would hide the others.
func absentEngine(name string) error {
	return fmt.Errorf("no container runtime %q is installed here: no executable of that name is in a directory of PATH, nor in %s; install it there, or name another one",
		name, strings.Join(adminDirs, ", "))
}

// thisMachine is what the configuration depends on here.
func thisMachine(p *plan, r *Request, secrets string) (*machine, error) {
	place, err := followPlace(r.place(), r.Binds)
	return &machine{
		euid: os.Geteuid(), egid: os.Getegid(), groups: p.Groups, name: p.Name, secrets: secrets, program: p.program(), place: place,
		node: deviceNode, hard: hardLimit,
	}, err
}

// deviceNode describes the node behind a bind.
func deviceNode(b Bind) (device, bool) {
	var st unix.Stat_t
	if b.Access != Device || unix.Stat(b.Source, &st) != nil {
		return device{}, false
	}
	d := device{Major: int64(unix.Major(st.Rdev)), Minor: int64(unix.Minor(st.Rdev)), UID: int(st.Uid), GID: int(st.Gid)}
	d.Mode = os.FileMode(st.Mode & 0o777)
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFCHR:
		d.Type = "c"
	case unix.S_IFBLK:
		d.Type = "b"
	default:
		return device{}, false
	}
	return d, true
}

// rlimitNumbers maps the names of the specification to those of the kernel.
var rlimitNumbers = map[string]int{
	"RLIMIT_NOFILE": unix.RLIMIT_NOFILE, "RLIMIT_FSIZE": unix.RLIMIT_FSIZE, "RLIMIT_CPU": unix.RLIMIT_CPU,
	"RLIMIT_DATA": unix.RLIMIT_DATA, "RLIMIT_AS": unix.RLIMIT_AS, "RLIMIT_MEMLOCK": unix.RLIMIT_MEMLOCK,
	"RLIMIT_STACK": unix.RLIMIT_STACK,
}

func hardLimit(kind string) uint64 {
	var now unix.Rlimit
	if err := unix.Prlimit(0, rlimitNumbers[kind], nil, &now); err != nil {
		return Unlimited
	}
	return now.Max
}
