// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/archive"
)

// verdict is what the files of an entry were like, and their digests. Its digests
// prove themselves: theirs is the name of the entry.
//
// Its file is a line "bulkhead verdict 1", a line with the time, and a line for
// every file and directory:
//
//	SHA256 SIZE DEVICE INODE MTIME CTIME NAME
//
// Times are nanoseconds since 1970. A directory has - for its SHA-256; that of the
// entry is named ".".
type verdict struct {
	at    int64 // when the first file was looked at
	items []item
}

type item struct {
	name string
	dir  bool
	mode fs.FileMode // not in the file
	sum  archive.Sum
	stamp
}

// stamp is what the system says of a file, and changes with it.
type stamp struct {
	size         int64 // bytes; 0 for directories
	dev, inode   uint64
	mtime, ctime int64
}

const (
	verdictHead = "bulkhead verdict 1"
	maxVerdict  = 16 << 20 // bytes
	// settled is how long a file must not have changed before its stamp says that
	// it did not: the resolution of the coarsest clock of a file system.
	settled = 2 * time.Second
)

// look lists the files and directories of an entry.
func look(dir string, now time.Time) (*verdict, error) {
	v := &verdict{at: now.UnixNano()}
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		it := item{name: filepath.ToSlash(name), dir: d.IsDir()}
		if it.stamp, it.mode, err = stampOf(path); err != nil {
			return err
		}
		v.items = append(v.items, it)
		return nil
	})
	return v, err
}

// h1 is the digest of the files.
func (v *verdict) h1() string {
	files := make(map[string]archive.Sum, len(v.items))
	for _, it := range v.items {
		if !it.dir {
			files[it.name] = it.sum
		}
	}
	return archive.H1(files)
}

// holds reports whether the entry's files are still what they were.
func (v *verdict) holds(dir string) bool {
	for _, it := range v.items {
		now, mode, err := stampOf(filepath.Join(dir, filepath.FromSlash(it.name)))
		if err != nil || now != it.stamp || mode.IsDir() != it.dir || v.at-it.ctime < int64(settled) {
			return false
		}
	}
	return true
}

func (v *verdict) encode() []byte {
	var out bytes.Buffer
	fmt.Fprintf(&out, "%s\n%d\n", verdictHead, v.at)
	for _, it := range v.items {
		sum := "-"
		if !it.dir {
			sum = hex.EncodeToString(it.sum[:])
		}
		fmt.Fprintf(&out, "%s %d %d %d %d %d %s\n", sum, it.size, it.dev, it.inode, it.mtime, it.ctime, it.name)
	}
	return out.Bytes()
}

var errVerdict = errors.New("it is no verdict")

func parseVerdict(data []byte) (*verdict, error) {
	lines := strings.Split(string(data), "\n")
	if len(lines) < 3 || lines[0] != verdictHead || lines[len(lines)-1] != "" {
		return nil, errVerdict
	}
	at, err := strconv.ParseInt(lines[1], 10, 64)
	if err != nil {
		return nil, errVerdict
	}
	v := &verdict{at: at, items: make([]item, 0, len(lines)-3)}
	for _, line := range lines[2 : len(lines)-1] {
		it, err := parseItem(line)
		if err != nil {
			return nil, err
		}
		v.items = append(v.items, it)
	}
	return v, nil
}

func parseItem(line string) (it item, err error) {
	fields := strings.SplitN(line, " ", 7)
	if len(fields) != 7 {
		return it, errVerdict
	}
	it.name, it.dir = fields[6], fields[0] == "-"
	if it.name != "." && !filepath.IsLocal(filepath.FromSlash(it.name)) {
		return it, errVerdict
	}
	if !it.dir {
		sum, err := hex.DecodeString(fields[0])
		if err != nil || len(sum) != len(it.sum) {
			return it, errVerdict
		}
		it.sum = archive.Sum(sum)
	}
	var errs [5]error
	it.size, errs[0] = strconv.ParseInt(fields[1], 10, 64)
	it.dev, errs[1] = strconv.ParseUint(fields[2], 10, 64)
	it.inode, errs[2] = strconv.ParseUint(fields[3], 10, 64)
	it.mtime, errs[3] = strconv.ParseInt(fields[4], 10, 64)
	it.ctime, errs[4] = strconv.ParseInt(fields[5], 10, 64)
	if slices.ContainsFunc(errs[:], func(err error) bool { return err != nil }) {
		return it, errVerdict
	}
	return it, nil
}

// loadVerdict reads the verdict of an entry; nil when there is none of use.
func (s *Store) loadVerdict(name string) *verdict {
	data, err := durable.ReadFile(s.path(verdictDir, name), maxVerdict)
	if err != nil {
		return nil
	}
	v, err := parseVerdict(data)
	if err != nil || v.h1() != h1Of(name) {
		return nil
	}
	return v
}

// saveVerdict keeps a verdict. Without it the next check takes longer and is as
// good, so that a directory that cannot be written to is no error.
func (s *Store) saveVerdict(name string, v *verdict) {
	if durable.MakeDir(s.path(verdictDir)) == nil {
		_ = durable.Replace(s.path(verdictDir, name), v.encode(), s.Fail)
	}
}

// h1Of is the digest of an entry by its name.
func h1Of(name string) string {
	sum, _ := hex.DecodeString(name)
	return "h1:" + base64.StdEncoding.EncodeToString(sum)
}
