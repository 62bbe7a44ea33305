// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"

	"golang.org/x/sys/unix"
)

// Limits bound everything in one leaf together. A field that is zero sets no
// limit.
type Limits struct {
	MemoryBytes uint64  // anonymous and file memory, and swap where it is accounted
	Processes   uint64  // processes and threads at one time
	CPUs        float64 // processors' worth of time; 0.5 is half of one
}

// Bounds of what the kernel takes.
const (
	period   = 100_000 // microseconds: cpu.max and cpu.cfs_period_us
	quotaMin = 1_000   // microseconds: the kernel's smallest quota
	cpusMax  = 1 << 20 // far above any machine, and below the kernel's overflow
	pidsMax  = 1 << 22 // PID_MAX_LIMIT; pids.max refuses this and more
)

func (l Limits) check() error {
	if math.IsNaN(l.CPUs) || l.CPUs < 0 {
		return fmt.Errorf("cgroup: a limit of %v CPUs makes no sense; give a positive number, or 0 for no limit", l.CPUs)
	}
	return nil
}

// quota is the processor time in one period, in microseconds.
func (l Limits) quota() string {
	return strconv.FormatInt(int64(max(quotaMin, math.Round(min(l.CPUs, cpusMax)*period))), 10)
}

func (l Limits) processes() string {
	if l.Processes >= pidsMax {
		return "max"
	}
	return strconv.FormatUint(l.Processes, 10)
}

// setting is one control file and its value.
type setting struct {
	file, value string
	optional    bool // not every kernel has the file
}

// settings are the files to write for one controller; none when it is not
// limited.
func (l Limits) settings(version int, controller string) []setting {
	memory := strconv.FormatUint(min(l.MemoryBytes, math.MaxInt64), 10)
	switch {
	case controller == "pids" && l.Processes > 0:
		return []setting{{file: "pids.max", value: l.processes()}}
	case controller == "memory" && l.MemoryBytes > 0 && version == 2:
		return []setting{
			{file: "memory.max", value: memory},
			{file: "memory.swap.max", value: "0", optional: true},
			{file: "memory.oom.group", value: "1"},
		}
	case controller == "memory" && l.MemoryBytes > 0:
		return []setting{ // memsw may not be below the other, so it comes second
			{file: "memory.limit_in_bytes", value: memory},
			{file: "memory.memsw.limit_in_bytes", value: memory, optional: true},
		}
	case controller == "cpu" && l.CPUs > 0 && version == 2:
		return []setting{{file: "cpu.max", value: l.quota() + " " + strconv.Itoa(period)}}
	case controller == "cpu" && l.CPUs > 0:
		return []setting{
			{file: "cpu.cfs_period_us", value: strconv.Itoa(period)},
			{file: "cpu.cfs_quota_us", value: l.quota()},
		}
	}
	return nil
}

// apply writes the limits of one group and returns the controllers that are
// enforced there.
func (l Limits) apply(k kernel, g group) ([]string, error) {
	var enforced []string
	for _, controller := range g.controllers {
		settings := l.settings(g.version, controller)
		err := write(k, g.dir, settings)
		if err != nil && !looser(g.version, err) {
			return nil, err
		}
		if err == nil && len(settings) > 0 {
			enforced = append(enforced, controller)
		}
	}
	return enforced, nil
}

// looser says that a quota was refused because an ancestor has a smaller one
// (version 1 only). What was asked for holds, by another's limit.
func looser(version int, err error) bool {
	var u *Unavailable
	return version == 1 && errors.As(err, &u) &&
		filepath.Base(u.Path) == "cpu.cfs_quota_us" && errors.Is(err, unix.EINVAL)
}

func write(k kernel, dir string, settings []setting) error {
	for _, s := range settings {
		path := filepath.Join(dir, s.file)
		err := k.write(path, s.value)
		if s.optional && gone(err) && exists(dir) {
			continue
		}
		if err != nil {
			return &Unavailable{Step: StepLimit, Path: path, Err: err}
		}
	}
	return nil
}

// ordered sorts controllers in the order of wanted, for reports.
func ordered(controllers []string) []string {
	slices.SortFunc(controllers, func(a, b string) int {
		return slices.Index(wanted, a) - slices.Index(wanted, b)
	})
	return controllers
}
