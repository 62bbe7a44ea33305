// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// limited is a limit of the configuration, an attempt to exceed it, and what the
// user is told.
type limited struct {
	limits, sandbox string
	order           string
	says            string // regular expression over the words of the doctor and of a run
	hint            string // the setting to raise, "" for none
	cause           string // in the audit log
	unary           bool   // it bounds questions, and not the work of a kernel
}

var limitCases = map[string]limited{
	"memory":    {limits: `memory = "128MiB"`, order: "allocate 200", says: `ran out of memory: .*128 MiB`, hint: "memory", cause: "out-of-memory"},
	"cpu time":  {limits: `cpu_time = "1s"`, order: "spin 60s", says: `used up its processor time of 1s`, hint: "cpu_time", cause: "cpu-limit"},
	"life time": {limits: `life_time = "1s"`, order: "sleep 60s", says: `was killed: it ran for 1s, which is as long as it may`, hint: "life_time", cause: "life-time"},
	"call":      {limits: `call_timeout = "1s"`, order: "sleep 60s", says: `was killed: the call .*Collect.* took longer than 1s`, hint: "call_timeout", cause: "deadline", unary: true},
	"processes": {limits: `processes = 24`, order: "threads 60", says: `failed to create new OS thread .*it may have 24 processes and threads`, hint: "processes", cause: "crashed"},
	"strict": {sandbox: "strict = true", order: "dial 127.0.0.1:9", cause: "forbidden-call",
		says: `was killed: it called socket, which it was not granted, and its sandbox is strict; the grant "net HOST:PORT" would allow it`},
}

// pipelineOf has one kernel, which tries something.
const pipelineOf = `
pipeline "p" {
  source "rows" {
    csv = "rows.csv"
  }
  kernel "k" {
    use   = probe.work
    input = source.rows
    config {
      try = [%q]
    }
  }
}
`

func TestLimits(t *testing.T) {
	for name, l := range limitCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newProbe(t, nil)
			p.configure(t, setting{
				ask:    []manifest.Grant{{Kind: manifest.Env, Name: "PROBE_TRY"}},
				inside: fmt.Sprintf("sandbox {\n  %s\n  limits {\n    %s\n  }\n}\n", l.sandbox, l.limits),
				rest:   fmt.Sprintf(pipelineOf, l.order),
			})
			p.order(l.order)
			l.check(t, p.run(t, "doctor", "-v"))
			if !l.unary {
				l.check(t, p.run(t, "run", "bulkhead.hcl"))
			}
			deaths := p.audit(t, "death")
			if len(deaths) == 0 || slices.ContainsFunc(deaths, func(r record) bool { return r.Data.Cause != l.cause }) {
				t.Errorf("the audit log has %+v", deaths)
			}
		})
	}
}

func (l limited) check(t *testing.T, o outcome) {
	t.Helper()
	if o.code != 2 || !regexp.MustCompile(l.says).MatchString(o.words()) {
		t.Errorf("exit code %d, and %q is not in\n%s%s", o.code, l.says, o.stdout, o.stderr)
	}
	if hint := "raise it with `sandbox { limits { " + l.hint + " = ... } }` in the plugin's block"; l.hint != "" && !strings.Contains(o.words(), hint) {
		t.Errorf("%q is not in\n%s", hint, o.stdout)
	}
	checkColumns(t, o.stdout)
}

// A limit that needs a control group is enforced, or else said not to be.
func TestGroupMemory(t *testing.T) {
	p := newProbe(t, nil)
	p.configure(t, setting{
		ask: []manifest.Grant{{Kind: manifest.Env, Name: "PROBE_TRY"}}, inside: "sandbox {\n  limits {\n    group_memory = \"64MiB\"\n  }\n}\n",
	})
	p.order("allocate 200")
	o := p.run(t, "doctor", "-v")
	if regexp.MustCompile(`a limit .* is not enforced here.*plugin=probe limit=group_memory`).MatchString(o.stderr) {
		return
	}
	limited{says: "ran out of memory: .*64 MiB", hint: "group_memory"}.check(t, o)
}

// A log over its limits costs the plugin nothing, and the rest is counted.
func TestLogLimits(t *testing.T) {
	for _, limit := range []string{`log_bytes = "4KiB"`, `log_rate = "1KiB"`} {
		p := newProbe(t, nil)
		p.configure(t, setting{
			ask: []manifest.Grant{{Kind: manifest.Env, Name: "PROBE_TRY"}}, inside: "sandbox {\n  limits {\n    " + limit + "\n  }\n}\n",
		})
		p.order("log 200000")
		log := filepath.Join(p.home, "log")
		o := p.run(t, "doctor", "--log-file", log)
		if !strings.Contains(o.stderr, "bytes of log dropped") {
			t.Errorf("%s: exit code %d, %s", limit, o.code, o.stderr)
		}
		if text, err := os.ReadFile(log); err != nil || strings.Count(string(text), "chatter") > 20_000/len("chatter ") {
			t.Errorf("%s: the log has %d bytes, %v", limit, len(text), err)
		}
	}
}

// An interrupted diagnosis ends at once with its own exit code, says what it found
// until then, and leaves nothing behind; the log names the user.
func TestInterruptedDoctor(t *testing.T) {
	for _, command := range []string{"doctor", "facts"} {
		p := newProbe(t, nil)
		p.configure(t, setting{ask: []manifest.Grant{{Kind: manifest.Env, Name: "PROBE_TRY"}}})
		p.order("sleep 60s")
		cmd := p.command(command, "--json")
		var stdout strings.Builder
		cmd.Stdout = &stdout
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = cmd.Process.Kill() })
		await(t, patience, "the probe to be launched", func() bool { return len(p.audit(t, "launch")) > 0 })
		time.Sleep(300 * time.Millisecond)
		begin := time.Now()
		if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
			t.Fatal(err)
		}
		_ = cmd.Wait()
		if code, took := cmd.ProcessState.ExitCode(), time.Since(begin); code != 130 || took > 40*time.Second {
			t.Errorf("%s: exit code %d after %v", command, code, took)
		}
		if !json.Valid([]byte(stdout.String())) {
			t.Errorf("%s: not one document: %s", command, stdout.String())
		}
		if left, _ := filepath.Glob(filepath.Join(p.tmp, "*", "*")); len(left)+len(groups(cmd.Process.Pid)) > 0 {
			t.Errorf("%s: left behind: %v, %v", command, left, groups(cmd.Process.Pid))
		}
		deaths := p.audit(t, "death")
		if len(deaths) != 1 || deaths[0].Data.Cause != "killed-by-user" || !strings.Contains(deaths[0].Data.Detail, "interrupt") {
			t.Errorf("%s: the audit log has %+v", command, deaths)
		}
	}
}
