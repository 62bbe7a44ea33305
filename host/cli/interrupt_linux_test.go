// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// sleeping is a pipeline whose only kernel never returns and ignores signals.
const sleeping = `
plugin "evil" {
  source = "./%s"
}
pipeline "p" {
  source "rows" {
    csv = "rows.csv"
  }
  kernel "k" {
    use   = evil.rows
    input = source.rows
  }
}
`

// started is a host in the middle of a run.
type started struct {
	cmd            *exec.Cmd
	stdout, stderr bytes.Buffer
	plugin         string // argv[0] of its plugin, which no other process has
	runs           string // the directory of its private directories
	at             time.Time
}

// patience is far more than a start or an end takes on a busy machine, and less
// than what hangs would take.
const patience = 2 * time.Minute

// startSleeping starts a run and returns when its kernel hangs in its call.
func startSleeping(t *testing.T, args ...string) *started {
	t.Helper()
	return startPipeline(t, sleeping, args...)
}

// startPipeline is startSleeping with a configuration of its own, which has a
// verb for the name of the plugin's file.
func startPipeline(t *testing.T, hcl string, args ...string) *started {
	t.Helper()
	build(t)
	dir := t.TempDir()
	// Short, because sockets live below it.
	tmp, err := os.MkdirTemp("", "bh")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(tmp) })
	s := &started{plugin: fmt.Sprintf("hang-kernel.%d", time.Now().UnixNano()), runs: filepath.Join(tmp, fmt.Sprintf("bulkhead-%d", os.Geteuid()))}
	if err := copyProgram(extra("hostile"), filepath.Join(dir, s.plugin)); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "rows.csv"), "a,b\n1,2\n")
	write(t, filepath.Join(dir, "bulkhead.hcl"), fmt.Sprintf(hcl, s.plugin))
	s.cmd = exec.Command(bulkhead(), append([]string{"run"}, args...)...)
	s.cmd.Dir, s.cmd.Stdout, s.cmd.Stderr = dir, &s.stdout, &s.stderr
	s.cmd.Env = []string{"HOME=" + dir, "TMPDIR=" + tmp, "PATH=" + os.Getenv("PATH")}
	s.at = time.Now()
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.cmd.Process.Kill() })
	await(t, patience, "the plugin to start", func() bool { return len(s.processes()) > 0 })
	time.Sleep(300 * time.Millisecond) // describing and planning are over soon
	return s
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

// processes lists the processes that run the plugin.
func (s *started) processes() []string {
	var out []string
	names, _ := filepath.Glob("/proc/[0-9]*/cmdline")
	for _, name := range names {
		if text, err := os.ReadFile(name); err == nil && strings.HasPrefix(string(text), s.plugin+"\x00") {
			out = append(out, name)
		}
	}
	return out
}

// await polls until a condition holds.
func await(t *testing.T, patience time.Duration, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", patience, what)
		}
	}
}

// wait returns the exit code of the host.
func (s *started) wait(t *testing.T) int {
	t.Helper()
	err := s.cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}

// TestInterrupt: Ctrl-C ends a run with code 130, and leaves no process and no
// file.
func TestInterrupt(t *testing.T) {
	for _, signal := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		t.Run(signal.String(), func(t *testing.T) {
			s := startSleeping(t)
			begin := time.Now()
			if err := s.cmd.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			code := s.wait(t)
			if took := time.Since(begin); took > patience {
				t.Errorf("took %v", took)
			}
			if code != 130 {
				t.Errorf("exit code %d, standard error %s", code, s.stderr.String())
			}
			if left := s.processes(); len(left) > 0 {
				t.Errorf("left running: %v", left)
			}
			if left, _ := filepath.Glob(filepath.Join(s.runs, "*")); len(left) > 0 {
				t.Errorf("left behind: %v", left)
			}
		})
	}
}

// TestInterruptSpeaksJSON: also an interrupted command prints its document.
func TestInterruptSpeaksJSON(t *testing.T) {
	s := startSleeping(t, "--json")
	if err := s.cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := s.wait(t); code != 130 {
		t.Errorf("exit code %d", code)
	}
	schema, err := compileSchema("run")
	if err != nil {
		t.Fatal(err)
	}
	document, err := unmarshal(s.stdout.String())
	if err != nil {
		t.Fatalf("%v\n%s", err, s.stdout.String())
	}
	if err := schema.Validate(document); err != nil {
		failure, _ := compileSchema("failure")
		if failure.Validate(document) != nil {
			t.Error(err)
		}
	}
}

// TestKilledHost: plugins do not survive kill -9 of their host, and the next
// host clears up what it could not.
func TestKilledHost(t *testing.T) {
	s := startSleeping(t)
	if err := s.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = s.cmd.Wait()
	await(t, patience, "the plugin to end", func() bool { return len(s.processes()) == 0 })
	next := exec.Command(bulkhead(), "plugin", "describe", extra("hello-check"))
	next.Dir, next.Env = s.cmd.Dir, s.cmd.Env
	if out, err := next.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if left, _ := filepath.Glob(filepath.Join(s.runs, "*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// preflighted is a pipeline with a preflight for which a plugin is asked.
const preflighted = `
plugin "evil" {
  source = "./plugins/%s"
}
suite "s" {
  run = [evil.all]
}
pipeline "p" {
  preflight = suite.s
  source "rows" {
    csv = "rows.csv"
  }
  sink "out" {
    input = source.rows
    csv   = "out.csv"
  }
}
`

// TestInterruptedPreflight: Ctrl-C while a plugin of the preflight hangs is a run that
// was cancelled, and nothing that the machine does not pass.
func TestInterruptedPreflight(t *testing.T) {
	s := newScene(t, "hang-collect")
	write(t, filepath.Join(s.dir, "run.hcl"), fmt.Sprintf(preflighted, s.plugin))
	cmd := s.command("run", "run.hcl", "--events", "--timeout", "1h")
	events, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = cmd.Process.Kill() })
	var last string
	for lines := bufio.NewScanner(events); lines.Scan(); {
		last = lines.Text()
		if strings.Contains(last, `"event":"preflight_started"`) {
			if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
		}
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(last, `"status":"cancelled"`) || !strings.Contains(last, "interrupted during the preflight") {
		t.Errorf("exit code %d, and at last: %s", code, last)
	}
}
