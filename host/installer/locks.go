// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"errors"
	"fmt"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Locks finds plugins by the lock files of a project and its user, for the
// catalog.
type Locks struct {
	Store *install.Store
	// OfProject is nil without a project, OfHost in a host without plugins in itself.
	OfProject, OfUser, OfHost *install.Scope
	// Leases are taken on what is started; nil takes none.
	Leases *Leases
}

var _ catalog.Locks = Locks{}

// Project is the plugin of an id by the project's lock file, or by the user's when
// there is no project.
func (l Locks) Project(id string) (catalog.Installation, error) {
	scope := l.OfProject
	if scope == nil {
		scope = l.OfUser
	}
	file, _, err := scope.Current()
	if err != nil {
		return catalog.Installation{}, err
	}
	p, ok := file.Lookup(id)
	if !ok {
		return catalog.Installation{}, fmt.Errorf("%s is not installed here; `bulkhead init` installs what the configuration declares", id)
	}
	return l.kept(p)
}

// Builtin are the plugins that came with this host.
func (l Locks) Builtin() ([]catalog.Installation, error) {
	if l.OfHost == nil {
		return nil, nil
	}
	return all(l.OfHost, l.installation)
}

// User are the plugins of the user's lock file.
func (l Locks) User() ([]catalog.Installation, error) { return all(l.OfUser, l.kept) }

// all are the plugins of a lock file.
func all(scope *install.Scope, locate func(lock.Plugin) (catalog.Installation, error)) ([]catalog.Installation, error) {
	file, _, err := scope.Current()
	if err != nil {
		return nil, err
	}
	var out []catalog.Installation
	var errs []error
	for _, p := range file.Plugins {
		i, err := locate(p)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		out = append(out, i)
	}
	return out, errors.Join(errs...)
}

// kept is installation, for as long as this host runs: another one may take the
// plugin out of the lock file and collect it before it is started. Those of the host
// itself stay in theirs.
func (l Locks) kept(p lock.Plugin) (catalog.Installation, error) {
	if _, pl, ok := platformOf(p, release.Host()); ok && l.Leases != nil {
		_ = l.Leases.take(l.Store, pl.H1) // what is gone, installation tells
	}
	return l.installation(p)
}

// installation is where a locked plugin is.
func (l Locks) installation(p lock.Plugin) (catalog.Installation, error) {
	_, pl, ok := platformOf(p, release.Host())
	if !ok {
		return catalog.Installation{}, fmt.Errorf("the lock file has %s %s, but not for %s; `bulkhead plugin lock --platform %s` adds it",
			p.ID, p.Version, release.Host(), release.Host())
	}
	dir, err := l.Store.Dir(pl.H1)
	if err != nil {
		return catalog.Installation{}, fmt.Errorf("%s %s is locked and not on this machine; `bulkhead init` brings it here", p.ID, p.Version)
	}
	return catalog.Installation{
		ID: p.ID, Version: p.Version, Dir: dir, Executable: pl.Executable, Consented: p.Grants,
		Verify: func() error { return l.verify(pl.H1) },
	}, nil
}

// verify makes sure that the files of an entry are what they were, and stay.
func (l Locks) verify(h1 string) error {
	if l.Leases != nil {
		if err := l.Leases.take(l.Store, h1); err != nil {
			return err
		}
	}
	return l.Store.Quick(h1)
}
