// SPDX-License-Identifier: Apache-2.0

package factcache

import (
	"bytes"
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"io/fs"
	"os"
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
	temporary = ".new-"
)

// Cache is a directory of entries. The nil Cache keeps nothing.
type Cache struct {
	dir      string
	host     string
	boot     string
	maxBytes int64
}

// Open returns the cache in a directory, which is made when the first entry is
// kept. The version of the host is part of every key, and so is the machine that
// runs, from its start: a home that many machines share has the entries of all.
func Open(dir, hostVersion string) *Cache {
	return &Cache{dir: dir, host: hostVersion, boot: bootID(), maxBytes: MaxBytes}
}

// key is a name for what answers depend on; parts are told apart by their
// lengths.
func (c *Cache) key(kind string, parts ...string) string {
	h := sha256.New()
	for _, p := range slices.Concat([]string{format, kind, c.host, c.boot}, parts) {
		_, _ = h.Write(binaryLength(len(p)))
		_, _ = io.WriteString(h, p)
	}
	return kind + "-" + hex.EncodeToString(h.Sum(nil))
}

// errForeign means that somebody else could have written an entry.
var errForeign = errors.New("it is not this user's alone")

// own opens the directory, if nobody but this user can put entries there or give
// them other names.
func (c *Cache) own() (*os.Root, error) {
	root, err := os.OpenRoot(c.dir)
	if err != nil {
		return nil, err
	}
	if info, err := root.Stat("."); err != nil || !ownedAlone(info) {
		_ = root.Close() // it was only looked at
		return nil, errors.Join(err, errForeign)
	}
	return root, nil
}

// errReplaced means that another file got the name while it was opened.
var errReplaced = errors.New("it was replaced")

// openOwn opens a regular file that nobody else wrote and that has no other name;
// whoever wrote it would decide what the doctor says. Other hosts replace entries
// all the time, so one that was replaced meanwhile is opened again.
func openOwn(root *os.Root, name string) (f *os.File, err error) {
	for range 10 {
		if f, err = openOnce(root, name); !errors.Is(err, errReplaced) {
			break
		}
	}
	return f, err
}

func openOnce(root *os.Root, name string) (*os.File, error) {
	before, err := root.Lstat(name)
	if err != nil {
		return nil, err
	}
	switch {
	case gone(before):
		return nil, errReplaced
	case !before.Mode().IsRegular() || !ownedAlone(before) || !onlyName(before):
		return nil, errForeign
	}
	f, err := root.Open(name)
	if err != nil {
		return nil, err
	}
	if after, err := f.Stat(); err != nil || !os.SameFile(before, after) {
		_ = f.Close() // it was only looked at
		return nil, errors.Join(err, errReplaced)
	}
	return f, nil
}

// sumOf is the digest that an entry begins with. With the key in it, an entry
// under another name is none.
func sumOf(key string, body []byte) []byte {
	h := sha256.New()
	_, _ = io.WriteString(h, key+"\x00")
	_, _ = h.Write(body)
	return h.Sum(nil)
}

// read returns the content of an entry whose digest is right.
func (c *Cache) read(key string) ([]byte, bool) {
	root, err := c.own()
	if err != nil {
		return nil, false
	}
	defer root.Close()
	f, err := openOwn(root, key+extension)
	if err != nil {
		return nil, false
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, MaxEntryBytes+1))
	if err != nil || len(data) > MaxEntryBytes || len(data) < sha256.Size {
		return nil, false
	}
	sum, body := data[:sha256.Size], data[sha256.Size:]
	return body, bytes.Equal(sum, sumOf(key, body))
}

// touch notes that an entry was used.
func (c *Cache) touch(key string) {
	root, err := c.own()
	if err != nil {
		return
	}
	defer root.Close()
	now := time.Now()
	_ = root.Chtimes(key+extension, now, now) // it is only removed sooner
}

// write keeps an entry and makes room for it.
func (c *Cache) write(key string, body []byte) error {
	data := append(sumOf(key, body), body...)
	if len(data) > MaxEntryBytes {
		return errors.New("the entry is too large to be kept")
	}
	if err := os.MkdirAll(c.dir, 0o700); err != nil {
		return err
	}
	root, err := c.own()
	if err != nil {
		return err
	}
	defer root.Close()
	name := temporary + rand.Text()
	defer root.Remove(name) //nolint:errcheck // it has its other name by then
	if err := writeNew(root, name, data); err != nil {
		return err
	}
	if err := root.Rename(name, key+extension); err != nil {
		return err
	}
	c.shrink(root)
	return nil
}

// writeNew writes a file that was not there and waits until the disk has it.
func writeNew(root *os.Root, name string, data []byte) error {
	f, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	return errors.Join(err, f.Sync(), f.Close())
}

// shrink removes what was not used for longest until the rest fits, and what
// another host left behind. Of two hosts that do so at once, one finds less to
// remove.
func (c *Cache) shrink(root *os.Root) {
	list, err := fs.ReadDir(root.FS(), ".")
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
		case time.Since(info.ModTime()) > abandoned && strings.HasPrefix(e.Name(), temporary):
			_ = root.Remove(e.Name()) // another host may have done so
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
		_ = root.Remove(e.Name())
	}
}
