// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"strings"
	"testing"
)

func TestEveryRowHasASource(t *testing.T) {
	var sources []string
	for _, r := range Drivers().Rows {
		sources = append(sources, r.Source)
		if _, ok := numbers(r.Linux); !ok {
			t.Errorf("CUDA %d: %q is no driver version", r.CUDA, r.Linux)
		}
		if _, ok := numbers(r.Windows); !ok {
			t.Errorf("CUDA %d: %q is no driver version", r.CUDA, r.Windows)
		}
	}
	for _, r := range Archs().Rows {
		sources = append(sources, r.Source)
	}
	for _, r := range NumPy().Rows {
		sources = append(sources, r.Source)
	}
	for _, s := range sources {
		if !strings.HasPrefix(s, "https://") {
			t.Errorf("source %q is no address", s)
		}
	}
	for name, version := range Versions() {
		if version == "" {
			t.Errorf("table %s has no version", name)
		}
	}
}

func TestCompareDrivers(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
		ok   bool
	}{
		{"535.129.03", "525.60.13", 1, true}, {"525.60.13", "525.60.13", 0, true}, {"470.42.01", "525.60.13", -1, true},
		{"580", "580.65.06", -1, true}, {"580.65.06", "580", 1, true}, {"525.60.2", "525.60.13", -1, true}, {"", "580", 0, false}, {"N/A", "580", 0, false},
	} {
		if got, ok := CompareDrivers(c.a, c.b); got != c.want || ok != c.ok {
			t.Errorf("CompareDrivers(%q, %q) = %d, %v", c.a, c.b, got, ok)
		}
	}
}

func TestMinimum(t *testing.T) {
	if row, ok := Drivers().Minimum(12); !ok || row.Linux != "525.60.13" {
		t.Errorf("CUDA 12: %+v, %v", row, ok)
	}
	if _, ok := Drivers().Minimum(14); ok || Drivers().Newest() != 13 {
		t.Error("CUDA 14 is beyond the table")
	}
}

func TestRuns(t *testing.T) {
	row := ArchRow{Cubins: []string{"7.5", "8.0", "8.6"}, PTX: []string{"9.0"}}
	for capability, want := range map[string]bool{"8.6": true, "8.9": true, "8.0": true, "7.0": false, "9.0": true, "12.0": true, "6.1": false} {
		if got, ok := row.Runs(capability); got != want || !ok {
			t.Errorf("Runs(%s) = %v, %v, want %v", capability, got, ok, want)
		}
	}
	for _, bad := range []string{"", "9", "x.y"} {
		if _, ok := row.Runs(bad); ok {
			t.Errorf("Runs(%q) should not be known", bad)
		}
	}
}

// TestLastBranch: old GPUs have a last driver, current and unknown ones have none.
func TestLastBranch(t *testing.T) {
	for capability, want := range map[string]int{"3.7": 470, "5.2": 580, "7.0": 580, "7.5": 0, "12.1": 0, "": 0, "x": 0} {
		if got, ok := Drivers().Last(capability); got != want || ok != (want > 0) {
			t.Errorf("%q: %d %v, want %d", capability, got, ok, want)
		}
	}
}
