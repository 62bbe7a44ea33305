// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/runs"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// exchanged are lock files with some plugins in other versions, by their ids.
type exchanged struct {
	catalog.Locks
	instead map[string]catalog.Installation
}

// exchange makes locks give other versions of some plugins.
func exchange(locks catalog.Locks, instead map[string]catalog.Installation) catalog.Locks {
	if locks == nil || len(instead) == 0 {
		return locks
	}
	return exchanged{locks, instead}
}

// Project is the plugin of an id.
func (e exchanged) Project(id string) (catalog.Installation, error) {
	if i, ok := e.instead[id]; ok {
		return i, nil
	}
	return e.Locks.Project(id)
}

// User are the plugins of the user.
func (e exchanged) User() ([]catalog.Installation, error) {
	list, err := e.Locks.User()
	for n, i := range list {
		if other, ok := e.instead[i.ID]; ok {
			list[n] = other
		}
	}
	return list, err
}

// scopeOf is where a plugin of a registry is locked.
func (s *session) scopeOf(e *catalog.Entry) (*install.Store, *install.Scope, error) {
	store, err := pluginStore()
	if err != nil {
		return nil, nil, err
	}
	dir := ""
	if e.Declaration != nil {
		dir = projectDir(s.cfg)
	}
	scope, err := store.Scope(dir)
	return store, scope, err
}

// earlier finds the versions of plugins of registries that a run used, when others
// are locked now, in earlier lock files of the scope. What nobody has any more is
// left out, see samePlugins.
func (s *session) earlier(r *runs.Record) map[string]catalog.Installation {
	out := map[string]catalog.Installation{}
	for _, p := range r.Plugins {
		e, ok := s.launcher.Catalog.Entry(p.Name)
		if !ok || e.ID == "" || e.Digest == p.SHA256 {
			continue
		}
		store, scope, err := s.scopeOf(e)
		if err != nil {
			continue
		}
		if i, ok := generationWith(store, scope, e.ID, p.SHA256); ok {
			out[e.ID] = i
		}
	}
	return out
}

// generationWith looks for an executable in the lock files that were current, the
// latest first. What was consented to then is what it gets.
func generationWith(store *install.Store, scope *install.Scope, id, executable string) (catalog.Installation, bool) {
	list, err := scope.Generations()
	if err != nil {
		return catalog.Installation{}, false
	}
	for n := len(list) - 1; n >= 0; n-- {
		file, err := scope.Generation(list[n].Number)
		if err != nil {
			continue
		}
		p, _ := file.Lookup(id)
		if i, ok := storedAs(store, p, executable); ok {
			return i, true
		}
	}
	return catalog.Installation{}, false
}

// storedAs is a locked plugin that has an executable and is in the store.
func storedAs(store *install.Store, p lock.Plugin, executable string) (catalog.Installation, bool) {
	for _, key := range []string{release.Host(), release.Any} {
		pl, ok := p.Platforms[key]
		if !ok {
			continue
		}
		dir, err := store.Dir(pl.H1)
		if err != nil || pl.Executable != executable {
			return catalog.Installation{}, false
		}
		return catalog.Installation{
			ID: p.ID, Version: p.Version, Dir: dir, Executable: pl.Executable, Consented: p.Grants,
			Verify: func() error { return store.Quick(pl.H1) },
		}, true
	}
	return catalog.Installation{}, false
}
