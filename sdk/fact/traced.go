// SPDX-License-Identifier: Apache-2.0

package fact

import (
	"errors"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

// A host that traces a plugin sees which names it asks for (`bulkhead plugin learn`).
// A Target asks for one directory after the other and stops at the first that is not
// there, as what was not granted seems to be, so that nobody would see what was wanted
// in it. In a traced run, and in no other, it therefore names the rest as well. The
// answer does not count.

// isTraced reports whether the host traces this process.
func isTraced() bool { return os.Getenv(handshake.EnvTraced) != "" }

// want names all of a path that was not found.
func (t *Target) want(name string, err error) {
	if t.traced && errors.Is(err, fs.ErrNotExist) {
		_, _ = os.Lstat(t.host(t.wouldBe(name)))
	}
}

// wantList names a directory that was to be listed and was not found, as one that is
// listed.
func (t *Target) wantList(name string, err error) {
	if !t.traced || !errors.Is(err, fs.ErrNotExist) {
		return
	}
	if f, err := openFile(t.host(t.wouldBe(name))); err == nil {
		_ = f.Close()
	}
}

// wantGlob names a pattern, as it stands: no directory on the way need be there, and
// one that is there may show only a part of what is in it.
func (t *Target) wantGlob(pattern string) {
	if t.traced && strings.ContainsAny(pattern, `*?[`) {
		_, _ = os.Lstat(t.host(t.wouldBe(pattern)))
	}
}

// wouldBe is where a path leads as far as it is there, with the rest of it.
func (t *Target) wouldBe(name string) string {
	done, todo, budget := "/", strings.Split(strings.Trim(clean(name), "/"), "/"), maxLinks
	for len(todo) > 0 {
		part := todo[0]
		todo = todo[1:]
		self := path.Join(done, part)
		link, err := os.Readlink(t.host(self))
		if err != nil {
			done = self // no link, or not there: what is below it is not there either
			continue
		}
		if budget--; budget < 0 {
			break
		}
		if link = filepath.ToSlash(link); path.IsAbs(link) {
			done = "/"
		}
		todo = append(strings.Split(strings.Trim(link, "/"), "/"), todo...)
	}
	return done
}
