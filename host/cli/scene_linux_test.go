// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// scene is a directory with a hostile plugin, a machine to diagnose and a table.
type scene struct {
	dir, tmp string
	plugin   string // argv[0] of the plugin, which no other process has
}

const hostileDoctor = `
plugin "evil" {
  source = "./plugins/%s"
}
`

// scenes makes the names of plugins differ.
var scenes = strconv.FormatInt(time.Now().UnixNano(), 36)

// newScene copies internal/hostile under a name that chooses what it does.
func newScene(t *testing.T, kind string) scene {
	t.Helper()
	build(t)
	tmp, err := os.MkdirTemp("", "bh") // short, because sockets live below it
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	s := scene{dir: t.TempDir(), tmp: tmp, plugin: kind + "." + scenes + filepath.Base(tmp)}
	if err := copyProgram(extra("hostile"), filepath.Join(s.dir, "plugins", s.plugin)); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(s.dir, "machine/etc"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(s.dir, "machine/etc/os-release"), "ID=debian\n")
	write(t, filepath.Join(s.dir, "rows.csv"), "a,b\n1,2\n")
	write(t, filepath.Join(s.dir, "bulkhead.hcl"), fmt.Sprintf(hostileDoctor, s.plugin))
	write(t, filepath.Join(s.dir, "run.hcl"), fmt.Sprintf(sleeping, "plugins/"+s.plugin))
	return s
}

// command is the host with arguments, in the scene and with nothing of the user's.
func (s scene) command(args ...string) *exec.Cmd {
	cmd := exec.Command(bulkhead(), args...)
	cmd.Dir, cmd.Env = s.dir, []string{"HOME=" + s.dir, "TMPDIR=" + s.tmp, "PATH=" + os.Getenv("PATH")}
	return cmd
}

// left is what a host left in its directory of private directories.
func (s scene) left() []string {
	left, _ := filepath.Glob(filepath.Join(s.tmp, "*", "*"))
	return left
}

// cost is what the host itself used, without its plugins.
type cost struct {
	took time.Duration
	peak int64 // bytes of memory
	cpu  time.Duration
}

// outcome is what a host did.
type outcome struct {
	cost
	code           int
	stdout, stderr string
}

// words is all output with single blanks, and with quotes as they were in JSON.
func (o outcome) words() string {
	return strings.ReplaceAll(strings.Join(strings.Fields(o.stdout+" "+o.stderr), " "), `\"`, `"`)
}

// complaints is the end of the words, where a report has its messages.
func (o outcome) complaints() string {
	words := o.words()
	return words[max(0, strings.LastIndex(words, `"diagnostics"`)):]
}

// measured runs the host to its end.
func measured(t *testing.T, s scene, args ...string) (o outcome) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd := s.command(args...)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	begin := time.Now()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	for {
		o.sample(cmd.Process.Pid)
		select {
		case err := <-ended:
			if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
				t.Fatal(err)
			}
			o.code, o.took = cmd.ProcessState.ExitCode(), time.Since(begin)
			o.stdout, o.stderr = stdout.String(), stderr.String()
			return o
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// sample reads what a process has used so far. wait4 would add its children's.
func (c *cost) sample(pid int) {
	status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if _, rest, ok := bytes.Cut(status, []byte("VmHWM:")); ok {
		n, _ := strconv.ParseInt(string(bytes.Fields(rest)[0]), 10, 64)
		c.peak = max(c.peak, n<<10)
	}
	stat, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if _, rest, ok := bytes.Cut(stat, []byte(") ")); ok {
		const user, system, tick = 11, 12, 10 * time.Millisecond
		fields := bytes.Fields(rest)
		a, _ := strconv.Atoi(string(fields[user]))
		b, _ := strconv.Atoi(string(fields[system]))
		c.cpu = max(c.cpu, time.Duration(a+b)*tick)
	}
}

// checkDocument wants one JSON document, by a schema or that of failures.
func checkDocument(t *testing.T, text, schema string) {
	t.Helper()
	document, err := unmarshal(text)
	if err != nil {
		t.Errorf("not one JSON document: %v\n%.500s", err, text)
		return
	}
	var why error
	for _, name := range []string{schema, "failure"} {
		s, err := compileSchema(name)
		if err != nil {
			t.Fatal(err)
		}
		if why = s.Validate(document); why == nil {
			return
		}
	}
	t.Error(why)
}

// checkPrintable wants no character that a terminal obeys.
func checkPrintable(t *testing.T, text string) {
	t.Helper()
	for i, r := range text {
		if r < ' ' && r != '\n' && r != '\t' || r == 0x7f || r >= 0x80 && r < 0xa0 || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			t.Errorf("byte %d is the control character %U", i, r)
			return
		}
	}
}
