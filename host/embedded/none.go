// SPDX-License-Identifier: Apache-2.0

//go:build !embed_plugins

package embedded

import "io/fs"

var tree fs.FS
