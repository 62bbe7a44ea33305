// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
)

// runEvent is what the tests ask of a line of `bulkhead run --events`.
type runEvent struct {
	Event, Node, Call, Suite, Status string
	Protocol, Attempt                int
	Tool                             *struct{ Name, Version string }
}

// runEvents runs a configuration and returns its events, each of which must be
// valid by the published schema.
func runEvents(t *testing.T, dir, hcl string, want int) []runEvent {
	t.Helper()
	fileWith(t, filepath.Join(dir, "bulkhead.hcl"), hcl)
	cmd := exec.Command(bulkhead(), "run", "--events")
	cmd.Dir, cmd.Env = dir, homeEnv(dir)
	out, _ := cmd.Output() // the exit code says all that matters
	if got := cmd.ProcessState.ExitCode(); got != want {
		t.Fatalf("exit code %d: %s", got, out)
	}
	schema, err := compileSchema("run-events")
	if err != nil {
		t.Fatal(err)
	}
	var events []runEvent
	for line := range strings.Lines(string(out)) {
		document, err := unmarshal(line)
		if err == nil {
			err = schema.Validate(document)
		}
		var e runEvent
		if err := json.Unmarshal([]byte(line), &e); err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		if err != nil {
			t.Errorf("%s: %v", line, err)
		}
		events = append(events, e)
	}
	return events
}

// homeEnv is the environment of a host whose home is a directory.
func homeEnv(dir string) []string {
	env := slices.DeleteFunc(os.Environ(), func(line string) bool { return strings.HasPrefix(line, "XDG_") })
	return append(env, "HOME="+dir, "XDG_STATE_HOME="+dir+"/state", "XDG_DATA_HOME="+dir+"/data", "XDG_CACHE_HOME="+dir+"/cache", "XDG_CONFIG_HOME="+dir+"/config")
}

const withPreflight = `
require "some" {
  condition = fact.cpu.count >= %d
  severity  = "error"
  message   = "Too few processors."
}
suite "box" {
  run = [require.some]
}
pipeline "p" {
  preflight = suite.box
  source "rows" {
    csv = "rows.csv"
  }
  kernel "scale" {
    use   = data.scale
    input = source.rows
  }
}
`

// TestEventsOfARun: who speaks, the preflight, and what runs, in this order.
func TestEventsOfARun(t *testing.T) {
	build(t)
	dir := t.TempDir()
	fileWith(t, filepath.Join(dir, "rows.csv"), "a,b\n1,2\n2,1\n")
	events := runEvents(t, dir, fmt.Sprintf(withPreflight, 1), 0)
	var kinds []string
	for _, e := range events {
		if e.Event != "progress" {
			kinds = append(kinds, strings.TrimSpace(e.Event+" "+e.Node))
		}
		if e.Call != "" && e.Attempt != 1 {
			t.Errorf("%+v has no attempt", e)
		}
	}
	want := "hello, preflight_started, preflight_ended, run_started, "
	if got := strings.Join(kinds, ", "); !strings.HasPrefix(got, want) || !strings.HasSuffix(got, "node_ended kernel.scale, run_ended") {
		t.Errorf("events %s", got)
	}
	if e := events[0]; e.Protocol != 1 || e.Tool == nil || e.Tool.Name != "bulkhead" {
		t.Errorf("hello = %+v", e)
	}
	if e := events[2]; e.Suite != "box" || e.Status != "ok" {
		t.Errorf("the preflight = %+v", e)
	}
	refused := runEvents(t, dir, fmt.Sprintf(withPreflight, 1<<30), 2)
	if len(refused) != 4 || refused[2].Status != "refused" || refused[3].Event != "run_ended" {
		t.Errorf("a machine that does not pass: %+v", refused)
	}
	if failed := runEvents(t, dir, "pipeline {", 78); len(failed) != 2 || failed[0].Event != "hello" || failed[1].Event != "failed" {
		t.Errorf("a configuration that is none: %+v", failed)
	}
}

// TestEventsTellAttempts: a kernel whose process dies in each call is called again,
// and every event says which attempt it belongs to.
func TestEventsTellAttempts(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the hostile plugin is told what to do by a name that Windows refuses")
	}
	build(t)
	dir := t.TempDir()
	fileWith(t, filepath.Join(dir, "rows.csv"), "a,b\n1,2\n2,1\n")
	if err := copyProgram(extra("hostile"), filepath.Join(dir, "crash-kernel")); err != nil {
		t.Fatal(err)
	}
	events := runEvents(t, dir, `
plugin "evil" {
  source = "./crash-kernel"
}
pipeline "p" {
  source "rows" {
    csv = "rows.csv"
  }
  kernel "k" {
    use        = evil.rows
    input      = source.rows
    on_failure = "retry"
    retries    = 2
  }
}
`, 2)
	var started, ended []int
	for _, e := range events {
		switch e.Event {
		case "call_started":
			started = append(started, e.Attempt)
		case "call_ended":
			ended = append(ended, e.Attempt)
		}
	}
	if want := []int{1, 2, 3}; !slices.Equal(started, want) || !slices.Equal(ended, want) {
		t.Errorf("attempts %v began, %v ended", started, ended)
	}
}

func fileWith(t *testing.T, name, text string) {
	t.Helper()
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}
