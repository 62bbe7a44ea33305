// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"crypto/rand"
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// A replay keeps its records and tables in a directory of its own. The file with
// its name and lockEnd behind it is locked for as long as its host lives, and is
// there first; so what a host has left that was killed is found by the next one.
const (
	replayPrefix = "replay-"
	lockEnd      = ".lock"
)

// replayDir makes the directory of a replay among others of its kind, and removes
// those whose hosts are gone.
func replayDir(among string) (dir string, remove func(), err error) {
	if among == "" {
		among = os.TempDir()
	}
	sweepReplays(among)
	dir = filepath.Join(among, replayPrefix+rand.Text())
	held, err := durable.TryAcquire(dir + lockEnd)
	if err != nil {
		return "", nil, err
	}
	remove = func() {
		_ = os.RemoveAll(dir) // what stays is swept by the next replay
		_ = os.Remove(dir + lockEnd)
		_ = held.Release()
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		remove()
		return "", nil, err
	}
	return dir, remove, nil
}

// sweepReplays removes what dead hosts have left.
func sweepReplays(among string) {
	found, _ := filepath.Glob(filepath.Join(among, replayPrefix+"*")) // the pattern is good
	for _, name := range found {
		dir := strings.TrimSuffix(name, lockEnd)
		held, err := durable.Held(dir + lockEnd)
		if held || err != nil && !errors.Is(err, os.ErrNotExist) {
			continue
		}
		_ = os.RemoveAll(dir)
		_ = os.Remove(dir + lockEnd)
	}
}
