// SPDX-License-Identifier: Apache-2.0

// Package scaffold writes the project of a new plugin: one that builds, passes
// its tests and the contract, and packs as it stands.
//
// A project is of a kind (a check, a kernel or a collector) and a language (Go or
// Python). It holds the plugin's source with one small example that works, a test
// that runs the contract or the example, a fixture with published numbers, the
// manifest, a Makefile, a workflow for continuous integration whose actions are
// pinned by their commits, and the licence. Everything that differs comes from
// Options; nothing is downloaded and no command is run.
//
// # Trust
//
// Every option that goes into a file is checked first against what it is there: a
// name has lower-case letters, digits and dashes only, so that it can be quoted
// in Go, Python, JSON, TOML, YAML and make alike. Files are made new: one that
// exists already is refused before anything is written.
package scaffold

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"golang.org/x/mod/module"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// Kinds of plugins.
const (
	Check     = "check"
	Kernel    = "kernel"
	Collector = "collector"
)

// Languages of plugins.
const (
	Go     = "go"
	Python = "python"
)

// Kinds lists what a new plugin can be.
func Kinds() []string { return []string{Check, Kernel, Collector} }

// Languages lists what a new plugin can be written in.
func Languages() []string { return []string{Go, Python} }

// Options of a new project.
type Options struct {
	Kind string // one of Kinds
	// Name of the plugin as in its manifest: "few-cpus".
	Name     string
	Language string // one of Languages
	// Licence is one of Licences; "" is Apache-2.0.
	Licence string
	// Module is the path of a Go module; "" is example.com/NAME.
	Module string
	// SDK is a checkout of Bulkhead to build against, for work on both at once; ""
	// is the released SDK of this version.
	SDK string
}

// OptionError is an option that no project can be made with.
type OptionError struct{ Option, Value, Reason string }

// Error names the option and what to give.
func (e *OptionError) Error() string { return fmt.Sprintf("%s %q: %s", e.Option, e.Value, e.Reason) }

var namePattern = pattern.Lazy(`^[a-z][a-z0-9-]{0,62}$`)

// device are the names that no file can have on Windows.
var device = pattern.Lazy(`^(con|prn|aux|nul|com[0-9]|lpt[0-9])$`)

// taken are names that the host gives its own plugins, or other meanings.
var taken = []string{"gpu", "docker", "python", "system", "tables", "data", "algorithms", "builtin", "any", "bulkhead", "dist", "fixtures"}

// distributions are the names that a project in Python depends on: one of such a name
// would be installed in place of what it needs.
var distributions = []string{"pip", "setuptools", "wheel", "grpcio", "protobuf", "pyarrow", "numpy", "typing-extensions"}

// validate fills in what was left out and refuses what cannot be.
func (o *Options) validate() error {
	if o.Licence == "" {
		o.Licence = defaultLicence
	}
	if o.Module == "" {
		o.Module = "example.com/" + o.Name
	}
	switch {
	case !slices.Contains(Kinds(), o.Kind):
		return &OptionError{"kind", o.Kind, "use one of " + strings.Join(Kinds(), ", ")}
	case !namePattern().MatchString(o.Name) || strings.HasSuffix(o.Name, "-") || strings.Contains(o.Name, "--"):
		return &OptionError{"name", o.Name, "use lower-case letters, digits and single dashes, beginning with a letter, at most 63"}
	case slices.Contains(taken, o.Name):
		return &OptionError{"name", o.Name, "Bulkhead uses this name itself; choose another one"}
	case device().MatchString(o.Name):
		return &OptionError{"name", o.Name, "Windows gives this name to a device, and makes no file of it; choose another one"}
	case !slices.Contains(Languages(), o.Language):
		return &OptionError{"language", o.Language, "use one of " + strings.Join(Languages(), ", ")}
	case o.Language == Python && slices.Contains(distributions, o.Name):
		return &OptionError{"name", o.Name, "the project would be installed in place of the package of that name, which it needs; choose another one"}
	case !slices.Contains(Licences(), o.Licence):
		return &OptionError{"licence", o.Licence, "use one of " + strings.Join(Licences(), ", ") + "; for another, replace the file LICENSE and the manifest's licence afterwards"}
	case o.Language == Go:
		return checkModule(o.Module)
	}
	return nil
}

func checkModule(path string) error {
	if err := module.CheckPath(path); err != nil {
		return &OptionError{"module", path, "use the path of a Go module, such as github.com/acme/plugin"}
	}
	return nil
}

// Project is a project that is ready to be written.
type Project struct {
	Options Options
	// Files in the order of their names, with slashes.
	Files []File
}

// File is one file of a project.
type File struct {
	Name string
	Data []byte
}

// New makes a project in memory.
func New(o Options) (*Project, error) {
	if err := o.validate(); err != nil {
		return nil, err
	}
	if o.SDK != "" {
		abs, err := checkout(o.SDK)
		if err != nil {
			return nil, err
		}
		o.SDK = abs
	}
	files, err := render(o)
	if err != nil {
		return nil, err
	}
	return &Project{Options: o, Files: files}, nil
}

// checkout is the absolute path of a directory that holds this module.
func checkout(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	data, err := os.ReadFile(filepath.Join(abs, "go.mod"))
	if err != nil || !strings.HasPrefix(string(data), "module "+sdkModule+"\n") {
		return "", &OptionError{"sdk", dir, "there is no checkout of Bulkhead; name the directory with its go.mod"}
	}
	if strings.ContainsFunc(abs, func(r rune) bool { return r < ' ' || strings.ContainsRune("\"'`\\", r) }) {
		return "", &OptionError{"sdk", dir, "its path holds quotes or control characters, which no go.mod can name"}
	}
	return abs, nil
}

// Next are the commands to type in the directory of the project.
func (p *Project) Next() []string {
	if p.Options.Language == Python {
		return []string{"make venv", "make test", "make contract", "make pack"}
	}
	if p.Options.SDK == "" {
		return []string{"go mod tidy", "make test", "make contract", "make pack"}
	}
	return []string{"make test", "make contract", "make pack"}
}

// Version of the SDK that new projects require.
func Version() string { return version.Version }
