// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// report is what the tests read of `bulkhead doctor --json --facts`.
type report struct {
	Findings    []finding
	RootCauses  []finding `json:"root_causes"`
	Diagnostics []struct{ Severity, Summary, Detail string }
	Facts       []struct {
		Address, Unknown string
		Value            json.RawMessage
	}
}

type finding struct{ ID, Code, Severity, Subject, Title, Detail string }

// names reports whether a finding names everything in a list.
func (f finding) names(all []string) bool {
	text := strings.Join([]string{f.Subject, f.Title, f.Detail}, "\n")
	return !slices.ContainsFunc(all, func(name string) bool {
		// An import name may stand for the distribution: jax_cuda12_plugin.
		return !strings.Contains(text, name) && !strings.Contains(text, strings.ReplaceAll(name, "_", "-"))
	})
}

func (f finding) String() string {
	return f.Severity + " " + f.Code + " [" + f.Subject + "] " + f.Title + ": " + f.Detail
}

// imported is the fact probe.import[PREFIX/MODULE].
type imported struct {
	Prefix, Module, Error, Cause string
	OK                           bool
}

// diagnose runs the doctor on the stage as its user would.
func (s *stage) diagnose(level int) *report {
	s.t.Helper()
	r := &report{}
	if err := json.Unmarshal([]byte(s.host("doctor", "--python", s.target, "--json", "--facts", "--level", strconv.Itoa(level))), r); err != nil {
		s.t.Fatal(err)
	}
	for _, d := range r.Diagnostics {
		if d.Severity == "error" {
			s.t.Errorf("level %d: the doctor failed: %s: %s", level, d.Summary, d.Detail)
		}
	}
	return r
}

// host runs bulkhead to an end that is a verdict and returns what it printed.
func (s *stage) host(args ...string) string {
	s.t.Helper()
	all := append(slices.Clone(s.wrap), append([]string{bulkhead}, args...)...)
	cmd := exec.CommandContext(s.t.Context(), all[0], all[1:]...)
	var stdout, stderr bytes.Buffer
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = s.project, s.environ(), &stdout, &stderr
	err := cmd.Run()
	if exit, ok := errors.AsType[*exec.ExitError](err); err != nil && (!ok || exit.ExitCode() < 0 || exit.ExitCode() > 2) {
		s.t.Fatalf("bulkhead %s: %v\n%s%s", strings.Join(args, " "), err, stdout.String(), stderr.String())
	}
	return stdout.String()
}

// probed returns what the probe of a module found.
func (r *report) probed(module string) (i imported, ok bool) {
	for _, f := range r.Facts {
		if strings.HasPrefix(f.Address, "probe.import[") && json.Unmarshal(f.Value, &i) == nil && i.Module == module {
			return i, true
		}
	}
	return imported{}, false
}

// value decodes the fact of the first environment with an address that ends so.
func (r *report) value(t *testing.T, suffix string, into any) {
	t.Helper()
	for _, f := range r.Facts {
		if strings.HasPrefix(f.Address, "python.env[") && strings.HasSuffix(f.Address, "]."+suffix) {
			if err := json.Unmarshal(f.Value, into); err != nil {
				t.Fatal(err)
			}
			return
		}
	}
	t.Fatalf("no fact python.env[...].%s", suffix)
}

// machine lists what the doctor says of an empty environment here: faults of
// this machine, which are no scenario's.
var machine struct {
	sync.Once
	known map[string]bool
}

// news are the findings that this machine does not have by itself.
func (r *report) news(t *testing.T) []finding {
	t.Helper()
	machine.Do(func() {
		machine.known = map[string]bool{}
		for _, f := range newStage(t).diagnose(2).Findings {
			machine.known[f.ID] = true
		}
	})
	return slices.DeleteFunc(slices.Clone(r.Findings), func(f finding) bool { return machine.known[f.ID] })
}
