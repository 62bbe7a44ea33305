// SPDX-License-Identifier: Apache-2.0

package estimator_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/dense"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/estimator"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/neighbours"
	"github.com/bulkhead-ml/bulkhead/plugins/kernels/algorithms/internal/task"
	"github.com/bulkhead-ml/bulkhead/sdk/state"
)

// saved fits every kind of model on a few rows.
func saved(t testing.TB) map[string]estimator.Saved {
	t.Helper()
	x := dense.Matrix{Rows: 6, Cols: 2, Data: []float64{0, 1, 1, 1, 2, 3, 3, 2, 4, 5, 5, 5}}
	two := estimator.Target{Kind: task.Classification, Classes: 2, Codes: []int{0, 0, 0, 1, 1, 1}}
	three := estimator.Target{Kind: task.Classification, Classes: 3, Codes: []int{0, 0, 1, 1, 2, 2}}
	values := estimator.Target{Kind: task.Regression, Values: []float64{1, 2, 2, 4, 5, 7}}
	knn := estimator.Spec{Name: "knn", Kind: estimator.KNN, K: 2, Weights: neighbours.Distance}
	out := map[string]estimator.Saved{}
	for name, c := range map[string]struct {
		spec estimator.Spec
		t    estimator.Target
	}{
		"prior":       {estimator.Spec{Kind: estimator.Dummy}, three},
		"mean":        {estimator.Spec{Kind: estimator.Dummy}, values},
		"binary":      {estimator.Spec{Kind: estimator.Logistic, C: 1, ScaleInFold: true}, two},
		"multinomial": {estimator.Spec{Kind: estimator.Logistic, C: 2}, three},
		"ridge":       {estimator.Spec{Kind: estimator.Ridge, Alpha: 0.5}, values},
		"knn classes": {knn, three},
		"knn values":  {knn, values},
	} {
		m, err := c.spec.Fit(context.Background(), x, c.t)
		if err != nil {
			t.Fatal(name, err)
		}
		s := estimator.Saved{Model: m, Features: []string{"a", "b"}, Target: "y", Type: "int64"}
		for k := range c.t.Classes {
			s.Classes.Names = append(s.Classes.Names, fmt.Sprint(k))
			s.Classes.Numbers = append(s.Classes.Numbers, float64(k))
		}
		out[name] = s
	}
	return out
}

func encode(t testing.TB, s estimator.Saved) []byte {
	t.Helper()
	data, err := estimator.Encode(s, state.Header{Kernel: "algorithms.test"})
	if err != nil {
		t.Fatal(err)
	}
	return data
}

func TestStateRoundTrip(t *testing.T) {
	q := dense.Matrix{Rows: 3, Cols: 2, Data: []float64{0, 0, 2.5, 2, 9, 9}}
	for name, s := range saved(t) {
		back, err := estimator.Decode(encode(t, s))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		want, err1 := s.Model.Predict(context.Background(), q)
		got, err2 := back.Model.Predict(context.Background(), q)
		if err := errors.Join(err1, err2); err != nil || !reflect.DeepEqual(want, got) {
			t.Errorf("%s: %v: predictions %+v became %+v", name, err, want, got)
		}
		if !bytes.Equal(encode(t, s), encode(t, back)) {
			t.Errorf("%s: the state is not written the same again", name)
		}
	}
}

func TestDecodeRefusesOfVersion1(t *testing.T) {
	good := oldest(t, "binary")
	edit := func(from, to string) []byte {
		out := bytes.Replace(good, []byte(from), []byte(to), 1)
		if len(from) != len(to) || bytes.Equal(out, good) {
			t.Fatalf("%q cannot be replaced by %q in %q", from, to, good)
		}
		return out
	}
	huge := bytes.Clone(good)
	binary.LittleEndian.PutUint32(huge[8:], 1<<31)
	nan := bytes.Clone(good)
	binary.LittleEndian.PutUint64(nan[len(nan)-8:], 0x7ff8000000000001)
	for name, data := range map[string][]byte{
		"nothing":         nil,
		"magic only":      good[:8],
		"other magic":     edit("BHALGO1", "BHALGO2"),
		"huge header":     huge,
		"cut":             good[:len(good)-8],
		"trailing":        append(bytes.Clone(good), 0, 0, 0, 0, 0, 0, 0, 0),
		"not a number":    nan,
		"other task":      edit("classification", "classificatioN"),
		"other kind":      edit(`"kind":"logistic"`, `"kind":"logistiC"`),
		"unknown field":   edit(`"converged"`, `"convergeX"`),
		"array too short": edit(`"coef","length":2`, `"coef","length":1`),
		"negative length": edit(`"length":2`, `"length":-`),
		"target type":     edit(`"int64"`, `"int32"`),
		"missing array":   edit(`"intercept"`, `"interceptX"`[:11]),
	} {
		if _, err := estimator.Decode(data); !errors.Is(err, estimator.ErrState) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// oldest is a golden state of version 1.
func oldest(t testing.TB, name string) []byte {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("testdata", "v1", strings.ReplaceAll(name, " ", "-")+".state"))
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// TestDecodeRefuses what no fit can have made, whose digest is right.
func TestDecodeRefuses(t *testing.T) {
	good, err := state.Decode(encode(t, saved(t)["binary"]))
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*state.Writer){
		"missing array": func(w *state.Writer) { w.Drop("intercept") },
		"other shape":   func(w *state.Writer) { w.Drop("coef"); w.Floats("coef", []float64{1, 2, 3}) },
		"not a number":  func(w *state.Writer) { w.Drop("intercept"); w.Floats("intercept", []float64{math.NaN()}) },
		"other type":    func(w *state.Writer) { w.Drop("intercept"); w.Ints("intercept", []int64{1}) },
		"no model":      func(w *state.Writer) { w.Drop("model") },
		"unknown field": func(w *state.Writer) { w.Drop("model"); w.JSON("model", map[string]any{"exec": "sh"}) },
		"version":       func(w *state.Writer) { w.Header.Version = 3 },
	} {
		w := good.Edit()
		spoil(w)
		data, err := w.Bytes()
		if err != nil {
			t.Fatal(name, err)
		}
		if _, err := estimator.Decode(data); !errors.Is(err, estimator.ErrState) {
			t.Errorf("%s: error %v", name, err)
		}
	}
}

// FuzzDecode: no bytes crash the decoder, and what it accepts predicts.
func FuzzDecode(f *testing.F) {
	for _, s := range saved(f) {
		f.Add(encode(f, s))
	}
	for name := range saved(f) {
		f.Add(oldest(f, name))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		s, err := estimator.Decode(data)
		if err != nil {
			return
		}
		if len(s.Features) > 1000 || len(s.Classes.Names) > 1000 {
			t.Skip()
		}
		if _, err := s.Model.Predict(context.Background(), dense.New(2, len(s.Features))); err != nil {
			t.Fatalf("an accepted model does not predict: %v", err)
		}
		if _, err := estimator.Encode(s, state.Header{Kernel: "algorithms.test"}); err != nil {
			t.Fatalf("an accepted model cannot be written: %v", err)
		}
	})
}
