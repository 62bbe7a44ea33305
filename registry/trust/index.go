// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/internal/jsonkeys"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// index is what a publisher's metadata say.
type index struct {
	namespace string
	version   int64
	releases  map[string][]release.Known // by name, the oldest first
}

// target is one file that a publisher signed.
type target struct {
	length int64
	sha256 string // "sha256:..."
}

// custom is the custom data of a release's target.
type custom struct {
	Release json.RawMessage `json:"release"`
	Yanked  *release.Yanked `json:"yanked,omitempty"`
}

// newIndex checks every target of a publisher.
func newIndex(namespace string, m *metadata.Metadata[metadata.TargetsType], registry string) (*index, error) {
	if m.Signed.Delegations != nil {
		return nil, errors.New("it delegates to others, which a publisher cannot")
	}
	x := &index{namespace: namespace, version: m.Signed.Version, releases: map[string][]release.Known{}}
	archives := map[string]target{}
	var known []release.Known
	for _, path := range slices.Sorted(maps.Keys(m.Signed.Targets)) {
		p, t, err := checkTarget(namespace, path, m.Signed.Targets[path])
		if err != nil {
			return nil, err
		}
		if p.Platform != "" {
			archives[path] = t
			continue
		}
		r, yanked, err := parseCustom(p, t, m.Signed.Targets[path].Custom)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		known = append(known, release.Known{Release: *r, Registry: registry, Yanked: yanked})
	}
	if err := matchArchives(known, archives); err != nil {
		return nil, err
	}
	x.add(known)
	return x, nil
}

func checkTarget(namespace, path string, f *metadata.TargetFiles) (release.Path, target, error) {
	p, err := release.ParsePath(path)
	if err != nil {
		return p, target{}, err
	}
	if p.ID.Namespace != namespace {
		return p, target{}, fmt.Errorf("it signs %q, which is outside its paths", path)
	}
	if f == nil || f.Length <= 0 || len(f.Hashes["sha256"]) != sha256.Size {
		return p, target{}, fmt.Errorf("%s has no length or no sha256", path)
	}
	return p, target{f.Length, "sha256:" + hex.EncodeToString(f.Hashes["sha256"])}, nil
}

// parseCustom reads the release in the custom data of its own target.
func parseCustom(p release.Path, t target, raw *json.RawMessage) (*release.Release, *release.Yanked, error) {
	if raw == nil {
		return nil, nil, errors.New("its custom data have no release")
	}
	var c custom
	dec := json.NewDecoder(bytes.NewReader(*raw))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return nil, nil, fmt.Errorf("its custom data: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, nil, errors.New("its custom data have something after the object")
	}
	if err := jsonkeys.Check(*raw); err != nil {
		return nil, nil, fmt.Errorf("its custom data: %w", err)
	}
	r, err := release.Parse(c.Release)
	if err != nil {
		return nil, nil, err
	}
	if c.Yanked != nil {
		if err := c.Yanked.Validate(); err != nil {
			return nil, nil, err
		}
	}
	return r, c.Yanked, agree(p, t, r)
}

// agree compares a release with the target that it is the custom data of.
func agree(p release.Path, t target, r *release.Release) error {
	if r.ID != p.ID.String() || r.Version != p.Version {
		return fmt.Errorf("its custom data are those of %s %s", r.ID, r.Version)
	}
	data, err := r.Encode()
	if err != nil {
		return err
	}
	sum := sha256.Sum256(data)
	if int64(len(data)) != t.length || "sha256:"+hex.EncodeToString(sum[:]) != t.sha256 {
		return errors.New("the release in its custom data has another length or digest than the target")
	}
	return nil
}

// matchArchives wants the archives that the releases name and no others.
func matchArchives(known []release.Known, archives map[string]target) error {
	for i := range known {
		r := &known[i].Release
		id, err := release.ParseID(r.ID)
		if err != nil {
			return err
		}
		for platform, p := range r.Platforms {
			path := release.ArchivePath(id, r.Version, platform)
			if t, ok := archives[path]; !ok || t != (target{p.Bytes, p.Archive}) {
				return fmt.Errorf("%s is not there or has another length or digest than its release says", path)
			}
			delete(archives, path)
		}
	}
	for path := range archives {
		return fmt.Errorf("%s is in no release", path)
	}
	return nil
}

func (x *index) add(known []release.Known) {
	for _, k := range known {
		id, _ := release.ParseID(k.ID) // it was checked
		x.releases[id.Name] = append(x.releases[id.Name], k)
	}
	for _, list := range x.releases {
		slices.SortFunc(list, func(a, b release.Known) int { return release.Compare(a.Version, b.Version) })
	}
}

func (x *index) plugins() []release.ID {
	var ids []release.ID
	for _, name := range slices.Sorted(maps.Keys(x.releases)) {
		ids = append(ids, release.ID{Namespace: x.namespace, Name: name})
	}
	return ids
}

// find is the release of a version.
func (x *index) find(id release.ID, version string) (*release.Known, bool) {
	for i, k := range x.releases[id.Name] {
		if k.Version == version {
			return &x.releases[id.Name][i], true
		}
	}
	return nil, false
}
