// SPDX-License-Identifier: Apache-2.0

package abtest

import (
	"encoding/json"
	"math"
	"math/big"
	"os"
	"strconv"
	"testing"
)

// splitCase is one split of testdata/split.json.
type splitCase struct {
	Name  string
	Seed  uint64 `json:",string"`
	Share float64
	Rows  []struct {
		Row int64
		Arm string
	}
	Keys []struct {
		Values []json.RawMessage
		Types  []string
		Arm    string
	}
}

// key feeds a value as its Python type.
func key(t *testing.T, a *Assigner, raw json.RawMessage, kind string) {
	t.Helper()
	switch text := string(raw); kind {
	case "NoneType":
		a.Null()
	case "bool":
		a.Bool(text == "true")
	case "int":
		v, _ := new(big.Int).SetString(text, 10)
		if v.IsInt64() {
			a.Int(v.Int64())
		} else {
			a.Uint(v.Uint64())
		}
	case "float":
		x, err := strconv.ParseFloat(text, 64)
		if err != nil {
			x = math.NaN()
		}
		a.Float(x)
	default:
		var s string
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		a.Text(s)
	}
}

func TestSplitVectors(t *testing.T) {
	data, err := os.ReadFile("testdata/split.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases []splitCase
	if err := json.Unmarshal(data, &cases); err != nil {
		t.Fatal(err)
	}
	for _, c := range cases {
		a := Split{Name: c.Name, Seed: c.Seed, Share: c.Share}.Assigner()
		for _, r := range c.Rows {
			a.Begin()
			if a.Row(r.Row); a.Arm().String() != r.Arm {
				t.Errorf("%s: row %d goes to %s, want %s", c.Name, r.Row, a.Arm(), r.Arm)
			}
		}
		for _, k := range c.Keys {
			a.Begin()
			for i, raw := range k.Values {
				key(t, a, raw, k.Types[i])
			}
			if a.Arm().String() != k.Arm {
				t.Errorf("%s: %s goes to %s, want %s", c.Name, k.Values, a.Arm(), k.Arm)
			}
		}
	}
}

func TestSplitShares(t *testing.T) {
	for _, share := range []float64{0, 0.01, 0.25, 0.5, 0.9, 1} {
		a := Split{Name: "x", Seed: 4, Share: share}.Assigner()
		const n = 20000
		b := 0
		for row := range int64(n) {
			a.Begin()
			a.Row(row)
			b += int(a.Arm())
		}
		if got := float64(b) / n; math.Abs(got-share) > 4*math.Sqrt(share*(1-share)/n) {
			t.Errorf("share %v gives %v", share, got)
		}
	}
}

// TestSplitsAreIndependent has two comparisons of other names: half of the rows of
// the one are in each arm of the other.
func TestSplitsAreIndependent(t *testing.T) {
	x, y := Split{Name: "x", Share: 0.5}.Assigner(), Split{Name: "y", Share: 0.5}.Assigner()
	both := 0
	for row := range int64(10000) {
		x.Begin()
		x.Row(row)
		y.Begin()
		y.Row(row)
		if x.Arm() == B && y.Arm() == B {
			both++
		}
	}
	if both < 2300 || both > 2700 {
		t.Errorf("%d of 10000 rows are in b of both", both)
	}
}
