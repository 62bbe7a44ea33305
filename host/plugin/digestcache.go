// SPDX-License-Identifier: Apache-2.0

package plugin

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"
)

// fileID is one state of one file. The zero value means that this system cannot
// tell states apart; such a file is never cached.
type fileID struct {
	dev, ino     uint64
	size         int64
	mtime, ctime int64 // nanoseconds since 1970
}

// digestCache remembers measured digests, one small file for each inode:
//
//	bulkhead-digest 1 DEV INO SIZE MTIME CTIME sha256:HEX
//
// An entry counts only if every figure is that of the open file, if it belongs to
// this user, and if nobody else could have written it. Anything else in its place
// is as good as no entry. Whoever can write as this user can also replace the
// host, so the entries are not signed.
type digestCache struct{ dir string }

// settled is how old a change must be before a state is cached: a second change
// within one tick of the file system's clock would look the same.
const settled = 2 * time.Second

func (c digestCache) path(id fileID) string {
	return filepath.Join(c.dir, fmt.Sprintf("%x-%x", id.dev, id.ino))
}

// entry is the line for a state without the digest.
func (id fileID) entry() string {
	return fmt.Sprintf("bulkhead-digest 1 %d %d %d %d %d ", id.dev, id.ino, id.size, id.mtime, id.ctime)
}

// load returns the digest of exactly this state.
func (c digestCache) load(id fileID) (string, bool) {
	if c.dir == "" || id == (fileID{}) {
		return "", false
	}
	file, err := os.Open(c.path(id))
	if err != nil {
		return "", false
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !ownedAlone(info) {
		return "", false
	}
	text, err := io.ReadAll(io.LimitReader(file, 512))
	if err != nil {
		return "", false
	}
	return parseEntry(string(text), id)
}

// parseEntry returns the digest of an entry if it is about this state.
func parseEntry(text string, id fileID) (string, bool) {
	digest, found := strings.CutPrefix(text, id.entry())
	digest, ended := strings.CutSuffix(digest, "\n")
	return digest, found && ended && validDigest().MatchString(digest)
}

// store remembers a digest. A cache that cannot be written costs time, nothing
// else, so errors end here.
func (c digestCache) store(id fileID, digest string) {
	if c.dir == "" || id == (fileID{}) || time.Since(time.Unix(0, id.ctime)) < settled {
		return
	}
	if os.MkdirAll(c.dir, 0o700) != nil {
		return
	}
	temporary, err := os.CreateTemp(c.dir, "new-")
	if err != nil {
		return
	}
	_, err = temporary.WriteString(id.entry() + digest + "\n")
	if closed := temporary.Close(); err == nil {
		err = closed
	}
	if err == nil {
		err = os.Rename(temporary.Name(), c.path(id))
	}
	if err != nil {
		_ = os.Remove(temporary.Name())
	}
}
