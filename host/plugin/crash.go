// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
)

const (
	crashBytes    = 16 << 10 // of a crash's text that are kept
	crashHeadline = 512      // bytes of its headline
	// crashAfter is how many further lines make a crash old: what a program
	// logged and lived on after is not what it died of.
	crashAfter = 20
)

// runtimeOf is a language runtime that writes last words.
type runtimeOf int

const (
	noRuntime runtimeOf = iota
	goRuntime
	pythonRuntime
	rustRuntime
	cppRuntime
)

// crashLog finds the last words of a runtime in a stream of lines:
//
//	Go      "panic: " and "fatal error: ", up to the end of the stream
//	Python  "Traceback (most recent call last):", up to the first line that is
//	        not indented, which names the exception; the last one counts
//	Rust    "thread 'main' panicked at FILE:LINE:COLUMN:" and the line after it
//	C, C++  "terminate called ...", "  what(): ", and glibc's complaints
//
// Lines are sanitised before they come here.
type crashLog struct {
	runtime  runtimeOf
	open     bool // the headline may still grow or change
	headline string
	text     strings.Builder
	after    int // lines since its end
}

// goCrashes are how the Go runtime, and the kernel through it, begins.
var goCrashes = []string{
	"panic: ", "fatal error: ", "runtime: ", "runtime/cgo: ",
	"SIGABRT: ", "SIGBUS: ", "SIGFPE: ", "SIGILL: ", "SIGQUIT: ", "SIGSEGV: ", "SIGSYS: ", "SIGXFSZ: ",
}

// cppCrashes are how the C++ library and glibc begin.
var cppCrashes = []string{
	"terminate called ", "libc++abi: ", "*** stack smashing detected ***", "*** buffer overflow detected ***",
	"free(): ", "double free or corruption", "malloc(): ", "munmap_chunk(): ", "corrupted size vs. prev_size",
	"pure virtual method called",
}

var (
	rustPanic = pattern.Lazy(`^thread '.*'(?: \(\d+\))? panicked at `)
	assertion = pattern.Lazy(`^[^ ]+: .+:\d+: .*Assertion .* failed\.$`)
)

const traceback = "Traceback (most recent call last):"

// startsCrash tells which runtime begins its last words with a line.
func startsCrash(line string) runtimeOf {
	switch {
	case hasPrefix(line, goCrashes):
		return goRuntime
	case strings.HasPrefix(line, traceback), strings.HasPrefix(line, "Fatal Python error: "):
		return pythonRuntime
	case rustPanic().MatchString(line), strings.HasPrefix(line, "memory allocation of "):
		return rustRuntime
	case hasPrefix(line, cppCrashes), assertion().MatchString(line):
		return cppRuntime
	}
	return noRuntime
}

func hasPrefix(line string, prefixes []string) bool {
	for _, prefix := range prefixes {
		if strings.HasPrefix(line, prefix) {
			return true
		}
	}
	return false
}

// add takes the next line and reports whether it begins a crash.
func (c *crashLog) add(line string) (first bool) {
	begins := startsCrash(line)
	if c.runtime == goRuntime { // it ends with the stream, and quotes whatever was there
		c.keep(line)
		return false
	}
	if begins != noRuntime {
		c.begin(begins, line)
		return true
	}
	switch {
	case c.runtime == noRuntime:
		return false
	case c.open:
		c.keep(line)
		c.follow(line)
	default:
		c.after++
	}
	return false
}

// begin starts the last words anew. Python's tracebacks may follow one another.
func (c *crashLog) begin(runtime runtimeOf, line string) {
	c.text.Reset()
	c.runtime, c.after, c.open = runtime, 0, true
	c.headline = clip(line, crashHeadline)
	if runtime == goRuntime {
		c.open = false
	}
	c.keep(line)
}

// follow reads a line after the first one.
func (c *crashLog) follow(line string) {
	switch c.runtime {
	case pythonRuntime:
		if strings.HasPrefix(line, " ") || strings.HasPrefix(c.headline, "Fatal Python error") {
			return
		}
		c.headline, c.open = clip(line, crashHeadline), false
	case rustRuntime:
		if strings.HasSuffix(c.headline, ":") && strings.HasPrefix(c.headline, "thread ") {
			c.headline = clip(c.headline+" "+line, crashHeadline)
		}
		c.open = false
	case cppRuntime:
		if what, found := strings.CutPrefix(strings.TrimSpace(line), "what():"); found {
			c.headline = clip(c.headline+": "+strings.TrimSpace(what), crashHeadline)
		}
		c.open = false
	}
}

func (c *crashLog) keep(line string) {
	if room := crashBytes - c.text.Len(); room > 0 {
		c.text.WriteString(clip(line, room) + "\n")
	}
}

// crash is the end of a program in the words of its runtime.
type crash struct {
	runtime  runtimeOf
	headline string // one line, sanitised
	text     string // the first 16 KiB, sanitised
}

// found returns the crash that the stream ends with, the zero value without one.
func (c *crashLog) found() crash {
	if c.runtime == noRuntime || c.after > crashAfter {
		return crash{}
	}
	return crash{c.runtime, c.headline, strings.TrimRight(c.text.String(), "\n")}
}

// fits reports whether a program that crashed so ends with such a status.
func (c crash) fits(code int, signalled bool) bool {
	switch c.runtime {
	case goRuntime:
		return code == 2 || signalled
	case pythonRuntime:
		return code == 1 || signalled
	case rustRuntime:
		return code == 101 || signalled
	case cppRuntime:
		return signalled || code == 134 // a shell's way to tell SIGABRT
	}
	return false
}
