// SPDX-License-Identifier: Apache-2.0

package state_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/bulkhead-ml/bulkhead/host/state"
	container "github.com/bulkhead-ml/bulkhead/sdk/state"
)

func fitted(coef float64) []byte {
	w := container.New(container.Header{Kernel: "algorithms.ridge", Version: 1})
	w.Floats("coef", []float64{coef, 2})
	data, err := w.Bytes()
	if err != nil {
		panic(err)
	}
	return data
}

func Example() {
	dir, err := os.MkdirTemp("", "states")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(dir)
	s := state.Open(dir)
	a, err := s.Put(fitted(1), state.Origin{Pipeline: "churn", Node: "model", Run: "9f86d081884c7d65"})
	fmt.Println(a.Form, a.Kernel, a.Last().Node, err)
	b, err := s.Put(fitted(1.5), state.Origin{Pipeline: "churn", Node: "model", Run: "60303ae22b998861"})
	fmt.Println(b.Form, err)

	d, err := s.Diff(a.Short(), b.Short())
	fmt.Println(d.Changed[0].Name, d.Changed[0].Elements, d.Changed[0].MaxAbs, err)

	file := filepath.Join(dir, "model.export")
	if _, err := s.Export(b.Digest, file); err != nil {
		panic(err)
	}
	swept, err := s.Sweep(state.SweepOptions{Referenced: map[string]bool{a.Digest: true}})
	fmt.Println(len(swept.Removed), swept.Kept, err)
	back, err := s.ImportFile(file, state.ImportOptions{Digest: b.Digest})
	fmt.Println(back.Digest == b.Digest, back.Brought, err)
	// Output:
	// container algorithms.ridge model <nil>
	// container <nil>
	// coef 1 0.5 <nil>
	// 1 1 <nil>
	// true true <nil>
}
