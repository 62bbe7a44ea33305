// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// PlaceError means that files which a plugin in Python needs lie where every sandbox
// has a directory of its own, so that they cannot be shown there.
type PlaceError struct {
	Path string // of the files: an environment, a library, packages
	Dir  string // which the sandbox makes itself
}

// Error names the files and the way out.
func (e *PlaceError) Error() string {
	return fmt.Sprintf("%s lies in %s, of which every sandbox has one of its own, so that Python would not find it there; "+
		"move the project to another directory, such as one in your home, and make its environment again", e.Path, e.Dir)
}

// Hidden reports whether a path lies in a directory that every sandbox has of its own.
func Hidden(path string) bool { return hiddenBy(path) != "" }

// hiddenBy is that directory; "" for none. Elsewhere than on Linux a sandbox shows the
// machine's own tree.
func hiddenBy(path string) string {
	if runtime.GOOS != "linux" {
		return ""
	}
	for _, dir := range []string{sandbox.ScratchDir, sandbox.TargetDir, sandbox.PluginDir, sandbox.SecretsDir} {
		if path == dir || strings.HasPrefix(path, dir+"/") {
			return dir
		}
	}
	return ""
}

// shown refuses an interpreter with files that no sandbox shows.
func shown(name string, python *plugin.Interpreter) error {
	if python == nil {
		return nil
	}
	for _, path := range append([]string{python.Packages}, python.Libraries...) {
		if dir := hiddenBy(filepath.Clean(path)); path != "" && dir != "" {
			return fmt.Errorf("plugin %q cannot run: %w", name, &PlaceError{path, dir})
		}
	}
	return nil
}
