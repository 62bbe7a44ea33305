// SPDX-License-Identifier: Apache-2.0

//go:build unix

package plugin

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// testEvidence is a plugin with every limit set that ended without a word.
func testEvidence() evidence {
	return evidence{limits: sandbox.Limits{
		DataBytes: 512 << 20, GroupMemoryBytes: 1 << 30, CPUSeconds: 60, FileBytes: 16 << 20, Processes: 64, OpenFiles: 256,
	}}
}

func exit(code int) sandbox.Exit { return sandbox.Exit{Code: code} }

func signalled(s syscall.Signal) sandbox.Exit { return sandbox.Exit{Code: -1, Signal: s} }

func TestCauses(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*evidence)
		cause  Cause
		detail string
		limit  uint64
		hint   string
	}{
		"a status":                 {func(e *evidence) { e.exit = exit(3) }, Exited, "", 0, ""},
		"success":                  {func(*evidence) {}, Exited, "", 0, ""},
		"success while closing":    {func(e *evidence) { e.leaving = true }, Closed, "", 0, ""},
		"failure while closing":    {func(e *evidence) { e.leaving, e.exit = true, exit(3) }, Exited, "", 0, ""},
		"our kill":                 {func(e *evidence) { e.exit, e.ours = signalled(9), Closed }, Closed, "", 0, ""},
		"our kill, too late":       {func(e *evidence) { e.exit, e.ours = exit(1), Closed }, Exited, "", 0, ""},
		"a kill that came late":    {func(e *evidence) { e.exit, e.ours = exit(3), Closed }, Exited, "", 0, ""},
		"a deadline":               {func(e *evidence) { e.exit, e.ours, e.detail = signalled(9), Deadline, "d" }, Deadline, "d", 0, "call_timeout"},
		"a life":                   {func(e *evidence) { e.exit, e.ours, e.detail = signalled(9), LifeTime, "d" }, LifeTime, "d", 0, "life_time"},
		"the user":                 {func(e *evidence) { e.exit, e.ours, e.detail = signalled(9), KilledByUser, "d" }, KilledByUser, "d", 0, ""},
		"a stranger's kill":        {func(e *evidence) { e.exit = signalled(9) }, Signalled, "", 0, "dmesg"},
		"a fault":                  {func(e *evidence) { e.exit = signalled(11) }, Signalled, "", 0, "report it"},
		"group memory":             {func(e *evidence) { e.exit = signalled(9); e.exit.OutOfMemory = true }, OutOfMemory, "", 1 << 30, "group_memory ="},
		"group memory at deadline": {func(e *evidence) { e.exit, e.ours = signalled(9), Deadline; e.exit.OutOfMemory = true }, OutOfMemory, "", 1 << 30, "group_memory ="},
		"Go memory":                {func(e *evidence) { e.exit, e.crash = exit(2), logged("fatal error: runtime: out of memory") }, OutOfMemory, "", 512 << 20, "memory ="},
		"Go memory, second line": {func(e *evidence) {
			e.exit, e.crash = exit(2), logged("runtime: out of memory: cannot allocate 99-byte block", "fatal error: out of memory")
		}, OutOfMemory, "", 512 << 20, ""},
		"Go errno": {func(e *evidence) { e.exit, e.crash = exit(2), logged("panic: mmap: cannot allocate memory") }, OutOfMemory, "", 512 << 20, ""},
		"Go collector": {func(e *evidence) {
			e.exit, e.crash = exit(2), logged("SIGSEGV: segmentation violation", "PC=0x1 m=6", "goroutine 0 [idle]:", "runtime.(*spanQueue).tryDrain(0x0)")
		}, OutOfMemory, "", 512 << 20, ""},
		"turned away":   {func(e *evidence) { e.exit, e.ours, e.detail = signalled(9), Refused, "d" }, Refused, "d", 0, ""},
		"Python memory": {func(e *evidence) { e.exit, e.crash = exit(1), logged(traceback, `  File "x"`, "MemoryError") }, OutOfMemory, "", 512 << 20, ""},
		"numpy": {func(e *evidence) {
			e.exit, e.crash = exit(1), logged(traceback, "numpy._core._exceptions._ArrayMemoryError: Unable to allocate 7 GiB")
		}, OutOfMemory, "", 512 << 20, ""},
		"Python memory, told": {func(e *evidence) { e.exit, e.last = exit(1), []string{"a", "error: MemoryError"} }, OutOfMemory, "", 512 << 20, ""},
		"C++ memory": {func(e *evidence) {
			e.exit, e.crash = signalled(6), logged("terminate called after throwing an instance of 'std::bad_alloc'", "  what():  std::bad_alloc")
		}, OutOfMemory, "", 512 << 20, ""},
		"no memory limit": {func(e *evidence) {
			e.exit, e.crash, e.limits.DataBytes = exit(2), logged("fatal error: out of memory"), sandbox.Unlimited
		}, OutOfMemory, "", sandbox.Unlimited, "nothing limits it"},
		"Rust memory": {func(e *evidence) { e.exit, e.crash = signalled(6), logged("memory allocation of 99 bytes failed") }, OutOfMemory, "", 512 << 20, ""},
		"a GPU's memory": {func(e *evidence) {
			e.exit, e.crash = exit(1), logged(traceback, "torch.OutOfMemoryError: CUDA out of memory.")
		}, Crashed, "", 0, ""},
		"processor signal":   {func(e *evidence) { e.exit = signalled(syscall.SIGXCPU) }, CPULimit, "", 60, "cpu_time"},
		"processor kill":     {func(e *evidence) { e.exit = signalled(9); e.exit.CPU = 48 * time.Second }, CPULimit, "", 60, "cpu_time"},
		"processor to spare": {func(e *evidence) { e.exit = signalled(9); e.exit.CPU = 40 * time.Second }, Signalled, "", 0, ""},
		"no processor limit": {func(e *evidence) {
			e.exit, e.limits.CPUSeconds = signalled(9), sandbox.Unlimited
			e.exit.CPU = time.Hour
		}, Signalled, "", 0, ""},
		"our kill, much processor": {func(e *evidence) { e.exit, e.ours = signalled(9), Closed; e.exit.CPU = time.Hour }, Closed, "", 0, ""},
		"file signal":              {func(e *evidence) { e.exit = signalled(syscall.SIGXFSZ) }, FileLimit, "", 16 << 20, "file_size"},
		"file error":               {func(e *evidence) { e.exit, e.crash = exit(1), logged(traceback, "OSError: [Errno 27] File too large") }, FileLimit, "", 16 << 20, ""},
		"a full scratch directory": {func(e *evidence) { e.exit, e.limits.ScratchBytes = signalled(9), 16<<20; e.exit.Exceeded = "scratch" }, ScratchLimit, "", 16 << 20, "scratch ="},
		"many watches":             {func(e *evidence) { e.exit = signalled(9); e.exit.Exceeded = "watches" }, WatchLimit, "", 16384, "open_files ="},
		"memory that was hidden":   {func(e *evidence) { e.exit = signalled(9); e.exit.Exceeded = "memory" }, OutOfMemory, "", 512 << 20, "memory ="},
		"a forbidden call":         {func(e *evidence) { e.exit = signalled(9); e.exit.Call = "ptrace" }, ForbiddenCall, "ptrace, which no plugin may", 0, ""},
		"while closing":            {func(e *evidence) { e.exit, e.ours = signalled(9), Closed; e.exit.Call = "ptrace" }, ForbiddenCall, "ptrace, which no plugin may", 0, ""},
		"a strict sandbox": {func(e *evidence) {
			e.strict, e.exit = true, signalled(9)
			e.exit.Call, e.denials = "socket", []sandbox.Denial{{Call: "socket", Grant: "net HOST:PORT"}}
		}, ForbiddenCall, "socket, which it was not granted, and its sandbox is strict", 0, `"net HOST:PORT"`},
		"strict without a grant":    {func(e *evidence) { e.strict, e.exit = true, signalled(9); e.exit.Call = "mount" }, ForbiddenCall, "mount, which it was not granted, and its sandbox is strict", 0, "without `strict`"},
		"a foreign instruction set": {func(e *evidence) { e.exit = signalled(syscall.SIGSYS) }, ForbiddenCall, "the kernel in a way that no plugin may", 0, ""},
		"a panic":                   {func(e *evidence) { e.exit, e.crash = exit(2), logged("panic: oh") }, Crashed, "", 0, ""},
		"a panic long ago":          {func(e *evidence) { e.exit, e.crash = exit(0), logged("panic: oh") }, Exited, "", 0, ""},
		"Go threads": {func(e *evidence) {
			e.exit, e.crash = exit(2), logged("runtime: failed to create new OS thread (have 63 already; errno=11)")
		}, Crashed, "", 0, "64 processes and threads"},
		"Python threads": {func(e *evidence) {
			e.exit, e.crash = exit(1), logged(traceback, "RuntimeError: can't start new thread")
		}, Crashed, "", 0, "processes ="},
		"files":   {func(e *evidence) { e.exit, e.last = exit(1), []string{"open x: too many open files"} }, Exited, "", 0, "256 open files"},
		"scratch": {func(e *evidence) { e.exit, e.last = exit(1), []string{"write x: no space left on device"} }, Exited, "", 0, "scratch ="},
	} {
		e := testEvidence()
		c.change(&e)
		v := classify(e)
		if v.cause != c.cause || v.detail != c.detail || v.limit != c.limit || !strings.Contains(v.hint, c.hint) {
			t.Errorf("%s:\n got %+v\nwant %+v", name, v, c)
		}
	}
}

