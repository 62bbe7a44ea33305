// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead-ml/bulkhead/packaging/linkage"
)

// withNVML is the plugin that is built with cgo on Linux.
const withNVML = "gpu"

// compilation is how an executable is built.
type compilation struct {
	dir          string   // of the package, below the root
	env          []string // for go
	tags, linker string
	goarch       string
	dynamic      bool
}

var errNoZig = errors.New("the GPU plugin needs a C compiler: `make release-tools` gets Zig; name it with -zig")

// compilation says how a plugin is built for a platform.
func (s *stager) compilation(goos, goarch string, p source, t tools) (compilation, error) {
	c, err := static(goos, goarch, p, t)
	if err != nil || p.name != withNVML || goos != "linux" {
		return c, err
	}
	if s.zig == "" {
		return c, errNoZig
	}
	target, err := linkage.Target(goarch)
	if err != nil {
		return c, err
	}
	cache := filepath.Join(s.out, "tools", "zig-cache")
	c.dynamic = true
	// It looks up neither hosts nor users: without Go's bindings to the C library
	// for these less of that library is needed.
	c.tags += ",netgo,osusergo"
	c.linker += " -linkmode=external"
	c.env = []string{
		"GOOS=" + goos, "GOARCH=" + goarch, "CGO_ENABLED=1",
		"CC=" + quote(t.zigcc, s.zig, target),
		"CGO_CPPFLAGS=", "CGO_LDFLAGS=-O2",
		"CGO_CFLAGS=" + quote("-O2", "-Wno-deprecated-declarations", "-include", filepath.Join(s.root, "packaging", "zigcc", "weak.h")),
		"ZIG_GLOBAL_CACHE_DIR=" + cache, "ZIG_LOCAL_CACHE_DIR=" + cache,
	}
	return c, nil
}

// static is how an executable is built that needs nothing of its machine.
func static(goos, goarch string, p source, _ tools) (compilation, error) {
	return compilation{
		dir: p.dir, goarch: goarch, tags: tags, linker: "-s -w -buildid=",
		env: []string{"GOOS=" + goos, "GOARCH=" + goarch, "CGO_ENABLED=0"},
	}, nil
}

// quote joins words as go reads them from CC and CGO_CFLAGS.
func quote(words ...string) string {
	out := make([]string, 0, len(words))
	for _, w := range words {
		if strings.ContainsAny(w, " \t'") {
			w = `"` + w + `"`
		}
		out = append(out, w)
	}
	return strings.Join(out, " ")
}

// compile builds an executable; one with cgo is held to the rules for it.
func (s *stager) compile(c compilation, executable string) error {
	if err := os.MkdirAll(filepath.Dir(executable), 0o755); err != nil {
		return err
	}
	if _, err := s.run(c.env, "go", "build", "-trimpath", "-buildvcs=false", "-tags", c.tags, "-ldflags", c.linker, "-o", executable, "./"+c.dir); err != nil {
		return err
	}
	if !c.dynamic {
		return nil
	}
	return linkage.Check(executable, c.goarch)
}
