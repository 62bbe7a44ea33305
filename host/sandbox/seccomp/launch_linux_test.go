// SPDX-License-Identifier: Apache-2.0

package seccomp

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// The tests start real programs behind real filters. The test binary is its own
// launcher: with roleEnv=launch it installs a filter and executes its arguments.
const (
	roleEnv   = "SECCOMP_TEST_ROLE"
	policyEnv = "SECCOMP_TEST_POLICY"
	nextEnv   = "SECCOMP_TEST_NEXT" // role of the executed program
)

// listenerSocket is the descriptor on which the launcher hands its listener over.
const listenerSocket = 3

func TestMain(m *testing.M) {
	role := os.Getenv(roleEnv)
	switch {
	case role == "launch":
		fmt.Fprintln(os.Stderr, "launch:", launch())
		os.Exit(3)
	case role != "":
		os.Exit(programs[role](os.Args[1:]))
	}
	os.Exit(m.Run())
}

// launch installs the filter on this thread and executes the arguments.
func launch() error {
	runtime.LockOSThread()
	bits, err := strconv.ParseUint(os.Getenv(policyEnv), 10, 8)
	if err != nil {
		return err
	}
	exe, err := unix.Open(os.Args[1], unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	p := policyOf(uint8(bits))
	if p.ExecFD > 0 {
		if err := unix.Dup3(exe, p.ExecFD, unix.O_CLOEXEC); err != nil {
			return err
		}
		exe = p.ExecFD
	}
	if err := os.Setenv(roleEnv, os.Getenv(nextEnv)); err != nil {
		return err
	}
	environ := os.Environ()
	if err := install(p); err != nil {
		return err
	}
	return executeFD(exe, os.Args[1:], environ)
}

// install puts the calling thread behind the filter and sends the listener away.
func install(p Policy) error {
	f, err := p.Filter()
	if err != nil {
		return err
	}
	for _, i := range f.PIDSlots {
		f.Code[i].K = uint32(os.Getpid())
	}
	if err := unix.Prctl(unix.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); err != nil {
		return err
	}
	program := unix.SockFprog{Len: uint16(len(f.Code)), Filter: &f.Code[0]}
	fd, _, errno := unix.Syscall(unix.SYS_SECCOMP, unix.SECCOMP_SET_MODE_FILTER, p.Flags(), uintptr(unsafe.Pointer(&program)))
	if errno != 0 {
		return fmt.Errorf("seccomp: %w", errno)
	}
	if !p.Notify {
		return nil
	}
	return unix.Sendmsg(listenerSocket, []byte{0}, unix.UnixRights(int(fd)), nil, 0)
}

func executeFD(fd int, argv, env []string) error {
	empty := []byte{0}
	args, err := syscall.SlicePtrFromStrings(argv)
	if err != nil {
		return err
	}
	environ, err := syscall.SlicePtrFromStrings(env)
	if err != nil {
		return err
	}
	_, _, errno := unix.Syscall6(unix.SYS_EXECVEAT, uintptr(fd), uintptr(unsafe.Pointer(&empty[0])),
		uintptr(unsafe.Pointer(&args[0])), uintptr(unsafe.Pointer(&environ[0])), unix.AT_EMPTY_PATH, 0)
	return fmt.Errorf("execveat: %w", errno)
}

// started is a program behind a filter.
type started struct {
	*exec.Cmd
	out     bytes.Buffer
	monitor *Monitor // with Notify
}

// bitsOf is the inverse of policyOf.
func bitsOf(t *testing.T, p Policy) string {
	t.Helper()
	for bits := range 64 {
		if policyOf(uint8(bits)) == p {
			return strconv.Itoa(bits)
		}
	}
	t.Fatalf("no number for %+v", p)
	return ""
}

// start runs argv behind the filter of p; role is what a test binary does then.
func start(t *testing.T, p Policy, o Options, role string, argv ...string) *started {
	t.Helper()
	if _, err := host(); err != nil {
		t.Skip(err)
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if argv[0] == "self" {
		argv[0] = self
	}
	ends, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	theirs := os.NewFile(uintptr(ends[1]), "theirs")
	s := &started{Cmd: exec.Command(self, argv...)}
	s.Stdout, s.Stderr = &s.out, &s.out
	s.Env = append(os.Environ(), roleEnv+"=launch", policyEnv+"="+bitsOf(t, p), nextEnv+"="+role)
	s.ExtraFiles = []*os.File{theirs}
	s.WaitDelay = time.Second
	if err := s.Start(); err != nil {
		t.Fatal(err)
	}
	_ = theirs.Close()
	t.Cleanup(func() { _ = s.Process.Kill() })
	if p.Notify {
		s.monitor = Watch(listenerFrom(t, ends[0], s), o)
		t.Cleanup(s.monitor.Close)
	}
	_ = unix.Close(ends[0])
	return s
}

func listenerFrom(t *testing.T, socket int, s *started) *os.File {
	t.Helper()
	control := make([]byte, unix.CmsgSpace(4))
	_, n, _, _, err := unix.Recvmsg(socket, make([]byte, 1), control, unix.MSG_CMSG_CLOEXEC)
	if err != nil || n == 0 {
		_ = s.Wait()
		t.Fatalf("no listener (%v): %s", err, s.out.String())
	}
	messages, err := unix.ParseSocketControlMessage(control[:n])
	if err != nil {
		t.Fatal(err)
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil {
		t.Fatal(err)
	}
	return os.NewFile(uintptr(fds[0]), "listener")
}

// finish waits for the end and fails the test if it is not a success.
func (s *started) finish(t *testing.T) string {
	t.Helper()
	if err := s.wait(t); err != nil {
		t.Fatalf("%v\n%s\ndenied: %v", err, s.out.String(), s.denials())
	}
	return s.out.String()
}

// wait is Wait with an end.
func (s *started) wait(t *testing.T) error {
	t.Helper()
	timer := time.AfterFunc(3*time.Minute, func() { _ = s.Process.Kill() })
	defer timer.Stop()
	err := s.Wait()
	if s.monitor != nil {
		s.monitor.Close()
	}
	return err
}

func (s *started) denials() []Denial {
	if s.monitor == nil {
		return nil
	}
	return s.monitor.Denials()
}

// killer records what it was called for and ends the program.
type killer struct {
	mu    sync.Mutex
	calls []string
	s     *started
	ready chan struct{}
}

func newKiller() *killer { return &killer{ready: make(chan struct{})} }

func (k *killer) kill(call string) {
	<-k.ready
	k.mu.Lock()
	defer k.mu.Unlock()
	k.calls = append(k.calls, call)
	_ = k.s.Process.Kill()
}

func (k *killer) attach(s *started) { k.s = s; close(k.ready) }

// signalOf is the signal that ended a program.
func signalOf(err error) unix.Signal {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return 0
	}
	status, ok := exit.Sys().(interface{ Signal() unix.Signal })
	if !ok {
		return 0
	}
	return status.Signal()
}

func count(denials []Denial, call string) int {
	for _, d := range denials {
		if d.Call == call {
			return d.Count
		}
	}
	return 0
}

func calls(denials []Denial) string {
	var out []string
	for _, d := range denials {
		out = append(out, fmt.Sprintf("%s×%d", d.Call, d.Count))
	}
	return strings.Join(out, " ")
}
