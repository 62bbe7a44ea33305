// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"strings"
	"testing"
	"time"
)

// overBudget has a kernel that never returns beside one that works, and a third
// that takes its time and so keeps the host running.
const overBudget = `
plugin "evil" {
  source = "./%s"
}
pipeline "p" {
  source "rows" {
    csv = "rows.csv"
  }
  kernel "stubborn" {
    use        = evil.rows
    input      = source.rows
    budget     = "1s"
    on_failure = "continue"
  }
  kernel "patient" {
    use        = data.prepare
    input      = source.rows
    on_failure = "continue"
  }
  kernel "later" {
    use        = evil.rows
    input      = source.rows
    budget     = "5s"
    on_failure = "continue"
  }
}
`

// A kernel that ignores the end of its budget is ended by the end of its
// process, after the budget and a second of grace. Another call in the same process is not cut off by that: it gets its
// own budget, and the process with it.
func TestKernelPastItsBudget(t *testing.T) {
	alone := strings.Replace(overBudget[:strings.Index(overBudget, `  kernel "later"`)]+"}\n", `"1s"`, `"500ms"`, 1)
	for name, tt := range map[string]struct {
		hcl        string
		least      time.Duration // until the plugin is gone
		want, deny string
	}{
		"alone":  {alone, 500 * time.Millisecond, "budget of 500ms", "budget of 5s"},
		"shared": {overBudget, 5 * time.Second, "budget of 5s", "process lost"},
	} {
		t.Run(name, func(t *testing.T) {
			if name == "shared" && testing.Short() {
				t.Skip("waits for six seconds")
			}
			s := startPipeline(t, tt.hcl, "--json")
			await(t, patience, "the plugin to be killed", func() bool { return len(s.processes()) == 0 })
			if took := time.Since(s.at); took < tt.least {
				t.Errorf("the host was done with the plugin after %v", took)
			}
			if code := s.wait(t); code != 2 {
				t.Errorf("exit code %d: %s", code, s.stderr.String())
			}
			out := s.stdout.String()
			for _, text := range []string{"Kernel past its budget", tt.want, "Raise the budget"} {
				if !strings.Contains(out, text) {
					t.Errorf("the report lacks %q: %s", text, out)
				}
			}
			if strings.Contains(out, tt.deny) {
				t.Errorf("the report says %q: %s", tt.deny, out)
			}
		})
	}
}
