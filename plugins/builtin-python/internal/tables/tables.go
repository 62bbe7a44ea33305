// SPDX-License-Identifier: Apache-2.0

// Package tables holds what the checks know about the world outside the
// examined machine: which driver a CUDA release needs, for which devices and
// versions of Python torch has wheels, which releases belong together, which
// packages compile code while they run, and since when packages are built for
// NumPy 2.
//
// Each table is a JSON file with a version, a sentence about what its rows say
// and a primary source for every row; a JSON Schema in testdata holds
// them to that. What a table does not reach is unknown, and the functions here
// say so.
package tables

import (
	"embed"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
	"sync"
)

//go:embed *.json
var files embed.FS

// DriverTable is the minimum driver for each CUDA major release under
// minor-version compatibility.
type DriverTable struct {
	Version string `json:"version"`
	About   string `json:"about"`
	// NewestDriver is the newest driver branch that the table knows.
	NewestDriver int `json:"newest_driver"`
	// LastBranches are the last driver branches for old GPUs, oldest GPUs first.
	LastBranches []LastBranch `json:"last_branches"`
	Rows         []DriverRow  `json:"rows"`
}

// LastBranch is the last driver branch that serves GPUs whose compute capability
// is lower than Before.
type LastBranch struct {
	Before string `json:"before"`
	Branch int    `json:"branch"`
	Source string `json:"source"`
}

// Last returns the last driver branch that serves a device of a compute
// capability ("3.7"); false for one that current drivers serve or that is unknown.
func (t DriverTable) Last(capability string) (branch int, ok bool) {
	for _, row := range t.LastBranches {
		if order, comparable := CompareDrivers(capability, row.Before); comparable && order < 0 {
			return row.Branch, true
		}
	}
	return 0, false
}

// DriverRow is the minimum driver of one CUDA major release.
type DriverRow struct {
	CUDA    int    `json:"cuda"`
	Linux   string `json:"linux"`
	Windows string `json:"windows"`
	Source  string `json:"source"`
}

// ArchTable lists the device code in torch's wheels.
type ArchTable struct {
	Version string    `json:"version"`
	About   string    `json:"about"`
	Rows    []ArchRow `json:"rows"`
}

// ArchRow is one family of wheels. Torch is a specifier of torch's version.
type ArchRow struct {
	Torch string `json:"torch"`
	// CUDA is the wheel's tag: "cu126".
	CUDA string `json:"cuda"`
	// Cubins are compute capabilities with machine code, PTX those with code
	// that the driver compiles.
	Cubins []string `json:"cubins"`
	PTX    []string `json:"ptx"`
	Source string   `json:"source"`
}

// NumPyTable lists the first release of a package that works with NumPy 2.
type NumPyTable struct {
	Version string     `json:"version"`
	About   string     `json:"about"`
	Rows    []NumPyRow `json:"rows"`
}

// NumPyRow is one package.
type NumPyRow struct {
	Name   string `json:"name"`
	Since  string `json:"since"`
	Source string `json:"source"`
}

// The tables.
var (
	Drivers = load[DriverTable]("drivers.json")
	Archs   = load[ArchTable]("torch_archs.json")
	NumPy   = load[NumPyTable]("numpy2.json")

	Pythons  = load[PythonTable]("torch_pythons.json")
	Builders = load[BuilderTable]("runtime_builders.json")
	Runtimes = load[RuntimeTable]("onnxruntime.json")
	Pairs    = load[PairTable]("torch_pairs.json")
	Systems  = load[SystemTable]("system_libraries.json")
	Implied  = load[ImpliedTable]("implied.json")
)

// Versions lists the tables for the plugin's description.
func Versions() map[string]string {
	return map[string]string{
		"cuda-minimum-drivers": Drivers().Version,
		"torch-wheel-archs":    Archs().Version,
		"numpy-2-support":      NumPy().Version,
		"torch-wheel-pythons":  Pythons().Version,
		"run-time-compilers":   Builders().Version,
		"onnxruntime-cuda":     Runtimes().Version,
		"torch-companions":     Pairs().Version,
		"system-libraries":     Systems().Version,
		"implied-versions":     Implied().Version,
	}
}

// load reads a table when it is used: a start of the plugin needs few of them.
func load[T any](name string) func() T {
	return sync.OnceValue(func() (table T) {
		data, err := files.ReadFile(name)
		if err == nil {
			err = json.Unmarshal(data, &table)
		}
		if err != nil {
			panic(fmt.Sprintf("tables: %s: %v", name, err)) // a bug of the build, which the tests find
		}
		return table
	})
}

// Minimum returns the row of a CUDA major release; false when the table has
// none.
func (t DriverTable) Minimum(major int) (DriverRow, bool) {
	for _, row := range t.Rows {
		if row.CUDA == major {
			return row, true
		}
	}
	return DriverRow{}, false
}

// NewestTorch is the newest minor release of torch in the table: what comes
// after it is not known.
func (t ArchTable) NewestTorch() string { return newestIn(t.Rows) }

func newestIn(rows []ArchRow) string {
	newest := ""
	for _, row := range rows {
		for clause := range strings.SplitSeq(row.Torch, ",") {
			release, ok := strings.CutPrefix(strings.TrimSuffix(clause, ".*"), "==")
			if order, comparable := CompareDrivers(release, newest); ok && (newest == "" || comparable && order > 0) {
				newest = release
			}
		}
	}
	return newest
}

// Newest is the highest CUDA major release that the table knows.
func (t DriverTable) Newest() int {
	newest := 0
	for _, row := range t.Rows {
		newest = max(newest, row.CUDA)
	}
	return newest
}

// CompareDrivers compares "535.129.03" and "525.60.13" number by number; false
// when one of them is not such a version.
func CompareDrivers(a, b string) (int, bool) {
	x, ok1 := numbers(a)
	y, ok2 := numbers(b)
	if !ok1 || !ok2 {
		return 0, false
	}
	for i := range max(len(x), len(y)) {
		var p, q int
		if i < len(x) {
			p = x[i]
		}
		if i < len(y) {
			q = y[i]
		}
		if p != q {
			return max(-1, min(1, p-q)), true
		}
	}
	return 0, true
}

func numbers(version string) ([]int, bool) {
	var out []int
	for part := range strings.SplitSeq(version, ".") {
		n, err := strconv.Atoi(part)
		if err != nil || n < 0 || n > 1<<20 {
			return nil, false
		}
		out = append(out, n)
	}
	return out, true
}

// Runs tells whether a device can run the wheel's code: machine code of its
// own major capability and no higher minor, or PTX of no higher capability.
// The second result is false when the capability cannot be read.
func (r ArchRow) Runs(capability string) (runs, ok bool) {
	device, ok := numbers(capability)
	if !ok || len(device) != 2 {
		return false, false
	}
	for _, cubin := range r.Cubins {
		if c, _ := numbers(cubin); len(c) == 2 && c[0] == device[0] && c[1] <= device[1] {
			return true, true
		}
	}
	for _, ptx := range r.PTX {
		if c, _ := numbers(ptx); len(c) == 2 && (c[0] < device[0] || c[0] == device[0] && c[1] <= device[1]) {
			return true, true
		}
	}
	return false, true
}
