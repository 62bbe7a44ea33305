// SPDX-License-Identifier: Apache-2.0

package selftest

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// What a killed host left is removed by the next one; a living host's is not.
func TestSweep(t *testing.T) {
	tmp := t.TempDir()
	t.Setenv("TMPDIR", tmp)
	t.Setenv("TMP", tmp)
	dead, living := filepath.Join(tmp, stagePrefix+"2147480000-x"), filepath.Join(tmp, stagePrefix+strconv.Itoa(os.Getpid())+"-x")
	for _, dir := range []string{dead, living, filepath.Join(tmp, "other")} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	sweep()
	if _, err := os.Stat(dead); !os.IsNotExist(err) {
		t.Errorf("the dead host's stage is still there: %v", err)
	}
	if left, _ := os.ReadDir(tmp); len(left) != 2 {
		t.Errorf("left %v", left)
	}
}
