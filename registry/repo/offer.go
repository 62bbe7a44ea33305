// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/internal/jsonkeys"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Offer is a release as a publisher's metadata offer it.
type Offer struct {
	Release *release.Release
	Yanked  *release.Yanked // nil for most
}

// custom is the custom data of the target of a release's document.
type custom struct {
	Release json.RawMessage `json:"release"`
	Yanked  *release.Yanked `json:"yanked,omitempty"`
}

// maxTargets of one publisher; its metadata are bounded in bytes, too.
const maxTargets = 200_000

// offers are the releases of a publisher's metadata, by the paths of their
// documents. Every fault is in the error: a target outside of the namespace, one
// that belongs to no release, a release whose parts contradict each other.
func offers(namespace string, signed *metadata.TargetsType) (map[string]Offer, error) {
	if signed.Delegations != nil {
		return nil, errors.New("a publisher's metadata cannot delegate to others")
	}
	if len(signed.Targets) > maxTargets {
		return nil, fmt.Errorf("there are %d targets, more than %d", len(signed.Targets), maxTargets)
	}
	out := map[string]Offer{}
	used := map[string]bool{}
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(signed.Targets)) {
		o, parts, err := offer(namespace, name, signed.Targets)
		if err != nil {
			faults = append(faults, fmt.Errorf("%s: %w", name, err))
		}
		if o.Release != nil {
			out[name] = o
		}
		for _, p := range parts {
			used[p] = true
		}
	}
	return out, errors.Join(append(faults, strays(signed.Targets, used)...)...)
}

// strays are the archives that no release names.
func strays(targets map[string]*metadata.TargetFiles, used map[string]bool) []error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(targets)) {
		if p, err := release.ParsePath(name); err == nil && p.Platform != "" && !used[name] {
			faults = append(faults, fmt.Errorf("%s: no release has this archive", name))
		}
	}
	return faults
}

// offer reads the target of a name. When it is the document of a release, parts
// are the paths of its archives.
func offer(namespace, name string, targets map[string]*metadata.TargetFiles) (o Offer, parts []string, err error) {
	p, err := release.ParsePath(name)
	if err != nil {
		return o, nil, err
	}
	if p.ID.Namespace != namespace {
		return o, nil, fmt.Errorf("it is outside of the namespace %s", namespace)
	}
	t := targets[name]
	if t == nil {
		return o, nil, errors.New("it is null")
	}
	if _, err := digestOf(t); err != nil {
		return o, nil, err
	}
	if p.Platform != "" {
		return o, nil, nil
	}
	if o, err = readCustom(t); err != nil {
		return Offer{}, nil, err
	}
	if o.Release.ID != p.ID.String() || o.Release.Version != p.Version {
		return Offer{}, nil, fmt.Errorf("its document is that of %s %s", o.Release.ID, o.Release.Version)
	}
	parts, err = archives(p, o.Release, targets)
	return o, parts, err
}

// readCustom reads the release in a target's custom data and checks that it is
// the target's content.
func readCustom(t *metadata.TargetFiles) (Offer, error) {
	if t.Custom == nil {
		return Offer{}, errors.New("it has no custom data with the release")
	}
	var c custom
	dec := json.NewDecoder(bytes.NewReader(*t.Custom))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&c); err != nil {
		return Offer{}, fmt.Errorf("its custom data: %w", err)
	}
	if err := jsonkeys.Check(*t.Custom); err != nil {
		return Offer{}, fmt.Errorf("its custom data: %w", err)
	}
	rel, err := release.Parse(c.Release)
	if err != nil {
		return Offer{}, err
	}
	document, err := rel.Encode()
	if err != nil {
		return Offer{}, err
	}
	if err := matches(t, document); err != nil {
		return Offer{}, fmt.Errorf("its custom data: %w", err)
	}
	if c.Yanked != nil {
		if err := c.Yanked.Validate(); err != nil {
			return Offer{}, err
		}
	}
	return Offer{Release: rel, Yanked: c.Yanked}, nil
}

// matches checks bytes against a target.
func matches(t *metadata.TargetFiles, data []byte) error {
	want, err := digestOf(t)
	if err != nil {
		return err
	}
	if got := hexSHA256(data); got != want || t.Length != int64(len(data)) {
		return fmt.Errorf("these are %d bytes with SHA-256 %s; signed are %d with %s", len(data), got, t.Length, want)
	}
	return nil
}

// archives checks the targets of a release's archives and gives their paths.
func archives(p release.Path, rel *release.Release, targets map[string]*metadata.TargetFiles) ([]string, error) {
	var paths []string
	var faults []error
	for _, platform := range slices.Sorted(maps.Keys(rel.Platforms)) {
		name := release.ArchivePath(p.ID, p.Version, platform)
		paths = append(paths, name)
		if err := agreesWith(targets[name], rel.Platforms[platform]); err != nil {
			faults = append(faults, fmt.Errorf("the archive for %s: %w", platform, err))
		}
	}
	return paths, errors.Join(faults...)
}

// agreesWith checks the target of an archive against what its release says.
func agreesWith(t *metadata.TargetFiles, want release.Platform) error {
	if t == nil {
		return errors.New("it is no target")
	}
	digest, err := digestOf(t)
	if err != nil {
		return err
	}
	if "sha256:"+digest != want.Archive || t.Length != want.Bytes {
		return fmt.Errorf("the target has %d bytes with SHA-256 %s; the release says %d with %s", t.Length, digest, want.Bytes, strings.TrimPrefix(want.Archive, "sha256:"))
	}
	return nil
}

// digestOf is the SHA-256 of a target in hex. It must be the only hash, so that
// all implementations look at the same.
func digestOf(t *metadata.TargetFiles) (string, error) {
	sum, ok := t.Hashes["sha256"]
	if !ok || len(sum) != sha256.Size || len(t.Hashes) != 1 {
		return "", errors.New("its hashes must be one SHA-256")
	}
	if t.Length < 0 || t.Length > release.MaxBytes {
		return "", fmt.Errorf("its length is %d bytes", t.Length)
	}
	return hex.EncodeToString(sum), nil
}

// hexSHA256 is the SHA-256 in hex.
func hexSHA256(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// target makes the target of some bytes.
func target(sha256Hex string, length int64) (*metadata.TargetFiles, error) {
	sum, err := hex.DecodeString(sha256Hex)
	if err != nil {
		return nil, err
	}
	return &metadata.TargetFiles{Length: length, Hashes: metadata.Hashes{"sha256": sum}}, nil
}

// document makes the target of a release's document.
func document(o Offer) (*metadata.TargetFiles, error) {
	data, err := o.Release.Encode()
	if err != nil {
		return nil, err
	}
	c, err := json.Marshal(custom{Release: data, Yanked: o.Yanked})
	if err != nil {
		return nil, err
	}
	t, err := target(hexSHA256(data), int64(len(data)))
	if err != nil {
		return nil, err
	}
	t.Custom = (*json.RawMessage)(&c)
	return t, nil
}
