// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/report"
)

// compared compares two tables of a node, as texts of files of a form.
func compared(t *testing.T, suffix, old, now string) tableChange {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"old": old, "new": now} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name, "n"+suffix), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, err := compareTables("n", filepath.Join(dir, "old"), filepath.Join(dir, "new"))
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestCompareTables(t *testing.T) {
	tests := map[string]struct{ suffix, old, now, want string }{
		"numbers":       {".csv", "x,y\n1,2\n3,4\n5,6\n", "x,y\n1,2\n3,4.5\n5,5\n", "n: 2 of 3 rows differ | y: 2 rows, by at most 1 (relative 0.167)"},
		"zero":          {".csv", "x\n0\n", "x\n-2\n", "n: 1 of 1 row differs | x: 1 row, by at most 2 (relative 1)"},
		"not a number":  {".csv", "x\nNaN\n1\n", "x\n1\n1\n", `n: 1 of 2 rows differ | x: 1 row, "NaN" -> "1" 1 time`},
		"infinite":      {".csv", "x\n+Inf\n", "x\n1\n", `n: 1 of 1 row differs | x: 1 row, "+Inf" -> "1" 1 time`},
		"classes":       {".csv", "c\nyes\nno\nno\n\n", "c\nno\nyes\nyes\nyes\n", `n: 3 of 3 rows differ, 4 rows instead of 3 | c: 3 rows, "no" -> "yes" 2 times, "yes" -> "no" 1 time`},
		"mixed":         {".csv", "c\n1\n2\n", "c\n\"\"\n3\n", `n: 2 of 2 rows differ | c: 2 rows, by at most 1 (relative 0.333), "1" -> "" 1 time`},
		"fewer rows":    {".csv", "x\n1\n2\n3\n", "x\n1\n", "n: 0 of 1 row differs, 1 row instead of 3"},
		"other columns": {".csv", "a,b\n1,2\n", "b,c\n2,3\n", "n: 0 of 1 row differs, columns that are gone: a, columns that are new: c"},
		"other order":   {".csv", "a,b\n1,2\n", "b,a\n2,1\n", "n: 0 of 1 row differs; what it learnt, a type or the order of columns is another"},
		"lines":         {".jsonl", "{\"x\":1,\"v\":[1,2]}\n{\"x\":2,\"v\":[3]}\n", "{\"v\":[1,2],\"x\":1}\n{\"x\":2.5,\"v\":[4]}\n", `n: 1 of 2 rows differ | v: 1 row, "[3]" -> "[4]" 1 time | x: 1 row, by at most 0.5 (relative 0.2)`},
		"no rows":       {".jsonl", "", "{\"x\":1}\n", "n: 0 of 0 rows differ, 1 row instead of 0, columns that are new: x"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			var out bytes.Buffer
			compared(t, test.suffix, test.old, test.now).write(&out, report.Options{Width: 500})
			lines := strings.Split(strings.TrimSpace(out.String()), "\n")
			for i := range lines {
				lines[i] = strings.TrimSpace(lines[i])
			}
			if got := strings.Join(lines, " | "); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// What a column of many different texts became is bounded, and values are cut.
func TestCompareManyClasses(t *testing.T) {
	var old, now strings.Builder
	old.WriteString("c\n")
	now.WriteString("c\n")
	for i := range 2 * maxClassPairs {
		old.WriteString(strings.Repeat("a", i%70) + "\n")
		now.WriteString("b" + strings.Repeat("a", i%61) + "\n")
	}
	c := compared(t, ".csv", old.String(), now.String())
	if len(c.Columns) != 1 || len(c.Columns[0].Classes) != maxShownPairs {
		t.Fatalf("%+v", c)
	}
	for _, p := range c.Columns[0].Classes {
		if len(p.Old) > 63 || len(p.New) > 63 {
			t.Errorf("%+v", p)
		}
	}
}

func TestCompareMissingTable(t *testing.T) {
	if _, err := compareTables("n", t.TempDir(), t.TempDir()); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
}

func TestLargest(t *testing.T) {
	one := 1.0
	if largest(nil, math.NaN()) != nil || *largest(&one, 0.5) != 1 || *largest(&one, 2) != 2 || *largest(nil, math.Inf(1)) != math.MaxFloat64 {
		t.Error("the largest number is another one")
	}
}

// FuzzSavedTable: whatever a plugin's rows hold, two tables are compared or refused,
// and a table differs from itself nowhere.
func FuzzSavedTable(f *testing.F) {
	f.Add(".csv", "a,b\n1,2\n", "a,b\n1,3\n")
	f.Add(".jsonl", "{\"a\":1}\n", "{\"a\":null}\n{}\n")
	f.Fuzz(func(t *testing.T, suffix, old, now string) {
		if !slices.Contains([]string{".csv", ".jsonl"}, suffix) {
			return
		}
		dir := t.TempDir()
		for name, text := range map[string]string{"old": old, "new": now} {
			_ = os.Mkdir(filepath.Join(dir, name), 0o755)
			_ = os.WriteFile(filepath.Join(dir, name, "n"+suffix), []byte(text), 0o644)
		}
		_, _ = compareTables("n", filepath.Join(dir, "old"), filepath.Join(dir, "new"))
		same, err := compareTables("n", filepath.Join(dir, "old"), filepath.Join(dir, "old"))
		if err == nil && (same.Differing != 0 || len(same.Columns) != 0 || same.OldRows != same.NewRows) {
			t.Errorf("it differs from itself: %+v", same)
		}
	})
}
