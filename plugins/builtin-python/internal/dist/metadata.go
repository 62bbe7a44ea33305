// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"bytes"
	"strings"
	"sync"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Metadata is the header of a METADATA or PKG-INFO file.
type Metadata struct {
	Name, Version  string
	RequiresPython string
	// RequiresDist lines as written.
	RequiresDist []string
}

// maxHead bounds how much of a metadata file is read: the header nearly always
// ends within the first read, the description that follows is never needed.
const maxHead = 512 << 10

// parseHead parses a file up to its first empty line; nil when there is none.
func parseHead[T any](t *fact.Target, name string, parse func([]byte) T) T {
	return parseFile(t, name, maxHead, func(data []byte) bool { return headEnd(data) >= 0 }, parse)
}

// buffers are used again for file after file: thousands of fresh pages cost
// more than the bytes that are read into them.
var buffers = sync.Pool{New: func() any { return new(make([]byte, 16<<10)) }}

// parseFile reads a file until enough says so, the file ends, or limit bytes are
// read. What parse returns must not refer to the bytes that it is given; they are
// nil when the file cannot be opened.
func parseFile[T any](t *fact.Target, name string, limit int, enough func([]byte) bool, parse func([]byte) T) T {
	buf := buffers.Get().(*[]byte)
	defer buffers.Put(buf)
	data, _ := t.ReadHead(name, *buf, func(data []byte) bool { // what came before an error counts
		return len(data) >= limit || enough != nil && enough(data)
	})
	if cap(data) > len(*buf) {
		*buf = data[:cap(data)]
	}
	return parse(data)
}

// headEnd is the offset of the first empty line, or -1.
func headEnd(data []byte) int {
	if i := bytes.Index(data, []byte("\n\n")); i >= 0 {
		return i
	}
	return bytes.Index(data, []byte("\n\r\n"))
}

// ParseMetadata reads the header fields that are needed; continuation lines
// and the description are skipped.
func ParseMetadata(data []byte) Metadata {
	var m Metadata
	if end := headEnd(data); end >= 0 {
		data = data[:end+1]
	}
	for line := range bytes.Lines(data) {
		key, value, ok := bytes.Cut(line, []byte(":"))
		if ok && len(key) > 0 && key[0] != ' ' && key[0] != '\t' {
			m.set(string(key), value)
		}
	}
	return m
}

func (m *Metadata) set(key string, value []byte) {
	switch {
	case strings.EqualFold(key, "Requires-Dist"):
		m.RequiresDist = append(m.RequiresDist, string(bytes.TrimSpace(value)))
	case strings.EqualFold(key, "Name"):
		m.Name = string(bytes.TrimSpace(value))
	case strings.EqualFold(key, "Version"):
		m.Version = string(bytes.TrimSpace(value))
	case strings.EqualFold(key, "Requires-Python"):
		m.RequiresPython = string(bytes.TrimSpace(value))
	}
}

// ParseRequiresTxt turns setuptools' requires.txt into Requires-Dist lines. A
// section "[extra:marker]" becomes a marker of the lines below it.
func ParseRequiresTxt(data []byte) []string {
	var out []string
	var marker string
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		switch {
		case line == "":
		case strings.HasPrefix(line, "["):
			marker = sectionMarker(strings.Trim(line, "[]"))
		case marker != "":
			out = append(out, line+"; "+marker)
		default:
			out = append(out, line)
		}
	}
	return out
}

func sectionMarker(section string) string {
	extra, marker, _ := strings.Cut(section, ":")
	var parts []string
	if extra != "" {
		parts = append(parts, `extra == "`+extra+`"`)
	}
	if marker != "" {
		parts = append(parts, "("+marker+")")
	}
	return strings.Join(parts, " and ")
}

// wheelTags lists the Tag lines of a WHEEL file.
func wheelTags(data []byte) []string {
	var out []string
	for line := range strings.Lines(string(data)) {
		if tag, ok := strings.CutPrefix(line, "Tag:"); ok {
			out = append(out, strings.TrimSpace(tag))
		}
	}
	return out
}
