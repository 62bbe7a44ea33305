// SPDX-License-Identifier: Apache-2.0

package durable

import (
	"fmt"
	"os"
	"path/filepath"
)

// DataDir is bulkhead/NAME in $XDG_DATA_HOME, or in ~/.local/share; on Windows
// bulkhead\NAME in LocalAppData. A variable with an absolute path goes before
// that.
func DataDir(name, variable string) (string, error) {
	return place(name, variable, "XDG_DATA_HOME", filepath.Join(".local", "share"))
}

// StateDir is bulkhead/NAME in $XDG_STATE_HOME, or in ~/.local/state; see DataDir.
func StateDir(name, variable string) (string, error) {
	return place(name, variable, "XDG_STATE_HOME", filepath.Join(".local", "state"))
}

func place(name, variable, xdg, fallback string) (string, error) {
	if dir := os.Getenv(variable); dir != "" {
		if !filepath.IsAbs(dir) {
			return "", fmt.Errorf("%s is %q; it must be an absolute path", variable, dir)
		}
		return filepath.Clean(dir), nil
	}
	base, err := baseDir(xdg, fallback)
	if err != nil {
		return "", fmt.Errorf("no place for %s: %w; set %s to a directory", name, err, variable)
	}
	return filepath.Join(base, "bulkhead", name), nil
}

// MakeDir makes a directory and those on the way, for nobody else.
func MakeDir(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	info, err := os.Stat(dir)
	if err == nil && sharedMode(info.Mode()) {
		err = os.Chmod(dir, 0o700)
	}
	return err
}
