// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

const devManifest = `{"name": "gpu", "version": "9.0.0", "summary": "s", "licence": "Apache-2.0", "digest": "sha256:` +
	`0000000000000000000000000000000000000000000000000000000000000000", "executable": "gpu", "grants": [` +
	`{"kind": "read", "path": "/proc/meminfo", "why": "w"}, {"kind": "read", "path": "/etc/os-release", "why": "w"}]}`

// worked makes an executable, with a manifest in the directory named.
func worked(t *testing.T, at string) Override {
	t.Helper()
	dir := t.TempDir()
	exe := filepath.Join(dir, "bin", "gpu")
	for name, text := range map[string]string{exe: "x", filepath.Join(dir, at, manifest.FileName): devManifest} {
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, []byte(text), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return Override{Name: "gpu", Path: exe, Consented: []string{"read /proc/meminfo", "read /etc/os-release"}}
}

// An override stands in place of a plugin, without a digest, and what the
// configuration says of the name still holds.
func TestOverride(t *testing.T) {
	for _, at := range []string{"bin", "."} {
		old := &Entry{
			Name: "gpu", Origin: Registry, ID: "acme/gpu", Digest: "sha256:x", Manifest: &manifest.Manifest{},
			Declaration: &config.Plugin{Name: "gpu", Grants: []string{"/proc/meminfo"}},
		}
		c := &Catalog{entries: map[string]*Entry{"gpu": old}}
		o := worked(t, at)
		if err := c.Override(o); err != nil {
			t.Fatal(err)
		}
		e, _ := c.Entry("gpu")
		if e.Origin != Dev || e.Digest != "" || e.Executable != o.Path || e.Replaces != "registry acme/gpu" || e.verify != nil {
			t.Errorf("%+v", e)
		}
		if len(e.Grants) != 1 || e.Grants[0].Path != "/proc/meminfo" {
			t.Errorf("the configuration narrows to %v", e.Grants)
		}
	}
}

// What cannot be used leaves no plugin under the name: neither may run unseen.
func TestOverrideRefused(t *testing.T) {
	unconsented, gone := worked(t, "bin"), worked(t, "bin")
	unconsented.Consented = unconsented.Consented[:1]
	gone.Path = filepath.Join(t.TempDir(), "gpu")
	broken := worked(t, "bin")
	if err := os.WriteFile(filepath.Join(filepath.Dir(broken.Path), manifest.FileName), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	for want, o := range map[string]Override{"nobody agreed to (read /etc/os-release)": unconsented, "no such file": gone, "manifest is not valid": broken} {
		c := &Catalog{entries: map[string]*Entry{"gpu": {Name: "gpu", Origin: Builtin}}}
		if err := c.Override(o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v does not say %q", err, want)
		}
		if e, ok := c.Entry("gpu"); ok {
			t.Errorf("%s runs", e.Executable)
		}
	}
}

func TestReattachEntry(t *testing.T) {
	c := &Catalog{entries: map[string]*Entry{"gpu": {Name: "gpu", Origin: Builtin, Digest: "sha256:x", Manifest: &manifest.Manifest{Name: "gpu", Version: "1.0.0"}}}}
	c.Reattach("gpu", plugin.Reattach{PID: os.Getpid()})
	c.Reattach("new", plugin.Reattach{PID: os.Getpid()})
	for _, name := range []string{"gpu", "new"} {
		e, ok := c.Entry(name)
		if !ok || e.Origin != Reattached || e.Digest != "" || e.Reattach == nil || e.Manifest.Version != "" {
			t.Errorf("%+v", e)
		}
	}
}

// Overrides belong to one project, and are gone when they are taken back.
func TestOverrides(t *testing.T) {
	t.Setenv("BULKHEAD_DEV_DIR", filepath.Join(t.TempDir(), "dev"))
	here, err := OverridesOf(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	elsewhere, _ := OverridesOf("")
	if list, err := here.List(); err != nil || len(list) != 0 {
		t.Fatal(list, err)
	}
	for _, o := range []Override{{Name: "b", Path: "/b"}, {Name: "a", Path: "/old"}, {Name: "a", Path: "/a", Consented: []string{"read /x"}}} {
		if err := here.Set(o); err != nil {
			t.Fatal(err)
		}
	}
	list, err := here.List()
	if err != nil || len(list) != 2 || list[0].Path != "/a" || list[0].Consented[0] != "read /x" {
		t.Fatal(list, err)
	}
	if list, _ := elsewhere.List(); len(list) != 0 {
		t.Errorf("they reach another project: %v", list)
	}
	for _, name := range []string{"a", "b"} {
		if found, err := here.Remove(name); !found || err != nil {
			t.Error(name, found, err)
		}
	}
	if found, err := here.Remove("a"); found || err != nil {
		t.Error("taken back twice", err)
	}
	if _, err := os.Stat(here.File()); !os.IsNotExist(err) {
		t.Errorf("an empty file stays: %v", err)
	}
	if err := here.Set(Override{Name: "No Name", Path: "/x"}); err == nil {
		t.Error("a wrong name was taken")
	}
}

// FuzzOverrides: whatever stands in the file, nothing relative is run.
func FuzzOverrides(f *testing.F) {
	f.Add([]byte(`{"project":"/p","overrides":[{"name":"gpu","path":"/x","consented":["read /y"]}]}`))
	f.Add([]byte(`{"overrides":[{"name":"gpu","path":"x"}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		list, err := (&Overrides{file: "f"}).parse(data)
		if err != nil {
			return
		}
		for _, o := range list {
			if !filepath.IsAbs(o.Path) || o.Name == "" {
				t.Errorf("%+v", o)
			}
		}
	})
}
