// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/internal/scratch"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/policy"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Submission is what a publisher signed: the next version of its metadata, and
// the archives that are new in it.
type Submission struct {
	Namespace string
	Metadata  []byte            // of the publisher's role, signed
	Archives  map[string]string // the file of each archive, by the path of its target

	temp *scratch.Dir // that Close removes
}

// NewRelease is a release to sign, with the file of the archive of each platform.
type NewRelease struct {
	Release  *release.Release
	Archives map[string]string
}

// Yank withdraws a release, or takes that back.
type Yank struct {
	ID      release.ID
	Version string
	Reason  string // empty takes an earlier yank back
}

// Signing says what a publisher signs. Without releases and yanks it renews what
// there is, with a later expiry or other keys.
type Signing struct {
	Namespace string
	// Current are the publisher's metadata in the registry, from Current; nil when
	// it has none. They must bear a signature of one of Keys or of Trusted, so that
	// nobody can slip a release into them on their way.
	Current []byte
	Trusted []keys.Public
	Add     []NewRelease
	Yanks   []Yank
	Keys    []*keys.Key
	Expires time.Duration // after now; 0 is the default
	Now     time.Time
}

// UnknownSignerError: the publisher's current metadata bear no signature that the
// publisher knows.
type UnknownSignerError struct{ Namespace string }

func (e *UnknownSignerError) Error() string {
	return fmt.Sprintf("the metadata of %s that the registry has are signed with none of your keys; if your keys are new, give the old public key with --previous, and if they are not, somebody else publishes in your name", e.Namespace)
}

// Sign makes a submission. The keys need not reach the threshold: others add
// theirs with Cosign.
func Sign(s Signing) (*Submission, error) {
	if err := release.CheckNamespace(s.Namespace); err != nil {
		return nil, err
	}
	if len(s.Keys) == 0 {
		return nil, errors.New("signing needs a key; give one with --key")
	}
	next, err := s.next()
	if err != nil {
		return nil, err
	}
	sub := &Submission{Namespace: s.Namespace, Archives: map[string]string{}}
	for _, n := range s.Add {
		if err := s.add(sub, &next.Signed, n); err != nil {
			return nil, err
		}
	}
	for _, y := range s.Yanks {
		if err := s.yank(&next.Signed, y); err != nil {
			return nil, err
		}
	}
	if _, err := offers(s.Namespace, &next.Signed); err != nil {
		return nil, err
	}
	return sub, sub.sign(next, s.Keys)
}

// next is the current metadata in the next version, without signatures.
func (s Signing) next() (*metadata.Metadata[metadata.TargetsType], error) {
	expiry, err := policy.Expiry{Publisher: s.Expires}.Fill(policy.DefaultExpiry())
	if err != nil {
		return nil, err
	}
	expires := expiryAt(s.Now, expiry.Publisher)
	if s.Current == nil {
		return metadata.Targets(expires), nil
	}
	m, err := parse[metadata.TargetsType](s.Current)
	if err != nil {
		return nil, fmt.Errorf("the current metadata of %s: %w", s.Namespace, err)
	}
	if !s.ours(m) {
		return nil, &UnknownSignerError{Namespace: s.Namespace}
	}
	m.ClearSignatures()
	m.Signed.Version, m.Signed.Expires = m.Signed.Version+1, expires
	return m, nil
}

// ours reports whether the publisher signed metadata.
func (s Signing) ours(m *metadata.Metadata[metadata.TargetsType]) bool {
	known := slices.Clone(s.Trusted)
	for _, k := range s.Keys {
		known = append(known, k.Public())
	}
	return signedBy(s.Namespace, m, known) > 0
}

// signedBy counts the keys that signed metadata.
func signedBy(role string, m *metadata.Metadata[metadata.TargetsType], known []keys.Public) int {
	n := 0
	for _, k := range known {
		judge := metadata.Targets()
		if setDelegation(judge, role, Role{Keys: []keys.Public{k}, Threshold: 1}) == nil && verifyBy(judge, role, m) == nil {
			n++
		}
	}
	return n
}

