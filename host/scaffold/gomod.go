// SPDX-License-Identifier: Apache-2.0

package scaffold

import (
	"os"
	"path/filepath"

	"golang.org/x/mod/modfile"
)

// requires are the modules that a checkout of the SDK requires, as lines for the
// go.mod of a project that replaces the SDK by it. With them and the checkout's
// go.sum the project builds at once, from the module cache alone.
func requires(sdk string) ([]string, error) {
	name := filepath.Join(sdk, "go.mod")
	data, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	file, err := modfile.Parse(name, data, nil)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, r := range file.Require {
		lines = append(lines, r.Mod.Path+" "+r.Mod.Version+" // indirect")
	}
	return lines, nil
}
