// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// evidence is what is known about an end.
type evidence struct {
	exit    sandbox.Exit
	ours    Cause  // why we killed it; "" while we did not
	detail  string // of ours
	leaving bool   // Close was under way
	crash   crash
	last    []string // the last lines of log
	limits  sandbox.Limits
	strict  bool
	denials []sandbox.Denial
	python  *Interpreter // that ran it; nil for a program of its own
}

// verdict is a cause with what its words need.
type verdict struct {
	cause  Cause
	detail string
	limit  uint64
	hint   string
}

// classify finds the cause of an end. What the kernel says counts for more than
// what the host wanted, that for more than the program's last words, and those
// for more than a bare status.
func classify(e evidence) verdict {
	signal := signalName(e.exit.Signal)
	switch {
	case e.exit.Call != "" || signal == badCall:
		return e.forbidden()
	case e.exit.OutOfMemory:
		return outOfMemory(e.limits.GroupMemoryBytes, "group_memory")
	case e.exit.Exceeded == "memory":
		return outOfMemory(e.limits.DataBytes, "memory")
	case e.exit.Exceeded == "scratch":
		return verdict{cause: ScratchLimit, limit: e.limits.ScratchBytes, hint: raise("scratch")}
	case e.exit.Exceeded == "watches":
		return verdict{cause: WatchLimit, limit: e.limits.OpenFiles * sandbox.HeldPerFile, hint: raise("open_files")}
	case e.ours != "" && e.byUs(signal):
		return verdict{cause: e.ours, detail: e.detail, hint: hintFor(e.ours)}
	case e.leaving && signal == "" && e.exit.Code == 0:
		return verdict{cause: Closed}
	case e.outOfTime(signal):
		return verdict{cause: CPULimit, limit: e.limits.CPUSeconds, hint: raise("cpu_time")}
	case signal == fileTooLarge || e.failed() && e.says(fileTexts):
		return verdict{cause: FileLimit, limit: e.limits.FileBytes, hint: raise("file_size")}
	case e.failed() && e.says(memoryTexts) && !e.says(foreignMemory):
		return outOfMemory(e.limits.DataBytes, "memory")
	case e.crash.fits(e.exit.Code, signal != ""):
		return verdict{cause: Crashed, hint: e.hint()}
	case signal != "":
		return verdict{cause: Signalled, hint: signalHint(signal)}
	}
	return verdict{cause: Exited, hint: e.hint()}
}

// byUs reports whether a program ended as our kill makes it end.
func (e evidence) byUs(signal string) bool {
	return signal == killed || signal == "" && e.exit.Code == killStatus
}

func (e evidence) failed() bool { return e.exit.Code != 0 }

// outOfTime reports whether the kernel ended a program for its processor time.
// For the limit the kernel counts whole ticks, and for the figure that it tells
// afterwards it counts exactly, so that the figure may be less by some.
func (e evidence) outOfTime(signal string) bool {
	if signal == outOfCPU {
		return true
	}
	seconds := e.limits.CPUSeconds
	limited := seconds > 0 && seconds < 1<<33
	return signal == killed && limited && e.exit.CPU >= time.Duration(seconds)*time.Second*3/4
}

// forbidden tells of a system call that the sandbox does not let pass.
func (e evidence) forbidden() verdict {
	call := e.exit.Call
	switch {
	case call == "":
		return verdict{cause: ForbiddenCall, detail: "the kernel in a way that no plugin may"}
	case !e.strict:
		return verdict{cause: ForbiddenCall, detail: call + ", which no plugin may"}
	}
	v := verdict{
		cause: ForbiddenCall, detail: call + ", which it was not granted, and its sandbox is strict",
		hint: "without `strict` in its sandbox block such calls fail and it lives on",
	}
	for _, d := range e.denials {
		if d.Call == call && d.Grant != "" {
			v.hint = fmt.Sprintf("the grant %q would allow it", d.Grant)
		}
	}
	return v
}

func outOfMemory(limit uint64, name string) verdict {
	hint := raise(name)
	if limit == sandbox.Unlimited { // what is short then is the machine's
		hint = "nothing limits it but the machine: let fewer plugins run at a time, or give it less to do"
	}
	return verdict{cause: OutOfMemory, limit: limit, hint: hint}
}

