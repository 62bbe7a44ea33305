// SPDX-License-Identifier: Apache-2.0

package probe

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
)

// privatePrefix begins the names of the directories that probes are given. Each
// is locked for as long as its probe runs, and the next host removes those whose
// lock nobody holds: a host that is killed leaves nothing for long.
const privatePrefix = "bulkhead-probe-"

// sweep is removeDead, once.
var sweep = sync.OnceFunc(removeDead)

// removeDead removes what dead hosts left.
func removeDead() {
	dirs, _ := filepath.Glob(filepath.Join(globQuoted(os.TempDir()), privatePrefix+"*"))
	for _, dir := range dirs {
		if release, ok := lockDir(dir); ok {
			_ = os.RemoveAll(dir) // fails on what is another user's
			release()
		}
	}
}

// privateDir makes a directory and locks it.
func privateDir() (dir string, remove func(), err error) {
	sweep()
	for range 16 {
		if dir, err = os.MkdirTemp("", privatePrefix); err != nil {
			return "", nil, err
		}
		release, ok := lockDir(dir)
		if !ok {
			if _, err := os.Lstat(dir); err != nil {
				continue // swept between its creation and its lock
			}
			release = func() {} // no locks on this file system
		}
		return dir, func() { _ = os.RemoveAll(dir); release() }, nil
	}
	return "", nil, errors.New("the directory of a probe was removed again and again")
}
