// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"fmt"
	"os"
	"testing"

	"golang.org/x/sys/unix"
)

// needNetworks skips where the host may not make network namespaces by itself.
func needNetworks(t *testing.T) {
	t.Helper()
	if !hostPowers().spaces() {
		t.Skip("network namespaces take a user namespace here")
	}
}

// A namespace that is begun ahead is new, and the thread that made it has left it.
func TestNetworkIsMadeAhead(t *testing.T) {
	needNetworks(t)
	seen := map[uint64]bool{inodeOf(t, "/proc/self/ns/net"): true}
	for range 8 {
		n := beginNetwork()
		file, err := n.wait()
		if err != nil {
			t.Fatal(err)
		}
		defer n.discard()
		name := fmt.Sprintf("/proc/self/fd/%d", file.Fd())
		if id := inodeOf(t, name); seen[id] {
			t.Errorf("namespace %d was given twice", id)
		} else {
			seen[id] = true
		}
	}
	threads, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, thread := range threads {
		if name := "/proc/self/task/" + thread.Name() + "/ns/net"; !seen[inodeOf(t, name)] || inodeOf(t, name) != inodeOf(t, "/proc/self/ns/net") {
			t.Errorf("thread %s stayed in a namespace", thread.Name())
		}
	}
}

// What was anticipated serves one launch, and Close gives back what serves none.
func TestAnticipatedNetworkServesOnce(t *testing.T) {
	needNetworks(t)
	spec := Spec{Ceiling: Full}
	ahead := Anticipate(&spec)
	if ahead == nil {
		t.Fatal("nothing was begun")
	}
	n := ahead.takeNetwork()
	if n == nil || ahead.takeNetwork() != nil {
		t.Errorf("the namespace can be taken twice, or not at all: %v", n)
	}
	ahead.Close()
	n.discard()
	unused := Anticipate(&spec)
	file, err := unused.network.wait()
	if err != nil {
		t.Fatal(err)
	}
	unused.Close()
	unused.Close()
	if err := file.Close(); err == nil {
		t.Error("the namespace was kept")
	}
	for _, spec := range []Spec{{Ceiling: WallsOnly}, {Ceiling: Full, Without: []string{"network namespace"}}, {Runtime: "runc"}} {
		if ahead := Anticipate(&spec); ahead != nil {
			t.Errorf("%v %v %q has no use for a namespace", spec.Ceiling, spec.Without, spec.Runtime)
			ahead.Close()
		}
	}
	(*Ahead)(nil).Close()
}

// A program is in the very namespace that was begun for it, and the host keeps
// nothing of it.
func TestLaunchEntersItsNetwork(t *testing.T) {
	needNetworks(t)
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	defer exe.Close()
	spec := Spec{Exe: exe, Args: []string{"probe"}, Env: []string{"SANDBOX_TEST_PROBE=sleep"}, Ceiling: Full, Floor: Full}
	spec.Ahead = Anticipate(&spec)
	begun := spec.Ahead.network
	file, err := begun.wait()
	if err != nil {
		t.Fatal(err)
	}
	want := inodeOf(t, fmt.Sprintf("/proc/self/fd/%d", file.Fd()))
	p, err := Launch(context.Background(), spec)
	if err != nil {
		t.Skip(err)
	}
	defer func() {
		p.Kill()
		<-p.Done()
	}()
	if got := inodeOf(t, fmt.Sprintf("/proc/%d/ns/net", p.PID())); got != want {
		t.Errorf("it is in network %d, %d was made for it", got, want)
	}
	if err := file.Close(); err == nil {
		t.Error("the host kept the namespace")
	}
}

func inodeOf(t *testing.T, name string) uint64 {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}
