// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"strings"
	"testing"
	"unicode/utf8"
)

const pythonChain = `Traceback (most recent call last):
  File "a.py", line 1, in <module>
    1/0
    ~^~
ZeroDivisionError: division by zero
During handling of the above exception, another exception occurred:
Traceback (most recent call last):
  File "a.py", line 3, in <module>
    raise ValueError("no model")
ValueError: no model`

// logged is the crash in a plugin's log.
func logged(lines ...string) crash {
	var c crashLog
	for _, line := range lines {
		c.add(line)
	}
	return c.found()
}

func TestCrashes(t *testing.T) {
	for name, c := range map[string]struct {
		log      string
		runtime  runtimeOf
		headline string
	}{
		"nothing":         {"all is well\nreally", noRuntime, ""},
		"go panic":        {"before\npanic: boom\ngoroutine 1 [running]:", goRuntime, "panic: boom"},
		"go fatal":        {"fatal error: all goroutines are asleep - deadlock!", goRuntime, "fatal error: all goroutines are asleep - deadlock!"},
		"go keeps first":  {"panic: one\nTraceback (most recent call last):\nX: y", goRuntime, "panic: one"},
		"python":          {"Traceback (most recent call last):\n  File \"x\", line 1\nKeyError: 'gpu'\n", pythonRuntime, "KeyError: 'gpu'"},
		"python chain":    {pythonChain, pythonRuntime, "ValueError: no model"},
		"python cut off":  {"Traceback (most recent call last):\n  File \"x\", line 1", pythonRuntime, "Traceback (most recent call last):"},
		"python fatal":    {"Fatal Python error: Segmentation fault\nCurrent thread 0x1 (most recent call first):\n  File \"x\"", pythonRuntime, "Fatal Python error: Segmentation fault"},
		"python long ago": {"Traceback (most recent call last):\nKeyError: 1\n" + strings.Repeat("on it goes\n", crashAfter+1), noRuntime, ""},
		"rust":            {"thread 'main' panicked at src/main.rs:4:5:\nno such tensor\nnote: run with `RUST_BACKTRACE=1`", rustRuntime, "thread 'main' panicked at src/main.rs:4:5: no such tensor"},
		"rust, old":       {"thread 'main' panicked at 'no such tensor', src/main.rs:4:5", rustRuntime, "thread 'main' panicked at 'no such tensor', src/main.rs:4:5"},
		"rust, with id":   {"thread 'pool 1' (4711) panicked at src/a.rs:1:1:\nx", rustRuntime, "thread 'pool 1' (4711) panicked at src/a.rs:1:1: x"},
		"c++":             {"terminate called after throwing an instance of 'std::runtime_error'\n  what():  bad shape", cppRuntime, "terminate called after throwing an instance of 'std::runtime_error': bad shape"},
		"c++, bare":       {"terminate called without an active exception", cppRuntime, "terminate called without an active exception"},
		"assertion":       {"prog: main.c:3: main: Assertion `n > 0' failed.", cppRuntime, "prog: main.c:3: main: Assertion `n > 0' failed."},
		"glibc":           {"free(): invalid pointer", cppRuntime, "free(): invalid pointer"},
	} {
		got := logged(strings.Split(c.log, "\n")...)
		if got.runtime != c.runtime || got.headline != c.headline {
			t.Errorf("%s: %d %q, want %d %q", name, got.runtime, got.headline, c.runtime, c.headline)
		}
		if c.runtime != noRuntime && !strings.Contains(c.log, strings.SplitN(got.text, "\n", 2)[0]) {
			t.Errorf("%s: text %q", name, got.text)
		}
	}
}

// A deep recursion's traceback is longer than what is kept; its end counts.
func TestLongTraceback(t *testing.T) {
	lines := []string{traceback}
	for range 2000 {
		lines = append(lines, `  File "a.py", line 2, in f`, "    f()")
	}
	got := logged(append(lines, "RecursionError: maximum recursion depth exceeded")...)
	if got.headline != "RecursionError: maximum recursion depth exceeded" || len(got.text) > crashBytes {
		t.Errorf("%q, %d bytes", got.headline, len(got.text))
	}
}

func FuzzCrash(f *testing.F) {
	for _, s := range []string{pythonChain, "panic: x\ny", "thread 'm' panicked at a:\nb", "terminate called \n what(): é", "Fatal Python error: x\n\n", "memory allocation of 1\n"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		sink, _ := sinkOf()
		sink.pump(strings.NewReader(text))
		c := sink.lastCrash()
		if (c.runtime == noRuntime) != (c.headline == "") || len(c.headline) > crashHeadline || len(c.text) > crashBytes+1 {
			t.Fatalf("%q: %+v", text, c)
		}
		if clean := sanitize(c.headline); clean != c.headline || !utf8.ValidString(c.text) || strings.Contains(c.headline, "\n") {
			t.Fatalf("%q gave the headline %q", text, c.headline)
		}
	})
}
