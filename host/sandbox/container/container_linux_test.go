// SPDX-License-Identifier: Apache-2.0

package container

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// hostEnv makes the test binary a host that starts one container and waits.
const hostEnv = "CONTAINER_TEST_HOST"

func TestMain(m *testing.M) {
	if runtime := os.Getenv(hostEnv); runtime != "" {
		runHost(runtime)
		return
	}
	code := m.Run()
	if builtProgram.dir != "" {
		_ = os.RemoveAll(builtProgram.dir)
	}
	os.Exit(code)
}

// builtProgram is testdata/program, a static executable.
var builtProgram struct {
	sync.Once
	dir, name string
	err       error
}

func program(t testing.TB) *os.File {
	t.Helper()
	b := &builtProgram
	b.Do(func() {
		if b.name = os.Getenv(hostEnv + "_PROGRAM"); b.name != "" {
			return
		}
		if b.dir, b.err = os.MkdirTemp("", "container-test"); b.err != nil {
			return
		}
		b.name = filepath.Join(b.dir, "program")
		cmd := exec.Command("go", "build", "-o", b.name, "./testdata/program")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			b.err = fmt.Errorf("%w: %s", err, out)
		}
	})
	if b.err != nil {
		t.Fatal(b.err)
	}
	f, err := os.Open(b.name)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	return f
}

// ociRuntimes are those that are installed here.
func ociRuntimes() (out []string) {
	for _, name := range []string{"runc", "crun", "runsc"} {
		if _, err := findEngine(name); err == nil {
			out = append(out, name)
		}
	}
	return out
}

// eachRuntime runs a test with every runtime that works here.
func eachRuntime(t *testing.T, test func(t *testing.T, runtime string)) {
	if testing.Short() {
		t.Skip("containers take time")
	}
	names := ociRuntimes()
	if len(names) == 0 {
		t.Skip("no OCI runtime is installed here (runc, crun or runsc)")
	}
	for _, name := range names {
		t.Run(name, func(t *testing.T) { test(t, runnable(t, name)) })
	}
}

// runnable returns what to call a runtime by. crun 1.8 gives up where both
// versions of control groups have controllers; a wrapper hides one from it.
func runnable(t *testing.T, name string) string {
	controllers, _ := os.ReadFile(groupRoot + "/unified/cgroup.controllers")
	if name != "crun" || len(bytes.TrimSpace(controllers)) == 0 {
		return name
	}
	if os.Geteuid() != 0 {
		t.Skip("crun does not work where both versions of control groups have controllers")
	}
	path, err := findEngine(name)
	if err != nil {
		t.Fatal(err)
	}
	wrapper := filepath.Join(t.TempDir(), name)
	script := "#!/bin/sh\nexec unshare -m sh -c 'umount /sys/fs/cgroup/unified; exec " + path + " \"$@\"' crun \"$@\"\n"
	if err := os.WriteFile(wrapper, []byte(script), 0o755); err != nil {
		t.Fatal(err)
	}
	return wrapper
}

// request is a program with generous limits, whose output goes to the buffer.
func request(t *testing.T, runtime string, args ...string) (*Request, *output) {
	t.Helper()
	dir, err := os.MkdirTemp("", "private")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	out := newOutput(t)
	return &Request{
		Runtime: runtime, Exe: program(t), Args: append([]string{"test"}, args...), Dir: dir, UID: 61234,
		Env: []string{"A=b"}, Stdout: out.stdoutW, Stderr: out.stderrW,
		Limits: Limits{
			OpenFiles: 256, DataBytes: 512 << 20, Processes: 64, ScratchBytes: 1 << 20, ScratchInodes: 64,
			MemoryBytes: 128 << 20, CPUs: 1,
		},
	}, out
}

// output reads what a program prints.
type output struct {
	stdoutW, stderrW *os.File
	stdout, stderr   *os.File
}

func newOutput(t *testing.T) *output {
	t.Helper()
	o := &output{}
	var err, err2 error
	o.stdout, o.stdoutW, err = os.Pipe()
	o.stderr, o.stderrW, err2 = os.Pipe()
	if err := errors.Join(err, err2); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = errors.Join(o.stdout.Close(), o.stderr.Close()); o.started() })
	return o
}

// started lets go of the program's ends, so that reading comes to an end.
func (o *output) started() {
	_ = o.stdoutW.Close()
	_ = o.stderrW.Close()
}

