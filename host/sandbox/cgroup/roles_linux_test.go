// SPDX-License-Identifier: Apache-2.0

package cgroup

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/bulkhead-ml/bulkhead/host/sandbox/cgroup/guest"
)

// The test binary executes itself under these names in the environment.
const (
	roleKey  = "CGROUP_TEST_ROLE"
	filesKey = "CGROUP_TEST_FILES" // how many files to write "0" to, from 3 on
)

func TestMain(m *testing.M) {
	guest.Init()
	if role := os.Getenv(roleKey); role != "" {
		play(role)
		return
	}
	code := m.Run()
	if left := leftBehind(); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "groups were left behind:", left)
		code = 1
	}
	os.Exit(code)
}

// leftBehind removes this host's directories and names those that remain.
func leftBehind() []string {
	if err := RemoveHost(); err != nil {
		return []string{err.Error()}
	}
	var left []string
	for _, p := range system.places {
		for _, name := range children(tree(p.base)) {
			if o, ok := parseOwner(name); ok && o.pid == os.Getpid() && strings.HasPrefix(name, hostPrefix) {
				left = append(left, name)
			}
		}
	}
	return left
}

// roleCommand is the test binary in a role, born outside of any leaf.
func roleCommand(role string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleKey+"="+role)
	return cmd
}

// launch starts a role in a leaf in the way that a launcher does: the new process
// joins by itself before it executes the program.
func launch(t *testing.T, leaf *Leaf, role string) *exec.Cmd {
	t.Helper()
	cmd := roleCommand(role)
	cmd.ExtraFiles = leaf.Files()
	cmd.Env = append(cmd.Env, filesKey+"="+strconv.Itoa(len(leaf.Files())))
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait() })
	return cmd
}

// play is what a role does. It ends by itself within a minute.
func play(role string) {
	join()
	name, argument, _ := strings.Cut(role, " ")
	n, _ := strconv.Atoi(argument)
	switch name {
	case "nap":
	case "bomb":
		bomb()
	case "spin":
		for start := time.Now(); time.Since(start) < 30*time.Second; {
		}
	case "eat":
		eat(n)
		return
	case "family":
		if err := roleCommand("nap").Start(); err != nil {
			os.Exit(3)
		}
		eat(n)
		return
	case "host":
		hostRole()
	case "visit":
		visit(n)
		return
	}
	time.Sleep(time.Minute)
}

// join writes the files and executes the program from the same thread.
func join() {
	n, _ := strconv.Atoi(os.Getenv(filesKey))
	if n == 0 {
		return
	}
	runtime.LockOSThread()
	for fd := 3; fd < 3+n; fd++ {
		if _, err := unix.Write(fd, []byte("0")); err != nil {
			fmt.Fprintln(os.Stderr, "join:", err)
			os.Exit(2)
		}
		unix.Close(fd)
	}
	env := slices.DeleteFunc(os.Environ(), func(e string) bool { return strings.HasPrefix(e, filesKey+"=") })
	err := syscall.Exec("/proc/self/exe", os.Args, env)
	fmt.Fprintln(os.Stderr, "exec:", err)
	os.Exit(2)
}

// bomb doubles for ever.
func bomb() {
	for range 2 {
		if err := roleCommand("bomb").Start(); err != nil {
			return
		}
	}
}

// eat touches n MiB of memory.
func eat(n int) {
	memory, err := unix.Mmap(-1, 0, n<<20, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_PRIVATE|unix.MAP_ANON)
	if err != nil {
		os.Exit(4)
	}
	for i := 0; i < len(memory); i += 4096 {
		memory[i] = 1
	}
	fmt.Println("ate")
}

// visit comes and goes n times as a host.
func visit(n int) {
	for range n {
		leaf, err := New(plenty)
		if err == nil {
			err = errors.Join(leaf.Remove(), RemoveHost(), Sweep())
		}
		if err != nil {
			fmt.Println(err)
			os.Exit(5)
		}
	}
}

// hostRole is a host with one plugin in a leaf. It tells where, and waits.
func hostRole() {
	leaf, err := New(plenty)
	if err != nil {
		fmt.Println("error", err)
		return
	}
	plugin := exec.Command("/proc/self/exe")
	plugin.Env = append(os.Environ(), roleKey+"=nap")
	if err := plugin.Start(); err != nil {
		fmt.Println("error", err)
		return
	}
	if err := leaf.move(plugin.Process.Pid); err != nil {
		fmt.Println("error", err)
		return
	}
	line := strconv.Itoa(plugin.Process.Pid)
	for _, g := range leaf.groups {
		line += " " + g.dir
	}
	fmt.Println(line)
}

// another is a host in a process of its own.
type another struct {
	cmd    *exec.Cmd
	plugin int
	dirs   []string
}

func startHost(t *testing.T) *another {
	t.Helper()
	cmd := roleCommand("host")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cmd.Process.Kill(); cmd.Wait(); Sweep() })
	line, err := bufio.NewReader(out).ReadString('\n')
	words := strings.Fields(line)
	if err != nil || len(words) < 2 || words[0] == "error" {
		t.Fatalf("the host says %q, %v", line, err)
	}
	plugin, err := strconv.Atoi(words[0])
	if err != nil {
		t.Fatal(err)
	}
	return &another{cmd: cmd, plugin: plugin, dirs: words[1:]}
}
