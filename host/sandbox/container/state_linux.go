// SPDX-License-Identifier: Apache-2.0

package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// stateName is where a runtime keeps what it knows of a container, in the
// container's directory.
const stateName = "state"

// namePrefix begins the name of every container of ours. The host's pid, its
// start time and a number follow.
const namePrefix = "bulkhead-"

// stateDirs are the places for containers of this user, the best one first. A
// directory of memory is preferred, since nothing in it outlives the machine.
func stateDirs() []string {
	if os.Geteuid() == 0 {
		return []string{"/run/bulkhead-containers", "/var/lib/bulkhead-containers", "/tmp/bulkhead-containers-0"}
	}
	var out []string
	if dir := os.Getenv("XDG_RUNTIME_DIR"); filepath.IsAbs(dir) {
		out = append(out, filepath.Join(dir, "bulkhead-containers"))
	}
	return append(out, filepath.Join(os.TempDir(), fmt.Sprintf("bulkhead-containers-%d", os.Geteuid())))
}

// stateDir makes the directory for containers. Programs are executed from it, so
// that a file system that forbids this will not do.
func stateDir() (string, error) {
	var errs []error
	for _, dir := range stateDirs() {
		err := ownDirectory(dir)
		if err == nil {
			err = executable(dir)
		}
		if err == nil {
			return dir, nil
		}
		errs = append(errs, err)
	}
	return "", errors.Join(errs...)
}

// ownDirectory makes a directory that is this user's alone.
func ownDirectory(dir string) error {
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	var st unix.Stat_t
	if err := unix.Lstat(dir, &st); err != nil {
		return &os.PathError{Op: "lstat", Path: dir, Err: err}
	}
	if st.Mode&unix.S_IFMT != unix.S_IFDIR || st.Mode&0o022 != 0 || int(st.Uid) != os.Geteuid() {
		return fmt.Errorf("%s is not a directory that this user alone can write to; remove it", dir)
	}
	return nil
}

func executable(dir string) error {
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return &os.PathError{Op: "statfs", Path: dir, Err: err}
	}
	if fs.Flags&unix.ST_NOEXEC != 0 {
		return fmt.Errorf("%s lies on a file system that runs no programs (noexec)", dir)
	}
	return nil
}

// Sweep removes the containers of hosts that are gone. Those of living hosts,
// this one too, stay. Call it once, before the first Start.
func Sweep() error {
	var errs []error
	for _, base := range stateDirs() {
		entries, err := os.ReadDir(base)
		if err != nil {
			continue // nothing was ever there
		}
		for _, e := range entries {
			if orphaned(e.Name()) {
				errs = append(errs, sweepOne(filepath.Join(base, e.Name())))
			}
		}
	}
	return errors.Join(errs...)
}

// sweepOne removes one container by the plan in its directory.
func sweepOne(dir string) error {
	p := &plan{}
	text, err := os.ReadFile(filepath.Join(dir, planFile))
	if err == nil {
		err = json.Unmarshal(text, p)
	}
	if err != nil || p.Name != filepath.Base(dir) {
		return os.RemoveAll(dir) // its host died before it started anything
	}
	p.Dir = dir
	return p.remove()
}

// remove clears away what is left of a container. It may be gone already.
func (p *plan) remove() error { return p.removeBy(newEngine(p, nil)) }

// removeBy removes the container, and then its directory. Where the runtime does
// not remove it, the plan and the runtime's own state stay for the next sweep.
func (p *plan) removeBy(e engine) error {
	err := e.remove()
	if err == nil {
		return os.RemoveAll(p.Dir)
	}
	entries, _ := os.ReadDir(p.Dir)
	for _, entry := range entries {
		if name := entry.Name(); name != planFile && name != stateName {
			err = errors.Join(err, os.RemoveAll(filepath.Join(p.Dir, name)))
		}
	}
	return err
}

// orphaned reports whether a name is a container's whose host is gone.
func orphaned(name string) bool {
	pid, start, ok := parseName(name)
	if !ok {
		return false
	}
	now, err := startTime(pid)
	return err != nil || now != start
}

// parseName splits a container's name into its host's pid and start time.
func parseName(name string) (pid int, start uint64, ok bool) {
	rest, ok := strings.CutPrefix(name, namePrefix)
	fields := strings.Split(rest, "-")
	if !ok || len(fields) != 3 {
		return 0, 0, false
	}
	pid, err := strconv.Atoi(fields[0])
	start, err2 := strconv.ParseUint(fields[1], 10, 64)
	_, err3 := strconv.ParseUint(fields[2], 10, 64)
	return pid, start, err == nil && err2 == nil && err3 == nil && pid > 0
}

// startTime is when a process started, in clock ticks since the machine did.
func startTime(pid int) (uint64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return 0, err
	}
	return parseStartTime(string(text))
}

// parseStartTime reads the 22nd field. The second one, a name in parentheses,
// may hold anything.
func parseStartTime(stat string) (uint64, error) {
	_, rest, ok := strings.Cut(stat, "(")
	if i := strings.LastIndexByte(rest, ')'); ok && i >= 0 {
		if fields := strings.Fields(rest[i+1:]); len(fields) > 19 {
			return strconv.ParseUint(fields[19], 10, 64)
		}
	}
	return 0, errors.New("the process status has no start time")
}