// add adds a release and its archives.
func (s Signing) add(sub *Submission, signed *metadata.TargetsType, n NewRelease) error {
	id, err := release.ParseID(n.Release.ID)
	if err != nil {
		return err
	}
	if id.Namespace != s.Namespace {
		return fmt.Errorf("%s is outside of the namespace %s", n.Release.ID, s.Namespace)
	}
	name := release.TargetPath(id, n.Release.Version)
	if signed.Targets[name] != nil {
		return &PublishedError{ID: n.Release.ID, Version: n.Release.Version}
	}
	t, err := document(Offer{Release: n.Release})
	if err != nil {
		return err
	}
	signed.Targets[name] = t
	for platform, p := range n.Release.Platforms {
		file, ok := n.Archives[platform]
		if !ok {
			return fmt.Errorf("%s %s has no archive for %s", n.Release.ID, n.Release.Version, platform)
		}
		name := release.ArchivePath(id, n.Release.Version, platform)
		if signed.Targets[name], err = target(p.Archive[len("sha256:"):], p.Bytes); err != nil {
			return err
		}
		sub.Archives[name] = file
	}
	return nil
}

// yank changes the custom data of a release's document.
func (s Signing) yank(signed *metadata.TargetsType, y Yank) error {
	name := release.TargetPath(y.ID, y.Version)
	t := signed.Targets[name]
	if t == nil || y.ID.Namespace != s.Namespace {
		return fmt.Errorf("%s %s is not in the registry, which has %s of it; check name and version", y.ID, y.Version, versionsText(signed, y.ID))
	}
	o, err := readCustom(t)
	if err != nil {
		return err
	}
	o.Yanked = nil
	if y.Reason != "" {
		o.Yanked = &release.Yanked{Reason: y.Reason, At: s.Now.UTC().Truncate(time.Second)}
	}
	signed.Targets[name], err = document(o)
	return err
}

// versionsText lists the versions of a plugin, the newest first.
func versionsText(signed *metadata.TargetsType, id release.ID) string {
	const most = 8
	var found []string
	for name := range signed.Targets {
		if p, err := release.ParsePath(name); err == nil && p.ID == id && p.Platform == "" {
			found = append(found, p.Version)
		}
	}
	slices.SortFunc(found, func(a, b string) int { return release.Compare(b, a) })
	switch {
	case len(found) == 0:
		return "no version"
	case len(found) > most:
		return strings.Join(found[:most], ", ") + " and older versions"
	}
	return strings.Join(found, ", ")
}

// Cosign adds signatures to a submission.
func (sub *Submission) Cosign(with ...*keys.Key) error {
	m, err := parse[metadata.TargetsType](sub.Metadata)
	if err != nil {
		return fmt.Errorf("the submission: %w", err)
	}
	return sub.sign(m, with)
}

func (sub *Submission) sign(m *metadata.Metadata[metadata.TargetsType], with []*keys.Key) error {
	if err := sign(m, with); err != nil {
		return err
	}
	f, err := encode(versioned(sub.Namespace, m.Signed.Version), m, maxRole)
	sub.Metadata = f.data
	return err
}

// Contents are what a submission offers in all, and how many signatures it has.
type Contents struct {
	Version    int64
	Signatures []string // IDs of keys; they are not verified
	Offers     []Offer  // by id and version
	Archives   []string // paths of the targets whose files are in it
}

// Contents reads the submission's metadata. It verifies no signature.
func (sub *Submission) Contents() (*Contents, error) {
	m, err := parse[metadata.TargetsType](sub.Metadata)
	if err != nil {
		return nil, fmt.Errorf("the submission: %w", err)
	}
	found, err := offers(sub.Namespace, &m.Signed)
	if err != nil {
		return nil, fmt.Errorf("the submission: %w", err)
	}
	c := &Contents{Version: m.Signed.Version, Offers: sorted(found), Archives: slices.Sorted(maps.Keys(sub.Archives))}
	for _, s := range m.Signatures {
		c.Signatures = append(c.Signatures, s.KeyID)
	}
	return c, nil
}

// sorted lists offers by id and version.
func sorted(found map[string]Offer) []Offer {
	out := slices.Collect(maps.Values(found))
	slices.SortFunc(out, func(a, b Offer) int {
		if a.Release.ID != b.Release.ID {
			return strings.Compare(a.Release.ID, b.Release.ID)
		}
		return release.Compare(a.Release.Version, b.Release.Version)
	})
	return out
}
