// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/translog"
)

// PublishedError: a version exists, and a release never changes.
type PublishedError struct{ ID, Version string }

func (e *PublishedError) Error() string {
	return fmt.Sprintf("%s %s is published, and a release never changes; publish the change under another version", e.ID, e.Version)
}

// StaleError: a submission does not follow on what the registry has.
type StaleError struct {
	Namespace string
	Has, Got  int64 // versions of the metadata
}

func (e *StaleError) Error() string {
	return fmt.Sprintf("the submission is version %d of the metadata of %s, and the registry has version %d; sign again on top of that with `bulkhead plugin sign`", e.Got, e.Namespace, e.Has)
}

// Published is what Publish did.
type Published struct {
	Namespace string
	Version   int64   // of the publisher's metadata
	New       []Offer // releases that are new
	Changed   []Offer // releases that were yanked, or are not any more
	Already   bool    // the registry had this submission: nothing was done
}

// Publish puts a publisher's submission into the registry; see the package's
// documentation.
func (r *Repo) Publish(ctx context.Context, sub *Submission) (done *Published, err error) {
	err = r.change(ctx, func(s *state) error {
		if s.delegation(sub.Namespace) == nil {
			return fmt.Errorf("%q: %w", sub.Namespace, ErrNoPublisher)
		}
		a, err := r.accepted(ctx, s, sub)
		if err != nil {
			return err
		}
		done = a.published()
		if done.Already {
			return nil
		}
		return r.commit(ctx, s, update{
			before: func(ctx context.Context) error { return r.writeTargets(ctx, s, a) },
			roles:  map[string]*metadata.Metadata[metadata.TargetsType]{sub.Namespace: a.next},
		})
	})
	return done, err
}

// accept checks a submission and adds it to an update.
func (r *Repo) accept(ctx context.Context, s *state, sub *Submission, u *update) error {
	a, err := r.accepted(ctx, s, sub)
	if err != nil {
		return err
	}
	u.before = func(ctx context.Context) error { return r.writeTargets(ctx, s, a) }
	u.roles[sub.Namespace] = a.next
	return nil
}

// clockSkew is by how much the clock of a publisher may be ahead.
const clockSkew = 24 * time.Hour

// checkExpiry checks that a submission is good now, and not for longer than the
// registry allows.
func checkExpiry(expires, now time.Time, most time.Duration) error {
	switch {
	case !now.Before(expires):
		return fmt.Errorf("the submission expired on %s; sign again", expires.Format(time.DateOnly))
	case expires.Sub(now) > most+clockSkew:
		return fmt.Errorf("the submission is good until %s, and this registry takes signatures for %s; sign again with a shorter --expires", expires.Format(time.DateOnly), most)
	}
	return nil
}

// acceptance is a submission that passed every check.
type acceptance struct {
	sub    *Submission
	next   *metadata.Metadata[metadata.TargetsType]
	had    map[string]Offer // by the paths of their documents
	offers map[string]Offer
	same   bool // the registry has these metadata
}

// accepted checks a submission against the registry.
func (r *Repo) accepted(ctx context.Context, s *state, sub *Submission) (*acceptance, error) {
	a := &acceptance{sub: sub}
	current, _, err := s.targetsOf(ctx, sub.Namespace)
	if err != nil {
		return nil, err
	}
	if err := a.read(current); err != nil {
		return nil, err
	}
	if err := verifyBy(s.targets, sub.Namespace, a.next); err != nil {
		return nil, fmt.Errorf("the submission is not signed as the namespace %s demands: %w; let the holders of its keys sign it with `bulkhead plugin sign SUBMISSION --key`", sub.Namespace, err)
	}
	if err := checkExpiry(a.next.Signed.Expires, r.opt.now(), s.policy.Expiry.Publisher); err != nil {
		return nil, err
	}
	if a.same {
		return a, nil
	}
	for _, name := range a.fresh() {
		if err := a.checkArchives(ctx, name); err != nil {
			return nil, err
		}
	}
	return a, nil
}

// read reads the metadata of the submission and compares them with those that the
// registry has, if any.
func (a *acceptance) read(current *metadata.Metadata[metadata.TargetsType]) (err error) {
	if a.next, err = parse[metadata.TargetsType](a.sub.Metadata); err != nil {
		return fmt.Errorf("the submission: %w", err)
	}
	has := int64(0)
	if current != nil {
		has = current.Signed.Version
		if a.same, err = equal(current, a.next); err != nil {
			return err
		}
	}
	if a.next.Signed.Version != has+1 && !a.same {
		return &StaleError{Namespace: a.sub.Namespace, Has: has, Got: a.next.Signed.Version}
	}
	if err := checkHead(a.next.Signed.Type, metadata.TARGETS, a.next.Signed.Version, a.next.Signed.Version); err != nil {
		return fmt.Errorf("the submission: %w", err)
	}
	if a.offers, err = offers(a.sub.Namespace, &a.next.Signed); err != nil {
		return fmt.Errorf("the submission: %w", err)
	}
	if current == nil {
		return nil
	}
	if a.had, err = offers(a.sub.Namespace, &current.Signed); err != nil {
		return &MetadataError{File: versioned(a.sub.Namespace, has), Err: err}
	}
	return a.extends(&current.Signed)
}

