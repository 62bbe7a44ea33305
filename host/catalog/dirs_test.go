// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"testing"
)

func TestDirsOfAForeignHome(t *testing.T) {
	if runtime.GOOS == "windows" || os.Geteuid() == 0 {
		t.Skip("needs a user whom permissions bind")
	}
	home := t.TempDir()
	t.Setenv("XDG_DATA_HOME", "")
	t.Setenv("HOME", home)
	own := filepath.Join(home, ".local", "share", "bulkhead", "plugins")
	if !slices.Contains(Dirs(nil), own) {
		t.Errorf("%s is not looked at", own)
	}
	if err := os.Chmod(home, 0); err != nil {
		t.Fatal(err)
	}
	defer os.Chmod(home, 0o700)
	if slices.Contains(Dirs(nil), own) {
		t.Errorf("%s is looked at", own)
	}
}
