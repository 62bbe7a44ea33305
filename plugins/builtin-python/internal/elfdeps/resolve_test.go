// SPDX-License-Identifier: Apache-2.0

package elfdeps

import (
	"debug/elf"
	"slices"
	"testing"
)

func TestExpand(t *testing.T) {
	o := &Object{Path: "/opt/a$LIB/x.so", Machine: elf.EM_AARCH64, Class: elf.ELFCLASS64}
	for dir, want := range map[string]string{
		"/usr/lib/../lib": "/usr/lib", "$ORIGIN/../b": "/opt/b", "${ORIGIN}": "/opt/a$LIB", "/x/$LIB/$PLATFORM": "/x/lib64/aarch64",
		"/x/${LIB}${PLATFORM}": "/x/lib64aarch64", "/a$/b": "/a$/b", "/$OTHER/${LIB": "/$OTHER/${LIB", "$": "$",
	} {
		if got := expand(dir, o); got != want {
			t.Errorf("%s is %s, want %s", dir, got, want)
		}
	}
	if got := expand("$LIB", &Object{Class: elf.ELFCLASS32}); got != "lib" {
		t.Errorf("of 32 bits: %s", got)
	}
}

// The search path of a node names each directory once, in the order of the loader.
func TestRPathsNameADirectoryOnce(t *testing.T) {
	root := &node{object: &Object{Path: "/env/bin/a", RPath: []string{"$ORIGIN/../lib", "/far", "relative"}}}
	middle := &node{object: &Object{Path: "/env/lib/b.so", RPath: []string{"/passed"}, RunPath: []string{"/own"}}, parent: root}
	leaf := &node{object: &Object{Path: "/env/lib/c.so", RPath: []string{"/near", "$ORIGIN", "/near"}}, parent: middle}
	for range 2 {
		if got, want := leaf.rpaths(), []string{"/near", "/env/lib", "/far"}; !slices.Equal(got, want) {
			t.Errorf("%q, want %q", got, want)
		}
		if got := middle.rpaths(); len(got) > 0 {
			t.Errorf("with DT_RUNPATH: %q", got)
		}
	}
	if got := middle.object.runPath(); !slices.Equal(got, []string{"/own"}) {
		t.Errorf("%q", got)
	}
}
