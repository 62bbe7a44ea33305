// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/corpus"
)

// TestCorpus runs the whole corpus with this build and its plugins: every fault
// named, its root cause first, and nothing else said.
func TestCorpus(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("the machines have file names that Windows refuses")
	}
	build(t)
	for _, name := range []string{"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"} {
		t.Setenv(name, t.TempDir())
	}
	cmd := exec.Command(filepath.Join(built.bin, exe("bulkhead")), "corpus", "score", filepath.Join(built.repo, "testdata", "machines"), "--json")
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	var score corpus.Score
	if jsonErr := json.Unmarshal(out, &score); jsonErr != nil {
		t.Fatalf("%v; %v: %s", err, jsonErr, out)
	}
	for _, m := range score.Machines {
		for _, line := range m.Lines() {
			t.Errorf("%s: %s", m.Name, line)
		}
	}
	if err != nil || !score.Perfect() {
		t.Errorf("recall %.3f, %d false alarms, root cause first %.3f: %v", score.Recall, score.FalseAlarms, score.RootCauseFirst, err)
	}
}

// TestCorpusIsBroad holds the corpus to what it promises.
func TestCorpusIsBroad(t *testing.T) {
	machines, err := corpus.Load(filepath.Join("..", "..", "testdata", "machines"))
	if err != nil {
		t.Fatal(err)
	}
	scenarios, systems := map[int]bool{}, map[string]bool{}
	healthy := 0
	for _, m := range machines {
		systems[m.Expect.Distribution] = true
		if m.Expect.Healthy {
			healthy++
		}
		for _, n := range m.Expect.Scenarios {
			scenarios[n] = true
		}
		if m.Comment == "" {
			t.Errorf("%s does not say what it is", m.Name)
		}
	}
	if len(machines) < 110 || healthy < 35 || len(systems) < 12 {
		t.Errorf("%d machines, %d healthy, %d systems", len(machines), healthy, len(systems))
	}
	for n := 1; n <= 80; n++ {
		if !scenarios[n] && !unused[n] {
			t.Errorf("no machine has scenario %d", n)
		}
	}
}

// unused are numbers that the catalogue of scenarios does not have.
var unused = map[int]bool{24: true, 35: true, 42: true, 46: true, 50: true, 57: true, 58: true, 60: true, 66: true, 67: true, 72: true, 74: true, 78: true, 79: true}
