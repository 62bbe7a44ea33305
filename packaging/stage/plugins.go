// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// source is a built-in plugin in the source tree.
type source struct{ name, dir string }

// findPlugins lists the built-in plugins: the directories that hold a manifest.
func findPlugins(root string) ([]source, error) {
	var out []source
	for _, pattern := range []string{"builtin-*", "kernels/*"} {
		found, err := filepath.Glob(filepath.Join(root, "plugins", filepath.FromSlash(pattern), manifest.FileName))
		if err != nil {
			return nil, err
		}
		for _, file := range found {
			p, err := readSource(root, file)
			if err != nil {
				return nil, err
			}
			out = append(out, p)
		}
	}
	if len(out) == 0 {
		return nil, errors.New("no plugin has a manifest below plugins/")
	}
	return out, nil
}

func readSource(root, file string) (source, error) {
	data, err := os.ReadFile(file)
	if err != nil {
		return source{}, err
	}
	m, err := manifest.Parse(data)
	if err != nil {
		return source{}, fmt.Errorf("%s: %w", file, err)
	}
	dir, err := filepath.Rel(root, filepath.Dir(file))
	return source{name: m.Name, dir: filepath.ToSlash(dir)}, err
}

// tools are programs of this source tree that run on the building machine.
type tools struct{ stamp, embed, zigcc string }

func (s *stager) buildTools() (tools, error) {
	dir := filepath.Join(s.out, "tools")
	host := []string{"GOOS=", "GOARCH="}
	_, err := s.run(host, "go", "build", "-o", dir+string(filepath.Separator), "./registry/cmd/stamp", "./registry/cmd/embed", "./packaging/zigcc")
	return tools{filepath.Join(dir, "stamp"), filepath.Join(dir, "embed"), filepath.Join(dir, "zigcc")}, err
}

// platform stages the plugins and their registry for one platform.
func (s *stager) platform(platform string, plugins []source, t tools) error {
	base := filepath.Join(s.out, platform)
	var dirs []string
	for _, p := range plugins {
		dir := filepath.Join(base, "plugins", p.name)
		if err := s.plugin(platform, p, dir, t, s.compilation); err != nil {
			return err
		}
		dirs = append(dirs, dir)
	}
	registry := filepath.Join(base, "registry")
	if err := s.embed(platform, registry, dirs, t); err != nil {
		return err
	}
	if err := s.withoutLoader(platform, base, plugins, dirs, t); err != nil {
		return err
	}
	return writeOverlay(filepath.Join(base, "overlay.json"), filepath.Join(s.root, "host", "embedded", "registry"), registry)
}

// embed makes a registry of plugins.
func (s *stager) embed(platform, registry string, dirs []string, t tools) error {
	_, err := s.run(nil, t.embed, append([]string{"-platform", platform, registry}, dirs...)...)
	return err
}

// recipe says how a plugin is built for a platform.
type recipe func(goos, goarch string, p source, t tools) (compilation, error)

// plugin builds and stamps one plugin.
func (s *stager) plugin(platform string, p source, dir string, t tools, how recipe) error {
	goos, goarch, ok := strings.Cut(platform, "_")
	if !ok {
		return fmt.Errorf("a platform is written GOOS_GOARCH, such as linux_amd64")
	}
	executable := filepath.Join(dir, "bulkhead-plugin-"+p.name)
	if goos == "windows" {
		executable += ".exe"
	}
	c, err := how(goos, goarch, p, t)
	if err != nil {
		return err
	}
	if err := s.compile(c, executable); err != nil {
		return err
	}
	_, err = s.run(nil, t.stamp, filepath.Join(p.dir, manifest.FileName), executable)
	return err
}

// writeOverlay writes the file for go build -overlay that makes the files of one
// directory appear in another.
func writeOverlay(file, shown, real string) error {
	replace := map[string]string{}
	err := filepath.WalkDir(real, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(real, name)
		replace[filepath.Join(shown, rel)] = name
		return err
	})
	if err != nil {
		return err
	}
	data, err := json.MarshalIndent(map[string]any{"Replace": replace}, "", "\t")
	if err != nil {
		return err
	}
	return os.WriteFile(file, data, 0o644)
}
