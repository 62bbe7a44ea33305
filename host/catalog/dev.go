// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// The origins of plugins that somebody works on.
const (
	Dev        Origin = "dev"        // an executable in place of the plugin of that name
	Reattached Origin = "reattached" // a process that somebody started by hand
)

// Override puts an executable that is being worked on in place of a plugin.
type Override struct {
	// Name of the plugin, as the configuration and reports call it.
	Name string `json:"name"`
	// Path of the executable, absolute. Its digest is never checked.
	Path string `json:"path"`
	// Consented are the grants that somebody agreed to, as manifest.Grant writes
	// them.
	Consented []string `json:"consented"`
}

// Manifest is that of an executable being worked on: the manifest.json beside it, or
// in the directory above, if it names this file or none. One without grants when
// there is neither.
func (o Override) Manifest() (*manifest.Manifest, error) {
	dir := filepath.Dir(o.Path)
	for _, dir := range []string{dir, filepath.Dir(dir)} {
		m, err := manifest.Load(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist):
			continue
		case err != nil:
			return nil, err
		case m.Executable == "" || m.Executable == filepath.Base(o.Path):
			m.Executable, m.Digest = filepath.Base(o.Path), ""
			return m, nil
		}
	}
	return &manifest.Manifest{}, nil
}

// Override replaces a plugin, or adds one. What the configuration says of the name
// still holds: it narrows the grants and gives values to secrets. On an error the
// name has no plugin, since neither the one that was meant nor another may run under
// it. Call it before the catalog is shared.
func (c *Catalog) Override(o Override) error {
	old := c.entries[o.Name]
	delete(c.entries, o.Name)
	e, err := o.entry(old)
	if err != nil {
		return fmt.Errorf("plugin %q is overridden by %s: %w", o.Name, o.Path, err)
	}
	c.entries[o.Name] = e
	return nil
}

func (o Override) entry(old *Entry) (*Entry, error) {
	if info, err := os.Stat(o.Path); err != nil || !info.Mode().IsRegular() {
		return nil, fmt.Errorf("there is no such file; build it, or take the override back with `bulkhead plugin dev --remove %s`", o.Name)
	}
	m, err := o.Manifest()
	if err != nil {
		return nil, err
	}
	if more := (Installation{Consented: o.Consented}).unconsented(m.Grants); len(more) > 0 {
		return nil, fmt.Errorf("its manifest asks for what nobody agreed to (%s); `bulkhead plugin dev %s %s` shows it and asks", strings.Join(more, ", "), o.Name, o.Path)
	}
	e := &Entry{Name: o.Name, Origin: Dev, Executable: o.Path, Manifest: m, Grants: slices.Clone(m.Grants)}
	return e, e.inPlaceOf(old)
}

// inPlaceOf takes over what the configuration says of the plugin that it replaces.
func (e *Entry) inPlaceOf(old *Entry) error {
	if old == nil {
		return nil
	}
	e.Replaces = string(old.Origin)
	if old.ID != "" {
		e.Replaces += " " + old.ID
	}
	if e.Declaration = old.Declaration; e.Declaration == nil {
		return nil
	}
	return narrow(e, e.Declaration)
}

// Reattach replaces a plugin by a process that somebody started by hand, or adds
// one. Call it before the catalog is shared.
func (c *Catalog) Reattach(name string, to plugin.Reattach) {
	old := c.entries[name]
	e := &Entry{Name: name, Origin: Reattached, Executable: to.Program(), Manifest: &manifest.Manifest{}, Reattach: &to}
	if old != nil {
		// What runs need not be of the version that is installed.
		m := *old.Manifest
		m.Version = ""
		e.Manifest, e.Grants, e.Declaration, e.Replaces = &m, old.Grants, old.Declaration, string(old.Origin)
	}
	c.entries[name] = e
}
