// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

var errForeign = errors.New("it holds processes of another pid namespace, which cannot be signalled from here")

// kill sends SIGKILL to all processes of a group, and of the groups below it
// where the kernel can do so by itself.
func kill(k kernel, dir string) error {
	if err := k.write(filepath.Join(dir, "cgroup.kill"), "1"); err == nil || !exists(dir) {
		return nil
	}
	// No new process can be made from here on, so that the passes come to an end.
	// A group without the pids controller has no such file.
	_ = k.write(filepath.Join(dir, "pids.max"), "0")
	return killEach(dir)
}

// passesMax bounds the passes over a group in which forks cannot be stopped.
const passesMax = 100

// killEach signals every process that is listed, until a pass finds none that
// has not been signalled before.
func killEach(dir string) error {
	signalled := map[int]bool{}
	for range passesMax {
		fresh, err := killPass(dir, signalled)
		if err != nil || !fresh {
			return err
		}
	}
	return fmt.Errorf("cgroup: %s: processes are made faster than they can be killed", dir)
}

// killPass signals the listed processes and says whether there was a new one.
// Each is held by a pidfd before it is looked up again, so that a pid that was
// given to a stranger in between is never hit.
func killPass(dir string, signalled map[int]bool) (fresh bool, err error) {
	held, err := hold(dir)
	defer func() {
		for _, fd := range held {
			unix.Close(fd)
		}
	}()
	if err != nil {
		return false, err
	}
	procs, err := readProcs(dir)
	for _, pid := range procs {
		if pid == os.Getpid() {
			continue
		}
		fresh = fresh || !signalled[pid]
		fd, ok := held[pid]
		if !ok { // it appeared since; the next pass is for it
			continue
		}
		signalled[pid] = true
		if e := unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0); e != nil && !errors.Is(e, unix.ESRCH) {
			err = fmt.Errorf("cgroup: %s: process %d cannot be killed: %w", dir, pid, e)
		}
	}
	return fresh, err
}

// hold opens the processes of a group. Those that are gone already are left out,
// and so is this process, which is never to be killed.
func hold(dir string) (map[int]int, error) {
	procs, err := readProcs(dir)
	held := map[int]int{}
	for _, pid := range procs {
		if pid == 0 {
			return held, fmt.Errorf("cgroup: %s: %w", dir, errForeign)
		}
		if pid == os.Getpid() {
			continue
		}
		if fd, e := unix.PidfdOpen(pid, 0); e == nil {
			held[pid] = fd
		} else if !errors.Is(e, unix.ESRCH) {
			err = fmt.Errorf("cgroup: %s: process %d: %w", dir, pid, e)
		}
	}
	return held, err
}

// readProcs lists the processes of a group, without those of the groups below.
// A group that is gone holds none. A process of another pid namespace is 0.
func readProcs(dir string) ([]int, error) {
	path := filepath.Join(dir, "cgroup.procs")
	data, err := read(path)
	if gone(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	procs, err := parseProcs(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return procs, nil
}

// parseProcs reads a cgroup.procs: one pid in each line, in no order, now and
// then one twice.
func parseProcs(data []byte) ([]int, error) {
	var procs []int
	for line := range strings.Lines(string(data)) {
		pid, err := strconv.ParseUint(strings.TrimSuffix(line, "\n"), 10, 31)
		if err != nil {
			return nil, fmt.Errorf("%.20q is no process id", line)
		}
		procs = append(procs, int(pid))
	}
	slices.Sort(procs)
	return slices.Compact(procs), nil
}

// depthMax bounds the groups below a host's directory that are looked into.
const depthMax = 32

// erase kills what is in a group and removes it with the groups below it.
func erase(k kernel, dir string, deadline time.Time) error {
	return eraseBelow(k, dir, deadline, depthMax)
}

func eraseBelow(k kernel, dir string, deadline time.Time, depth int) error {
	err := k.rmdir(dir)
	if err == nil || gone(err) {
		return nil
	}
	if depth == 0 {
		return fmt.Errorf("cgroup: %s: groups are nested too deeply to be removed", dir)
	}
	err = kill(k, dir)
	for _, child := range children(dir) {
		err = errors.Join(err, eraseBelow(k, filepath.Join(dir, child), deadline, depth-1))
	}
	if err != nil {
		return err
	}
	return rmdirUntil(k, dir, deadline)
}

// rmdirUntil removes a group as soon as the kernel has let go of its last
// process.
func rmdirUntil(k kernel, dir string, deadline time.Time) error {
	for wait := 50 * time.Microsecond; ; wait = min(2*wait, 10*time.Millisecond) {
		err := k.rmdir(dir)
		if err == nil || gone(err) {
			return nil
		}
		if !errors.Is(err, unix.EBUSY) || time.Now().After(deadline) {
			return fmt.Errorf("cgroup: %s cannot be removed: %w; it goes with the next sweep once its processes are gone", dir, err)
		}
		time.Sleep(wait)
	}
}

// children are the groups directly below a group.
func children(dir string) []string {
	entries, _ := os.ReadDir(dir) // one that is gone has none
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}
