// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"bytes"
	"encoding/csv"
	"path"
	"strconv"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Entry is one line of RECORD: a path relative to the directory of packages,
// "sha256=..." or "", and the size in bytes or -1.
type Entry struct {
	Path, Hash string
	Size       int64
}

// Record is the digest of a RECORD file: enough to judge the install without
// looking at each of its thousands of files.
type Record struct {
	// Files counts all lines.
	Files int
	// Tops are the distinct first path components, without metadata.
	Tops []string
	// Natives are the shared libraries, Roots the modules and __init__.py files
	// directly below the directory of packages.
	Natives, Roots []Entry
	// HasDirectURL and HasEntryPoints tell that direct_url.json and
	// entry_points.txt are there.
	HasDirectURL, HasEntryPoints bool

	// lines reads the file again, for the few records that Under is asked of.
	lines func(parse func([]byte) []Entry) []Entry
}

// readRecord reads RECORD, or returns nil.
func readRecord(t *fact.Target, dir string) *Record {
	name := path.Join(dir, "RECORD")
	return parseFile(t, name, fact.MaxFileBytes, nil, func(data []byte) *Record {
		if data == nil {
			return nil
		}
		r := ParseRecord(data)
		r.lines = func(parse func([]byte) []Entry) []Entry { return parseFile(t, name, fact.MaxFileBytes, nil, parse) }
		return r
	})
}

// ParseRecord reads RECORD. Lines that are not in its form are skipped. Under
// looks at data again.
func ParseRecord(data []byte) *Record {
	r := &Record{lines: func(parse func([]byte) []Entry) []Entry { return parse(data) }}
	var top []byte
	for line := range bytes.Lines(data) {
		r.Files++
		name := linePath(line)
		first, _, nested := bytes.Cut(name, []byte("/"))
		if nested && !bytes.Equal(first, top) {
			top = first
			r.addTop(string(first))
		}
		if bytes.HasSuffix(first, []byte(".dist-info")) {
			r.noteMetadata(name[len(first):])
		}
		if bytes.HasPrefix(name, []byte("../")) || bytes.HasPrefix(name, []byte("/")) {
			continue
		}
		switch {
		case isNative(name):
			r.Natives = append(r.Natives, parseEntry(line))
		case isRoot(name):
			r.Roots = append(r.Roots, parseEntry(line))
		}
	}
	return r
}

// Under returns the entries whose first component is top.
func (r *Record) Under(top string) []Entry {
	prefix := []byte(top + "/")
	return r.lines(func(data []byte) []Entry {
		var out []Entry
		for line := range bytes.Lines(data) {
			if bytes.HasPrefix(bytes.TrimPrefix(line, []byte(`"`)), prefix) {
				out = append(out, parseEntry(line))
			}
		}
		return out
	})
}

func (r *Record) addTop(top string) {
	switch {
	case top == "..", top == ".", top == "__pycache__", top == "", strings.HasSuffix(top, ".dist-info"):
		return
	}
	for _, t := range r.Tops {
		if t == top {
			return
		}
	}
	if len(r.Tops) < maxTops {
		r.Tops = append(r.Tops, top)
	}
}

// maxTops bounds the work that a hostile RECORD causes.
const maxTops = 256

// linePath cuts the path from a line without allocating.
func linePath(line []byte) []byte {
	if len(line) > 0 && line[0] == '"' {
		if end := bytes.IndexByte(line[1:], '"'); end >= 0 {
			return line[1 : 1+end]
		}
	}
	if i := bytes.IndexByte(line, ','); i >= 0 {
		return line[:i]
	}
	return bytes.TrimSpace(line)
}

func parseEntry(line []byte) Entry {
	e := Entry{Size: -1}
	fields := strings.Split(strings.TrimSpace(string(line)), ",")
	if len(line) > 0 && line[0] == '"' || len(fields) > 3 {
		fields = quotedFields(line, fields)
	}
	e.Path = fields[0]
	if len(fields) > 1 {
		e.Hash = fields[1]
	}
	if len(fields) > 2 {
		if n, err := strconv.ParseInt(fields[2], 10, 64); err == nil && n >= 0 {
			e.Size = n
		}
	}
	return e
}

func quotedFields(line []byte, fallback []string) []string {
	fields, err := csv.NewReader(bytes.NewReader(line)).Read()
	if err != nil {
		return fallback
	}
	return fields
}

func (r *Record) noteMetadata(name []byte) {
	switch string(name) {
	case "/direct_url.json":
		r.HasDirectURL = true
	case "/entry_points.txt":
		r.HasEntryPoints = true
	}
}

// isNative recognises libx.so, x.cpython-311-x86_64-linux-gnu.so, libx.so.12,
// x.pyd, x.dll and libx.dylib.
func isNative(name []byte) bool {
	for _, suffix := range []string{".so", ".pyd", ".dll", ".dylib"} {
		if bytes.HasSuffix(name, []byte(suffix)) {
			return true
		}
	}
	base := name[bytes.LastIndexByte(name, '/')+1:]
	_, version, ok := bytes.Cut(base, []byte(".so."))
	return ok && len(version) > 0 && version[0] >= '0' && version[0] <= '9'
}

// isRoot recognises "torch/__init__.py" and "six.py", but not the tests that
// slim images delete.
func isRoot(name []byte) bool {
	if !bytes.HasSuffix(name, []byte(".py")) {
		return false
	}
	i := bytes.IndexByte(name, '/')
	return i < 0 || string(name[i+1:]) == "__init__.py" && !isBystander(string(name[:i]))
}
