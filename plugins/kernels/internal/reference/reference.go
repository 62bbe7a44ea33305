// SPDX-License-Identifier: Apache-2.0

// Package reference reads the data sets that kernels are held against, and the
// numbers that scikit-learn 1.2.1 computed on them. Only tests import it.
package reference

import (
	"encoding/csv"
	"encoding/json"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"testing"
)

// root is the top of the source tree.
func root(t testing.TB) string {
	t.Helper()
	_, file, _, ok := runtime.Caller(0)
	if !ok {
		t.Fatal("the test binary carries no source positions")
	}
	return filepath.Join(filepath.Dir(file), "..", "..", "..", "..")
}

// Numbers reads those parts of the computed numbers for which T has fields.
func Numbers[T any](t testing.TB) T {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root(t), "testdata", "reference", "sklearn-reference.json"))
	if err != nil {
		t.Fatal(err)
	}
	return Decode[T](t, data)
}

// Decode reads one raw entry of the numbers.
func Decode[T any](t testing.TB, raw json.RawMessage) T {
	t.Helper()
	var v T
	if err := json.Unmarshal(raw, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// Table reads a data set: the names of its columns, of which the last one is the
// target, and its rows.
func Table(t testing.TB, set string) (names []string, rows [][]float64) {
	t.Helper()
	path := filepath.Join(root(t), "testdata", "reference", set+".csv")
	if set == "breast_cancer" {
		path = filepath.Join(root(t), "examples", "breast-cancer", set+".csv")
	}
	f, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	records, err := csv.NewReader(f).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	for _, rec := range records[1:] {
		row := make([]float64, len(rec))
		for j, text := range rec {
			if row[j], err = strconv.ParseFloat(text, 64); err != nil {
				t.Fatal(err)
			}
		}
		rows = append(rows, row)
	}
	return records[0], rows
}
