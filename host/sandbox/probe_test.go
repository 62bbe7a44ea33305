// SPDX-License-Identifier: Apache-2.0

//go:build linux

package sandbox

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
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
	if program, ok := strings.CutPrefix(kind, "daemon:"); ok {
		_ = exec.Command(program, "60").Start()
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
		return answer(string(text), err)
	case "list":
		entries, err := os.ReadDir(argument)
		return answer(strconv.Itoa(len(entries)), err)
	case "write":
		return answer("", os.WriteFile(argument, []byte("x"), 0o600))
	case "fill":
		return answer("", os.WriteFile(argument, make([]byte, 64<<20), 0o600))
	case "mkdir":
		return answer("", os.Mkdir(argument, 0o700))
	case "chmod":
		return answer("", os.Chmod(argument, 0o777))
	case "dial":
		c, err := net.DialTimeout("tcp", argument, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return answer("", err)
	case "unix":
		c, err := net.DialTimeout("unix", argument, time.Second)
		if err == nil {
			_ = c.Close()
		}
		return answer("", err)
	case "kill":
		pid, _ := strconv.Atoi(argument)
		return answer("", syscall.Kill(pid, 0))
	case "setuid":
		_, _, errno := syscall.RawSyscall(syscall.SYS_SETUID, 0, 0, 0)
		if os.Getuid() != 0 || errno != 0 {
			return errno.Error()
		}
		return "ok"
	case "mount":
		return answer("", syscall.Mount("tmpfs", "/tmp", "tmpfs", 0, ""))
	case "chroot":
		return answer("", syscall.Chroot("/tmp"))
	case "exec":
		return answer("", syscall.Exec(argument, []string{argument}, nil))
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
	return attemptCall(verb, argument)
}

// attemptCall tries single system calls and what depends on them.
func attemptCall(verb, argument string) string {
	switch verb {
	case "socket":
		fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_DGRAM, 0)
		return answer(strconv.Itoa(fd), err)
	case "foreign": // a call in the numbering of x32
		_, _, errno := syscall.RawSyscall(1<<30|syscall.SYS_GETPID, 0, 0, 0)
		return answer("", errno)
	case "hostname": // setting it to what it is
		name, _ := os.Hostname()
		return answer("", sameName(name))
	case "openmany":
		return answer("", openMany(300))
	case "memory":
		megabytes, _ := strconv.Atoi(argument)
		text := make([]byte, megabytes<<20)
		for i := 0; i < len(text); i += 4096 {
			text[i] = 1
		}
		return "ok " + strconv.Itoa(len(text))
	case "hoard":
		return hoard(argument)
	case "nothing":
		return "ok"
	case "map":
		return answer("", mapAsCode(argument))
	case "run":
		words := strings.Fields(argument)
		out, err := exec.Command(words[0], words[1:]...).CombinedOutput()
		return answer(string(out), err)
	case "secret":
		name := filepath.Join(os.Getenv("SECRETS"), argument)
		text, err := os.ReadFile(name)
		info, statErr := os.Stat(name)
		if statErr != nil {
			return statErr.Error()
		}
		return answer(fmt.Sprintf("%s %#o", text, info.Mode().Perm()), err)
	case "overwrite":
		return answer("", os.WriteFile(filepath.Join(os.Getenv("SECRETS"), argument), []byte("x"), 0o600))
	case "readfd":
		fd, _ := strconv.Atoi(argument)
		text := make([]byte, 64)
		n, err := syscall.Read(fd, text)
		return answer(string(text[:max(n, 0)]), err)
	case "writefd":
		fd, _ := strconv.Atoi(argument)
		_, err := syscall.Write(fd, []byte("hello"))
		return answer("", err)
	case "leads":
		sid, _, err := syscall.Syscall(syscall.SYS_GETSID, 0, 0, 0)
		return answer(fmt.Sprintf("group %t session %t", syscall.Getpgrp() == os.Getpid(), int(sid) == os.Getpid()), err)
	case "status":
		text, err := os.ReadFile("/proc/self/status")
		return answer(parseStatus(string(text))[argument], err)
	case "cgroup":
		text, err := os.ReadFile("/proc/self/cgroup")
		return answer(strings.ReplaceAll(string(text), "\n", " "), err)
	}
	return "none"
}

// sameName reports no error if the program is under the machine's name.
func sameName(name string) error {
	if name == "bulkhead" {
		return errors.New("another name")
	}
	return nil
}

func openMany(n int) error {
	for range n {
		if _, err := syscall.Dup(0); err != nil {
			return err
		}
	}
	return nil
}

func mapAsCode(name string) error {
	file, err := os.Open(name)
	if err != nil {
		return err
	}
	defer file.Close()
	text, err := syscall.Mmap(int(file.Fd()), 0, 1, syscall.PROT_READ|syscall.PROT_EXEC, syscall.MAP_PRIVATE)
	if err == nil {
		_ = syscall.Munmap(text)
	}
	return err
}

func answer(text string, err error) string {
	if errno, ok := errors.AsType[syscall.Errno](err); ok && errno == 0 {
		err = nil
	}
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
		Exe: exe, Args: []string{"probe"}, Env: append([]string{probeEnv + "=" + kind}, testEnv...),
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
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	p, err := Launch(ctx, spec)
	if err != nil {
		t.Fatal(err)
	}
	waitFor(t, p)
	finish()
	var s sight
	if err := json.Unmarshal(out.Bytes(), &s); err != nil {
		t.Fatalf("the probe printed %q: %v (%v)", out.String(), err, p.Exit())
	}
	return s, p.Report()
}

// lookVerified runs a probe as often as it takes for the host to look at it: one that
// has ended before that was not verified, which on a busy machine is nobody's fault.
func lookVerified(t *testing.T, kind string, change func(*Spec)) (sight, Report) {
	t.Helper()
	s, r := look(t, kind, change)
	for deadline := time.Now().Add(time.Minute); !r.Verified && time.Now().Before(deadline); {
		s, r = look(t, kind, change)
	}
	return s, r
}

func waitFor(t *testing.T, p *Process) {
	t.Helper()
	select {
	case <-p.Done():
	case <-time.After(2 * time.Minute):
		p.Kill()
		t.Fatal("the program did not end")
	}
}

// pause is a moment of waiting for another process.
func pause() { time.Sleep(2 * time.Millisecond) }

func itoa(n int) string { return strconv.Itoa(n) }

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
	for deadline := time.Now().Add(time.Minute); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
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
