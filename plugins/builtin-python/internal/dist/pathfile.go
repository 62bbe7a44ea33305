// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"bytes"
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// PathFile is what a .pth file says: site.py adds the directories that it names
// to sys.path, and executes lines that start with "import".
type PathFile struct {
	Directories []PathLine
	// Imports counts the executed lines; First is one of them.
	Imports int
	First   string
	// Cut tells that there is more than is read.
	Cut bool
}

// PathLine is a directory as it is written, and its line.
type PathLine struct {
	Text string
	Line int
}

// Bounds on .pth files.
const (
	maxPathFile  = 256 << 10 // bytes
	maxPathLines = 1000
	maxPathText  = 4096
)

// ReadPathFile reads a .pth file; the zero PathFile when it cannot be read.
func ReadPathFile(t *fact.Target, name string) PathFile {
	return parseFile(t, name, maxPathFile, nil, func(data []byte) PathFile {
		p := ParsePathFile(data)
		p.Cut = p.Cut || len(data) >= maxPathFile
		return p
	})
}

// ParsePathFile reads the lines of a .pth file as site.addpackage does.
func ParsePathFile(data []byte) PathFile {
	var p PathFile
	data = bytes.TrimPrefix(data, []byte("\xef\xbb\xbf"))
	number := 0
	for line := range bytes.Lines(data) {
		if number++; number > maxPathLines {
			p.Cut = true
			return p
		}
		p.add(string(bytes.TrimRight(line, " \t\r\n")), number)
	}
	return p
}

func (p *PathFile) add(line string, number int) {
	switch {
	case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#") || len(line) > maxPathText || strings.ContainsRune(line, 0):
	case strings.HasPrefix(line, "import ") || strings.HasPrefix(line, "import\t"):
		if p.Imports++; p.Imports == 1 {
			p.First = line
		}
	default:
		p.Directories = append(p.Directories, PathLine{line, number})
	}
}

// Under makes a directory of a .pth file absolute.
func (l PathLine) Under(site string) string {
	if path.IsAbs(l.Text) {
		return path.Clean(l.Text)
	}
	return path.Join(site, l.Text)
}

var (
	finderMapping = pattern.Lazy(`(?m)^MAPPING(?:: [^=]*)? = \{([^}]*)\}`)
	finderEntry   = pattern.Lazy(`'([^'\\]+)': '((?:[^'\\]|\\\\)+)'`)
)

// ParseFinder reads the modules that a finder of setuptools
// (__editable___NAME_finder.py) maps to directories or files.
func ParseFinder(data []byte) map[string]string {
	m := finderMapping().FindSubmatch(data)
	if m == nil {
		return nil
	}
	out := map[string]string{}
	for _, entry := range finderEntry().FindAllSubmatch(m[1], maxPathLines) {
		out[string(entry[1])] = strings.ReplaceAll(string(entry[2]), `\\`, `\`)
	}
	return out
}

// ReadFinder reads a finder of setuptools.
func ReadFinder(t *fact.Target, name string) map[string]string {
	return parseFile(t, name, maxPathFile, nil, ParseFinder)
}
