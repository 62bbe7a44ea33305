// SPDX-License-Identifier: Apache-2.0

// Package catalog knows which plugins are installed and starts them.
//
// A plugin is installed when a directory with its manifest.json stands in one
// of the plugin directories, or when the configuration declares it with the
// path of its executable. The host's own plugins are installed the same way
// beside the host and are started the same way; the one difference is that the
// host was linked with the digests of their manifests (pins), so an altered
// manifest or executable of a built-in plugin is refused.
//
// A plugin of a registry is pinned by a lock file: that of the project for one
// that the configuration declares, the user's own for the others. It starts only
// when all its files are those of the lock file and its grants were consented to.
//
// A name stands for one plugin. A declared plugin hides an installed one of
// that name; of two installed ones the first directory's stands, and one of a
// directory before one that the user installed from a registry.
package catalog

import (
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"

	"github.com/hashicorp/go-version"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// pins is set at link time: "NAME=HEX,NAME=HEX", the SHA-256 of each built-in
// plugin's manifest. It is empty in a host that was built without plugins.
var pins string

// Origin says where an entry comes from.
type Origin string

// The origins.
const (
	Builtin   Origin = "builtin"   // pinned by the host
	Installed Origin = "installed" // found in a plugin directory
	Declared  Origin = "declared"  // a path in the configuration
	Registry  Origin = "registry"  // installed from a registry, and pinned by a lock file
)

// Entry is one plugin that can be started.
type Entry struct {
	// Name by which configuration and command line know it.
	Name       string
	Origin     Origin
	Executable string
	// Digest that the executable must have; empty when nobody pinned it.
	Digest string
	// Manifest of the plugin; one without grants when it has no file.
	Manifest *manifest.Manifest
	// Grants that it gets: those of the manifest, narrowed by configuration.
	Grants []manifest.Grant
	// Declaration in the configuration, or nil.
	Declaration *config.Plugin
	// ID is NAMESPACE/NAME of a plugin of a registry.
	ID string

	// Replaces says what a plugin that somebody works on stands in place of; "" for
	// nothing. Reattach is its process, if it runs already.
	Replaces string
	Reattach *plugin.Reattach

	verify func() error // that no file was changed since; nil for what nobody pinned
}

// Catalog is the set of entries. It is read-only after Open.
type Catalog struct {
	entries map[string]*Entry
}

// Open reads the plugin directories, the configuration and what was installed
// from registries; the last two may be nil. Plugins that cannot be used are left out and named in the error, which is
// joined from one error per plugin; the catalog is usable all the same.
func Open(dirs []string, cfg *config.Config, locks Locks) (*Catalog, error) {
	c := &Catalog{entries: map[string]*Entry{}}
	var errs []error
	for _, dir := range dirs {
		errs = append(errs, c.scan(dir))
	}
	if locks != nil {
		errs = append(errs, c.fromHost(locks), c.fromRegistries(locks))
	}
	if cfg != nil {
		for _, p := range cfg.Plugins {
			errs = append(errs, c.declare(p, locks))
		}
	}
	return c, errors.Join(errs...)
}

// Dirs are the plugin directories: those of the configuration, the one beside
// the host and the user's own.
func Dirs(cfg *config.Config) []string {
	var out []string
	if cfg != nil {
		for _, p := range cfg.Host.PluginDirs {
			out = append(out, p.Absolute)
		}
	}
	if exe, err := os.Executable(); err == nil {
		if real, err := filepath.EvalSymlinks(exe); err == nil {
			exe = real
		}
		out = append(out, filepath.Join(filepath.Dir(exe), "plugins"))
	}
	if data := dataHome(); data != "" {
		dir := filepath.Join(data, "bulkhead", "plugins")
		// After su or sudo, HOME may be the home of somebody else: none of the
		// user's own plugins can be there.
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrPermission) {
			out = append(out, dir)
		}
	}
	return out
}

func dataHome() string {
	if dir := os.Getenv("XDG_DATA_HOME"); filepath.IsAbs(dir) {
		return dir
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return ""
	}
	return filepath.Join(home, ".local", "share")
}

// Entries returns every plugin in name order.
func (c *Catalog) Entries() []*Entry {
	return slices.SortedFunc(maps.Values(c.entries), func(a, b *Entry) int { return cmp.Compare(a.Name, b.Name) })
}

// Entry returns the plugin of a name.
func (c *Catalog) Entry(name string) (*Entry, bool) {
	e, ok := c.entries[name]
	return e, ok
}

// scan adds the plugins of one directory, read side by side, in the order of their
// names; a directory that does not exist has none.
func (c *Catalog) scan(dir string) error {
	list, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("reading the plugin directory: %w", err)
	}
	entries, errs := make([]*Entry, len(list)), make([]error, len(list))
	var wg sync.WaitGroup
	for i, d := range list {
		wg.Go(func() { entries[i], errs[i] = found(filepath.Join(dir, d.Name())) })
	}
	wg.Wait()
	for _, e := range entries {
		if e != nil && c.entries[e.Name] == nil {
			c.entries[e.Name] = e
		}
	}
	return errors.Join(errs...)
}

// found is what stands at a path of a plugin directory; nil for a stray file and
// for a directory without a manifest.
func found(name string) (*Entry, error) {
	if info, err := os.Stat(name); err == nil && !info.IsDir() {
		return nil, nil
	}
	e, err := installed(name)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return e, err
}

