// SPDX-License-Identifier: Apache-2.0

//go:build unix

package watchdog

import (
	"bufio"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// hostEnv makes the test binary a host that guards a sleeping child.
const hostEnv = "WATCHDOG_TEST_HOST"

func TestMain(m *testing.M) {
	switch os.Getenv(hostEnv) {
	case "host":
		runHost()
	case "program":
		time.Sleep(time.Minute)
	default:
		os.Exit(m.Run())
	}
}

// program starts a process that sleeps, in a group of its own.
func program() (*exec.Cmd, error) {
	cmd := exec.Command(os.Args[0])
	cmd.Env = []string{hostEnv + "=program"}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	return cmd, cmd.Start()
}

// runHost guards two programs, forgets one, prints their pids and the
// watchdog's, and waits to be killed.
func runHost() {
	guarded, err := program()
	forgotten, err2 := program()
	if err := errors.Join(err, err2, Guard(guarded.Process.Pid), Guard(forgotten.Process.Pid)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	Forget(forgotten.Process.Pid)
	fmt.Println(guarded.Process.Pid, forgotten.Process.Pid)
	time.Sleep(time.Minute)
}

// host starts a host and returns the pids that it prints.
func host(t *testing.T) (cmd *exec.Cmd, pids []int) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = []string{hostEnv + "=host"}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	for _, word := range strings.Fields(line) {
		pid, err := strconv.Atoi(word)
		if err != nil {
			t.Fatalf("the host says %q", line)
		}
		pids = append(pids, pid)
	}
	if len(pids) != 2 {
		t.Fatalf("the host says %q", line)
	}
	return cmd, pids
}

// ended reports whether a process is gone, or only waits to be reaped.
func ended(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return true
	}
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	return err == nil && strings.Contains(string(text), ") Z ")
}

func within(limit time.Duration, condition func() bool) bool {
	for deadline := time.Now().Add(limit); time.Now().Before(deadline); time.Sleep(2 * time.Millisecond) {
		if condition() {
			return true
		}
	}
	return condition()
}

func TestKilledHostTakesItsProgramsAlong(t *testing.T) {
	cmd, pids := host(t)
	if ended(pids[0]) || ended(pids[1]) {
		t.Fatal("a program ended before its host")
	}
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	if !within(40*time.Second, func() bool { return ended(pids[0]) }) {
		_ = syscall.Kill(pids[0], syscall.SIGKILL)
		t.Error("the guarded program outlives its host")
	}
	if ended(pids[1]) {
		t.Error("a forgotten program was killed")
	}
	_ = syscall.Kill(pids[1], syscall.SIGKILL)
}

// A watchdog that was killed is replaced, and the new one knows what it guards.
func TestDeadWatchdogIsReplaced(t *testing.T) {
	d := &dog{guards: map[int]bool{}}
	first, err := program()
	if err != nil {
		t.Fatal(err)
	}
	second, err := program()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.guard(first.Process.Pid); err != nil {
		t.Fatal(err)
	}
	_ = d.pipe.Close() // as if it had died: writes fail from now on
	if err := d.guard(second.Process.Pid); err != nil {
		t.Fatal(err)
	}
	_ = d.pipe.Close() // the end of the host, as the new one sees it
	for _, cmd := range []*exec.Cmd{first, second} {
		if !within(40*time.Second, func() bool { return ended(cmd.Process.Pid) }) {
			t.Errorf("program %d outlives its host", cmd.Process.Pid)
		}
		_ = cmd.Wait()
	}
}

func TestGuardRefuses(t *testing.T) {
	for _, pid := range []int{-1, 0, 1} {
		if err := Guard(pid); err == nil {
			t.Errorf("guard of %d was accepted", pid)
		}
	}
}

// The news of the host's death counts even while somebody else holds the pipe.
func TestWatchHearsOfTheDeathOtherwise(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	gone := make(chan struct{})
	var killed []int
	_, _ = w.WriteString("+100\n+200\n-100\n")
	close(gone)
	watch(r, gone, func(pid int) { killed = append(killed, pid) })
	if !slices.Equal(killed, []int{200}) {
		t.Errorf("killed %v", killed)
	}
}

func FuzzNote(f *testing.F) {
	for _, line := range []string{"+12", "-12", "+0", "+1", "--1", "+-1", "+99999999999", "", "+ 3"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		list := map[int]bool{77: true}
		note(list, line)
		for pid := range maps.Keys(list) {
			if pid <= 1 || pid > 1<<31-1 {
				t.Errorf("%q put %d on the list", line, pid)
			}
		}
	})
}
