// SPDX-License-Identifier: Apache-2.0

package prepare

import (
	"bytes"
	"flag"
	"math"
	"os"
	"path/filepath"
	"reflect"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/state"
)

var update = flag.Bool("update", false, "write the golden state of this version")

// States of all versions must be readable for ever, and mean the same.
func TestGoldenState(t *testing.T) {
	for _, name := range []string{"v1.json", "v2.state"} {
		t.Run(name, func(t *testing.T) { golden(t, filepath.Join("testdata", name)) })
	}
}

func golden(t *testing.T, path string) {
	p := fit(t, mixed(), defaults())
	if *update && filepath.Ext(path) == ".state" {
		data, err := p.Encode(state.Header{})
		if err != nil {
			t.Fatal(err)
		}
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if filepath.Ext(path) == ".json" {
		data = bytes.TrimSpace(data)
	}
	back, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	var a, b Counts
	want, err := p.Apply(mixed(), &a)
	if err != nil {
		t.Fatal(err)
	}
	got, err := back.Apply(mixed(), &b)
	if err != nil || !reflect.DeepEqual(a, b) || len(got) != len(want) {
		t.Fatalf("%v\n%+v\n%+v", err, got, want)
	}
	for j := range want {
		for i, v := range want[j].Numbers {
			// Fused operations of other processors differ in the last digit.
			if g := got[j].Numbers[i]; got[j].Name != want[j].Name || math.Abs(g-v) > 1e-12 {
				t.Errorf("%s row %d: %v, want %v", want[j].Name, i, g, v)
			}
		}
	}
}
