// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Prefixes of the directories in BASE/bulkhead.
const (
	hostPrefix       = "host-"
	supervisorPrefix = "supervisor-"
)

// owner identifies a host process for as long as the machine is up.
type owner struct {
	pid   int
	start uint64 // clock ticks after boot
	space uint64 // inode of the pid namespace
}

// self is the owner that this process is.
func self() (owner, error) {
	state, err := readState(os.Getpid())
	if err != nil {
		return owner{}, err
	}
	space, err := pidSpace()
	return owner{pid: os.Getpid(), start: state.start, space: space}, err
}

// name is the part of a directory's name after its prefix. The random end keeps
// two hosts in one process (tests) apart, and a stranger from guessing it.
func (o owner) name() string {
	var random [4]byte
	rand.Read(random[:]) // never fails (crypto/rand)
	return fmt.Sprintf("%d-%d-%d-%s", o.pid, o.start, o.space, hex.EncodeToString(random[:]))
}

// parseOwner reads the name of a directory made by a host; ok is false for any
// other name.
func parseOwner(name string) (o owner, ok bool) {
	rest, ok := strings.CutPrefix(name, hostPrefix)
	if !ok {
		if rest, ok = strings.CutPrefix(name, supervisorPrefix); !ok {
			return owner{}, false
		}
	}
	parts := strings.Split(rest, "-")
	if len(parts) != 4 || len(parts[3]) != 8 {
		return owner{}, false
	}
	pid, err1 := strconv.ParseUint(parts[0], 10, 31)
	start, err2 := strconv.ParseUint(parts[1], 10, 64)
	space, err3 := strconv.ParseUint(parts[2], 10, 64)
	o = owner{pid: int(pid), start: start, space: space}
	return o, pid > 0 && errors.Join(err1, err2, err3) == nil
}

// dead says that the owner is known to have ended. It errs on the side of life:
// what cannot be judged is alive.
func (o owner) dead() bool {
	space, err := pidSpace()
	if err != nil || space != o.space {
		return false
	}
	// The signal 0 sees processes that a /proc with hidepid= does not show.
	if errors.Is(unix.Kill(o.pid, 0), unix.ESRCH) {
		return true
	}
	state, err := readState(o.pid)
	return err == nil && (state.start != o.start || state.ended)
}

// pidSpace is the inode of this process's pid namespace.
func pidSpace() (uint64, error) {
	var stat unix.Stat_t
	err := unix.Stat("/proc/self/ns/pid", &stat)
	return stat.Ino, err
}

// state is what matters here of /proc/PID/stat.
type state struct {
	start uint64 // field 22, clock ticks after boot
	ended bool   // a zombie or dead
}

func readState(pid int) (state, error) {
	path := "/proc/" + strconv.Itoa(pid) + "/stat"
	data, err := read(path)
	if err != nil {
		return state{}, fmt.Errorf("%s: %w", path, err)
	}
	s, ok := parseState(data)
	if !ok {
		return state{}, fmt.Errorf("%s: not in the form that proc(5) describes", path)
	}
	return s, nil
}

// parseState reads /proc/PID/stat. The name in parentheses may hold anything,
// parentheses and spaces included, so fields are counted from the last one.
func parseState(data []byte) (state, bool) {
	text := string(data)
	end := strings.LastIndexByte(text, ')')
	if end < 0 {
		return state{}, false
	}
	fields := strings.Fields(text[end+1:]) // from field 3, the state
	if len(fields) < 20 {
		return state{}, false
	}
	start, err := strconv.ParseUint(fields[19], 10, 64)
	ended := fields[0] == "Z" || fields[0] == "X" || fields[0] == "x"
	return state{start: start, ended: ended}, err == nil
}
