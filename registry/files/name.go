// SPDX-License-Identifier: Apache-2.0

package files

import (
	"fmt"
	"strings"
	"unicode"
)

// Bounds of names, in bytes.
const (
	maxName    = 1024
	maxSegment = 255
)

// NameError refuses the name of a file.
type NameError struct {
	Name   string // as given, cut when it is long
	Reason string
}

// Error says what happened, where, and what to do about it.
func (e *NameError) Error() string {
	return fmt.Sprintf("%q cannot be the name of a file in a registry: %s", e.Name, e.Reason)
}

// CheckName refuses every name but a canonical one, as a *NameError: segments
// with "/" between them, each of 1 to 255 of the characters A-Z a-z 0-9 and
// . _ % + - ~ @ = ,, none beginning or ending with a dot; at most 1,024 bytes. So
// a name means the same file in a directory of every system, in a URL and in a
// tag, and cannot be a hidden file, a lock or a file that is being written.
func CheckName(name string) error {
	if len(name) > maxName {
		return &NameError{name[:64] + "...", fmt.Sprintf("it has %d bytes, more than %d", len(name), maxName)}
	}
	for segment := range strings.SplitSeq(name, "/") {
		if reason := checkSegment(segment); reason != "" {
			return &NameError{name, reason}
		}
	}
	return nil
}

// checkSegment is why a segment is refused, or "".
func checkSegment(s string) string {
	switch {
	case s == "":
		return "a part between slashes is empty"
	case len(s) > maxSegment:
		return fmt.Sprintf("a part has %d bytes, more than %d", len(s), maxSegment)
	case s[0] == '.':
		return "a part begins with a dot"
	case s[len(s)-1] == '.':
		return "a part ends with a dot"
	}
	for _, c := range s {
		if c > unicode.MaxASCII || !nameByte(byte(c)) {
			return fmt.Sprintf("it has the character %q", c)
		}
	}
	return ""
}

func nameByte(c byte) bool {
	return plainByte(c) || strings.IndexByte("_%+~@=,", c) >= 0
}

// plainByte reports whether a byte stands for itself in a tag too.
func plainByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return c == '.' || c == '-'
}