// run starts a request that must start.
func run(t *testing.T, r *Request, o *output) *Handle {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()
	h, err := Start(ctx, r)
	if err != nil {
		o.started()
		words, _ := io.ReadAll(o.stderr)
		t.Fatalf("%v\n%s", err, words)
	}
	o.started()
	t.Cleanup(func() {
		h.Kill()
		awaitDone(t, h)
	})
	return h
}

func awaitDone(t *testing.T, h *Handle) {
	t.Helper()
	select {
	case <-h.Done():
	case <-time.After(time.Minute):
		t.Fatal("the container does not end")
	}
}

// look runs attempts in a container and returns what came of them.
func look(t *testing.T, change func(*Request), runtime string, attempts ...string) map[string]string {
	t.Helper()
	r, o := request(t, runtime, append([]string{"look"}, attempts...)...)
	if change != nil {
		change(r)
	}
	h := run(t, r, o)
	text, _ := io.ReadAll(o.stdout)
	awaitDone(t, h)
	words, _ := io.ReadAll(o.stderr)
	var seen map[string]string
	if err := json.Unmarshal(text, &seen); err != nil {
		t.Fatalf("%v: the program says %q and %q, exit %+v", err, text, words, h.Exit())
	}
	return seen
}

func TestServe(t *testing.T) { eachRuntime(t, testServe) }

// testServe talks to a program through its socket and kills it.
func testServe(t *testing.T, runtime string) {
	r, o := request(t, runtime, "serve", PrivateDir+"/s")
	h := run(t, r, o)
	if line, _ := bufio.NewReader(o.stdout).ReadString('\n'); line != "ready\n" {
		t.Fatalf("the program says %q", line)
	}
	conn, err := net.Dial("unix", filepath.Join(r.Dir, "s"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if text, _ := io.ReadAll(conn); string(text) != "hello\n" {
		t.Errorf("the socket says %q", text)
	}
	if pid := peer(t, conn.(*net.UnixConn)); pid != h.PID() {
		t.Errorf("the socket is served by %d, the program is %d", pid, h.PID())
	}
	if !h.Verified() && runtime != "runsc" {
		t.Errorf("not verified: %+v", h.Walls())
	}
	h.Kill()
	awaitDone(t, h)
	if e := h.Exit(); e.Signal != syscall.SIGKILL {
		t.Errorf("exit %+v", e)
	}
	nothingLeft(t, h)
}

func peer(t *testing.T, conn *net.UnixConn) (pid int) {
	t.Helper()
	raw, err := conn.SyscallConn()
	if err != nil {
		t.Fatal(err)
	}
	_ = raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = int(cred.Pid)
		}
	})
	return pid
}

// nothingLeft checks that neither files nor processes nor control groups of a
// container remain.
func nothingLeft(t *testing.T, h *Handle) {
	t.Helper()
	for _, dir := range append(stateDirs(), groupRoot+"/memory", groupRoot+"/pids", groupRoot) {
		if _, err := os.Lstat(filepath.Join(dir, h.name)); err == nil {
			t.Errorf("%s/%s is left", dir, h.name)
		}
	}
	if h.PID() != 0 && !over(h.PID()) {
		t.Errorf("process %d is left", h.PID())
	}
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	if bytes.Contains(mounts, []byte(h.name)) {
		t.Errorf("a mount of %s is left", h.name)
	}
}

func TestView(t *testing.T) { eachRuntime(t, testView) }

