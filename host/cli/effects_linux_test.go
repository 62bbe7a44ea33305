// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// noting is a pipeline that notes a table in a ledger and then runs a kernel.
const noting = `
plugin "hello" {
  source = "./plugins/hello-ledger"
}
plugin "evil" {
  source = "./plugins/hang-kernel"
}
pipeline "p" {
  source "rows" {
    csv = "rows.csv"
  }
  kernel "note" {
    use        = hello.record
    input      = source.rows
    on_failure = "rollback"
    config {
      ledger = "LEDGER"
    }
  }
  kernel "k" {
    use   = KERNEL
    input = kernel.note
  }
  sink "out" {
    input = kernel.k
    csv   = "out.csv"
  }
}
`

// noted is a directory with the pipeline.
type noted struct {
	t      *testing.T
	dir    string
	ledger string
}

func newNoted(t *testing.T) *noted {
	t.Helper()
	build(t)
	dir := t.TempDir()
	n := &noted{t: t, dir: dir, ledger: filepath.Join(dir, "ledger", "runs.jsonl")}
	for name, program := range map[string]string{"hello-ledger": extra("hello-ledger"), "hang-kernel": extra("hostile")} {
		if err := copyProgram(program, filepath.Join(dir, "plugins", name)); err != nil {
			t.Fatal(err)
		}
	}
	manifest, err := os.ReadFile(filepath.Join(built.repo, "examples/hello-ledger/manifest.json"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "plugins", "manifest.json"), string(manifest))
	if err := os.Mkdir(filepath.Dir(n.ledger), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, "rows.csv"), "a,b\n1,2\n2,1\n")
	return n
}

// configure writes the configuration, with a kernel behind the ledger.
func (n *noted) configure(kernel string) {
	write(n.t, filepath.Join(n.dir, "bulkhead.hcl"), strings.NewReplacer("LEDGER", n.ledger, "KERNEL", kernel).Replace(noting))
}

func (n *noted) command(args ...string) *exec.Cmd {
	cmd := exec.Command(bulkhead(), args...)
	cmd.Dir, cmd.Env = n.dir, homeEnv(n.dir)
	return cmd
}

// host runs a command and wants its exit code.
func (n *noted) host(want int, args ...string) string {
	n.t.Helper()
	cmd := n.command(args...)
	out, _ := cmd.CombinedOutput() // the exit code says all that matters
	if got := cmd.ProcessState.ExitCode(); got != want {
		n.t.Fatalf("bulkhead %s: exit code %d: %s", strings.Join(args, " "), got, out)
	}
	return string(out)
}

// lines of the ledger.
func (n *noted) lines() string {
	data, err := os.ReadFile(n.ledger)
	if err != nil && !os.IsNotExist(err) {
		n.t.Fatal(err)
	}
	return string(data)
}

// kill runs the pipeline and kills the host when the line is in the ledger and the
// kernel behind it hangs.
func (n *noted) kill() {
	n.t.Helper()
	n.configure("evil.rows")
	cmd := n.command("run", "--events")
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		n.t.Fatal(err)
	}
	events, seen := bufio.NewScanner(out), ""
	events.Buffer(nil, 1<<20)
	for events.Scan() {
		seen += events.Text() + "\n"
		if strings.HasPrefix(events.Text(), `{"event":"node_ended"`) && strings.Contains(events.Text(), `"node":"kernel.note"`) {
			_ = cmd.Process.Kill()
			break
		}
	}
	_ = cmd.Wait() // it was killed
	if code := cmd.ProcessState.ExitCode(); code != -1 || strings.Count(n.lines(), "\n") != 1 {
		n.t.Fatalf("exit code %d, the ledger has %q after %s", code, n.lines(), seen)
	}
}

// lastRun is the id of the latest run, as it is listed.
func (n *noted) lastRun() string {
	n.t.Helper()
	for line := range strings.Lines(n.host(0, "runs", "list")) {
		if strings.Contains(line, "interrupted") {
			return strings.Fields(line)[0]
		}
	}
	n.t.Fatal("no run was interrupted")
	return ""
}

