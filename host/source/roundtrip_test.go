// SPDX-License-Identifier: Apache-2.0

package source

import (
	"bytes"
	"context"
	"encoding/csv"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
)

// randomRow has one value of each type, or nulls, by a fixed seed.
func randomRow(r *rand.Rand) []string {
	words := []string{"plain", "with, comma", "with \"quotes\"", "two\nlines", "größe", " spaces ", "日本"}
	row := []string{
		strconv.FormatInt(r.Int64N(1<<50)-1<<49, 10),
		strconv.FormatFloat(r.NormFloat64(), 'g', -1, 64),
		strconv.FormatBool(r.IntN(2) == 0),
		words[r.IntN(len(words))],
	}
	for i := range row {
		if r.IntN(10) == 0 {
			row[i] = ""
		}
	}
	return row
}

// TestRoundTrip writes random tables with encoding/csv and reads every value
// back.
func TestRoundTrip(t *testing.T) {
	for seed := range uint64(20) {
		r := rand.New(rand.NewPCG(seed, 1))
		want := make([][]string, 1+r.IntN(300))
		var b bytes.Buffer
		w := csv.NewWriter(&b)
		w.UseCRLF = seed%2 == 0
		_ = w.Write([]string{"i", "f", "b", "s"}) // to memory
		for i := range want {
			want[i] = randomRow(r)
			_ = w.Write(want[i])
		}
		w.Flush()
		types := map[string]string{"i": "int64", "f": "float64", "b": "bool", "s": "string"}
		tab, err := Open(context.Background(), Spec{Path: write(t, b.String()), Types: types}, nil)
		if err != nil {
			t.Fatal(err)
		}
		got := rows(t, tab)
		for i, row := range want {
			for j, v := range row {
				if w.UseCRLF {
					v = strings.ReplaceAll(v, "\n", "\r\n") // as the writer does
				}
				if v == "" {
					v = "null"
				}
				if got[i][j] != v {
					t.Fatalf("seed %d: row %d, column %d is %q, want %q", seed, i, j, got[i][j], v)
				}
			}
		}
	}
}

func TestBatchesAreDeterministicAndConcurrent(t *testing.T) {
	var b strings.Builder
	b.WriteString("i,s\n")
	for i := range 20000 {
		fmt.Fprintf(&b, "%d,%s\n", i, strings.Repeat("z", i%1000))
	}
	tab, err := Open(context.Background(), Spec{Path: write(t, b.String())}, nil)
	if err != nil {
		t.Fatal(err)
	}
	sizes := make([][]int64, 4)
	var wg sync.WaitGroup
	for i := range sizes {
		wg.Go(func() {
			for batch, err := range tab.Batches(context.Background()) {
				if err != nil {
					t.Error(err)
					return
				}
				sizes[i] = append(sizes[i], batch.NumRows())
			}
		})
	}
	wg.Wait()
	for _, s := range sizes {
		if !slices.Equal(s, sizes[0]) || len(s) < 2 {
			t.Errorf("batches of %v and %v rows", s, sizes[0])
		}
	}
}

// TestMemoryIsBounded reads a file of 60 MiB and looks at the live heap on the
// way.
func TestMemoryIsBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("writes 60 MiB")
	}
	path := filepath.Join(t.TempDir(), "large.csv")
	line := strings.Repeat("0.123456789,", 9) + "text of some length here\n"
	header := "a,b,c,d,e,f,g,h,i,s\n"
	if err := os.WriteFile(path, []byte(header+strings.Repeat(line, 60<<20/len(line))), 0o600); err != nil {
		t.Fatal(err)
	}
	before := liveHeap()
	tab, err := Open(context.Background(), Spec{Path: path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var peak uint64
	for _, err := range tab.Batches(context.Background()) {
		if err != nil {
			t.Fatal(err)
		}
		peak = max(peak, liveHeap())
	}
	if peak > before+40<<20 {
		t.Errorf("the live heap grew from %d to %d bytes", before, peak)
	}
}

func liveHeap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}
