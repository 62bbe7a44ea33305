// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"syscall"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/runs"
	"github.com/bulkhead-ml/bulkhead/internal/bigcsv"
)

// mostMemory is what the host, and each kernel, may take of memory, however large
// the table is.
const mostMemory = 300 << 20

// TestLargerThanMemory takes a CSV file through impute, scale and score: half a
// gigabyte, and with the long tests ten.
func TestLargerThanMemory(t *testing.T) {
	size := int64(500 << 20)
	if os.Getenv("BULKHEAD_LONG_TESTS") != "" {
		size = 10 << 30
	}
	build(t)
	dir := t.TempDir()
	rows := bigTable(t, filepath.Join(dir, "big.csv"), size)
	write(t, filepath.Join(dir, "bulkhead.hcl"), `
pipeline "big" {
  source "rows" {
    csv    = "big.csv"
    target = "y"
    id     = "id"
  }
  kernel "numbers" {
    use   = data.select
    input = source.rows
    config {
      drop = ["city"]
    }
  }
  kernel "fill" {
    use   = data.impute
    input = kernel.numbers
  }
  kernel "scale" {
    use   = data.scale
    input = kernel.fill
  }
  kernel "score" {
    use   = algorithms.linear
    input = kernel.scale
  }
  kernel "answer" {
    use   = data.select
    input = kernel.score
    config {
      keep = ["id", "y", "prediction"]
    }
  }
  sink "answers" {
    input   = kernel.answer
    parquet = "answers.parquet"
  }
}
`)
	cmd := exec.Command(filepath.Join(built.bin, "bulkhead"), "run", "--json")
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_STATE_HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CACHE_HOME="+dir, "TMPDIR="+dir)
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var run report.Run
	if err := json.Unmarshal(out, &run); err != nil {
		t.Fatal(err)
	}
	if usage, ok := cmd.ProcessState.SysUsage().(*syscall.Rusage); ok && usage.Maxrss<<10 > mostMemory {
		t.Errorf("the host took %d MiB, more than %d", usage.Maxrss>>10, mostMemory>>20)
	}
	for _, n := range run.Nodes {
		t.Logf("%-16s %10d rows, %8.0f ms, %8.0f ms of processor, %4d MiB", n.Name, n.RowsIn, n.WallMS, n.CPUMS, n.PeakRSSBytes>>20)
		if n.RowsIn != rows && n.Name != "source.rows" {
			t.Errorf("%s read %d rows of %d", n.Name, n.RowsIn, rows)
		}
		if n.PeakRSSBytes > mostMemory {
			t.Errorf("%s took %d MiB, more than %d", n.Name, n.PeakRSSBytes>>20, mostMemory>>20)
		}
	}
	if len(run.Sinks) != 1 || run.Sinks[0].Rows != rows {
		t.Errorf("sinks %+v", run.Sinks)
	}
	learned(t, run)
}

// learned holds the regression to what the table was made by: y = 2*x0 - x1.
func learned(t *testing.T, run report.Run) {
	t.Helper()
	for _, n := range run.Nodes {
		if n.Name != "kernel.score" {
			continue
		}
		var r struct {
			Metrics struct {
				R2 float64 `json:"r2_seen"`
			} `json:"metrics"`
		}
		if err := json.Unmarshal(n.Report, &r); err != nil || r.Metrics.R2 < 0.9 {
			t.Errorf("the score is %s, %v", n.Report, err)
		}
	}
}

func bigTable(t *testing.T, name string, size int64) int64 {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	rows, err := bigcsv.Write(f, size)
	if err == nil {
		err = f.Close()
	}
	if err != nil {
		t.Fatal(fmt.Errorf("writing %s: %w", name, err))
	}
	return rows
}

// TestManyRunsAtOnce starts hosts together, which share all their stores: twelve, and
// with the long tests two hundred. Nothing is lost: every run is recorded, and every
// call and death is in the audit log.
func TestManyRunsAtOnce(t *testing.T) {
	hosts := 12
	if os.Getenv("BULKHEAD_LONG_TESTS") != "" {
		hosts = 200
	}
	build(t)
	dir := t.TempDir()
	write(t, filepath.Join(dir, "rows.csv"), "x,y\n1,2\n2,\n3,4\n")
	write(t, filepath.Join(dir, "bulkhead.hcl"), `
pipeline "small" {
  source "rows" {
    csv = "rows.csv"
  }
  kernel "fill" {
    use   = data.impute
    input = source.rows
  }
  sink "filled" {
    input = kernel.fill
    csv   = "filled.csv"
  }
}
`)
	host := func(args ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(built.bin, "bulkhead"), args...)
		cmd.Dir = dir
		cmd.Env = append(os.Environ(), "HOME="+dir, "XDG_STATE_HOME="+dir, "XDG_DATA_HOME="+dir, "XDG_CACHE_HOME="+dir, "TMPDIR="+dir)
		return cmd
	}
	var group sync.WaitGroup
	for range hosts {
		group.Go(func() {
			cmd := host("run", "--json")
			var stderr bytes.Buffer
			cmd.Stderr = &stderr
			if out, err := cmd.Output(); err != nil || stderr.Len() > 0 {
				t.Errorf("%v\n%s%s", err, out, &stderr)
			}
		})
	}
	group.Wait()
	out, err := host("runs", "list", "--status", "ok", "--limit", "0", "--json").Output()
	var list struct{ Runs []runs.Record }
	if err := errors.Join(err, json.Unmarshal(out, &list)); err != nil || len(list.Runs) != hosts {
		t.Errorf("%d runs are recorded, want %d: %v", len(list.Runs), hosts, err)
	}
	audited(t, filepath.Join(dir, "bulkhead", "audit"), hosts)
}

// audited wants the whole life of the plugins of so many hosts.
func audited(t *testing.T, log string, hosts int) {
	t.Helper()
	v, err := audit.Verify(log)
	if err != nil || !v.Intact {
		t.Fatalf("the audit log: %v, %+v", err, v)
	}
	calls, open := map[string]int{}, map[string]int{}
	_, err = audit.Select(log, audit.Query{}, func(r audit.Record) error {
		switch r.Kind {
		case audit.KindCall:
			calls[r.Host.Run]++
		case audit.KindLaunch:
			open[r.Host.Run]++
		case audit.KindDeath:
			open[r.Host.Run]--
		case audit.KindLost, audit.KindDamage:
			t.Errorf("record %d is of kind %s: %s", r.Seq, r.Kind, r.Data)
		}
		return nil
	})
	if err != nil || len(calls) != hosts {
		t.Errorf("calls of %d hosts are in the audit log, want %d: %v", len(calls), hosts, err)
	}
	for run, n := range calls {
		if n != 3 || open[run] != 0 {
			t.Errorf("host %s: %d calls, and %d plugins whose end is not there", run, n, open[run])
		}
	}
}
