// SPDX-License-Identifier: Apache-2.0

package scratch

import "io/fs"

// own: the directory for temporary files is the user's own on Windows.
func own(fs.FileInfo) bool { return true }
