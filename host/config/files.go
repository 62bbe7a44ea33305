// SPDX-License-Identifier: Apache-2.0

package config

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/hashicorp/hcl/v2"
	"github.com/hashicorp/hcl/v2/hclsyntax"
	hcljson "github.com/hashicorp/hcl/v2/json"

	"github.com/bulkhead-ml/bulkhead/internal/regular"
)

// IsConfigFile reports whether a directory's file of that name is read:
// bulkhead.hcl, *.bulkhead.hcl, and both followed by .json.
func IsConfigFile(name string) bool {
	name = strings.TrimSuffix(name, ".json")
	return name == "bulkhead.hcl" || (strings.HasSuffix(name, ".bulkhead.hcl") && name != ".bulkhead.hcl")
}

// Files lists the configuration files that paths stand for: files as they are
// and the files of directories in lexical order, each once.
func Files(paths []string) ([]string, Diagnostics) {
	var files []string
	var diags Diagnostics
	seen := map[string]bool{}
	for _, path := range paths {
		found, d := filesOf(path)
		if d != nil {
			diags = append(diags, d)
		}
		for _, f := range found {
			if key := identity(f); !seen[key] {
				seen[key] = true
				files = append(files, f)
			}
		}
	}
	if len(files) > MaxFiles {
		diags = append(diags, newDiagnostic(SeverityError, Range{}, "Too many files",
			"%d configuration files were found; at most %d are read. Name the ones that are meant.", len(files), MaxFiles))
	}
	return files, diags
}

// FilesToFormat is Files for whoever looks at the form of files only: a
// directory without a configuration stands for the files of the module that it
// is.
func FilesToFormat(paths []string) ([]string, Diagnostics) {
	var all []string
	for _, path := range paths {
		all = append(all, moduleOrSelf(path)...)
	}
	return Files(all)
}

// moduleOrSelf lists the files of a directory that holds a module, else the path.
func moduleOrSelf(path string) []string {
	if _, d := filesOf(path); d == nil {
		return []string{path}
	}
	names, err := moduleFiles(path)
	if err != nil || len(names) == 0 {
		return []string{path}
	}
	for i, name := range names {
		names[i] = filepath.Join(path, name)
	}
	return names
}

func identity(path string) string {
	if abs, err := filepath.Abs(path); err == nil {
		return abs
	}
	return path
}

func filesOf(path string) ([]string, *Diagnostic) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	if !info.IsDir() {
		return []string{path}, nil
	}
	entries, err := os.ReadDir(path)
	if err != nil {
		return nil, unreadable(path, err)
	}
	var files []string
	for _, e := range entries {
		if !e.IsDir() && IsConfigFile(e.Name()) {
			files = append(files, filepath.Join(path, e.Name()))
		}
	}
	if len(files) == 0 {
		return nil, newDiagnostic(SeverityError, Range{}, "No configuration",
			"The directory %s has no bulkhead.hcl, no *.bulkhead.hcl and no JSON variant of them (*.hcl.json). "+
				"Create one, or name another directory or file.", path)
	}
	return files, nil
}

func unreadable(path string, err error) *Diagnostic {
	return newDiagnostic(SeverityError, Range{}, "Unreadable configuration", "%s: %v.", path, reasonOf(err))
}

// reasonOf is why a file cannot be read, without its path.
func reasonOf(err error) error {
	if pathErr, ok := errors.AsType[*fs.PathError](err); ok {
		return pathErr.Err
	}
	return err
}

func readFile(path string) ([]byte, *Diagnostic) {
	src, err := regular.ReadFile(path, MaxFileBytes)
	if err != nil {
		return nil, unreadable(path, err)
	}
	return src, nil
}

// parse makes a file of source, by its name native syntax or JSON.
func parse(src []byte, name string) (*hcl.File, Diagnostics) {
	if len(src) > MaxFileBytes {
		return fileOf(nil), Diagnostics{unreadable(name, fmt.Errorf("larger than %d bytes, the most that is read", MaxFileBytes))}
	}
	check, parser := checkNesting, parseNative
	if isJSON(name) {
		check, parser = checkJSONNesting, hcljson.Parse
	}
	if d := check(src, name); d != nil {
		return fileOf(src), Diagnostics{d}
	}
	file, diags := parser(src, name)
	if file == nil {
		file = fileOf(src)
	}
	return file, fromHCL(diags)
}

func isJSON(name string) bool { return strings.HasSuffix(name, ".json") }

func parseNative(src []byte, name string) (*hcl.File, hcl.Diagnostics) {
	return hclsyntax.ParseConfig(src, name, hcl.InitialPos)
}
