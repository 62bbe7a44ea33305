// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
)

// Here is what is locked of a plugin for the installer's platform.
func (i *Installer) Here(p lock.Plugin) (lock.Platform, bool) {
	_, pl, ok := platformOf(p, i.platform())
	return pl, ok
}

// Repair fetches a locked plugin again and puts it in the place of what the store
// has.
func (i *Installer) Repair(ctx context.Context, p lock.Plugin) error {
	fetched, pl, err := i.fetchLocked(ctx, p)
	if err != nil {
		return err
	}
	if _, err := i.Store.Repair(ctx, fetched.Path, pl); err != nil {
		return err
	}
	return discard(fetched.Path)
}

// Confirm fetches and unpacks every plugin of a lock file for the installer's
// platform and returns the file with that noted.
func (i *Installer) Confirm(ctx context.Context, f *lock.File) (*lock.File, error) {
	out := f.Clone()
	for _, p := range f.Plugins {
		key, _, ok := platformOf(p, i.platform())
		if !ok {
			return nil, fmt.Errorf("%s %s has nothing for %s", p.ID, p.Version, i.platform())
		}
		fetched, pl, err := i.fetchLocked(ctx, p)
		if err != nil {
			return nil, err
		}
		if _, err := i.Store.Add(ctx, fetched.Path, pl); err != nil {
			return nil, fmt.Errorf("%s %s for %s: %w", p.ID, p.Version, i.platform(), err)
		}
		entry := p.Platforms[key]
		entry.Known = known(known(entry.Known, lock.Logged), lock.Unpacked)
		p.Platforms[key] = entry
		out.Set(p)
		if err := discard(fetched.Path); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// fetchLocked fetches the archive of a locked plugin, which must be what is locked.
func (i *Installer) fetchLocked(ctx context.Context, p lock.Plugin) (*trust.Fetched, release.Platform, error) {
	k, err := i.release(ctx, p)
	if err != nil {
		return nil, release.Platform{}, err
	}
	key, locked, ok := platformOf(p, i.platform())
	if !ok {
		return nil, release.Platform{}, fmt.Errorf("%s %s has nothing for %s", p.ID, p.Version, i.platform())
	}
	pl := k.Platforms[key]
	if !lock.Of(pl).Same(locked) {
		return nil, pl, &lock.TamperedError{ID: p.ID, Version: p.Version, Platform: key, What: "platform", Locked: locked.H1, Found: pl.H1}
	}
	downloads, err := i.Store.Downloads()
	if err != nil {
		return nil, pl, err
	}
	fetched, err := i.Registries.fetch(ctx, k, key, filepath.Join(downloads, p.Registry))
	if err != nil {
		return nil, pl, fmt.Errorf("%s %s: %w", p.ID, p.Version, err)
	}
	return fetched, pl, nil
}

// release is the release of a locked plugin as its registry knows it now.
func (i *Installer) release(ctx context.Context, p lock.Plugin) (release.Known, error) {
	id, err := release.ParseID(p.ID)
	if err != nil {
		return release.Known{}, err
	}
	list, err := i.Registries.Releases(ctx, p.Registry, id)
	for _, k := range list {
		if k.Version == p.Version {
			return k, nil
		}
	}
	if err == nil {
		err = fmt.Errorf("registry %q has no %s %s any more", p.Registry, p.ID, p.Version)
	}
	return release.Known{}, err
}
