// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestOwnerName(t *testing.T) {
	me, err := self()
	if err != nil {
		t.Fatal(err)
	}
	a, b := me.name(), me.name()
	if a == b {
		t.Errorf("the same name twice: %s", a)
	}
	for _, prefix := range []string{hostPrefix, supervisorPrefix} {
		if got, ok := parseOwner(prefix + a); !ok || got != me {
			t.Errorf("%s is read as %+v, %v; want %+v", prefix+a, got, ok, me)
		}
	}
}

func TestNamesOfOthers(t *testing.T) {
	for _, name := range []string{
		"", "host-", "host-1", "host-1-2-3", "host-1-2-3-abc", "host-0-2-3-01234567", "host--1-2-3-01234567",
		"host-x-2-3-01234567", "host-1-2-3-01234567-9", "docker", "host-4294967296-2-3-01234567", "hosts-1-2-3-01234567",
	} {
		if o, ok := parseOwner(name); ok {
			t.Errorf("%q is taken for the directory of %+v", name, o)
		}
	}
}

// child starts a process that lives until the test ends.
func child(t *testing.T) *exec.Cmd {
	t.Helper()
	cmd := roleCommand("nap")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

func ownerOf(t *testing.T, pid int) owner {
	t.Helper()
	state, err := readState(pid)
	if err != nil {
		t.Fatal(err)
	}
	space, err := pidSpace()
	if err != nil {
		t.Fatal(err)
	}
	return owner{pid: pid, start: state.start, space: space}
}

func TestDead(t *testing.T) {
	cmd := child(t)
	o := ownerOf(t, cmd.Process.Pid)
	if o.dead() {
		t.Error("a live process is taken for dead")
	}
	reused, foreign := o, o
	reused.start--
	foreign.space++
	if !reused.dead() {
		t.Error("a pid that belongs to a later process is taken for the former one")
	}
	cmd.Process.Kill()
	waitFor(t, "the zombie to count as dead", o.dead)
	cmd.Wait()
	if !o.dead() {
		t.Error("a process that was reaped is taken for alive")
	}
	if foreign.dead() {
		t.Error("a process of another pid namespace was judged")
	}
}

// waitFor polls for at most 20 seconds.
func waitFor(t *testing.T, what string, done func() bool) {
	t.Helper()
	for range 4000 {
		if done() {
			return
		}
		time.Sleep(5 * time.Millisecond)
	}
	t.Fatalf("waited in vain for %s", what)
}

func TestParseState(t *testing.T) {
	const rest = " 1 7 7 0 -1 4 5 0 0 0 1 2 0 0 20 0 1 0 1234 5 6"
	for _, test := range []struct {
		text string
		want state
		ok   bool
	}{
		{"7 (sleep) S" + rest, state{start: 1234}, true},
		{"7 (a) Z (b) S" + rest, state{start: 1234}, true},
		{"7 (x) Z" + rest, state{start: 1234, ended: true}, true},
		{"7 (x) X" + rest, state{start: 1234, ended: true}, true},
		{"7 sleep S" + rest, state{}, false},
		{"7 (sleep) S 1 2 3", state{}, false},
		{"7 (sleep) S" + strings.Replace(rest, "1234", "-4", 1), state{}, false},
		{"", state{}, false},
	} {
		got, ok := parseState([]byte(test.text))
		if ok != test.ok || ok && got != test.want {
			t.Errorf("%q: %+v, %v", test.text, got, ok)
		}
	}
}

// deadName is the name of a directory whose host has ended.
func deadName(t *testing.T, prefix string) string {
	t.Helper()
	cmd := exec.Command("true")
	if err := cmd.Run(); err != nil {
		t.Fatal(err)
	}
	space, err := pidSpace()
	if err != nil {
		t.Fatal(err)
	}
	return prefix + owner{pid: cmd.Process.Pid, start: 1, space: space}.name()
}

func TestSweepOfTheModel(t *testing.T) {
	h, m, own := unifiedMachine(t, "/app.slice/x.scope", "pids memory cpu", os.Getpid())
	me, err := self()
	if err != nil {
		t.Fatal(err)
	}
	foreign := me
	foreign.space++
	foreign.pid, foreign.start = 1<<30, 1
	place := filepath.Join(own, "bulkhead")
	above := filepath.Join(filepath.Dir(own), "bulkhead")
	gone := []string{
		m.group(filepath.Join(place, deadName(t, hostPrefix))),
		m.group(filepath.Join(above, deadName(t, hostPrefix))),
		m.group(filepath.Join(place, deadName(t, supervisorPrefix))),
	}
	m.group(filepath.Join(gone[0], "1"), 1<<30)
	m.group(filepath.Join(gone[0], "2", "bulkhead", deadName(t, hostPrefix), "1"), 1<<30)
	stays := []string{
		m.group(filepath.Join(place, hostPrefix+me.name(), "1")),
		m.group(filepath.Join(place, hostPrefix+foreign.name())),
		m.group(filepath.Join(place, deadName(t, supervisorPrefix)), 1<<30),
		m.group(filepath.Join(place, "someone-else")),
	}
	if err := h.Sweep(); err != nil {
		t.Fatal(err)
	}
	for _, dir := range gone {
		if exists(dir) {
			t.Errorf("%s is still there", dir)
		}
	}
	for _, dir := range stays {
		if !exists(dir) {
			t.Errorf("%s was removed", dir)
		}
	}
	if got, _ := readProcs(stays[2]); len(got) != 1 {
		t.Error("a process in a supervisor group was killed")
	}
}

// Groups of another user's dead hosts are that user's to sweep.
func TestSweepPassesOverOthers(t *testing.T) {
	h, m, own := unifiedMachine(t, "/", "pids")
	dir := m.group(filepath.Join(own, "bulkhead", deadName(t, hostPrefix)))
	m.denied[filepath.Dir(dir)] = unix.EACCES
	m.denied[dir] = unix.EACCES
	if err := h.Sweep(); err != nil {
		t.Error(err)
	}
}
