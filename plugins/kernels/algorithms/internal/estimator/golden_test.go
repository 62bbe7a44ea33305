// SPDX-License-Identifier: Apache-2.0

package estimator_test

import (
	"bytes"
	"context"
	"flag"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/estimator"
)

var update = flag.Bool("update", false, "write the golden states of this version")

// States of all versions must be readable for ever, with these answers.
func TestGoldenStates(t *testing.T) {
	q := dense.Matrix{Rows: 2, Cols: 2, Data: []float64{1, 2, 4, 4}}
	for name, s := range saved(t) {
		path := filepath.Join("testdata", "v1", strings.ReplaceAll(name, " ", "-")+".state")
		data, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		back, err := estimator.Decode(data)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		got, err := back.Model.Predict(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		want, err := s.Model.Predict(context.Background(), q)
		if err != nil {
			t.Fatal(err)
		}
		agree(t, name, got, want)
		now := filepath.Join("testdata", "v2", strings.ReplaceAll(name, " ", "-")+".state")
		if *update {
			write(t, now, encode(t, back))
		}
		golden, err := os.ReadFile(now)
		if err != nil {
			t.Fatal(err)
		}
		if again := encode(t, back); !bytes.Equal(again, golden) {
			t.Errorf("%s: the state of version 1 is written differently now", name)
		}
		if second, err := estimator.Decode(golden); err != nil || !reflect.DeepEqual(second, back) {
			t.Errorf("%s: version 2 says %+v, version 1 %+v, %v", name, second, back, err)
		}
	}
}

func write(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, data, 0o644); err != nil {
		t.Fatal(err)
	}
}

// agree allows for solvers that improve in the last digits.
func agree(t *testing.T, name string, got, want estimator.Prediction) {
	t.Helper()
	if !reflect.DeepEqual(got.Codes, want.Codes) {
		t.Errorf("%s: classes %v, want %v", name, got.Codes, want.Codes)
	}
	for i, v := range append(want.Values, want.Proba.Data...) {
		if g := append(got.Values, got.Proba.Data...)[i]; g < v-1e-6 || g > v+1e-6 {
			t.Errorf("%s: answer %d is %v, want %v", name, i, g, v)
		}
	}
}

// A header that contradicts its arrays is refused, whatever the kind.
func TestDecodeChecksLengths(t *testing.T) {
	for name, s := range saved(t) {
		for what, spoil := range map[string]func(*estimator.Saved){
			"more features": func(s *estimator.Saved) { s.Features = append(s.Features, "c") },
			"more classes": func(s *estimator.Saved) {
				s.Classes.Names, s.Classes.Numbers = append(s.Classes.Names, "x"), append(s.Classes.Numbers, 9)
			},
			"no class numbers": func(s *estimator.Saved) { s.Classes.Numbers, s.Type = []float64{1}, "utf8" },
			"text target":      func(s *estimator.Saved) { s.Type = "text" },
		} {
			bad := s
			spoil(&bad)
			_, err := estimator.Decode(encode(t, bad))
			// The baseline ignores features, and a kNN may leave a class unused.
			harmless := what == "more features" && s.Model.Spec.Kind == estimator.Dummy || what == "more classes" && name == "knn classes"
			if (err == nil) != harmless {
				t.Errorf("%s with %s: error %v", name, what, err)
			}
		}
	}
}
