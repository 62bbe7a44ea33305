// SPDX-License-Identifier: Apache-2.0

package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/report"
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
