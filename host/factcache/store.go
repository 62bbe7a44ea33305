// SPDX-License-Identifier: Apache-2.0

package factcache

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"
)

const (
	// MaxBytes bounds all entries of one directory together.
	MaxBytes = 64 << 20
	// MaxEntryBytes bounds one.
	MaxEntryBytes = 24 << 20

	// abandoned is the age at which a file that was never renamed is removed.
	abandoned = time.Hour

	extension = ".entry"
	temporary = ".new-*"
)

// Cache is a directory of entries. The nil Cache keeps nothing.
type Cache struct {
	dir      string
	host     string
	maxBytes int64
}

// Open returns the cache in a directory, which is made when the first entry is
// kept. The version of the host is part of every key.
func Open(dir, hostVersion string) *Cache {
	return &Cache{dir: dir, host: hostVersion, maxBytes: MaxBytes}
}

// key is a name for what answers depend on; parts are told apart by their
// lengths.
func (c *Cache) key(kind string, parts ...string) string {
	h := sha256.New()
	for _, p := range slices.Concat([]string{format, kind, c.host}, parts) {
		_, _ = h.Write(binaryLength(len(p)))
		_, _ = io.WriteString(h, p)
	}
	return kind + "-" + hex.EncodeToString(h.Sum(nil))
}

func (c *Cache) file(key string) string { return filepath.Join(c.dir, key+extension) }

// read returns the content of an entry whose digest is right.
func (c *Cache) read(key string) ([]byte, bool) {
	f, err := openOwn(c.file(key))
	if err != nil {
		return nil, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxEntryBytes+1))
	if err != nil || len(data) > MaxEntryBytes || len(data) < sha256.Size {
		return nil, false
	}
	body := data[sha256.Size:]
	if sum := sha256.Sum256(body); string(sum[:]) != string(data[:sha256.Size]) {
		return nil, false
	}
	return body, true
}

// touch notes that an entry was used.
func (c *Cache) touch(key string) {
	now := time.Now()
	_ = os.Chtimes(c.file(key), now, now) // it is only removed sooner
}

// write keeps an entry and makes room for it.
func (c *Cache) write(key string, body []byte) error {
	sum := sha256.Sum256(body)
	if len(body)+len(sum) > MaxEntryBytes {
		return errors.New("the entry is too large to be kept")
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(c.dir, temporary)
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(append(sum[:], body...))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), c.file(key)); err != nil {
		return err
	}
	c.shrink()
	return nil
}

// shrink removes what was not used for longest until the rest fits, and what
// another host left behind. Of two hosts that do so at once, one finds less to
// remove.
func (c *Cache) shrink() {
	list, err := os.ReadDir(c.dir)
	if err != nil {
		return
	}
	var entries []fs.FileInfo
	var total int64
	for _, e := range list {
		info, err := e.Info()
		switch {
		case err != nil || !info.Mode().IsRegular():
		case strings.HasSuffix(e.Name(), extension):
			entries, total = append(entries, info), total+info.Size()
		case time.Since(info.ModTime()) > abandoned && strings.HasPrefix(e.Name(), strings.TrimSuffix(temporary, "*")):
			_ = os.Remove(filepath.Join(c.dir, e.Name())) // another host may have done so
		}
	}
	slices.SortFunc(entries, func(a, b fs.FileInfo) int {
		return cmp.Or(a.ModTime().Compare(b.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	for _, e := range entries {
		if total <= c.maxBytes {
			return
		}
		total -= e.Size()
		_ = os.Remove(filepath.Join(c.dir, e.Name()))
	}
}
