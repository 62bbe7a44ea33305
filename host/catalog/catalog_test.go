// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

const zeros = "0000000000000000000000000000000000000000000000000000000000000000"

// install writes a plugin's directory and returns the pin of its manifest.
func install(t *testing.T, dir, name, version string, grants ...manifest.Grant) string {
	t.Helper()
	m := manifest.Manifest{
		Name: name, Version: version, Summary: "of " + dir, Licence: "Apache-2.0", Protocols: []int{1},
		Executable: "run-" + name, Digest: "sha256:" + zeros, Grants: grants,
	}
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(dir, name, "run-"+name), "program")
	write(t, filepath.Join(dir, name, manifest.FileName), string(data))
	return fmt.Sprintf("%s=%x", name, sha256.Sum256(data))
}

func write(t *testing.T, name, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
		t.Fatal(err)
	}
}

// pin sets what the host was linked with.
func pin(t *testing.T, all ...string) {
	t.Helper()
	before := pins
	pins = strings.Join(all, ",")
	t.Cleanup(func() { pins = before })
}

// names of the entries, each with its origin.
func names(c *Catalog) string {
	var out []string
	for _, e := range c.Entries() {
		out = append(out, e.Name+":"+string(e.Origin))
	}
	return strings.Join(out, " ")
}

func TestOpen(t *testing.T) {
	first, second := t.TempDir(), t.TempDir()
	install(t, first, "beta", "1.0.0")
	install(t, second, "beta", "2.0.0")
	pin(t, install(t, second, "alpha", "1.0.0"))
	write(t, filepath.Join(first, "stray.txt"), "no plugin")
	write(t, filepath.Join(first, "empty", "README"), "no manifest")
	c, err := Open([]string{first, filepath.Join(first, "absent"), second}, nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	if got := names(c); got != "alpha:builtin beta:installed" {
		t.Errorf("entries %s", got)
	}
	beta, _ := c.Entry("beta")
	if beta.Manifest.Version != "1.0.0" || beta.Executable != filepath.Join(first, "beta", "run-beta") || beta.Digest == "" {
		t.Errorf("the first directory does not stand: %+v", beta)
	}
	if _, ok := c.Entry("gamma"); ok {
		t.Error("an entry that nobody installed")
	}
}

func TestDirs(t *testing.T) {
	t.Setenv("XDG_DATA_HOME", filepath.Join(t.TempDir(), "data"))
	cfg := &config.Config{Host: config.Host{PluginDirs: []config.Path{{Absolute: "/mine"}}}}
	dirs := Dirs(cfg)
	if len(dirs) != 3 || dirs[0] != "/mine" || filepath.Base(dirs[1]) != "plugins" || !strings.HasPrefix(dirs[2], os.Getenv("XDG_DATA_HOME")) {
		t.Errorf("%v", dirs)
	}
	// A relative XDG directory does not count.
	t.Setenv("XDG_DATA_HOME", "data")
	for _, dir := range Dirs(nil) {
		if !filepath.IsAbs(dir) {
			t.Errorf("%s is relative", dir)
		}
	}
}

// What cannot be used is left out and named, and costs the others nothing.
func TestOpenLeavesOut(t *testing.T) {
	for name, tt := range map[string]struct {
		spoil func(t *testing.T, dir string)
		want  string
	}{
		"a manifest that was changed": {func(t *testing.T, dir string) {
			pin(t, install(t, dir, "bad", "1.0.0"))
			install(t, dir, "bad", "1.0.1")
		}, "not the manifest that this host was built with"},
		"a manifest with one more blank": {func(t *testing.T, dir string) {
			pin(t, install(t, dir, "bad", "1.0.0"))
			name := filepath.Join(dir, "bad", manifest.FileName)
			data, _ := os.ReadFile(name)
			write(t, name, string(data)+" ")
		}, "install Bulkhead again"},
		"a manifest that is no JSON": {func(t *testing.T, dir string) { write(t, filepath.Join(dir, "bad", manifest.FileName), "{") }, "manifest is not valid"},
		"a manifest with a strange key": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "bad", manifest.FileName), `{"sudo": true}`)
		}, "sudo"},
		"a manifest without a digest": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "bad", manifest.FileName), `{"name": "bad", "summary": "s", "licence": "l", "grants": []}`)
		}, "pack the plugin"},
		"an executable elsewhere": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, "bad", manifest.FileName), `{"name": "bad", "summary": "", "licence": "", "executable": "../../bin/sh", "grants": []}`)
		}, "beside the manifest"},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			install(t, dir, "good", "1.0.0")
			tt.spoil(t, dir)
			c, err := Open([]string{dir}, nil, nil)
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), filepath.Join("bad", manifest.FileName)) {
				t.Errorf("got %v, want %q", err, tt.want)
			}
			if got := names(c); got != "good:installed" {
				t.Errorf("entries %s", got)
			}
		})
	}
}

