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
	full := laptop().with(map[string]string{
		infiniband: "InfiniBand\n", leaf + "memory.max": "8589934592\n", leaf + "memory.events": "oom_kill 3\n", leaf + "pids.max": "9\n",
		"/big/hub/version.txt": "1", "/etc/ca.pem": "x", "/run/systemd/container": "lxc\n", "/lib/ld-musl-x86_64.so.1": "x",
	}, map[string]string{
		"HF_HOME": "/big", "SSL_CERT_FILE": "/etc/ca.pem", "REQUESTS_CA_BUNDLE": "/none", "PIP_CERT": "/etc/ca.pem", "http_proxy": "p:1", "ALL_PROXY": "q:1",
		"HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "OMP_NUM_THREADS": "2", "container": "lxc",
	})
	glibc := laptop().with(map[string]string{"/lib/x86_64-linux-gnu/libc.so.6": "x", "/home/ada/.cache/huggingface/hub/.locks/a": ""}, nil)
	for name, m := range map[string]machine{"laptop": laptop(), "container": dockerContainer(), "full": full, "glibc": glibc} {
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
			if len(got) != len(want) {
				t.Errorf("%d facts, and %d through the grants", len(want), len(got))
			}
		})
	}
}

// TestGrantsAreNarrow keeps secrets and whole trees out of the manifest.
func TestGrantsAreNarrow(t *testing.T) {
	for _, g := range readGrants(t) {
		if g.Why == "" {
			t.Errorf("grant %+v says no reason", g)
		}
		for _, forbidden := range []string{"/proc", "/home", "~", "./", "/run", "/etc", "/dev/shm", "docker.sock", "token"} {
			if g.Path == forbidden || len(forbidden) > 6 && strings.Contains(g.Path, forbidden) {
				t.Errorf("grant of %s is too wide", g.Path)
			}
		}
		if strings.Contains(g.Name, "TOKEN") || strings.Contains(g.Name, "PASSWORD") || strings.HasSuffix(g.Name, "*") {
			t.Errorf("grant of variable %s is too wide", g.Name)
		}
	}
}
