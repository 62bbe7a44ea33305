// SPDX-License-Identifier: Apache-2.0

// Package tables is what the gpu plugin knows about NVIDIA's products: data
// files with a source for each row, apart from the code that uses them.
//
// Two tables of drivers are kept apart on purpose. DriverMinimum is the oldest
// driver on which programs of a CUDA major run at all; ToolkitDriver is the
// driver that was released with one toolkit. A driver below the second and
// above the first runs the toolkit's programs.
//
// Every look-up has an "I do not know" answer, and callers must not read it as
// good or bad.
package tables

import (
	"bytes"
	"embed"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"sync"
)

//go:embed *.json
var files embed.FS

// GPU is a row of the table of PCI numbers.
type GPU struct {
	Device       string `json:"device"` // "2684"
	Name         string `json:"name"`
	Architecture string `json:"architecture"`
	// ComputeCapability is "8.9".
	ComputeCapability string `json:"compute_capability"`
	// Family is "datacenter", "professional" or "geforce".
	Family string `json:"family"`
	Source string `json:"source"`
}

// Variable is an environment variable of debugging.
type Variable struct {
	Name string `json:"name"`
	// Active lists the values that switch it on; empty means any.
	Active []string `json:"active"`
	Effect string   `json:"effect"`
	Source string   `json:"source"`
}

type minimum struct {
	CUDAMajor int    `json:"cuda_major"`
	Linux     string `json:"linux"`
	Windows   string `json:"windows"`
	Source    string `json:"source"`
}

type shipped struct {
	CUDA   string `json:"cuda"`
	Linux  string `json:"linux"`
	Source string `json:"source"`
}

type setting struct {
	Key    string `json:"key"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

type table[Row any] struct {
	Version string `json:"version"`
	About   string `json:"about"`
	Rows    []Row  `json:"rows"`
}

// load decodes an embedded table once. The tests decode every table, so a
// table that cannot be read never leaves the build.
func load[Row any](name string) func() table[Row] {
	return sync.OnceValue(func() table[Row] {
		var t table[Row]
		data, err := files.ReadFile(name + ".json")
		if err == nil {
			err = json.Unmarshal(data, &t)
		}
		if err != nil {
			panic("embedded table " + name + ": " + err.Error())
		}
		return t
	})
}

var (
	devices   = load[GPU]("devices")
	minima    = load[minimum]("driver_minimum")
	toolkits  = load[shipped]("toolkit_driver")
	branches  = load[setting]("driver_branches")
	variables = load[Variable]("debug_variables")
)

// Versions names every table with its version, for the plugin's description.
func Versions() map[string]string {
	return map[string]string{
		"gpu.devices":         devices().Version,
		"gpu.driver_minimum":  minima().Version,
		"gpu.toolkit_driver":  toolkits().Version,
		"gpu.driver_branches": branches().Version,
		"gpu.debug_variables": variables().Version,
		"gpu.xid":             xids().Version,
		"gpu.host_compiler":   compilers().Version,
	}
}

// LookupGPU finds a GPU by its PCI device number; false when it is not known. The
// row is found in the text: decoding the whole table takes a millisecond of every
// start on a machine with a GPU.
func LookupGPU(device string) (gpu GPU, ok bool) {
	data, _ := files.ReadFile("devices.json")
	at := bytes.Index(data, []byte(`{"device": "`+device+`"`))
	if at < 0 || json.NewDecoder(bytes.NewReader(data[at:])).Decode(&gpu) != nil || gpu.Device != device {
		return GPU{}, false
	}
	return gpu, true
}

// DebugVariables returns the table of debugging variables.
func DebugVariables() []Variable { return variables().Rows }

// DriverMinimum returns the oldest Linux driver for programs of a CUDA major;
// false for a major that is not in the table.
func DriverMinimum(cudaMajor int) (string, bool) {
	for _, row := range minima().Rows {
		if row.CUDAMajor == cudaMajor {
			return row.Linux, true
		}
	}
	return "", false
}

// ToolkitDriver returns the Linux driver released with a toolkit, given as
// "12.4" or "12.4.1"; false for a toolkit that is not in the table.
func ToolkitDriver(cuda string) (string, bool) {
	release := minor(cuda)
	for _, row := range toolkits().Rows {
		if row.CUDA == release {
			return row.Linux, true
		}
	}
	return "", false
}

// minor shortens "12.4.1" to "12.4"; "" when there is no second number.
func minor(cuda string) string {
	parts := strings.SplitN(cuda, ".", 3)
	if len(parts) < 2 {
		return ""
	}
	return parts[0] + "." + parts[1]
}

// NewestCUDA returns the newest CUDA release of the table, "13.1".
func NewestCUDA() string {
	rows := toolkits().Rows
	return slices.MaxFunc(rows, func(a, b shipped) int { return Compare(a.CUDA, b.CUDA) }).CUDA
}

// NewestBranch returns the newest driver branch the tables were checked with.
func NewestBranch() int {
	n, _ := strconv.Atoi(value("newest_branch"))
	return n
}

// NeedsOpenModule reports whether only the open kernel module serves GPUs of
// an architecture.
func NeedsOpenModule(architecture string) bool {
	return architecture != "" && architecture == value("open_module_required")
}

// FirstOpenBranch is the oldest branch that serves the architectures of
// NeedsOpenModule.
func FirstOpenBranch() int {
	n, _ := strconv.Atoi(value("open_module_first_branch"))
	return n
}

// PreMaxwell reports whether a PCI device number belongs to a GPU that is older
// than Maxwell: no current driver branch serves it, and no current framework
// has code for it. A number that cannot be read gives false.
func PreMaxwell(device string) bool {
	n, err := strconv.ParseUint(device, 16, 16)
	first, _ := strconv.ParseUint(value("first_maxwell_device"), 16, 16)
	return err == nil && n < first
}

// SinceTuring reports whether a PCI device number belongs to Turing or a newer
// architecture, which the open kernel module serves. A number that cannot be
// read gives false.
func SinceTuring(device string) bool {
	n, err := strconv.ParseUint(device, 16, 16)
	first, _ := strconv.ParseUint(value("first_turing_device"), 16, 16)
	return err == nil && n >= first
}

func value(key string) string {
	for _, row := range branches().Rows {
		if row.Key == key {
			return row.Value
		}
	}
	return ""
}