// The texts by which runtimes and libraries tell what they lacked, in lower case.
var (
	memoryTexts = []string{
		"out of memory", "cannot allocate memory", "memoryerror", "std::bad_alloc", "memory allocation of ",
		"cannot map pages in arena", "cannot reserve arena",
		"runtime.(*spanqueue)", // Go's collector uses its queues without a look at whether it got them
	}
	foreignMemory = []string{"cuda", "cublas", "hip out of memory"} // a device's memory has no limit of ours
	fileTexts     = []string{"file too large", "errno 27]"}
	threadTexts   = []string{"failed to create new os thread", "pthread_create failed", "can't start new thread", "fork: resource temporarily unavailable"}
	stackTexts    = []string{"pthread_create failed"}
	openTexts     = []string{"too many open files"}
	spaceTexts    = []string{"no space left on device"}
)

// says reports whether the program's last words hold one of some texts: those of
// its runtime, else the end of its log.
func (e evidence) says(texts []string) bool {
	const few, fewGo = 3, 5
	words := e.crash.headline
	switch e.crash.runtime {
	case noRuntime:
		words = strings.Join(e.last[max(0, len(e.last)-few):], "\n")
	case goRuntime: // its reason may follow the headline
		lines := strings.Split(e.crash.text, "\n")
		words = strings.Join(lines[:min(len(lines), fewGo)], "\n")
	}
	words = strings.ToLower(words)
	return slices.ContainsFunc(texts, func(text string) bool { return strings.Contains(words, text) })
}

// hint names the limit behind an error that is not a cause of its own.
func (e evidence) hint() string {
	switch {
	case !e.failed():
		return ""
	case e.says(stackTexts) && e.limits.DataBytes != sandbox.Unlimited: // the C library does not say which
		return fmt.Sprintf("it may have %d processes and threads, and %d MiB of memory with their stacks: %s, or of memory",
			e.limits.Processes, e.limits.DataBytes>>20, raise("processes"))
	case e.says(threadTexts):
		return fmt.Sprintf("it may have %d processes and threads: %s", e.limits.Processes, raise("processes"))
	case e.says(openTexts):
		return fmt.Sprintf("it may have %d open files: %s", e.limits.OpenFiles, raise("open_files"))
	case e.says(spaceTexts):
		return raise("scratch")
	case e.python != nil && e.crash.runtime == pythonRuntime:
		return e.python.lacks(e.crash.headline)
	}
	return ""
}

// lacks says what to do about a package that a script did not find; "" where the last
// line of its traceback tells something else.
func (i *Interpreter) lacks(headline string) string {
	module, ok := strings.CutPrefix(headline, "ModuleNotFoundError: No module named ")
	if !ok {
		return ""
	}
	if i.Packages != "" && strings.Contains(module, ".") { // a part of one that is there
		return fmt.Sprintf("the packages in %s beside the script do not fit Python %s (%s): they are of another version of Python or another system, or not whole",
			PackagesName, i.Version, i.Path)
	}
	return fmt.Sprintf("the Python that runs it, %s, has no such package: install it there, or ask for a release that brings it; "+
		"its author puts packages beside the script with `pip install --target %s PACKAGE`", i.Path, PackagesName)
}

// hintFor is what helps against a death that we decided upon.
func hintFor(ours Cause) string {
	switch ours {
	case Deadline:
		return raise("call_timeout")
	case LifeTime:
		return raise("life_time")
	}
	return ""
}

// signalHint is the usual reason of a signal.
func signalHint(signal string) string {
	switch signal {
	case killed:
		return "somebody killed it, or the machine ran out of memory: see the kernel's log with `dmesg`"
	case "segmentation fault", "bus error", "illegal instruction", "floating point exception", "aborted":
		return "this is a fault in the plugin or in a library that it loads; report it to its author"
	}
	return ""
}

// raise tells where a limit is set.
func raise(limit string) string {
	return fmt.Sprintf("raise it with `sandbox { limits { %s = ... } }` in the plugin's block", limit)
}
