// SPDX-License-Identifier: Apache-2.0

//go:build embed_plugins

package embedded

import (
	"embed"
	"io/fs"
)

//go:embed all:registry
var embeddedFiles embed.FS

var tree = mustSub(embeddedFiles, "registry")

func mustSub(f fs.FS, dir string) fs.FS {
	sub, err := fs.Sub(f, dir)
	if err != nil {
		panic(err) // the name is a constant
	}
	return sub
}