// testView looks around in a container.
func testView(t *testing.T, runtime string) {
	grant := filepath.Join(t.TempDir(), "granted")
	if err := os.WriteFile(grant, []byte("granted"), 0o644); err != nil {
		t.Fatal(err)
	}
	tools := t.TempDir()
	copied, err := os.ReadFile(program(t).Name())
	if err == nil {
		err = errors.Join(os.WriteFile(tools+"/tool", copied, 0o755), os.Chmod(tools, 0o755))
	}
	if err != nil {
		t.Fatal(err)
	}
	change := func(r *Request) {
		r.Secrets = []Secret{{"token", "s3cret"}}
		r.Binds = []Bind{
			verifiedBind(t, grant, "/target/granted"),
			{Source: "/etc/hostname", Target: "/target/etc/hostname", Access: Read},
			{Source: tools, Target: "/opt/tools", Access: Library},
		}
	}
	seen := look(t, change, runtime, "ids", "env", "cwd", "list:/", "read:/target/granted", "read:/run/secrets/token",
		"write:/target/granted", "write:/new", "write:/tmp/x", "write:/run/p/x", "fill:/tmp/big", "read:/etc/passwd",
		"run:/opt/tools/tool", "dial:127.0.0.1:22", "mount:/tmp", "unshare", "read:/proc/1/cmdline")
	uid := programUID(&Request{UID: 61234})
	if os.Geteuid() != 0 && runtime != dockerEngine {
		uid = 0 // in its user namespace
	}
	for attempt, want := range map[string]string{
		"ids": fmt.Sprint(uid, uid, 1), "cwd": PrivateDir, "read:/target/granted": "granted", "read:/run/secrets/token": "s3cret",
		"write:/tmp/x": "written", "write:/run/p/x": "written",
	} {
		if seen[attempt] != want {
			t.Errorf("%s: %q, want %q", attempt, seen[attempt], want)
		}
	}
	if !strings.Contains(seen["env"], "A=b") || strings.Contains(seen["env"], "PATH=/root") {
		t.Errorf("environment %q", seen["env"])
	}
	if !strings.HasPrefix(seen["read:/proc/1/cmdline"], ProgramPath) {
		t.Errorf("the first process is %q", seen["read:/proc/1/cmdline"])
	}
	for _, attempt := range []string{
		"write:/target/granted", "write:/new", "fill:/tmp/big", "read:/etc/passwd", "run:/opt/tools/tool",
		"dial:127.0.0.1:22", "mount:/tmp", "unshare",
	} {
		if !strings.HasPrefix(seen[attempt], "refused: ") && !(runtime == dockerEngine && attempt == "run:/opt/tools/tool") {
			t.Errorf("%s: %q", attempt, seen[attempt])
		}
	}
}

// A program that was granted programs may start them, and they end with it.
func TestExecGrant(t *testing.T) { eachRuntime(t, testExecGrant) }

func testExecGrant(t *testing.T, runtime string) {
	tools := filepath.Dir(program(t).Name())
	if err := os.Chmod(tools, 0o755); err != nil {
		t.Fatal(err)
	}
	seen := look(t, func(r *Request) {
		r.Binds = []Bind{{Source: tools, Target: "/opt/tools", Access: Exec}}
	}, runtime, "run:/opt/tools/program")
	if got := seen["run:/opt/tools/program"]; got != "last words\n" {
		t.Errorf("got %q", got)
	}
}

func TestInherit(t *testing.T) {
	eachRuntime(t, func(t *testing.T, runtime string) {
		if runtime == "runsc" {
			t.Skip("runsc passes no descriptors")
		}
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer r.Close()
		_, _ = w.WriteString("handed over")
		_ = w.Close()
		seen := look(t, func(req *Request) { req.Inherit = []*os.File{r} }, runtime, "fd:3")
		if seen["fd:3"] != "handed over" {
			t.Errorf("fd 3: %q", seen["fd:3"])
		}
	})
}

func TestExits(t *testing.T) { eachRuntime(t, testExits) }

func testExits(t *testing.T, runtime string) {
	for _, c := range []struct {
		args []string
		want func(Exit) bool
	}{
		{[]string{"exit", "0"}, func(e Exit) bool { return e.Code == 0 && e.Signal == 0 }},
		{[]string{"exit", "7"}, func(e Exit) bool { return e.Code == 7 && e.Signal == 0 }},
		{[]string{"die"}, func(e Exit) bool { return e.Code == 2 }},
	} {
		r, o := request(t, runtime, c.args...)
		h := run(t, r, o)
		awaitDone(t, h)
		words, _ := io.ReadAll(o.stderr)
		if !c.want(h.Exit()) {
			t.Errorf("%v: %+v, %q", c.args, h.Exit(), words)
		}
		if c.args[0] == "exit" && !strings.Contains(string(words), "last words") {
			t.Errorf("%v: standard error %q", c.args, words)
		}
		nothingLeft(t, h)
	}
}

// engineTold reports whether the engine has an event of a want of memory.
func engineTold(t *testing.T, name string) bool {
	t.Helper()
	socket, err := engineSocket()
	if err != nil {
		t.Fatal(err)
	}
	d := &docker{client: newEngineAPI(socket, ""), id: name}
	if _, err := d.client.negotiate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return d.ranOut(t.Context())
}