// Every cause that a user can do something about says what.
func TestHints(t *testing.T) {
	for name, e := range map[string]evidence{
		"group_memory": {exit: sandbox.Exit{OutOfMemory: true}}, "cpu_time": {exit: signalled(syscall.SIGXCPU)}, "file_size": {exit: signalled(syscall.SIGXFSZ)},
		"call_timeout": {exit: signalled(9), ours: Deadline}, "life_time": {exit: signalled(9), ours: LifeTime},
	} {
		if v := classify(e); !strings.Contains(v.hint, name+" = ...") {
			t.Errorf("%s: %+v", name, v)
		}
	}
}

// A package that is not there is told with the Python that lacks it.
func TestMissingPackages(t *testing.T) {
	bare := &Interpreter{Path: "/usr/bin/python3", Version: "3.11"}
	whole := &Interpreter{Path: "/usr/bin/python3", Version: "3.11", Packages: "/p/site-packages"}
	for _, c := range []struct {
		python   *Interpreter
		headline string
		want     string
	}{
		{bare, "ModuleNotFoundError: No module named 'pyarrow'", "runs it, /usr/bin/python3, has no such package"},
		{whole, "ModuleNotFoundError: No module named 'pyarrow'", "`pip install --target site-packages PACKAGE`"},
		{whole, "ModuleNotFoundError: No module named 'pyarrow.lib'", "do not fit Python 3.11"},
		{bare, "KeyError: 'No module named x'", ""},
		{nil, "ModuleNotFoundError: No module named 'pyarrow'", ""},
	} {
		e := evidence{exit: sandbox.Exit{Code: 1}, crash: crash{runtime: pythonRuntime, headline: c.headline, text: c.headline}, python: c.python}
		v := classify(e)
		if v.cause != Crashed || !strings.Contains(v.hint, c.want) || (c.want == "") != (v.hint == "") {
			t.Errorf("%s with %v: %+v", c.headline, c.python, v)
		}
	}
}
