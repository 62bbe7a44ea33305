// SPDX-License-Identifier: Apache-2.0

package files

import (
	"path"
	"strings"
)

// Immutable reports whether the content of a file never changes, by its name: a
// file with its SHA-256 before its name, metadata with a version (3.root.json),
// and the tiles of the log. The SHA-256 is in hexadecimal digits, "" when the name
// has none.
func Immutable(name string) (sum string, immutable bool) {
	head, rest, dot := strings.Cut(path.Base(name), ".")
	top, _, _ := strings.Cut(name, "/")
	switch {
	case dot && isDigest(head) && rest != "":
		return head, true
	case top == "metadata" && dot && strings.HasSuffix(rest, ".json"):
		_, version := decimal(head)
		return "", version
	}
	return "", strings.HasPrefix(name, "log/tile/")
}
