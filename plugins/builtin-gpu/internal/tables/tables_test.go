// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"regexp"
	"testing"
)

// TestRows holds every row to its format and to having a source.
func TestRows(t *testing.T) {
	id := regexp.MustCompile(`^[0-9a-f]{4}$`)
	capability := regexp.MustCompile(`^\d{1,2}\.\d$`)
	seen := map[string]bool{}
	for _, g := range devices().Rows {
		if !id.MatchString(g.Device) || !capability.MatchString(g.ComputeCapability) || g.Name == "" || g.Architecture == "" {
			t.Errorf("malformed row %+v", g)
		}
		if seen[g.Device] {
			t.Errorf("device %s stands twice", g.Device)
		}
		seen[g.Device] = true
		requireSource(t, g.Device, g.Source)
	}
	for _, r := range minima().Rows {
		requireSource(t, r.Linux, r.Source)
	}
	for _, r := range toolkits().Rows {
		requireSource(t, r.CUDA, r.Source)
	}
	for _, r := range branches().Rows {
		requireSource(t, r.Key, r.Source)
	}
	for _, r := range variables().Rows {
		requireSource(t, r.Name, r.Source)
	}
}

func requireSource(t *testing.T, row, source string) {
	t.Helper()
	if source == "" {
		t.Errorf("row %s has no source", row)
	}
}

func TestVersionsNamesEveryTable(t *testing.T) {
	entries, err := files.ReadDir(".")
	if err != nil {
		t.Fatal(err)
	}
	if got := Versions(); len(got) != len(entries) {
		t.Errorf("%d versions for %d tables: %v", len(got), len(entries), got)
	}
	for name, version := range Versions() {
		if version == "" {
			t.Errorf("table %s has no version", name)
		}
	}
}

func TestLookupGPU(t *testing.T) {
	for device, want := range map[string][2]string{
		"2684": {"Ada", "8.9"}, "2204": {"Ampere", "8.6"}, "20b2": {"Ampere", "8.0"}, "2330": {"Hopper", "9.0"},
		"1eb8": {"Turing", "7.5"}, "1db4": {"Volta", "7.0"}, "2901": {"Blackwell", "10.0"}, "2b85": {"Blackwell", "12.0"},
	} {
		if g, ok := LookupGPU(device); !ok || g.Architecture != want[0] || g.ComputeCapability != want[1] {
			t.Errorf("LookupGPU(%s) = %+v, %v; want %v", device, g, ok, want)
		}
	}
	if g, ok := LookupGPU("ffff"); ok {
		t.Errorf("an unknown number became %+v", g)
	}
}

func TestDriverTablesStayApart(t *testing.T) {
	minimum, ok := DriverMinimum(12)
	if !ok || Compare("535.183.01", minimum) < 0 {
		t.Errorf("driver 535 is refused for CUDA 12: minimum %q", minimum)
	}
	native, ok := ToolkitDriver("12.4.1")
	if !ok || Compare("535.183.01", native) >= 0 {
		t.Errorf("driver 535 passes for the driver of toolkit 12.4: %q", native)
	}
	if _, ok := DriverMinimum(14); ok {
		t.Error("CUDA 14 is claimed to be known")
	}
	for _, cuda := range []string{"14.0", "12", "", "x.y"} {
		if driver, ok := ToolkitDriver(cuda); ok {
			t.Errorf("ToolkitDriver(%q) = %q", cuda, driver)
		}
	}
}

func TestBranches(t *testing.T) {
	for version, want := range map[string]bool{"535.183.01": true, "610.1": true, "700.10": false, "": false, "abc": false} {
		if got := KnownBranch(version); got != want {
			t.Errorf("KnownBranch(%q) = %v", version, got)
		}
	}
	if NewestBranch() < 580 || NewestCUDA() != "13.2" {
		t.Errorf("newest branch %d, CUDA %s", NewestBranch(), NewestCUDA())
	}
	if !NeedsOpenModule("Blackwell") || NeedsOpenModule("Ada") || NeedsOpenModule("") {
		t.Error("NeedsOpenModule is wrong")
	}
}

func TestPreMaxwell(t *testing.T) {
	for device, want := range map[string]bool{
		"128b": true /* GeForce GT 710 */, "102d": true /* Tesla K80 */, "1340": false, "17f0": false /* Quadro M6000 */, "2684": false, "": false, "zz": false,
	} {
		if got := PreMaxwell(device); got != want {
			t.Errorf("PreMaxwell(%q) = %v", device, got)
		}
	}
}

func TestCompare(t *testing.T) {
	for _, c := range []struct {
		a, b string
		want int
	}{
		{"535.183.01", "525.60.13", 1}, {"570.9", "570.10", -1}, {"580", "580.0.0", 0}, {"12.10", "12.9", 1},
	} {
		if got := Compare(c.a, c.b); got != c.want {
			t.Errorf("Compare(%s, %s) = %d, want %d", c.a, c.b, got, c.want)
		}
	}
}

func FuzzCompare(f *testing.F) {
	f.Add("535.183.01", "525")
	f.Fuzz(func(t *testing.T, a, b string) {
		if Compare(a, b) != -Compare(b, a) {
			t.Errorf("Compare(%q, %q) is not antisymmetric", a, b)
		}
		KnownBranch(a)
		IsVersion(b)
	})
}

// TestLookupGPUFindsEveryRow: what is found in the text is what the table says.
func TestLookupGPUFindsEveryRow(t *testing.T) {
	for _, want := range devices().Rows {
		if got, ok := LookupGPU(want.Device); !ok || got != want {
			t.Errorf("LookupGPU(%s) = %+v, want %+v", want.Device, got, want)
		}
	}
	for _, hostile := range []string{"", `1004", "name": "GeForce GTX 780`, "100", `1004\u0000`} {
		if g, ok := LookupGPU(hostile); ok {
			t.Errorf("LookupGPU(%q) = %+v", hostile, g)
		}
	}
}
