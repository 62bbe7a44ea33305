// SPDX-License-Identifier: Apache-2.0

//go:build unix

package watchdog

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Name is the argv[0] of a watchdog.
const Name = "bulkhead-watchdog"

// init serves before the packages that a host needs are initialised.
func init() { MaybeRun() }

// MaybeRun turns this process into a watchdog when it was started to be one, and
// then never returns. Importing this package already calls it.
func MaybeRun() {
	if len(os.Args) == 0 || os.Args[0] != Name {
		return
	}
	watch(os.Stdin, hostDeath(os.Getppid()), kill)
	os.Exit(0)
}

// dog is the host's side.
type dog struct {
	mu     sync.Mutex
	pipe   *os.File // nil while none runs
	guards map[int]bool
}

var shared = dog{guards: map[int]bool{}}

// Guard makes the process group of pid die with this process. When it returns
// nil the promise holds. Call [Forget] when the group is gone, before its leader
// is waited for, so that nobody else gets its number.
func Guard(pid int) error { return shared.guard(pid) }

// Forget ends the guard of a process group.
func Forget(pid int) { shared.forget(pid) }

func (d *dog) guard(pid int) error {
	if pid <= 1 {
		return fmt.Errorf("watchdog: %d is no process of ours", pid)
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.guards[pid] = true
	if d.pipe != nil {
		if _, err := fmt.Fprintf(d.pipe, "+%d\n", pid); err == nil {
			return nil
		}
		_ = d.pipe.Close()
		d.pipe = nil
	}
	err := d.start()
	if err != nil {
		delete(d.guards, pid)
	}
	return err
}

func (d *dog) forget(pid int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.guards, pid)
	if d.pipe != nil {
		_, _ = fmt.Fprintf(d.pipe, "-%d\n", pid) // a failure shows at the next guard
	}
}

// start runs a watchdog and tells it everything that is on the list.
func (d *dog) start() error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r, w, err := os.Pipe()
	if err != nil {
		return err
	}
	cmd := &exec.Cmd{
		Path: self, Args: []string{Name}, Env: []string{"GOGC=off", "GOMAXPROCS=1"}, Dir: "/",
		Stdin: r, SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	err = cmd.Start()
	_ = r.Close()
	if err != nil {
		return errors.Join(err, w.Close())
	}
	go func() { _ = cmd.Wait() }()
	for pid := range d.guards {
		if _, err := fmt.Fprintf(w, "+%d\n", pid); err != nil {
			return errors.Join(err, w.Close())
		}
	}
	d.pipe = w
	return nil
}

// drainTime is how long a watchdog that learnt of the host's death by other means
// waits for the end of the pipe, to read what is still in it.
const drainTime = 100 * time.Millisecond

// watch keeps the list until the host is gone, and kills what is on it.
func watch(pipe io.Reader, gone <-chan struct{}, kill func(pid int)) {
	var mu sync.Mutex
	list := map[int]bool{}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		lines := bufio.NewScanner(pipe)
		for lines.Scan() {
			mu.Lock()
			note(list, lines.Text())
			mu.Unlock()
		}
	}()
	select {
	case <-ended:
	case <-gone:
		select {
		case <-ended:
		case <-time.After(drainTime):
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for pid := range list {
		kill(pid)
	}
}

// note carries out one line. A line that makes no sense changes nothing.
func note(list map[int]bool, line string) {
	digits, add := strings.CutPrefix(line, "+")
	if !add {
		var remove bool
		if digits, remove = strings.CutPrefix(line, "-"); !remove {
			return
		}
	}
	pid, err := strconv.ParseUint(digits, 10, 31)
	switch {
	case err != nil || pid <= 1:
	case add:
		list[int(pid)] = true
	default:
		delete(list, int(pid))
	}
}

// kill ends a process group.
func kill(pid int) {
	_ = syscall.Kill(-pid, syscall.SIGKILL)
	_ = syscall.Kill(pid, syscall.SIGKILL) // it may not lead its group yet
}
