// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"

	"github.com/hashicorp/go-version"

	"github.com/bulkhead-ml/bulkhead/host/plugin"
)

// addInterpreter finds the Python that runs a plugin which is a script: that of
// an environment beside it, or else the first on the path that will do.
func addInterpreter(spec *plugin.Spec, e *Entry) error {
	if e.Manifest.Runtime == nil || e.Manifest.Runtime.Python == "" {
		return nil
	}
	var errs []error
	for _, name := range pythons(e, os.Getenv("PATH")) {
		python, err := pythonAt(name, e.Manifest.Runtime.Python)
		if err == nil {
			python.Packages = packages(e.Executable)
			spec.Interpreter = python
			return nil
		}
		errs = append(errs, err)
	}
	if len(errs) == 0 {
		errs = append(errs, errors.New("there is none on the PATH, and no .venv beside the plugin"))
	}
	return fmt.Errorf("plugin %q needs a Python %s: %w", e.Name, e.Manifest.Runtime.Python, errors.Join(errs...))
}

// pythons are the interpreters to try. A directory of the path that is not
// absolute would be one of whatever project the host runs in.
func pythons(e *Entry, path string) []string {
	name := "python3"
	if runtime.GOOS == "windows" {
		name = "python.exe"
	}
	for _, own := range []string{".venv/bin/python", ".venv/Scripts/python.exe"} {
		python := filepath.Join(filepath.Dir(e.Executable), filepath.FromSlash(own))
		if exists(python) {
			return []string{python}
		}
	}
	var out []string
	for _, dir := range filepath.SplitList(path) {
		if python := filepath.Join(dir, name); filepath.IsAbs(dir) && exists(python) {
			out = append(out, python)
		}
	}
	return out
}

// packages is the directory of packages that a script brings; "" for none. A link
// could lead to the user's own files and does not count.
func packages(script string) string {
	dir := filepath.Join(filepath.Dir(script), plugin.PackagesName)
	if info, err := os.Lstat(dir); err != nil || !info.IsDir() {
		return ""
	}
	return dir
}

func exists(name string) bool {
	_, err := os.Stat(name)
	return err == nil
}

// pythonAt is the interpreter at a path, if its version is as a plugin asks.
func pythonAt(name, constraint string) (*plugin.Interpreter, error) {
	python, err := plugin.FindPython(name)
	if err != nil {
		return nil, err
	}
	want, err := version.NewConstraint(constraint)
	if err != nil {
		return nil, fmt.Errorf("version constraint %q: %w", constraint, err)
	}
	// Its files tell no patch level, so that any counts.
	for _, patch := range []string{".0", ".999"} {
		if v, err := version.NewVersion(python.Version + patch); err == nil && want.Check(v) {
			return python, nil
		}
	}
	return nil, fmt.Errorf("%s is Python %s", name, python.Version)
}