// equal compares the signed parts of metadata.
func equal(a, b *metadata.Metadata[metadata.TargetsType]) (bool, error) {
	x, err1 := a.Signed.MarshalJSON()
	y, err2 := b.Signed.MarshalJSON()
	return bytes.Equal(x, y), errors.Join(err1, err2)
}

// extends checks that no release changed or went away.
func (a *acceptance) extends(current *metadata.TargetsType) error {
	var faults []error
	for _, name := range slices.Sorted(maps.Keys(current.Targets)) {
		was, is := current.Targets[name], a.next.Signed.Targets[name]
		if is != nil && is.Length == was.Length && is.Hashes.Equal(was.Hashes) {
			continue
		}
		p, err := release.ParsePath(name)
		if err != nil {
			return err
		}
		if is == nil {
			faults = append(faults, fmt.Errorf("%s is missing; a release stays, so yank %s %s instead", name, p.ID, p.Version))
			continue
		}
		faults = append(faults, &PublishedError{ID: p.ID.String(), Version: p.Version})
	}
	return errors.Join(faults...)
}

// fresh are the paths of the documents of new releases.
func (a *acceptance) fresh() []string {
	var out []string
	for _, name := range slices.Sorted(maps.Keys(a.offers)) {
		if _, ok := a.had[name]; !ok {
			out = append(out, name)
		}
	}
	return out
}

// checkArchives checks the files of a new release's archives.
func (a *acceptance) checkArchives(ctx context.Context, name string) error {
	rel := a.offers[name].Release
	id, err := release.ParseID(rel.ID)
	if err != nil {
		return err
	}
	for _, platform := range slices.Sorted(maps.Keys(rel.Platforms)) {
		path := release.ArchivePath(id, rel.Version, platform)
		file, ok := a.sub.Archives[path]
		if !ok {
			return fmt.Errorf("the submission has no %s; sign again with the archive", path)
		}
		if err := checkArchive(ctx, file, rel, platform); err != nil {
			return fmt.Errorf("%s %s for %s: %w", rel.ID, rel.Version, platform, err)
		}
	}
	return nil
}

// writeTargets writes the archives and documents of new releases, then the log.
func (r *Repo) writeTargets(ctx context.Context, s *state, a *acceptance) error {
	fresh := a.fresh()
	if len(fresh) == 0 {
		return nil
	}
	log, err := openLog(ctx, r.store, r.opt.Keys, s.policy.LogKey, false)
	if err != nil {
		return err
	}
	var records [][]byte
	for _, name := range fresh {
		rel := a.offers[name].Release
		record, err := translog.Record(rel)
		if err != nil {
			return err
		}
		records = append(records, record)
		if err := r.writeRelease(ctx, a, name, rel); err != nil {
			return err
		}
	}
	if err := r.unchanged(ctx, s); err != nil {
		return err
	}
	_, err = log.Append(ctx, records...)
	return err
}

func (r *Repo) writeRelease(ctx context.Context, a *acceptance, name string, rel *release.Release) error {
	id, err := release.ParseID(rel.ID)
	if err != nil {
		return err
	}
	for _, platform := range slices.Sorted(maps.Keys(rel.Platforms)) {
		p := rel.Platforms[platform]
		path := release.ArchivePath(id, rel.Version, platform)
		if err := r.writeArchive(ctx, targetName(path, p.Archive[len("sha256:"):]), a.sub.Archives[path], p); err != nil {
			return err
		}
	}
	data, err := rel.Encode()
	if err != nil {
		return err
	}
	return put(ctx, r.store, targetName(name, hexSHA256(data)), data)
}

func (r *Repo) writeArchive(ctx context.Context, name, file string, p release.Platform) error {
	f, err := os.Open(file)
	if err != nil {
		return err
	}
	defer f.Close()
	return r.store.Put(ctx, name, newExact(f, p.Bytes, p.Archive))
}

// published says what an acceptance changes.
func (a *acceptance) published() *Published {
	p := &Published{Namespace: a.sub.Namespace, Version: a.next.Signed.Version, Already: a.same}
	fresh, changed := map[string]Offer{}, map[string]Offer{}
	for name, o := range a.offers {
		was, ok := a.had[name]
		switch {
		case !ok:
			fresh[name] = o
		case (was.Yanked == nil) != (o.Yanked == nil) || o.Yanked != nil && *was.Yanked != *o.Yanked:
			changed[name] = o
		}
	}
	p.New, p.Changed = sorted(fresh), sorted(changed)
	return p
}
