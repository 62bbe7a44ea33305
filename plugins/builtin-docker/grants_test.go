// SPDX-License-Identifier: Apache-2.0

package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

type grant struct{ Kind, Path, Name, Why string }

func readGrants(t *testing.T) []grant {
	t.Helper()
	data, err := os.ReadFile("manifest.json")
	if err != nil {
		t.Fatal(err)
	}
	var m struct{ Grants []grant }
	if err := json.Unmarshal(data, &m); err != nil {
		t.Fatal(err)
	}
	return m.Grants
}

// patternOf resolves the first word of a granted path as the host does.
func patternOf(p string, target *fact.Target) string {
	first, rest, _ := strings.Cut(p, "/")
	switch {
	case first == "~":
		return path.Join(target.Home, rest)
	case first == ".":
		return path.Join(target.ProjectDir, rest)
	case first == "${process}":
		return path.Join(target.ProcessDir, rest)
	case strings.HasPrefix(first, "$"):
		if dir := target.Env[first[1:]]; dir != "" {
			return path.Join(dir, rest)
		}
		return ""
	}
	return p
}

// view is the target with nothing but what the manifest grants.
func view(t *testing.T, whole *fact.Target) *fact.Target {
	t.Helper()
	root := t.TempDir()
	env := map[string]string{}
	for _, g := range readGrants(t) {
		if g.Kind == "env" {
			if v, ok := whole.Env[g.Name]; ok {
				env[g.Name] = v
			}
			continue
		}
		if pattern := patternOf(g.Path, whole); pattern != "" {
			for _, name := range whole.Glob(pattern) {
				copyTree(t, whole.Root, root, name)
			}
		}
	}
	return &fact.Target{
		Root: root, ProcessDir: whole.ProcessDir, Env: env, Filesystems: whole.Filesystems,
		Home: whole.Home, ProjectDir: whole.ProjectDir, OS: whole.OS, Arch: whole.Arch,
	}
}

func copyTree(t *testing.T, from, to, name string) {
	t.Helper()
	err := filepath.WalkDir(filepath.Join(from, name), func(file string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rest, err := filepath.Rel(from, file)
		if err != nil {
			return err
		}
		dest := filepath.Join(to, rest)
		if e.IsDir() {
			return os.MkdirAll(dest, 0o755)
		}
		if err := os.MkdirAll(filepath.Dir(dest), 0o755); err != nil {
			return err
		}
		data, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		return os.WriteFile(dest, data, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}

// TestGrantsSuffice observes machines whole and through the manifest's grants:
// both must say the same, or the sandboxed plugin is blind to something.
func TestGrantsSuffice(t *testing.T) {
	remote := map[string]string{"DOCKER_HOST": "ssh://box", "DOCKER_CONTEXT": "box", "NVIDIA_VISIBLE_DEVICES": "void"}
	rootless := map[string]string{"XDG_RUNTIME_DIR": "/run/user/1000"}
	for name, m := range map[string]machine{
		"engine":   {tree: runningEngine + toolkit + nvidiaConfig + cdi570},
		"stopped":  {tree: stoppedEngine + "-- etc/systemd/system/sockets.target.wants/docker.socket --\n"},
		"remote":   {tree: "-- usr/local/bin/docker --\nELF\n-- home/ada/.docker/contexts/meta/ab/meta.json --\n{}\n", env: remote},
		"rootless": {tree: runningEngine + "-- home/ada/.config/systemd/user/docker.service --\n-- home/ada/.config/docker/daemon.json --\n{}\n-- run/user/1000/docker.pid --\n7\n", env: rootless},
		"snap":     {tree: "-- snap/bin/docker --\n-- snap/docker/current/meta/snap.yaml --\n-- var/snap/docker/current/config/daemon.json --\n{}\n"},
		"desktop":  {tree: "-- usr/bin/docker --\nELF\n-- opt/docker-desktop/bin/com.docker.backend --\n"},
		"podman":   {tree: "-- usr/bin/podman --\nELF\n-- usr/bin/docker --\n#!/bin/sh\nexec podman\n"},
		"project":  {tree: inProject("FROM a\nRUN pip install a>1\n") + "-- home/ada/train/compose.yaml --\n-- home/ada/train/x.dockerfile --\n-- home/ada/train/Containerfile.gpu --\n"},
	} {
		t.Run(name, func(t *testing.T) {
			whole := m.target(t)
			want, _ := fact.Observe(t.Context(), whole, collectors()...)
			got, _ := fact.Observe(t.Context(), view(t, whole), collectors()...)
			seen := fact.NewSet(got)
			for _, f := range want {
				g, ok := seen.Lookup(f.Address)
				if !ok || string(g.Value) != string(f.Value) {
					t.Errorf("%s is %s, and %s through the grants", f.Address, f.Value, g.Value)
				}
			}
			if len(got) != len(want) || len(want) < 2 {
				t.Errorf("%d facts, and %d through the grants", len(want), len(got))
			}
		})
	}
}

// TestGrantsAreNarrow keeps the engine's socket, the client's passwords and
// whole trees out of the manifest.
func TestGrantsAreNarrow(t *testing.T) {
	for _, g := range readGrants(t) {
		if g.Why == "" {
			t.Errorf("grant %+v says no reason", g)
		}
		for _, forbidden := range []string{"docker.sock", "config.json", ".docker/contexts/tls", "/proc/self"} {
			if strings.HasSuffix(g.Path, forbidden) || strings.Contains(g.Path, forbidden+"/") {
				t.Errorf("grant of %s reaches %s", g.Path, forbidden)
			}
		}
		for _, wide := range []string{"/run", "/var/run", "/etc", "/etc/docker", "~", "~/.docker", ".", "/proc", "/usr/bin"} {
			if g.Path == wide {
				t.Errorf("grant of %s is too wide", g.Path)
			}
		}
	}
}