// A program beyond its memory is ended, and the reason is known.
func TestOutOfMemory(t *testing.T) { eachRuntime(t, testOutOfMemory) }

func testOutOfMemory(t *testing.T, runtime string) {
	if runtime != dockerEngine && !groupsWritable() {
		t.Skip("this user cannot make control groups")
	}
	r, o := request(t, runtime, "eat")
	r.Limits.MemoryBytes = 64 << 20
	h := run(t, r, o)
	if w := wall(h, "cgroup"); !w.On {
		t.Skipf("no control group: %s", w.Detail)
	}
	awaitDone(t, h)
	e := h.Exit()
	if runtime == dockerEngine && !e.OutOfMemory && !engineTold(t, h.name) {
		t.Skip("the engine itself has missed it, as it does on a busy machine with control groups of version 1")
	}
	if !e.OutOfMemory || e.Signal != syscall.SIGKILL {
		t.Errorf("exit %+v", e)
	}
	if runtime != dockerEngine && (e.PeakBytes < 32<<20 || e.PeakBytes > 80<<20) {
		t.Errorf("peak %d bytes", e.PeakBytes)
	}
}

func wall(h *Handle, name string) Wall {
	for _, w := range h.Walls() {
		if w.Name == name {
			return w
		}
	}
	return Wall{}
}

// runHost is a host that is going to be killed.
func runHost(runtime string) {
	exe, err := os.Open(os.Getenv(hostEnv + "_PROGRAM"))
	if err != nil {
		fmt.Println(err)
		return
	}
	r := &Request{
		Runtime: runtime, Exe: exe, Args: []string{"test", "sleep"}, Dir: os.Getenv(hostEnv + "_DIR"), UID: 61235, Limits: Limits{OpenFiles: 64},
	}
	h, err := Start(context.Background(), r)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(h.PID(), h.name, h.monitor.Process.Pid)
	time.Sleep(time.Minute)
}

// startHost starts a host and returns what it says about its container.
func startHost(t *testing.T, runtime string) (cmd *exec.Cmd, pid int, name string, monitor int) {
	t.Helper()
	cmd = exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), hostEnv+"="+runtime, hostEnv+"_PROGRAM="+program(t).Name(), hostEnv+"_DIR="+t.TempDir())
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	line, _ := bufio.NewReader(out).ReadString('\n')
	if _, err := fmt.Sscan(line, &pid, &name, &monitor); err != nil {
		_ = cmd.Process.Kill()
		t.Fatalf("the host says %q", line)
	}
	return cmd, pid, name, monitor
}

// The container of a host that was killed goes with it, without anybody's help.
func TestKilledHost(t *testing.T) { eachRuntime(t, testKilledHost) }

func testKilledHost(t *testing.T, runtime string) {
	cmd, pid, name, _ := startHost(t, runtime)
	_ = cmd.Process.Kill()
	_ = cmd.Wait()
	eventually(t, "the container's directory is left", func() bool {
		return !slices.ContainsFunc(stateDirs(), func(dir string) bool { return exists(filepath.Join(dir, name)) })
	})
	nothingLeft(t, &Handle{name: name, pid: pid})
}

// When the monitor dies with the host, a sweep finds what they left.
func TestSweep(t *testing.T) { eachRuntime(t, testSweep) }

func testSweep(t *testing.T, runtime string) {
	cmd, pid, name, monitor := startHost(t, runtime)
	if err := Sweep(); err != nil {
		t.Fatal(err)
	}
	if syscall.Kill(pid, 0) != nil {
		t.Fatal("a sweep removed the container of a living host")
	}
	_ = syscall.Kill(monitor, syscall.SIGSTOP) // it must not clear up in between
	_ = cmd.Process.Kill()
	_ = syscall.Kill(monitor, syscall.SIGKILL)
	_ = cmd.Wait()
	if err := Sweep(); err != nil {
		t.Error(err)
	}
	eventually(t, "the program is left", func() bool { return over(pid) })
	for _, dir := range append(stateDirs(), groupRoot+"/memory", groupRoot+"/pids") {
		if exists(filepath.Join(dir, name)) {
			t.Errorf("%s/%s is left", dir, name)
		}
	}
}

// A host whose monitor was killed clears up itself, and hears of the end.
func TestKilledMonitor(t *testing.T) { eachRuntime(t, testKilledMonitor) }

