// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"os"
	"path/filepath"
	"testing"
)

// A replay removes what a host has left that was killed, and nothing of one that
// lives.
func TestReplayDir(t *testing.T) {
	among := t.TempDir()
	for _, name := range []string{"replay-DEAD", "replay-OLD", "other"} {
		if err := os.MkdirAll(filepath.Join(among, name, "old"), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"replay-DEAD.lock", "replay-LONE.lock"} {
		if err := os.WriteFile(filepath.Join(among, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	one, removeOne, err := replayDir(among)
	if err != nil {
		t.Fatal(err)
	}
	two, removeTwo, err := replayDir(among)
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{one, two, filepath.Join(among, "other")} {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			t.Errorf("%s: %v, %v", dir, info, err)
		}
	}
	if list, err := os.ReadDir(among); err != nil || len(list) != 5 {
		t.Errorf("%v, %v", list, err)
	}
	removeOne()
	removeTwo()
	if list, err := os.ReadDir(among); err != nil || len(list) != 1 {
		t.Errorf("%v, %v", list, err)
	}
}
