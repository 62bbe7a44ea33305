// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// fixedLocks are the installations of a test.
type fixedLocks struct {
	project map[string]Installation
	user    []Installation
	host    []Installation
	err     error
}

func (l fixedLocks) Builtin() ([]Installation, error) { return l.host, nil }

func (l fixedLocks) Project(id string) (Installation, error) {
	i, ok := l.project[id]
	if !ok {
		return i, errors.New(id + " is not installed; run `bulkhead init`")
	}
	return i, nil
}

func (l fixedLocks) User() ([]Installation, error) { return l.user, l.err }

// installation puts a plugin into a store of its own.
func installation(t *testing.T, id, version string, consented []string, grants ...manifest.Grant) Installation {
	t.Helper()
	dir := t.TempDir()
	_, name, _ := strings.Cut(id, "/")
	install(t, dir, name, version, grants...)
	return Installation{ID: id, Version: version, Dir: filepath.Join(dir, name), Executable: "sha256:" + zeros, Consented: consented}
}

var reads = manifest.Grant{Kind: manifest.Read, Path: "/etc/os-release", Why: "w"}

func TestLockedPlugins(t *testing.T) {
	good := installation(t, "acme/tool", "1.2.0", []string{"read /etc/os-release"}, reads)
	for name, tt := range map[string]struct {
		spoil func(*Installation)
		want  string // of the error; "" for an entry
	}{
		"as it was installed":    {func(*Installation) {}, ""},
		"more than consented":    {func(i *Installation) { i.Consented = nil }, "nobody agreed to (read /etc/os-release)"},
		"another program":        {func(i *Installation) { i.Executable = "sha256:" + strings.Repeat("1", 64) }, "changed after it was installed"},
		"another version":        {func(i *Installation) { i.Version = "1.3.0" }, "changed after it was installed"},
		"another name":           {func(i *Installation) { i.ID = "acme/other" }, "changed after it was installed"},
		"a directory that fails": {func(i *Installation) { i.Dir += "x" }, "plugin verify"},
	} {
		i := good
		tt.spoil(&i)
		c, err := Open(nil, &config.Config{Plugins: []*config.Plugin{{Name: "t", ID: "acme/tool", Source: "acme/tool", Version: "~> 1.0"}}},
			fixedLocks{project: map[string]Installation{"acme/tool": i}})
		e, ok := c.Entry("t")
		if tt.want == "" && (err != nil || !ok || e.Origin != Registry || e.ID != "acme/tool" || len(e.Grants) != 1) {
			t.Errorf("%s: %v, %+v", name, err, e)
		}
		if tt.want != "" && (err == nil || ok || !strings.Contains(err.Error(), tt.want)) {
			t.Errorf("%s: got %v, want %q", name, err, tt.want)
		}
	}
}

func TestLockedPluginsNeedALock(t *testing.T) {
	declared := &config.Config{Plugins: []*config.Plugin{{Name: "t", ID: "acme/tool", Source: "acme/tool"}}}
	for want, locks := range map[string]Locks{"bulkhead init": fixedLocks{}, "finds no plugins there": nil} {
		c, err := Open(nil, declared, locks)
		if _, ok := c.Entry("t"); ok || err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

// What the user installed hides nothing and is not mixed up.
func TestPluginsOfTheUser(t *testing.T) {
	dir := t.TempDir()
	install(t, dir, "tool", "9.0.0")
	mine := installation(t, "acme/mine", "1.0.0", nil)
	locks := fixedLocks{user: []Installation{
		installation(t, "acme/tool", "1.0.0", nil), mine, installation(t, "other/mine", "2.0.0", nil), installation(t, "acme/greedy", "1.0.0", nil, reads),
	}}
	c, err := Open([]string{dir}, nil, locks)
	if err == nil || !strings.Contains(err.Error(), "acme/mine and other/mine have one name") || !strings.Contains(err.Error(), "acme/greedy 1.0.0 asks for") {
		t.Errorf("error %v", err)
	}
	if got := names(c); got != "mine:registry tool:installed" {
		t.Errorf("entries %s", got)
	}
	if e, _ := c.Entry("mine"); e.ID != "acme/mine" {
		t.Errorf("mine is %s", e.ID)
	}
}

// What came inside of the host is built in, and hides what stands beside it.
func TestPluginsOfTheHost(t *testing.T) {
	dir := t.TempDir()
	install(t, dir, "gpu", "9.0.0")
	locks := fixedLocks{host: []Installation{installation(t, "bulkhead/gpu", "1.0.0", nil)}, user: []Installation{installation(t, "acme/gpu", "2.0.0", nil)}}
	c, err := Open([]string{dir}, &config.Config{Plugins: []*config.Plugin{{Name: "mine", Source: "builtin/gpu"}}}, locks)
	if err != nil {
		t.Fatal(err)
	}
	e, _ := c.Entry("gpu")
	if got := names(c); got != "gpu:builtin mine:builtin" || e.Manifest.Version != "1.0.0" {
		t.Errorf("entries %s, gpu %s", got, e.Manifest.Version)
	}
}

// Files that were changed since are found before the start, not after it.
func TestChangedFilesDoNotStart(t *testing.T) {
	i := installation(t, "acme/tool", "1.0.0", nil)
	i.Verify = func() error { return errors.New("helper.py was changed") }
	c, err := Open(nil, nil, fixedLocks{user: []Installation{i}})
	if err != nil {
		t.Fatal(err)
	}
	e, _ := c.Entry("tool")
	if _, err := (&Launcher{Catalog: c}).attend(e, target.View{})(&plugin.Spec{}); err == nil || !strings.Contains(err.Error(), "helper.py was changed") {
		t.Errorf("error %v", err)
	}
}

// A plugin directory does not choose what "builtin" is.
func TestBuiltinMeansBuiltin(t *testing.T) {
	dir := t.TempDir()
	pin(t, install(t, dir, "gpu", "1.0.0"))
	install(t, dir, "mine", "1.0.0")
	for source, want := range map[string]string{
		"builtin/gpu": "", "installed/mine": "", "builtin/mine": `source = "installed/mine"`, "installed/none": "plugin list",
	} {
		_, err := Open([]string{dir}, &config.Config{Plugins: []*config.Plugin{{Name: "x", Source: source}}}, nil)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%s: %v, want %q", source, err, want)
		}
	}
}

// A pre-release that the installer chose is what the declaration asked for; what
// came from elsewhere is judged by the constraint alone.
func TestPrereleaseFits(t *testing.T) {
	for _, tt := range []struct {
		id, have, constraint string
		ok                   bool
	}{
		{"acme/tool", "0.2.0-rc.1", "~> 0.2", true},
		{"acme/tool", "0.2.0-rc.1", "~> 0.2.0-rc.1", true},
		{"acme/tool", "0.2.0-rc.1", "~> 0.3", false},
		{"acme/tool", "0.2.0", "~> 0.2", true},
		{"", "0.2.0-rc.1", "~> 0.2", false},
	} {
		if err := fits(tt.have, &config.Plugin{ID: tt.id, Version: tt.constraint}); (err == nil) != tt.ok {
			t.Errorf("%+v: %v", tt, err)
		}
	}
}