// TestSideEffectsOfADeadHost are shown, and taken back by the verb, once.
func TestSideEffectsOfADeadHost(t *testing.T) {
	n := newNoted(t)
	n.kill()
	id := n.lastRun()
	if out := n.host(0, "runs", "show", id); !strings.Contains(out, "kernel.note did something outside") {
		t.Errorf("the run is shown as %s", out)
	}
	if out := n.host(0, "runs", "undo", id); !strings.Contains(out, "kernel.note: taken back") || n.lines() != "" {
		t.Errorf("%s, and the ledger has %q", out, n.lines())
	}
	if out := n.host(0, "runs", "undo", id); !strings.Contains(out, "there is nothing to take back") {
		t.Errorf("once more: %s", out)
	}
	if out := n.host(0, "runs", "show", id); strings.Contains(out, "outside") {
		t.Errorf("the run is shown as %s", out)
	}
	n.host(78, "runs", "undo", "no-run")
}

// TestNextRunTakesBackFirst: the same pipeline takes back what the dead host left
// before it does anything itself.
func TestNextRunTakesBackFirst(t *testing.T) {
	n := newNoted(t)
	n.kill()
	left := n.lines()
	n.configure("data.scale")
	if out := n.host(0, "run"); !strings.Contains(out, "Side effect of an earlier run taken back") {
		t.Errorf("nothing is told: %s", out)
	}
	if got := n.lines(); strings.Count(got, "\n") != 1 || got == left {
		t.Errorf("the ledger had %q and has %q", left, got)
	}
	mine := n.lines()
	if out := n.host(0, "run"); strings.Contains(out, "earlier run") || !strings.HasPrefix(n.lines(), mine) {
		t.Errorf("what a run that came to its end did is taken back: %s", out)
	}
}

// TestEffectThatCannotBeTakenBack is told, stays in the record, and is tried again by
// the verb alone.
func TestEffectThatCannotBeTakenBack(t *testing.T) {
	n := newNoted(t)
	n.kill()
	id := n.lastRun()
	aside := n.ledger + ".aside"
	if err := os.Rename(n.ledger, aside); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(n.ledger, 0o755); err != nil { // no file can be read there
		t.Fatal(err)
	}
	if out := n.host(2, "runs", "undo", id); !strings.Contains(out, "could not be taken back") {
		t.Errorf("%s", out)
	}
	if out := n.host(0, "runs", "show", id); !strings.Contains(out, "runs undo "+id) {
		t.Errorf("the run is shown as %s", out)
	}
	if err := os.Remove(n.ledger); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(aside, n.ledger); err != nil {
		t.Fatal(err)
	}
	if out := n.host(0, "runs", "undo", id); !strings.Contains(out, "kernel.note: taken back") || n.lines() != "" {
		t.Errorf("%s, and the ledger has %q", out, n.lines())
	}
}

// TestRerunDoesNothingOutside unless it is asked to: then kernels get what they were
// granted.
func TestRerunDoesNothingOutside(t *testing.T) {
	n := newNoted(t)
	n.configure("data.impute")
	n.host(0, "run")
	id := strings.Fields(strings.Split(n.host(0, "runs", "list"), "\n")[1])[0]
	for _, c := range []struct {
		args  []string
		told  bool
		lines int
	}{{nil, true, 1}, {[]string{"--sinks"}, false, 2}} {
		out := n.host(0, append([]string{"rerun", id}, c.args...)...)
		if told := strings.Contains(out, "kernel.note, kernel.k; --sinks repeats all"); told != c.told || !strings.Contains(out, "the same to the bit") {
			t.Errorf("rerun %q says %s", c.args, out)
		}
		if got := strings.Count(n.lines(), "\n"); got != c.lines {
			t.Errorf("rerun %q: the ledger has %d lines, want %d", c.args, got, c.lines)
		}
	}
}
