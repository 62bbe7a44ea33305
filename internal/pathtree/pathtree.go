// SPDX-License-Identifier: Apache-2.0

// Package pathtree compares paths by their names, without asking any file system:
// those of grants, of another machine or of a sandbox that has not begun. Where a
// file of this machine is opened and a link could lead elsewhere, os.Root is right.
package pathtree

import "strings"

// Within reports whether p is dir or lies in it. Both are clean and have slashes.
func Within(p, dir string) bool {
	return p == dir || strings.HasPrefix(p, strings.TrimSuffix(dir, "/")+"/")
}
