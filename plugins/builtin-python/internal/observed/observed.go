// SPDX-License-Identifier: Apache-2.0

// Package observed is the contract between this plugin's collector and its
// checks: the addresses of the facts and the shapes of their values.
//
// Everything about one environment stands under "python.env[PREFIX]", where
// PREFIX is its sys.prefix. "python.envs" lists the environments in the order
// in which they were found, the one that a shell would use first.
package observed

import (
	"bytes"
	"encoding/json"
	"sync"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/dist"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Addresses. Those below Group take an environment's prefix as key.
const (
	Envs  = "python.envs"
	Group = "python.env"
)

// Fields of an environment.
const (
	Python         = "python"
	Version        = "version"
	Implementation = "implementation"
	Kind           = "kind"
	FoundBy        = "found_by"
	Base           = "base"
	Link           = "link"
	Venv           = "venv"
	Sites          = "sites"
	Managed        = "externally_managed"
	Packages       = "packages"
	Conda          = "conda_packages"
	Residues       = "residues"
	Damaged        = "damaged"
	Clobbered      = "clobbered"
	Shadows        = "shadows"
	Torch          = "torch"
	Loads          = "loads"
	// StrayCuDNN is a CuDNNPart, absent where there is none.
	StrayCuDNN = "stray_cudnn"
	Unparsed   = "unparsed_requirements"
)

// At is the address of a field of an environment.
func At(prefix, field string) string { return fact.At(Group, prefix, field) }

// Environment is one row of "python.envs".
type Environment struct {
	Prefix         string `json:"prefix"`
	Python         string `json:"python"`
	Version        string `json:"version"`
	Implementation string `json:"implementation"`
	Kind           string `json:"kind"`
	FoundBy        string `json:"found_by"`
}

// BaseInterpreter is the interpreter behind a virtual environment.
type BaseInterpreter struct {
	Prefix string `json:"prefix"`
	// File is where the links of the environment's interpreter lead to, as far as
	// they can be followed.
	File string `json:"file,omitempty"`
	// Home is what pyvenv.cfg says, "" for an environment of its own.
	Home string `json:"home,omitempty"`
	// HomeSeen tells that Home is a directory that is there.
	HomeSeen bool `json:"home_seen"`
}

// VirtualEnv is what pyvenv.cfg says.
type VirtualEnv struct {
	Path       string `json:"path"`
	Home       string `json:"home"`
	Version    string `json:"version,omitempty"`
	SystemSite bool   `json:"include_system_site_packages"`
	Tool       string `json:"tool"`
}

// Package is one installed distribution.
type Package struct {
	// Name as the distribution writes it.
	Name    string `json:"name"`
	Version string `json:"version"`
	// Path of the metadata directory or file.
	Path string `json:"path"`
	// Scope of the directory that holds it: "env", "user", "base", or "path" for
	// one that a .pth file adds.
	Scope string `json:"scope"`
	// Installer is INSTALLER's text, for distributions with native code.
	Installer string `json:"installer,omitempty"`
	// Tags are WHEEL's, for distributions with native code.
	Tags           []string `json:"tags,omitempty"`
	Editable       bool     `json:"editable,omitempty"`
	RequiresPython string   `json:"requires_python,omitempty"`
	// Requires are the requirements that apply on this interpreter, with the
	// extras that another installed package's requirement names and without
	// others; their markers are removed.
	Requires []string `json:"requires,omitempty"`
	// Source is where the distribution came from, nil for a package index.
	Source *dist.Source `json:"source,omitempty"`
	// EntryPoints are the names of each group but those of scripts.
	EntryPoints map[string][]string `json:"entry_points,omitempty"`
}

// CondaPackage is a Python package as conda's own records know it.
type CondaPackage struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Path    string `json:"path"`
}

// Shadow is a file or directory that hides an installed package.
type Shadow struct {
	// Module is the import name, Distribution the package that is hidden, ""
	// for a module of the standard library.
	Module       string `json:"module"`
	Distribution string `json:"distribution,omitempty"`
	Path         string `json:"path"`
	// By is "project" or "PYTHONPATH".
	By string `json:"by"`
}

// TorchBuild is what torch/version.py says.
type TorchBuild struct {
	// Version with its local part: "2.5.1+cu124".
	Version string `json:"version"`
	// CUDA is "12.4", or "" for a build without CUDA; HIP likewise.
	CUDA string `json:"cuda"`
	HIP  string `json:"hip"`
	// Path of the package's directory.
	Path string `json:"path"`
}

// cache remembers decoded values, because many checks look at the same list.
var cache = struct {
	sync.Mutex
	entries map[string]cached
}{entries: map[string]cached{}}

type cached struct {
	raw   json.RawMessage
	value any
}

// maxCached bounds the cache; it is emptied when it is full.
const maxCached = 64

// Get decodes a field of an environment; false when it is absent, unknown or
// of another shape. The value is shared: do not change it.
func Get[T any](set fact.Set, prefix, field string) (T, bool) {
	address := At(prefix, field)
	f, ok := set.Lookup(address)
	if !ok || f.Unknown != "" {
		var zero T
		return zero, false
	}
	cache.Lock()
	defer cache.Unlock()
	if c, ok := cache.entries[address]; ok && bytes.Equal(c.raw, f.Value) {
		if v, ok := c.value.(T); ok {
			return v, true
		}
	}
	v, ok := fact.Get[T](set, address)
	if ok {
		if len(cache.entries) >= maxCached {
			clear(cache.entries)
		}
		cache.entries[address] = cached{f.Value, v}
	}
	return v, ok
}

// Environments lists the environments of a machine.
func Environments(set fact.Set) []Environment {
	v, _ := fact.Get[[]Environment](set, Envs)
	return v
}
