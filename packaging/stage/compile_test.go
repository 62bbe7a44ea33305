// SPDX-License-Identifier: Apache-2.0

package main

import (
	"errors"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

var testTools = tools{zigcc: filepath.Join("out", "tools", "zigcc")}

// TestOnlyNVMLHasAC: every executable but one is built without cgo.
func TestOnlyNVMLHasAC(t *testing.T) {
	plugins, err := findPlugins(root)
	if err != nil {
		t.Fatal(err)
	}
	s := &stager{root: root, out: t.TempDir(), zig: "/z/zig"}
	for _, platform := range releasePlatforms {
		goos, goarch, _ := strings.Cut(platform, "_")
		for _, p := range plugins {
			c, err := s.compilation(goos, goarch, p, testTools)
			if err != nil {
				t.Fatal(err)
			}
			want := p.name == "gpu" && goos == "linux"
			cgo := slices.Contains(c.env, "CGO_ENABLED=1")
			if c.dynamic != want || cgo != want || cgo == slices.Contains(c.env, "CGO_ENABLED=0") {
				t.Errorf("%s of %s: dynamic %v, environment %q", p.name, platform, c.dynamic, c.env)
			}
			if c.goarch != goarch || !strings.Contains(c.linker, "-buildid=") || !slices.Contains(c.env, "GOARCH="+goarch) {
				t.Errorf("%s of %s: %+v", p.name, platform, c)
			}
		}
	}
}

// TestCompiler: each processor has its target, and nobody's settings count.
func TestCompiler(t *testing.T) {
	s := &stager{root: root, out: "out", zig: "/a place/zig"}
	for goarch, target := range map[string]string{"amd64": "x86_64-linux-gnu.2.17", "arm64": "aarch64-linux-gnu.2.17"} {
		c, err := s.compilation("linux", goarch, source{"gpu", "plugins/builtin-gpu"}, testTools)
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{`CC=` + testTools.zigcc + ` "/a place/zig" ` + target, "CGO_CPPFLAGS=", "CGO_LDFLAGS=-O2"} {
			if !slices.Contains(c.env, want) {
				t.Errorf("%s: %q has no %s", goarch, c.env, want)
			}
		}
	}
	if _, err := s.compilation("linux", "riscv64", source{name: "gpu"}, testTools); err == nil {
		t.Error("a processor that no release is for")
	}
}

// TestNoCompilerNoRelease: a release does without NVML in no case silently.
func TestNoCompilerNoRelease(t *testing.T) {
	s := &stager{root: root, out: t.TempDir()}
	if _, err := s.compilation("linux", "amd64", source{name: "gpu"}, testTools); !errors.Is(err, errNoZig) {
		t.Errorf("%v", err)
	}
	for _, p := range []struct{ goos, name string }{{"darwin", "gpu"}, {"windows", "gpu"}, {"linux", "system"}} {
		if _, err := s.compilation(p.goos, "amd64", source{name: p.name}, testTools); err != nil {
			t.Errorf("%v: %v", p, err)
		}
	}
}