func testKilledMonitor(t *testing.T, runtime string) {
	r, o := request(t, runtime, "sleep")
	h := run(t, r, o)
	_ = h.monitor.Process.Kill()
	awaitDone(t, h)
	eventually(t, "the program is left", func() bool { return over(h.PID()) })
	if e := h.Exit(); e.Signal != syscall.SIGKILL {
		t.Errorf("exit %+v", e)
	}
}

func exists(name string) bool {
	_, err := os.Lstat(name)
	return err == nil
}

func eventually(t *testing.T, complaint string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !condition(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(complaint)
		}
	}
}

// BenchmarkStart measures a container from its request to its end.
func BenchmarkStart(b *testing.B) {
	for _, name := range []string{"runc", "crun"} {
		if _, err := findEngine(name); err != nil {
			continue
		}
		b.Run(name, func(b *testing.B) {
			exe := program(b)
			for b.Loop() {
				h, err := Start(b.Context(), &Request{Runtime: name, Exe: exe, Args: []string{"test", "exit", "0"}, Dir: b.TempDir(), UID: 61236})
				if err != nil {
					b.Skip(err)
				}
				<-h.Done()
			}
		})
	}
}

func TestCancelledStart(t *testing.T) {
	eachRuntime(t, func(t *testing.T, runtime string) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		r, _ := request(t, runtime, "sleep")
		_, err := Start(ctx, r)
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v", err)
		}
	})
}

func TestFailedStart(t *testing.T) {
	eachRuntime(t, func(t *testing.T, runtime string) {
		r, _ := request(t, runtime, "sleep")
		r.Binds = []Bind{{Source: "/nowhere", Target: "/target/nowhere"}}
		_, err := Start(context.Background(), r)
		var failed *Error
		if !errors.As(err, &failed) || failed.Step != "create" || !strings.Contains(err.Error(), "nowhere") {
			t.Errorf("got %v", err)
		}
	})
}

// verifiedBind is a bind of the file that has this name now.
func verifiedBind(t *testing.T, name, target string) Bind {
	t.Helper()
	var st unix.Stat_t
	if err := unix.Stat(name, &st); err != nil {
		t.Fatal(err)
	}
	return Bind{Source: name, Target: target, Dev: st.Dev, Ino: st.Ino}
}

// A path that was redirected after its verification gives nothing away.
func TestRedirectedGrant(t *testing.T) { eachRuntime(t, testRedirectedGrant) }

func testRedirectedGrant(t *testing.T, runtime string) {
	verified := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(verified, []byte("harmless"), 0o644); err != nil {
		t.Fatal(err)
	}
	r, o := request(t, runtime, "look", "read:/target/file")
	r.Binds = []Bind{verifiedBind(t, verified, "/target/file")}
	if runtime == dockerEngine {
		t.Skip("the engine makes its mounts when the program starts")
	}
	swapAfterPlan = func() {
		_ = os.Rename(verified, verified+".old") // its number stays taken
		_ = os.WriteFile(verified, []byte("another file"), 0o644)
	}
	defer func() { swapAfterPlan = func() {} }()
	_, err := Start(context.Background(), r)
	o.started()
	said, _ := io.ReadAll(o.stdout)
	if err == nil || !strings.Contains(err.Error(), "another file than the one that was verified") || len(said) > 0 {
		t.Errorf("got %v, and the program says %q", err, said)
	}
}

func TestUnknownRuntime(t *testing.T) {
	for _, name := range []string{"no-such-runtime", "relative/path", "/no/such/runtime"} {
		r, _ := request(t, name, "sleep")
		_, err := Start(context.Background(), r)
		var failed *Error
		if !errors.As(err, &failed) || failed.Runtime != name {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

// A name that is nowhere is sought in all places, and the words say so.
func TestAbsentEngine(t *testing.T) {
	_, err := findEngine("no-such-runtime")
	for _, want := range append([]string{`"no-such-runtime"`, "PATH", "install it"}, adminDirs...) {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v lacks %s", err, want)
		}
	}
}

func TestParallel(t *testing.T) {
	eachRuntime(t, func(t *testing.T, runtime string) {
		names := map[string]bool{}
		for range 3 {
			r, o := request(t, runtime, "sleep")
			names[run(t, r, o).name] = true
		}
		if len(names) != 3 {
			t.Errorf("names %v", slices.Collect(maps.Keys(names)))
		}
	})
}
