// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"fmt"
	"path"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"
)

const (
	// MaxName bounds a name in bytes.
	MaxName = 255

	maxParts = 32
	cacheDir = "__pycache__"
)

// CheckName says why a name cannot stand in an archive; nil when it can. The
// error is a *RefusedError.
func CheckName(name string) error {
	if reason := wrongWhole(name); reason != "" {
		return refuse(RuleName, name, "%s", reason)
	}
	for part := range strings.SplitSeq(name, "/") {
		if reason := wrongPart(part); reason != "" {
			return refuse(RuleName, name, "%s", reason)
		}
	}
	return nil
}

func wrongWhole(name string) string {
	switch {
	case name == "":
		return "is an empty name"
	case !utf8.ValidString(name):
		return "is not UTF-8"
	case strings.HasPrefix(name, "/"):
		return "is an absolute path; names are relative to the plugin's directory"
	case len(name) > MaxName:
		return fmt.Sprintf("has %d bytes, more than %d", len(name), MaxName)
	case strings.Count(name, "/") >= maxParts:
		return fmt.Sprintf("has more than %d parts", maxParts)
	case !norm.NFC.IsNormalString(name):
		return "is not in Unicode normalisation form C; rename the file"
	}
	if _, _, ok := split(name); !ok {
		return "does not fit a tar header; its last part may have 100 bytes and what is before it 155"
	}
	return ""
}

func wrongPart(part string) string {
	switch {
	case part == "":
		return "has an empty part, such as a slash at its end"
	case part == "." || part == "..":
		return "has a part " + part + ", which leads elsewhere"
	case part[0] == '.' || part == cacheDir:
		return "has a part that is never packed: one with a dot before it, or " + cacheDir
	case strings.ContainsAny(part, `\:*?"<>|`):
		return `has one of the characters \ : * ? " < > |`
	case strings.HasPrefix(part, " ") || strings.HasSuffix(part, " ") || strings.HasSuffix(part, "."):
		return "has a part that begins or ends with a space or ends with a dot, which some systems drop"
	case strings.ContainsFunc(part, hidden):
		return "has a character that cannot be seen"
	case device().MatchString(part):
		return "is the name of a device on Windows"
	case shortName().MatchString(part):
		return "looks like a short name of Windows"
	}
	return ""
}

// hidden reports whether somebody who reads a name would miss a character of it.
func hidden(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) && r != ' ' }

var (
	device    = pattern.Lazy(`(?i)^(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\.|$)`)
	shortName = pattern.Lazy(`^[^.]*~[0-9]+(\.|$)`)
)

// leftOut reports whether Pack passes over a name of a directory.
func leftOut(base string) bool { return strings.HasPrefix(base, ".") || base == cacheDir }

// names finds names that would be one file on some file system.
type names struct {
	spelled map[string]string // the spelling by the form in which systems compare
	dirs    map[string]bool   // whether a spelling is that of a directory
}

func newNames() *names { return &names{spelled: map[string]string{}, dirs: map[string]bool{}} }

// add notes a file and the directories that it implies.
func (n *names) add(name string) error {
	if err := n.note(name, false); err != nil {
		return err
	}
	for dir := path.Dir(name); dir != "."; dir = path.Dir(dir) {
		if n.dirs[dir] {
			return nil // and so are those above it
		}
		if err := n.note(dir, true); err != nil {
			return err
		}
	}
	return nil
}

func (n *names) note(name string, dir bool) error {
	key := comparable(name)
	before, ok := n.spelled[key]
	switch {
	case !ok:
		n.spelled[key], n.dirs[name] = name, dir
		return nil
	case before != name:
		return refuse(RuleClash, name, "and %q are one name where the case of letters or their normalisation does not count", before)
	case n.dirs[name] != dir:
		return refuse(RuleClash, name, "is a file and a directory")
	}
	return nil
}

// comparable is a name as the most lenient file systems compare it: some by upper
// case, some by full case folding, some after decomposition.
func comparable(name string) string {
	return norm.NFC.String(cases.Fold().String(strings.ToUpper(norm.NFD.String(name))))
}
