// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"context"
	"errors"
	"fmt"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/policy"
)

// state is the metadata of a registry, verified from the first root on. Each is
// the version that the one above it names.
type state struct {
	src       files.Source
	first     []byte // the first root
	root      *metadata.Metadata[metadata.RootType]
	prior     *metadata.Metadata[metadata.RootType] // the root before, if any
	policy    policy.Policy
	timestamp *metadata.Metadata[metadata.TimestampType]
	snapshot  *metadata.Metadata[metadata.SnapshotType]
	targets   *metadata.Metadata[metadata.TargetsType]
	// timestampData are the bytes of the timestamp, to see whether others replaced it.
	timestampData []byte
}

// MetadataError: metadata of a store are not what they should be.
type MetadataError struct {
	File string // of the registry
	Err  error
}

func (e *MetadataError) Error() string {
	return fmt.Sprintf("%s is not to be trusted: %v; restore the registry from a backup, or find out who changed it", e.File, e.Err)
}

// Unwrap is the reason.
func (e *MetadataError) Unwrap() error { return e.Err }

// load reads the metadata of a store and verifies them.
func load(ctx context.Context, src files.Source) (*state, error) {
	s := &state{src: src}
	if err := s.loadRoots(ctx); err != nil {
		return nil, err
	}
	for _, step := range []func(context.Context) error{s.loadTimestamp, s.loadSnapshot, s.loadTargets} {
		if err := step(ctx); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// loadRoots follows the chain of roots from the first.
func (s *state) loadRoots(ctx context.Context) (err error) {
	for version := int64(1); version <= maxRoots; version++ {
		name := versioned(metadata.ROOT, version)
		data, err := read(ctx, s.src, name, maxRoot)
		if errors.Is(err, files.ErrNotExist) && version > 1 {
			return nil
		}
		if errors.Is(err, files.ErrNotExist) {
			return fmt.Errorf("%s has no registry; make one with `bulkhead registry init`: %w", s.src, err)
		}
		if err != nil {
			return err
		}
		if err := s.addRoot(data, version); err != nil {
			return &MetadataError{File: name, Err: err}
		}
	}
	return fmt.Errorf("%s has more than %d roots", s.src, maxRoots)
}

// addRoot verifies the next root by the one before and by itself.
func (s *state) addRoot(data []byte, version int64) error {
	next, err := parse[metadata.RootType](data)
	if err != nil {
		return err
	}
	if err := checkHead(next.Signed.Type, metadata.ROOT, next.Signed.Version, version); err != nil {
		return err
	}
	if s.root != nil {
		if err := verifyBy(s.root, metadata.ROOT, next); err != nil {
			return err
		}
	}
	if err := verifyBy(next, metadata.ROOT, next); err != nil {
		return err
	}
	p, err := policy.Read(&next.Signed)
	if err != nil {
		return err
	}
	if s.root == nil {
		s.first = data
	} else if err := p.Follows(s.policy); err != nil {
		return err
	}
	s.prior, s.root, s.policy = s.root, next, p
	return nil
}

func checkHead(kind, wantKind string, version, wantVersion int64) error {
	if kind != wantKind {
		return fmt.Errorf("its type is %.40q and not %s", kind, wantKind)
	}
	if version != wantVersion {
		return fmt.Errorf("its version is %d and not %d", version, wantVersion)
	}
	return nil
}

// verify checks the signatures of a role's metadata by the newest root. The root
// before counts, too: when a key was lost, the root that replaces it is written
// before the metadata that the new key signs.
func (s *state) verify(role string, m any) error {
	err := verifyBy(s.root, role, m)
	if err != nil && s.prior != nil && verifyBy(s.prior, role, m) == nil {
		return nil
	}
	return err
}

func (s *state) loadTimestamp(ctx context.Context) (err error) {
	if s.timestampData, err = read(ctx, s.src, timestampName, maxTimestamp); err != nil {
		if errors.Is(err, files.ErrNotExist) {
			return fmt.Errorf("%s has a root and no timestamp; its making was cut short, so run `bulkhead registry init` again: %w", s.src, err)
		}
		return err
	}
	if err := s.takeTimestamp(s.timestampData); err != nil {
		return &MetadataError{File: timestampName, Err: err}
	}
	return nil
}

func (s *state) takeTimestamp(data []byte) (err error) {
	if s.timestamp, err = parse[metadata.TimestampType](data); err != nil {
		return err
	}
	signed := s.timestamp.Signed
	if err := checkHead(signed.Type, metadata.TIMESTAMP, signed.Version, max(signed.Version, 1)); err != nil {
		return err
	}
	if signed.Meta["snapshot.json"] == nil {
		return errors.New("it names no snapshot")
	}
	return s.verify(metadata.TIMESTAMP, s.timestamp)
}

// named reads the metadata of a role in the version that info says and checks
// length and hash, not the signatures.
func named(ctx context.Context, src files.Source, role string, info *metadata.MetaFiles) (string, []byte, error) {
	name := versioned(role, info.Version)
	limit := limitOf(role)
	if info.Length > 0 {
		limit = min(limit, info.Length)
	}
	data, err := read(ctx, src, name, limit)
	if err != nil {
		return name, nil, err
	}
	if len(info.Hashes) == 0 || info.Length == 0 {
		return name, nil, &MetadataError{File: name, Err: errors.New("its length or its hash is not signed")}
	}
	if err := info.VerifyLengthHashes(data); err != nil {
		return name, nil, &MetadataError{File: name, Err: err}
	}
	return name, data, nil
}

func (s *state) loadSnapshot(ctx context.Context) error {
	info := s.timestamp.Signed.Meta["snapshot.json"]
	name, data, err := named(ctx, s.src, metadata.SNAPSHOT, info)
	if err != nil {
		return err
	}
	if s.snapshot, err = parse[metadata.SnapshotType](data); err == nil {
		err = checkHead(s.snapshot.Signed.Type, metadata.SNAPSHOT, s.snapshot.Signed.Version, info.Version)
	}
	if err == nil {
		err = s.verify(metadata.SNAPSHOT, s.snapshot)
	}
	if err == nil {
		err = entries(s.snapshot.Signed.Meta)
	}
	if err != nil {
		return &MetadataError{File: name, Err: err}
	}
	return nil
}

func entries(meta map[string]*metadata.MetaFiles) error {
	for role, m := range meta {
		if m == nil {
			return fmt.Errorf("its entry %q is null", role)
		}
	}
	return nil
}

func (s *state) loadTargets(ctx context.Context) error {
	m, name, err := s.targetsOf(ctx, metadata.TARGETS)
	if err != nil {
		return err
	}
	if m == nil {
		return &MetadataError{File: name, Err: errors.New("the snapshot does not name it")}
	}
	s.targets = m
	if err := s.verify(metadata.TARGETS, m); err != nil {
		return &MetadataError{File: name, Err: err}
	}
	if len(m.Signed.Targets) != 0 {
		return &MetadataError{File: name, Err: errors.New("it signs targets itself, which only publishers do")}
	}
	return nil
}

// targetsOf reads the metadata of targets or of a publisher, without looking at
// their signatures; nil when the snapshot does not name it.
func (s *state) targetsOf(ctx context.Context, role string) (*metadata.Metadata[metadata.TargetsType], string, error) {
	info := s.snapshot.Signed.Meta[role+".json"]
	if info == nil {
		return nil, versioned(role, 1), nil
	}
	name, data, err := named(ctx, s.src, role, info)
	if err != nil {
		return nil, name, err
	}
	m, err := parseTargets(data, info.Version)
	if err != nil {
		return nil, name, &MetadataError{File: name, Err: err}
	}
	return m, name, nil
}

func parseTargets(data []byte, version int64) (*metadata.Metadata[metadata.TargetsType], error) {
	if int64(len(data)) > maxRole {
		return nil, fmt.Errorf("it has %d bytes, more than %d", len(data), int64(maxRole))
	}
	m, err := parse[metadata.TargetsType](data)
	if err != nil {
		return nil, err
	}
	return m, checkHead(m.Signed.Type, metadata.TARGETS, m.Signed.Version, version)
}

// publisher is the metadata of a namespace, verified; nil when its publisher has
// not published yet.
func (s *state) publisher(ctx context.Context, namespace string) (*metadata.Metadata[metadata.TargetsType], error) {
	m, name, err := s.targetsOf(ctx, namespace)
	if err != nil || m == nil {
		return nil, err
	}
	if err := verifyBy(s.targets, namespace, m); err != nil {
		return nil, &MetadataError{File: name, Err: err}
	}
	return m, nil
}

// fileOf is the file with the metadata of a namespace.
func (s *state) fileOf(namespace string) string {
	if info := s.snapshot.Signed.Meta[namespace+".json"]; info != nil {
		return versioned(namespace, info.Version)
	}
	return versioned(namespace, 1)
}

// delegation is the role of a namespace; nil when there is none.
func (s *state) delegation(namespace string) *metadata.DelegatedRole {
	if s.targets.Signed.Delegations == nil {
		return nil
	}
	for i, r := range s.targets.Signed.Delegations.Roles {
		if r.Name == namespace {
			return &s.targets.Signed.Delegations.Roles[i]
		}
	}
	return nil
}