func TestDeclared(t *testing.T) {
	dir := t.TempDir()
	install(t, dir, "tool", "1.4.0",
		manifest.Grant{Kind: manifest.Read, Path: "/etc/os-release", Why: "w"}, manifest.Grant{Kind: manifest.Env, Name: "CUDA_*", Why: "w"})
	write(t, filepath.Join(dir, "loose"), "program")
	loose := config.Path{Absolute: filepath.Join(dir, "loose")}
	packed := config.Path{Absolute: filepath.Join(dir, "tool", "run-tool")}
	for name, tt := range map[string]struct {
		plugin config.Plugin
		want   string // of the error; "" for an entry
		check  func(*Entry) bool
	}{
		"an installed one":      {config.Plugin{Name: "tool", Source: "builtin/tool", Version: "~> 1.2"}, "", func(e *Entry) bool { return e.Origin == Installed && len(e.Grants) == 2 }},
		"under another name":    {config.Plugin{Name: "mine", Source: "builtin/tool"}, "", func(e *Entry) bool { return e.Name == "mine" && e.Declaration != nil }},
		"narrowed by path":      {config.Plugin{Name: "tool", Source: "builtin/tool", Grants: []string{"/etc/os-release"}}, "", func(e *Entry) bool { return len(e.Grants) == 1 && e.Grants[0].Kind == manifest.Read }},
		"narrowed to nothing":   {config.Plugin{Name: "tool", Source: "builtin/tool", Grants: []string{}}, "", func(e *Entry) bool { return len(e.Grants) == 0 }},
		"widened":               {config.Plugin{Name: "tool", Source: "builtin/tool", Grants: []string{"/etc"}}, "can only narrow", nil},
		"another version":       {config.Plugin{Name: "tool", Source: "builtin/tool", Version: ">= 2"}, `asks for version ">= 2", and 1.4.0 is installed`, nil},
		"not installed":         {config.Plugin{Name: "x", Source: "builtin/x"}, "plugin list", nil},
		"a path":                {config.Plugin{Name: "loose", Source: "./loose", Executable: loose}, "", func(e *Entry) bool { return e.Origin == Declared && e.Digest == "" && len(e.Grants) == 0 }},
		"a path with a digest":  {config.Plugin{Name: "loose", Executable: loose, Digest: "sha256:" + zeros}, "", func(e *Entry) bool { return e.Digest == "sha256:"+zeros }},
		"a path to a packed":    {config.Plugin{Name: "tool", Executable: packed}, "", func(e *Entry) bool { return e.Digest != "" && len(e.Grants) == 2 && e.Manifest.Version == "1.4.0" }},
		"a path to nothing":     {config.Plugin{Name: "gone", Executable: config.Path{Absolute: filepath.Join(dir, "gone")}}, "cannot be read", nil},
		"a version of a path":   {config.Plugin{Name: "loose", Executable: loose, Version: "~> 1"}, "manifest gives none", nil},
		"a constraint, garbled": {config.Plugin{Name: "tool", Source: "builtin/tool", Version: "one"}, "version constraint", nil},
	} {
		t.Run(name, func(t *testing.T) {
			c, err := Open([]string{dir}, &config.Config{Plugins: []*config.Plugin{&tt.plugin}}, nil)
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), fmt.Sprintf("plugin %q", tt.plugin.Name)) {
					t.Errorf("got %v, want %q", err, tt.want)
				}
				return
			}
			e, ok := c.Entry(tt.plugin.Name)
			if err != nil || !ok || !tt.check(e) {
				t.Errorf("%v, %+v", err, e)
			}
		})
	}
}