// installed reads one plugin's directory.
func installed(dir string) (*Entry, error) {
	file := filepath.Join(dir, manifest.FileName)
	data, err := manifest.ReadFile(file)
	if err != nil {
		return nil, err
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(data))
	m, err := parse(data, sum)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	if m.Executable == "" || m.Digest == "" {
		return nil, fmt.Errorf("%s names no executable with its digest; pack the plugin before installing it", file)
	}
	e := &Entry{
		Name: m.Name, Origin: Installed, Executable: filepath.Join(dir, m.Executable),
		Digest: m.Digest, Manifest: m, Grants: m.Grants,
	}
	if pin, ok := pinned()[m.Name]; ok {
		if sum != pin {
			return nil, fmt.Errorf("%s is not the manifest that this host was built with (SHA-256 %.12s, not %.12s); install Bulkhead again", file, sum, pin)
		}
		e.Origin = Builtin
	}
	return e, nil
}

// parse reads a manifest. What the host was built with was validated then, and is
// read at every start.
func parse(data []byte, sum string) (*manifest.Manifest, error) {
	if strings.Contains(pins, "="+sum) {
		return manifest.ParseKnown(data)
	}
	return manifest.Parse(data)
}

// hasBuiltin reports whether the host was built with plugins at all.
func (c *Catalog) hasBuiltin() bool {
	for _, e := range c.entries {
		if e.Origin == Builtin {
			return true
		}
	}
	return len(pinned()) > 0
}

func pinned() map[string]string {
	out := map[string]string{}
	for pair := range strings.SplitSeq(pins, ",") {
		if name, pin, ok := strings.Cut(pair, "="); ok {
			out[name] = pin
		}
	}
	return out
}

// declare adds a plugin of the configuration.
func (c *Catalog) declare(p *config.Plugin, locks Locks) error {
	e, err := c.declared(p, locks)
	if err == nil {
		e.Name, e.Declaration = p.Name, p
		if p.Digest != "" {
			e.Digest = p.Digest
		}
		err = errors.Join(narrow(e, p), fits(e.Manifest.Version, p))
	}
	if err != nil {
		// The plugin that the declaration meant to narrow must not run as it is.
		delete(c.entries, p.Name)
		return fmt.Errorf("%splugin %q: %w", place(p, err), p.Name, err)
	}
	c.entries[p.Name] = e
	return nil
}

// place is the line of the configuration that an error is about, if it tells.
func place(p *config.Plugin, err error) string {
	if entry, ok := errors.AsType[*manifest.EntryError](err); ok && entry.Entry < len(p.GrantRanges) {
		return p.GrantRanges[entry.Entry].String() + ": "
	}
	return ""
}

// narrow leaves the grants that the declaration keeps.
func narrow(e *Entry, p *config.Plugin) error {
	kept, err := manifest.Narrow(e.Grants, p.Grants)
	if err != nil {
		return err
	}
	e.Grants = nil
	for _, k := range kept {
		e.Grants = append(e.Grants, k.Grant)
	}
	return nil
}

// AddPath adds the executable at a path under its manifest's name, or its file
// name, and returns that name. Call it before the catalog is shared.
func (c *Catalog) AddPath(name string) (string, error) {
	abs, err := filepath.Abs(name)
	if err != nil {
		return "", fmt.Errorf("finding %s: %w", name, err)
	}
	e, err := executable(abs)
	if err != nil {
		return "", err
	}
	if e.Name = e.Manifest.Name; e.Name == "" {
		e.Name = strings.ToLower(strings.TrimSuffix(filepath.Base(abs), filepath.Ext(abs)))
	}
	c.entries[e.Name] = e
	return e.Name, nil
}

// declared finds what a declaration names.
func (c *Catalog) declared(p *config.Plugin, locks Locks) (*Entry, error) {
	switch {
	case p.ID != "":
		return locked(p, locks)
	case p.Executable.Absolute != "":
		return executable(p.Executable.Absolute)
	}
	kind, name, _ := strings.Cut(p.Source, "/")
	e, ok := c.entries[name]
	switch {
	case !ok && kind == "installed":
		return nil, fmt.Errorf("no plugin %q is installed; `bulkhead plugin list` shows those that are", name)
	case !ok:
		return nil, fmt.Errorf("no built-in plugin %q is installed beside this host; `bulkhead plugin list` shows those that are", name)
	case kind == "builtin" && e.Origin != Builtin && c.hasBuiltin():
		// Whoever can write to a plugin directory does not choose what "builtin" is.
		return nil, fmt.Errorf("%s is no plugin that this host was built with; if %s is meant, write source = \"installed/%s\"", p.Source, e.Executable, name)
	}
	clone := *e
	return &clone, nil
}

// executable is the plugin at a path. A manifest beside it counts when it names
// this file; without one the plugin has no grants.
func executable(name string) (*Entry, error) {
	e := &Entry{Origin: Declared, Executable: name, Manifest: &manifest.Manifest{}}
	if _, err := os.Stat(name); err != nil {
		return nil, fmt.Errorf("its executable cannot be read: %w", err)
	}
	m, err := manifest.Load(filepath.Dir(name))
	switch {
	case errors.Is(err, fs.ErrNotExist):
	case err != nil:
		return nil, err
	case m.Executable == filepath.Base(name):
		e.Manifest, e.Grants, e.Digest = m, m.Grants, m.Digest
	}
	return e, runnable(name, m)
}

// satisfies checks a version constraint as in "~> 0.1".
func satisfies(have, constraint string) error {
	if constraint == "" {
		return nil
	}
	want, err := version.NewConstraint(constraint)
	if err != nil {
		return fmt.Errorf("version constraint %q: %w", constraint, err)
	}
	v, err := version.NewVersion(have)
	if err != nil {
		return fmt.Errorf("the configuration asks for version %q, but the plugin's manifest gives none", constraint)
	}
	if !want.Check(v) {
		return fmt.Errorf("the configuration asks for version %q, and %s is installed", constraint, have)
	}
	return nil
}
