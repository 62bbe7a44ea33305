// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The test binary is its own probe: started with probeEnv it looks around, and
// prints what it sees.
const probeEnv = "SANDBOX_TEST_PROBE"

func TestMain(m *testing.M) {
	MaybeInit()
	if kind := os.Getenv(probeEnv); kind != "" {
		runProbe(kind)
		return
	}
	os.Exit(m.Run())
}

// sight is what a probe saw.
type sight struct {
	PID     int
	UID     int
	Groups  []int
	Host    string
	Dir     string
	Env     []string
	Root    []string
	Limits  map[string]uint64
	Results map[string]string // attempt -> "ok ..." or the error
}

// runProbe carries out the commands in kind: "verb:argument,verb:argument".
func runProbe(kind string) {
	if kind == "sleep" {
		time.Sleep(time.Minute)
		return
	}
	s := sight{PID: os.Getpid(), UID: os.Getuid(), Env: os.Environ(), Limits: map[string]uint64{}, Results: map[string]string{}}
	s.Groups, _ = os.Getgroups()
	s.Host, _ = os.Hostname()
	s.Dir, _ = os.Getwd()
	entries, _ := os.ReadDir("/")
	for _, e := range entries {
		s.Root = append(s.Root, e.Name())
	}
	for name, resource := range map[string]int{"nofile": syscall.RLIMIT_NOFILE, "core": syscall.RLIMIT_CORE, "data": syscall.RLIMIT_DATA} {
		var l syscall.Rlimit
		_ = syscall.Getrlimit(resource, &l)
		s.Limits[name] = l.Max
	}
	for command := range strings.SplitSeq(kind, ",") {
		verb, argument, _ := strings.Cut(command, ":")
		s.Results[command] = attemptProbe(verb, argument)
	}
	_ = json.NewEncoder(os.Stdout).Encode(s)
}

func attemptProbe(verb, argument string) string {
	switch verb {
	case "read":
		text, err := os.ReadFile(argument)
		return outcome(string(text), err)
	case "list":
		entries, err := os.ReadDir(argument)
		return outcome(strconv.Itoa(len(entries)), err)
	case "write":
		return outcome("", os.WriteFile(argument, []byte("x"), 0o600))
	case "fill":
		return outcome("", os.WriteFile(argument, make([]byte, 64<<20), 0o600))
	case "mkdir":
		return outcome("", os.Mkdir(argument, 0o700))
	case "chmod":
		return outcome("", os.Chmod(argument, 0o777))
	case "dial":
		c, err := net.DialTimeout("tcp", argument, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return outcome("", err)
	case "unix":
		c, err := net.DialTimeout("unix", argument, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return outcome("", err)
	case "kill":
		pid, _ := strconv.Atoi(argument)
		return outcome("", syscall.Kill(pid, 0))
	case "setuid":
		_, _, errno := syscall.RawSyscall(syscall.SYS_SETUID, 0, 0, 0)
		if os.Getuid() != 0 || errno != 0 {
			return errno.Error()
		}
		return "ok"
	case "mount":
		return outcome("", syscall.Mount("tmpfs", "/tmp", "tmpfs", 0, ""))
	case "chroot":
		return outcome("", syscall.Chroot("/tmp"))
	case "exec":
		return outcome("", syscall.Exec(argument, []string{argument}, nil))
	case "child":
		cmd := exec.Command("/proc/self/exe")
		cmd.Env = []string{probeEnv + "=sleep"}
		if err := cmd.Start(); err != nil {
			return err.Error()
		}
		return "ok " + strconv.Itoa(cmd.Process.Pid)
	case "files":
		for i := range 1000 {
			if err := os.WriteFile(filepath.Join(argument, strconv.Itoa(i)), nil, 0o600); err != nil {
				return err.Error()
			}
		}
		return "ok"
	case "fds":
		return strings.Join(openFiles(), " ")
	}
	return "none"
}

func outcome(text string, err error) string {
	if err != nil {
		return err.Error()
	}
	return "ok " + text
}

// openFiles lists the descriptors that are open without asking /proc.
func openFiles() (out []string) {
	for fd := range 64 {
		var st syscall.Stat_t
		if syscall.Fstat(fd, &st) == nil && st.Mode&syscall.S_IFMT != 0 {
			out = append(out, strconv.Itoa(fd))
		}
	}
	return out
}

// testSpec is a specification that runs the test binary as a probe.
func testSpec(t *testing.T, kind string) (Spec, *bytes.Buffer, func()) {
	t.Helper()
	exe, err := os.Open("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = exe.Close() })
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	copied := make(chan struct{})
	go func() {
		_, _ = out.ReadFrom(r)
		close(copied)
	}()
	finish := func() {
		_ = w.Close()
		<-copied
	}
	private, err := os.MkdirTemp("", "sandbox-test")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(private) })
	spec := Spec{
		Exe: exe, Args: []string{"probe"}, Env: []string{probeEnv + "=" + kind},
		DirEnv: []string{"TMPDIR", "HOME"}, TargetEnv: "TARGET", PrivateDir: private,
		Stdout: w, Stderr: os.Stderr, Limits: testLimits,
	}
	return spec, &out, finish
}

// look runs a probe to its end and returns what it saw.
func look(t *testing.T, kind string, change func(*Spec)) (sight, Report) {
	t.Helper()
	spec, out, finish := testSpec(t, kind)
	if change != nil {
		change(&spec)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	p, err := Launch(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, p)
	finish()
	var s sight
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatalf("the probe printed %q: %v (%v)", out.String(), err, p.State())
	}
	return s, p.Report()
}

func waitFor(t *testing.T, p *Process) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(20 * time.Second):
		p.Kill()
		t.Fatal("the program did not end")
	}
}

// asRoot skips a test that needs a root host.
func asRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
}

// soonGone waits for a process that is no child of ours to end.
func soonGone(text string) bool {
	pid, err := strconv.Atoi(text)
	if err != nil {
		return false
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if gone(pid) {
			return true
		}
	}
	return false
}

// writeTree makes files below a directory that every uid may enter.
func writeTree(t *testing.T, files map[string]string) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "sandbox-tree")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range files {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		var err error
		if target, link := strings.CutPrefix(text, "-> "); link {
			err = os.Symlink(target, file)
		} else {
			err = os.WriteFile(file, []byte(text), 0o644)
		}
		if err != nil && !errors.Is(err, fs.ErrExist) {
			t.Fatal(err)
		}
	}
	return dir
}
