// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// packages is the directory beside a script of Python with what it imports.
const packages = "site-packages"

// Built is the platform that the files of a plugin in a directory are for: that of
// its executable, and for a script which an interpreter runs that of the compiled
// libraries among its packages, "any" without one. It is empty where they do not
// tell, or tell several. why says what was seen, as the beginning of a sentence.
func Built(dir string, m *manifest.Manifest) (platform, why string, err error) {
	platform, err = platformOf(filepath.Join(dir, m.Executable))
	switch {
	case err != nil:
		return "", "", err
	case m.Runtime != nil && (platform == "" || platform == release.Any): // whatever its first line is
		return compiled(dir)
	case platform == "":
		return "", "its executable does not tell its platform", nil
	}
	return platform, "its executable is a program for " + platform, nil
}

// compiled is the platform of the libraries among the packages of a script.
func compiled(dir string) (platform, why string, err error) {
	found := map[string]string{} // a library of each platform
	err = filepath.WalkDir(filepath.Join(dir, packages), func(name string, e fs.DirEntry, err error) error {
		if err != nil || !e.Type().IsRegular() || !isLibrary(e.Name()) {
			return err
		}
		p, err := platformOf(name)
		if below, isBelow := filepath.Rel(dir, name); err == nil && isBelow == nil && found[p] == "" {
			found[p] = filepath.ToSlash(below)
		}
		return err
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", "", err
	}
	platforms := slices.Sorted(maps.Keys(found))
	switch {
	case len(platforms) == 0:
		return release.Any, "a script without compiled packages is for every platform", nil
	case len(platforms) > 1:
		return "", "its packages hold libraries for " + strings.Join(platforms, " and "), nil
	case platforms[0] == "":
		return "", found[""] + " does not tell its platform", nil
	}
	return platforms[0], fmt.Sprintf("%s is a library for %s", found[platforms[0]], platforms[0]), nil
}

// isLibrary reports whether Python would load a file of that name as machine code:
// numpy/_core.so, libarrow.so.2100, _ssl.pyd.
func isLibrary(name string) bool {
	return strings.Contains(name+".", ".so.") || slices.Contains([]string{".pyd", ".dylib"}, filepath.Ext(name))
}
