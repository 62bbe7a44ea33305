// SPDX-License-Identifier: Apache-2.0

package catalog

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/solve"
)

// Locks knows what was installed from registries and is pinned by a lock file.
type Locks interface {
	// Builtin are the plugins that came inside of the host; none for a host whose
	// plugins stand beside it.
	Builtin() ([]Installation, error)
	// Project is the plugin NAMESPACE/NAME of the project. An error says what to do
	// when the lock file or the store has none.
	Project(id string) (Installation, error)
	// User are the plugins that the user installed for all projects.
	User() ([]Installation, error)
}

// Installation is one plugin of a registry on this machine.
type Installation struct {
	ID      string // "acme/scaler"
	Version string
	// Dir has its files. Executable is the digest that a lock file gives for the
	// program among them.
	Dir, Executable string
	// Consented are the grants that somebody agreed to, as manifest.Grant writes
	// them.
	Consented []string
	// Verify checks all files against the lock file. It is asked before each start.
	Verify func() error
}

// entry is the plugin of an installation. What its manifest asks for beyond the
// consent is a reason not to run it at all: nobody knows what it is without that.
func (i Installation) entry() (*Entry, error) {
	m, err := manifest.Load(i.Dir)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%s %s: %w; `bulkhead plugin verify` tells what else is damaged", i.ID, i.Version, err)
	case m.Digest != i.Executable || m.Version != i.Version || m.Name != i.ID[strings.LastIndexByte(i.ID, '/')+1:]:
		return nil, fmt.Errorf("%s is not what the lock file names (%s %s): it was changed after it was installed; `bulkhead plugin verify --repair` installs it again",
			i.Dir, i.ID, i.Version)
	}
	if more := i.unconsented(m.Grants); len(more) > 0 {
		return nil, fmt.Errorf("%s %s asks for what nobody agreed to (%s); `bulkhead init` shows why it wants that and asks",
			i.ID, i.Version, strings.Join(more, ", "))
	}
	return &Entry{
		Name: m.Name, Origin: Registry, Executable: filepath.Join(i.Dir, m.Executable), Digest: i.Executable, Manifest: m, Grants: m.Grants, ID: i.ID,
		verify: i.Verify,
	}, nil
}

// unconsented are the grants that nobody agreed to.
func (i Installation) unconsented(asked []manifest.Grant) (out []string) {
	for _, g := range asked {
		if !slices.Contains(i.Consented, g.String()) {
			out = append(out, g.String())
		}
	}
	return out
}

// fromHost adds the plugins that came inside of the host. They are what it was
// built with, so nothing hides them but a declaration.
func (c *Catalog) fromHost(locks Locks) error {
	list, err := locks.Builtin()
	errs := []error{err}
	for _, i := range list {
		e, err := i.entry()
		if err != nil {
			errs = append(errs, err)
			continue
		}
		e.Origin, e.ID = Builtin, ""
		c.entries[e.Name] = e
	}
	return errors.Join(errs...)
}

// fromRegistries adds the user's plugins, which hide none of a plugin directory.
func (c *Catalog) fromRegistries(locks Locks) error {
	list, err := locks.User()
	errs := []error{err}
	for _, i := range list {
		e, err := i.entry()
		switch {
		case err != nil:
			errs = append(errs, err)
		case c.entries[e.Name] == nil:
			c.entries[e.Name] = e
		case c.entries[e.Name].Origin == Registry:
			errs = append(errs, fmt.Errorf("%s and %s have one name; declare one of them in the configuration, under another", c.entries[e.Name].ID, i.ID))
		}
	}
	return errors.Join(errs...)
}

// locked is the plugin that a declaration names in a registry.
func locked(p *config.Plugin, locks Locks) (*Entry, error) {
	if locks == nil {
		return nil, fmt.Errorf("%s is in a registry, and this command installs and finds no plugins there", p.ID)
	}
	i, err := locks.Project(p.ID)
	if err != nil {
		return nil, err
	}
	return i.entry()
}

// fits compares a version with the constraint of a declaration. What came from a
// registry was chosen by the solver's rules, so it is judged by them: a pre-release
// that was installed satisfies what admits the version that it precedes.
func fits(have string, p *config.Plugin) error {
	if p.ID != "" && solve.Satisfies(solve.Want{ID: p.ID, Constraint: p.Version, Prerelease: true}, have) {
		return nil
	}
	err := satisfies(have, p.Version)
	if err != nil && p.ID != "" {
		return fmt.Errorf("%w; `bulkhead init` installs a version that fits", err)
	}
	return err
}

// AddCandidate adds an installation that is to be tried, under its own name, and
// returns that. It gets no secrets. Call it before the catalog is shared.
func (c *Catalog) AddCandidate(i Installation) (string, error) {
	e, err := i.entry()
	if err != nil {
		return "", err
	}
	e.Grants = slices.DeleteFunc(slices.Clone(e.Grants), func(g manifest.Grant) bool { return g.Kind == manifest.Secret })
	c.entries[e.Name] = e
	return e.Name, nil
}
