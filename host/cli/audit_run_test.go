// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"
)

// TestTheLogNamesTheRun: the id in the report of a run finds its calls in the
// audit log, and the state that the report names is the output of the fit.
func TestTheLogNamesTheRun(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the home directory is not where this test puts it")
	}
	build(t)
	home := t.TempDir()
	ask := func(into any, args ...string) {
		t.Helper()
		cmd := exec.Command(bulkhead(), args...)
		cmd.Env = []string{"HOME=" + home, "TMPDIR=" + os.TempDir(), "PATH=" + os.Getenv("PATH")}
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%v: %v\n%s", args, err, out)
		}
		if err := json.Unmarshal(out, into); err != nil {
			t.Fatal(err)
		}
	}
	var run struct {
		ID    string `json:"run_id"`
		Nodes []struct {
			Name  string
			State struct{ SHA256 string }
		}
	}
	ask(&run, "run", filepath.Join(built.repo, "examples", "breast-cancer"), "--skip-preflight", "--json")
	var log struct {
		Records []struct {
			Data struct {
				Run, Kernel, Method string
				Output              string `json:"output_digest"`
			}
		}
	}
	ask(&log, "audit", "list", "--kind", "call", "--limit", "0", "--json")
	states := map[string]string{}
	for _, r := range log.Records {
		if r.Data.Run != run.ID || len(run.ID) != 16 {
			t.Errorf("record of run %q, and the report is of run %q", r.Data.Run, run.ID)
		}
		if r.Data.Method == "Fit" {
			states[r.Data.Kernel] = r.Data.Output
		}
	}
	want := map[string]string{"kernel.clean": "kernel.clean/data.prepare", "kernel.model": "kernel.model/algorithms.auto"}
	for _, n := range run.Nodes {
		if key := want[n.Name]; key != "" && states[key] != "sha256:"+n.State.SHA256 {
			t.Errorf("%s: the log has state %q, and the report %q", n.Name, states[key], n.State.SHA256)
		}
	}
	if len(states) != len(want) {
		t.Errorf("fits of %v", states)
	}
}
