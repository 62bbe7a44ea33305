// SPDX-License-Identifier: Apache-2.0

package tables

import (
	"slices"
	"strings"
)

// PythonTable lists for which versions of CPython torch's wheels are published.
type PythonTable struct {
	Version string `json:"version"`
	About   string `json:"about"`
	// Releases of torch that the table knows, oldest first.
	Releases []string    `json:"releases"`
	Source   string      `json:"releases_source"`
	Rows     []PythonRow `json:"rows"`
}

// PythonRow is one minor version of CPython.
type PythonRow struct {
	Python string `json:"python"`
	// First and Last are releases of torch; Last is "" while the newest has
	// wheels for this Python.
	First  string `json:"first"`
	Last   string `json:"last"`
	Source string `json:"source"`
}

// Row returns the row of a version of Python such as "3.11.7".
func (t PythonTable) Row(python string) (PythonRow, bool) {
	i := slices.IndexFunc(t.Rows, func(r PythonRow) bool { return r.Python == minor(python) })
	if i < 0 {
		return PythonRow{}, false
	}
	return t.Rows[i], true
}

// For lists the releases with wheels for a version of Python.
func (t PythonTable) For(python string) []string {
	row, ok := t.Row(python)
	if !ok {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(t.Releases), func(release string) bool {
		first, ok1 := CompareDrivers(release, row.First)
		last, ok2 := CompareDrivers(release, row.Last)
		return !ok1 || first < 0 || row.Last != "" && (!ok2 || last > 0)
	})
}

// Beyond reports whether a version of Python is newer than every row.
func (t PythonTable) Beyond(python string) bool {
	for _, row := range t.Rows {
		if order, ok := CompareDrivers(minor(python), row.Python); !ok || order <= 0 {
			return false
		}
	}
	return true
}

func minor(version string) string {
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 2 {
		return version
	}
	return parts[0] + "." + parts[1]
}

// What a package of BuilderTable compiles while it runs.
const (
	BuildsC    = "c"
	BuildsCUDA = "cuda"
)

// BuilderTable lists packages that compile code while they run.
type BuilderTable struct {
	Version string       `json:"version"`
	About   string       `json:"about"`
	Rows    []BuilderRow `json:"rows"`
}

// BuilderRow is one package. Builds holds BuildsC or BuildsCUDA.
type BuilderRow struct {
	Name   string   `json:"name"`
	Builds []string `json:"builds"`
	Source string   `json:"source"`
}

// Names lists the packages that build what.
func (t BuilderTable) Names(what string) []string {
	var out []string
	for _, row := range t.Rows {
		if slices.Contains(row.Builds, what) {
			out = append(out, row.Name)
		}
	}
	return out
}

// RuntimeTable tells which CUDA and cuDNN a release of onnxruntime-gpu wants.
type RuntimeTable struct {
	Version string       `json:"version"`
	About   string       `json:"about"`
	Rows    []RuntimeRow `json:"rows"`
}

// RuntimeRow is a range of releases. ONNXRuntime is a specifier.
type RuntimeRow struct {
	ONNXRuntime string `json:"onnxruntime"`
	CUDA        int    `json:"cuda"`
	CUDNN       int    `json:"cudnn"`
	Source      string `json:"source"`
}

// For returns the releases for a CUDA major; false when the table has none.
func (t RuntimeTable) For(cuda int) (RuntimeRow, bool) {
	i := slices.IndexFunc(t.Rows, func(r RuntimeRow) bool { return r.CUDA == cuda })
	if i < 0 {
		return RuntimeRow{}, false
	}
	return t.Rows[i], true
}

// PairTable tells which release of torch a companion is compiled against.
type PairTable struct {
	Version string    `json:"version"`
	About   string    `json:"about"`
	Rows    []PairRow `json:"rows"`
}

// PairRow is one minor release of a companion and that of torch.
type PairRow struct {
	Name    string `json:"name"`
	Release string `json:"release"`
	Torch   string `json:"torch"`
	Source  string `json:"source"`
}

// Torch returns the minor release of torch for a companion of a version such
// as "0.20.1"; false when the table does not know it.
func (t PairTable) Torch(name, version string) (string, bool) {
	for _, row := range t.Rows {
		if row.Name == name && row.Release == minor(version) {
			return row.Torch, true
		}
	}
	return "", false
}
