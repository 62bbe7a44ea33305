// SPDX-License-Identifier: Apache-2.0

package planebench

import (
	"bufio"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"github.com/bulkhead-ml/bulkhead/host/dataplane"
)

// EnvPython names the variable with the Python that has scikit-learn.
const EnvPython = "BULKHEAD_BENCH_SKLEARN"

// The table of the comparison: 160 MB.
const sklearnColumns, sklearnRows, sklearnBatches = 20, 50_000, 20

// peer makes the table of narrow as one array, and for each line that it reads
// transforms it and reads all of the result. It answers with the seconds that
// this took. A line that is not empty names a file for the result.
const peer = `
import sys, time
import numpy, sklearn
from sklearn.preprocessing import StandardScaler
rows, columns = int(sys.argv[1]), int(sys.argv[2])
table = (numpy.arange(rows)[:, None] * numpy.arange(1, columns + 1)[None, :] % 1000) / 1000
scaler = StandardScaler().fit(table)
print(sklearn.__version__, flush=True)
for line in sys.stdin:
    began = time.perf_counter()
    result = scaler.transform(table)
    result.sum()
    print(time.perf_counter() - began, flush=True)
    if line.strip():
        result.tofile(line.strip())
        print("written", flush=True)
`

// sklearn is scikit-learn in a process of its own.
type sklearn struct {
	tb  testing.TB
	in  io.Writer
	out *bufio.Scanner
}

// startSklearn skips the benchmark when there is no scikit-learn.
func startSklearn(tb testing.TB) *sklearn {
	tb.Helper()
	python := os.Getenv(EnvPython)
	if python == "" {
		python = "python3"
	}
	if err := exec.Command(python, "-c", "import sklearn, numpy").Run(); err != nil {
		tb.Skipf("%s has no scikit-learn (%v); name a Python that has it in %s", python, err, EnvPython)
	}
	cmd := exec.Command(python, "-c", peer, strconv.Itoa(sklearnRows*sklearnBatches), strconv.Itoa(sklearnColumns))
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		tb.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		tb.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		_ = in.Close()
		_ = cmd.Wait()
	})
	s := &sklearn{tb: tb, in: in, out: bufio.NewScanner(out)}
	tb.Log("scikit-learn", s.line())
	return s
}

func (s *sklearn) line() string {
	if !s.out.Scan() {
		s.tb.Fatalf("scikit-learn gave no answer: %v", s.out.Err())
	}
	return s.out.Text()
}

// run transforms once. With a path the result is written there, row by row.
func (s *sklearn) run(path string) time.Duration {
	if _, err := fmt.Fprintln(s.in, path); err != nil {
		s.tb.Fatal(err)
	}
	seconds, err := strconv.ParseFloat(strings.TrimSpace(s.line()), 64)
	if err != nil {
		s.tb.Fatal(err)
	}
	if path != "" {
		s.line()
	}
	return time.Duration(seconds * float64(time.Second))
}

// fitted is our scaler with its state.
type fitted struct {
	*running
	open    dataplane.Open
	state   []byte
	batches []arrow.RecordBatch
}

func fit(b *testing.B, batches []arrow.RecordBatch) *fitted {
	b.Helper()
	f := &fitted{running: launch(b, scaler, true), batches: batches}
	f.open = dataplane.Open{Kernel: "scale", Schema: batches[0].Schema(), RowWise: true}
	state, o, err := f.Fit(context.Background(), f.open, each(batches), nil)
	if err != nil || o.Failed() {
		b.Fatal(err, o)
	}
	f.state, f.open.Into = state, dataplane.NewPool(4)
	b.Cleanup(f.open.Into.Close)
	return f
}

// run transforms the table and hands each batch on.
func (f *fitted) run(b *testing.B, take func(arrow.RecordBatch)) time.Duration {
	began := time.Now()
	o, err := f.Transform(context.Background(), f.open, f.state, each(f.batches), dataplane.Output{Batch: func(p dataplane.Part) error {
		take(p.Batch)
		return nil
	}})
	if err != nil || o.Failed() {
		b.Fatal(err, o)
	}
	return time.Since(began)
}

// BenchmarkSklearn transforms 1,000,000 rows of 20 float64 columns with our
// sandboxed scaler, its output copied, checked and read, and with StandardScaler
// in a process of its own, which has the table already and reads its result.
// Every number is compared before. Goal: at most 1.0x.
func BenchmarkSklearn(b *testing.B) {
	theirs := startSklearn(b)
	_, batches := narrow(sklearnColumns, sklearnRows, sklearnBatches)
	own := fit(b, batches)
	sameNumbers(b, own, theirs)
	var times [2][]time.Duration
	for b.Loop() {
		total := 0.0
		times[0] = append(times[0], own.run(b, func(batch arrow.RecordBatch) { total += sum(batch) }))
		times[1] = append(times[1], theirs.run(""))
	}
	var medians [2]time.Duration
	for i, name := range []string{"ours", "sklearn"} {
		slices.Sort(times[i])
		medians[i] = times[i][len(times[i])/2]
		b.ReportMetric(float64(medians[i].Microseconds())/1000, "ms-"+name)
	}
	ratio(b, "sklearn", medians[0], medians[1])
}

// sameNumbers insists that both give the same to 1e-12.
func sameNumbers(b *testing.B, own *fitted, theirs *sklearn) {
	b.Helper()
	path := filepath.Join(b.TempDir(), "result")
	theirs.run(path)
	want, err := os.ReadFile(path)
	if err != nil || len(want) != 8*sklearnRows*sklearnBatches*sklearnColumns {
		b.Fatalf("scikit-learn wrote %d bytes, %v", len(want), err)
	}
	first := 0
	own.run(b, func(batch arrow.RecordBatch) {
		for i, c := range batch.Columns() {
			for row, got := range c.(*array.Float64).Values() {
				at := 8 * ((first+row)*sklearnColumns + i)
				if w := math.Float64frombits(binary.LittleEndian.Uint64(want[at:])); !(math.Abs(got-w) <= 1e-12*max(1, math.Abs(w))) {
					b.Fatalf("row %d of column %d is %v, and %v in scikit-learn", first+row, i, got, w)
				}
			}
		}
		first += int(batch.NumRows())
	})
	if first != sklearnRows*sklearnBatches {
		b.Fatalf("%d rows came back", first)
	}
}
