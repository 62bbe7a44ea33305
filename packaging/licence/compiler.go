// SPDX-License-Identifier: Apache-2.0

package licence

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
)

// Names of the parts that the C compiler adds to an executable. Both come with it
// and have its version.
const (
	Zig   = "ziglang"
	Start = "glibc-start"
)

// startCode is the start code of glibc in Zig's directory; that of every processor
// and the functions beside it stand under the same words.
const startCode = "lib/libc/glibc/sysdeps/x86_64/start.S"

// Compiler are the parts that Zig adds to each executable that it links: its own
// runtime, and the code by which glibc starts a program. dir is Zig's directory.
func Compiler(dir, version string) ([]Module, error) {
	runtime, err := Read(dir)
	if err != nil {
		return nil, err
	}
	start, err := header(filepath.Join(dir, filepath.FromSlash(startCode)))
	if err != nil {
		return nil, err
	}
	return []Module{
		{Path: Zig, Version: version, Dir: dir, Texts: runtime},
		{Path: Start, Version: version, Dir: filepath.Join(dir, "lib", "libc", "glibc"), Texts: []Text{start}},
	}, nil
}

// header is the licence in the comment that a source file begins with.
func header(name string) (Text, error) {
	source, err := os.ReadFile(name)
	if err != nil {
		return Text{}, err
	}
	body, _, closed := bytes.Cut(bytes.TrimPrefix(source, []byte("/*")), []byte("*/"))
	ids := Identify(body)
	if !closed || len(ids) == 0 {
		return Text{}, fmt.Errorf("the licence in %s is not recognised: read it, and add it to packaging/licence", name)
	}
	return Text{Name: filepath.Base(name), IDs: ids, Body: bytes.TrimSpace(body)}, nil
}
