// SPDX-License-Identifier: Apache-2.0

package lock

import (
	"fmt"
	"maps"
	"slices"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Of is what a lock file would hold of a release on one platform.
func Of(p release.Platform, known ...string) Platform {
	return Platform{H1: p.H1, Executable: p.Executable, Archive: p.Archive, Known: orderKnown(known)}
}

// Match compares digests with those that are locked for a version and a platform.
// What is not locked matches; other digests than the locked ones are a
// [*TamperedError].
func (f *File) Match(id, version, platform string, digests Platform) error {
	i, ok := f.find(id)
	if !ok || f.Plugins[i].Version != version {
		return nil
	}
	locked, ok := f.Plugins[i].Platforms[platform]
	if !ok || locked.Same(digests) {
		return nil
	}
	what, was, is := "archive", locked.Archive, digests.Archive
	switch {
	case locked.H1 != digests.H1:
		what, was, is = "h1", locked.H1, digests.H1
	case locked.Executable != digests.Executable:
		what, was, is = "executable", locked.Executable, digests.Executable
	}
	return &TamperedError{ID: id, Version: version, Platform: platform, What: what, Locked: was, Found: is}
}

// Admit compares a release with what is locked of its plugin in its version. Each
// locked platform must be in the release with the locked digests, or the error is
// a [*TamperedError] and nothing changes. Then the digests of the platform are
// added to the lock, with how they are known. A plugin that is not locked, or in
// another version, is admitted and not added: that is a choice, made with Set.
//
// The platform is a key of the release: "any" where [release.Release.For] says so.
func (f *File) Admit(rel *release.Release, platform string, known ...string) error {
	offered, ok := rel.Platforms[platform]
	if !ok {
		return fmt.Errorf("%s %s has no platform %q; it has %v", rel.ID, rel.Version, platform, slices.Sorted(maps.Keys(rel.Platforms)))
	}
	i, ok := f.find(rel.ID)
	if !ok || f.Plugins[i].Version != rel.Version {
		return nil
	}
	if err := f.sameRelease(f.Plugins[i], rel); err != nil {
		return err
	}
	next := f.Plugins[i].clone()
	next.Platforms[platform] = Of(offered, append(next.Platforms[platform].Known, known...)...)
	f.Plugins[i] = next.normal()
	return nil
}

// sameRelease compares all locked platforms of a plugin with a release.
func (f *File) sameRelease(p Plugin, rel *release.Release) error {
	for _, key := range slices.Sorted(maps.Keys(p.Platforms)) {
		offered, ok := rel.Platforms[key]
		if !ok {
			return &TamperedError{ID: p.ID, Version: p.Version, Platform: key, What: "platform", Locked: p.Platforms[key].H1}
		}
		if err := f.Match(p.ID, p.Version, key, Of(offered)); err != nil {
			return err
		}
	}
	return nil
}
