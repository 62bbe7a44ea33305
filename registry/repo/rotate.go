// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/policy"
)

// Refresh signs snapshot and timestamp anew, so that clients know that they see
// what there is. It has to run more often than the timestamp expires.
func (r *Repo) Refresh(ctx context.Context) error {
	return r.change(ctx, func(s *state) error { return r.mend(ctx, s) })
}

// mend commits the state as it is. When the root was given new keys and its other
// metadata are still signed with the old ones, they are signed anew.
func (r *Repo) mend(ctx context.Context, s *state) error {
	if verifyBy(s.root, metadata.TARGETS, s.targets) == nil {
		return r.commit(ctx, s, update{})
	}
	return r.commitTargets(ctx, s, update{roles: map[string]*metadata.Metadata[metadata.TargetsType]{}})
}

// Rotate gives one of the roles root, targets, snapshot and timestamp other keys.
// A role without keys keeps those that it has, and what it signs is signed anew:
// that is how root and targets are renewed before they expire.
//
// While the old keys are at hand both sign what the role signs, so that a crash or
// a client in between always finds a registry that verifies. When they are lost,
// the new root comes first, and clients refuse the registry until the rest is
// written; after a crash there, Refresh completes it.
func (r *Repo) Rotate(ctx context.Context, role string, def Role) error {
	return r.change(ctx, func(s *state) error {
		if s.root.Signed.Roles[role] == nil {
			return fmt.Errorf("%q has no keys of its own; there are root, targets, snapshot and timestamp, and a publisher's are changed with `bulkhead registry add-publisher`", role)
		}
		switch {
		case role == metadata.ROOT:
			return r.newRoot(ctx, s, role, def)
		case len(def.Keys) > 0:
			return r.rotate(ctx, s, role, def)
		case role == metadata.TARGETS:
			return r.commitTargets(ctx, s, update{roles: map[string]*metadata.Metadata[metadata.TargetsType]{}})
		}
		return r.mend(ctx, s)
	})
}

// nextRoot is the root that follows, with other keys for a role, signed by its own
// threshold and by that of the root before.
func (r *Repo) nextRoot(s *state, role string, def Role) (*metadata.Metadata[metadata.RootType], error) {
	return r.changedRoot(s, s.policy, func(next *metadata.Metadata[metadata.RootType]) error {
		if len(def.Keys) == 0 {
			return nil
		}
		def.Threshold = cmp.Or(def.Threshold, next.Signed.Roles[role].Threshold)
		return setRole(next, role, def)
	})
}

// changedRoot is the root that follows, with a policy and a change, signed by its
// own threshold and by that of the root before.
func (r *Repo) changedRoot(s *state, p policy.Policy, change func(*metadata.Metadata[metadata.RootType]) error) (*metadata.Metadata[metadata.RootType], error) {
	next, err := cloneRoot(s.root)
	if err != nil {
		return nil, err
	}
	next.ClearSignatures()
	next.Signed.Version++
	next.Signed.Expires = expiryAt(r.opt.now(), p.Expiry.Root)
	p.Write(&next.Signed)
	if err := change(next); err != nil {
		return nil, err
	}
	for _, by := range []*metadata.Metadata[metadata.RootType]{s.root, next} {
		if err := signRole(r.opt.Keys, by, metadata.ROOT, next, nil); err != nil {
			return nil, err
		}
	}
	return next, nil
}

func cloneRoot(root *metadata.Metadata[metadata.RootType]) (*metadata.Metadata[metadata.RootType], error) {
	data, err := root.ToBytes(false)
	if err != nil {
		return nil, err
	}
	return parse[metadata.RootType](data)
}

// newRoot writes a new root and nothing else.
func (r *Repo) newRoot(ctx context.Context, s *state, role string, def Role) error {
	next, err := r.nextRoot(s, role, def)
	if err != nil {
		return err
	}
	return r.putRoot(ctx, next)
}

func (r *Repo) putRoot(ctx context.Context, next *metadata.Metadata[metadata.RootType]) error {
	f, err := encode(versioned(metadata.ROOT, next.Signed.Version), next, maxRoot)
	if err != nil {
		return err
	}
	return put(ctx, r.store, f.name, f.data)
}

// rotate writes a new root and what its role signs.
func (r *Repo) rotate(ctx context.Context, s *state, role string, def Role) error {
	next, err := r.nextRoot(s, role, def)
	if err != nil {
		return err
	}
	old := s.root.Signed.Roles[role]
	also, err := signers(r.opt.Keys, role, old.KeyIDs, old.Threshold)
	_, lost := errors.AsType[*KeysError](err)
	if err != nil && !lost {
		return err
	}
	u := update{
		root: next, rootFirst: lost, also: map[string][]*keys.Key{role: also},
		roles: map[string]*metadata.Metadata[metadata.TargetsType]{},
	}
	if role == metadata.TARGETS {
		if err := r.signTargets(s, next); err != nil {
			return err
		}
		if err := sign(s.targets, also); err != nil {
			return err
		}
		u.roles[role] = s.targets
	}
	return r.commit(ctx, s, u)
}
