// SPDX-License-Identifier: Apache-2.0

package main

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead-ml/bulkhead/packaging/linkage"
)

// staticDir is where a registry holds its form for machines without the loader.
const staticDir = "static"

// withoutLoader adds to a registry of Linux its form for machines that cannot start
// dynamic executables: the one dynamic plugin is a static one there, without NVML.
// Below static/ stand only the files that differ, to be looked for first, and
// "loader", the path without which that form is to be used.
func (s *stager) withoutLoader(platform, base string, plugins []source, dirs []string, t tools) error {
	goos, goarch, _ := strings.Cut(platform, "_")
	if goos != "linux" {
		return nil
	}
	forms := make([]string, len(dirs))
	for i, p := range plugins {
		forms[i] = dirs[i]
		if p.name != withNVML {
			continue
		}
		forms[i] = filepath.Join(base, staticDir, p.name)
		if err := s.plugin(platform, p, forms[i], t, static); err != nil {
			return err
		}
	}
	whole := filepath.Join(base, "static-registry")
	if err := s.embed(platform, whole, forms, t); err != nil {
		return err
	}
	registry := filepath.Join(base, "registry")
	if err := keepDifferent(whole, registry, filepath.Join(registry, staticDir)); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(registry, staticDir, "loader"), []byte(linkage.Loader(goarch)), 0o644),
		os.RemoveAll(whole),
	)
}

// keepDifferent copies into a third directory what differs in the first one from
// the second one.
func keepDifferent(first, second, to string) error {
	return filepath.WalkDir(first, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(first, name)
		if err != nil {
			return err
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		other, err := os.ReadFile(filepath.Join(second, rel))
		if err == nil && bytes.Equal(data, other) {
			return nil
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(filepath.Join(to, rel)), 0o755); err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), data, 0o644)
	})
}
