// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// A host process keeps its plugins' private directories in a directory of its
// own, RUN/host-X, and holds a lock on RUN/host-X.lock for as long as it lives.
// The next host removes directories whose lock nobody holds, and the control
// groups of hosts that are gone, so that a killed host leaves nothing for long.

// runDirs are the directories of this process, by their parent.
var runDirs struct {
	sync.Mutex
	made map[string]string
}

// runDir returns this process's directory below base, or below a place chosen
// for this user when base is "".
func runDir(base string) (string, error) {
	runDirs.Lock()
	defer runDirs.Unlock()
	if dir, ok := runDirs.made[base]; ok {
		if _, err := os.Stat(dir); err == nil {
			return dir, nil
		}
	}
	parent, err := runParent(base)
	if err != nil {
		return "", fmt.Errorf("no place for the plugin's socket: %w; set TMPDIR or XDG_RUNTIME_DIR to a directory that you may write to", err)
	}
	sweep(parent)
	sweepGroups()
	dir, err := makeHostDir(parent)
	if err != nil {
		return "", fmt.Errorf("cannot make a private directory in %s: %w", parent, err)
	}
	if runDirs.made == nil {
		runDirs.made = make(map[string]string)
	}
	runDirs.made[base] = dir
	return dir, nil
}

// RemoveRunDirs removes this process's private directories and control groups.
// Call it at the end of main, when every plugin is closed. Without it the next
// host clears up.
func RemoveRunDirs() {
	removeGroups()
	runDirs.Lock()
	defer runDirs.Unlock()
	for base, dir := range runDirs.made {
		_ = os.RemoveAll(dir)
		_ = os.Remove(dir + ".lock")
		delete(runDirs.made, base)
	}
}

// runParent makes base, or the default place: $XDG_RUNTIME_DIR/bulkhead for an
// ordinary user, else a directory of the user's own for temporary files. Others
// may pass through it, because under a root host a plugin has a uid of its own.
func runParent(base string) (string, error) {
	if base != "" {
		return base, os.MkdirAll(base, 0o711)
	}
	if runtime := os.Getenv("XDG_RUNTIME_DIR"); runtime != "" && os.Geteuid() > 0 {
		base = filepath.Join(runtime, "bulkhead")
		if os.MkdirAll(base, 0o700) == nil {
			return base, nil
		}
	}
	base = filepath.Join(os.TempDir(), fmt.Sprintf("bulkhead-%d", os.Geteuid()))
	_ = os.Mkdir(base, 0o711)
	if info, err := os.Lstat(base); err == nil && info.IsDir() && ownedAlone(info) {
		return base, os.Chmod(base, 0o711) // whatever the umask was
	}
	// Somebody else was there first. A fresh name cannot be guessed.
	base, err := os.MkdirTemp("", "bulkhead-")
	if err != nil {
		return "", err
	}
	return base, os.Chmod(base, 0o711)
}

// makeHostDir makes the locked directory of this process.
func makeHostDir(parent string) (string, error) {
	for range 16 {
		lock, err := os.CreateTemp(parent, "host-*.lock")
		if err != nil {
			return "", err
		}
		if !holdLock(lock) {
			_ = lock.Close()
			continue // swept between its creation and its lock
		}
		dir := strings.TrimSuffix(lock.Name(), ".lock")
		if err := os.Mkdir(dir, 0o711); err != nil {
			return "", err
		}
		return dir, os.Chmod(dir, 0o711) // whatever the umask is
	}
	return "", fmt.Errorf("the lock file was removed again and again")
}

// sweep removes what dead hosts left.
func sweep(parent string) {
	locks, _ := filepath.Glob(filepath.Join(parent, "host-*.lock"))
	for _, name := range locks {
		if release, ok := takeDead(name); ok {
			_ = os.RemoveAll(strings.TrimSuffix(name, ".lock"))
			_ = os.Remove(name)
			release()
		}
	}
}