// Two declarations of one installed plugin do not share their grants.
func TestDeclarationsAreApart(t *testing.T) {
	dir := t.TempDir()
	install(t, dir, "tool", "1.0.0", manifest.Grant{Kind: manifest.Read, Path: "/a", Why: "w"}, manifest.Grant{Kind: manifest.Read, Path: "/b", Why: "w"})
	c, err := Open([]string{dir}, &config.Config{Plugins: []*config.Plugin{
		{Name: "one", Source: "builtin/tool", Grants: []string{"/a"}}, {Name: "two", Source: "builtin/tool"},
	}}, nil)

	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]int{"one": 1, "two": 2, "tool": 2} {
		if e, _ := c.Entry(name); len(e.Grants) != want {
			t.Errorf("%s has %d grants, want %d", name, len(e.Grants), want)
		}
	}
}

// A declaration that asks for more than the manifest has no effect at all: the
// plugin that it meant to narrow does not run with all its grants.
func TestWrongNarrowingFailsClosed(t *testing.T) {
	dir := t.TempDir()
	install(t, dir, "tool", "1.0.0", manifest.Grant{Kind: manifest.Read, Path: "/a", Why: "w"}, manifest.Grant{Kind: manifest.Read, Path: "/b", Why: "w"})
	c, err := Open([]string{dir}, &config.Config{Plugins: []*config.Plugin{{Name: "tool", Source: "builtin/tool", Grants: []string{"/a", "/etc"}}}}, nil)
	if err == nil || !strings.Contains(err.Error(), "/etc") {
		t.Errorf("a wider grant: %v", err)
	}
	if e, ok := c.Entry("tool"); ok {
		t.Errorf("it can be started: %+v", e)
	}
}

func TestSatisfies(t *testing.T) {
	for _, tt := range []struct {
		have, constraint string
		ok               bool
	}{
		{"1.4.0", "", true}, {"", "", true}, {"1.4.0", "~> 1.2", true}, {"2.0.0", "~> 1.2", false}, {"1.4.0", ">= 1, < 1.4", false},
		{"", "~> 1", false}, {"1.0.0", "!", false},
	} {
		if err := satisfies(tt.have, tt.constraint); (err == nil) != tt.ok {
			t.Errorf("%q with %q: %v", tt.constraint, tt.have, err)
		}
	}
}

func TestAddPath(t *testing.T) {
	dir := t.TempDir()
	install(t, dir, "tool", "1.0.0", manifest.Grant{Kind: manifest.Read, Path: "/a", Why: "w"})
	write(t, filepath.Join(dir, "Loose.exe"), "program")
	write(t, filepath.Join(dir, "tool", "beside"), "another program")
	c, _ := Open(nil, nil, nil)
	var got []string
	for _, name := range []string{"tool/run-tool", "Loose.exe", "tool/beside"} {
		added, err := c.AddPath(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, added)
	}
	if !slices.Equal(got, []string{"tool", "loose", "beside"}) {
		t.Errorf("names %v", got)
	}
	// A manifest is for the file that it names, not for all beside it.
	if e, _ := c.Entry("beside"); len(e.Grants) > 0 || e.Digest != "" {
		t.Errorf("%+v", e)
	}
	if _, err := c.AddPath(filepath.Join(dir, "absent")); err == nil {
		t.Error("a path to nothing was added")
	}
}
