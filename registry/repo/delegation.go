// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// maxPublishers of a registry.
const maxPublishers = 10_000

// setDelegation gives a namespace to the keys of a role, or other keys.
func setDelegation(m *metadata.Metadata[metadata.TargetsType], namespace string, def Role) error {
	def.Threshold = cmp.Or(def.Threshold, thresholdOf(m, namespace), 1)
	if err := def.check(namespace); err != nil {
		return err
	}
	role := metadata.DelegatedRole{
		Name: namespace, Threshold: def.Threshold, Terminating: true, Paths: []string{release.RolePattern(namespace)},
	}
	if m.Signed.Delegations == nil {
		m.Signed.Delegations = &metadata.Delegations{Keys: map[string]*metadata.Key{}}
	}
	d := m.Signed.Delegations
	for _, k := range def.Keys {
		t, err := k.TUF()
		if err != nil {
			return err
		}
		d.Keys[k.ID()] = t
		role.KeyIDs = append(role.KeyIDs, k.ID())
	}
	removeDelegation(m, namespace)
	d.Roles = append(d.Roles, role)
	slices.SortFunc(d.Roles, func(a, b metadata.DelegatedRole) int { return strings.Compare(a.Name, b.Name) })
	dropKeys(d)
	return nil
}

// thresholdOf is that of a namespace; 0 when it belongs to nobody.
func thresholdOf(m *metadata.Metadata[metadata.TargetsType], namespace string) int {
	if d := m.Signed.Delegations; d != nil {
		for _, r := range d.Roles {
			if r.Name == namespace {
				return r.Threshold
			}
		}
	}
	return 0
}

// removeDelegation takes a namespace away.
func removeDelegation(m *metadata.Metadata[metadata.TargetsType], namespace string) {
	d := m.Signed.Delegations
	d.Roles = slices.DeleteFunc(slices.Clone(d.Roles), func(r metadata.DelegatedRole) bool { return r.Name == namespace })
}

// dropKeys removes the keys that no role names.
func dropKeys(d *metadata.Delegations) {
	used := map[string]bool{}
	for _, r := range d.Roles {
		for _, id := range r.KeyIDs {
			used[id] = true
		}
	}
	for id := range d.Keys {
		if !used[id] {
			delete(d.Keys, id)
		}
	}
}

// NeedSubmissionError: the metadata that a namespace has are not signed with its
// new keys.
type NeedSubmissionError struct{ Namespace string }

func (e *NeedSubmissionError) Error() string {
	return fmt.Sprintf("what %s published is not signed with these keys; let its publisher renew it with `bulkhead plugin sign --namespace %s --key NEW --previous OLD`, and give the submission with --submission", e.Namespace, e.Namespace)
}

// AddPublisher gives a namespace to a publisher. Of one that is given already it
// replaces keys and threshold: that is how a publisher's keys are changed. If the
// namespace has metadata that the new keys did not sign, sub must be the same
// releases signed by them; it may be nil otherwise.
func (r *Repo) AddPublisher(ctx context.Context, namespace string, def Role, sub *Submission) error {
	if err := release.CheckNamespace(namespace); err != nil {
		return err
	}
	if sub != nil && sub.Namespace != namespace {
		return fmt.Errorf("the submission is of %s and not of %s", sub.Namespace, namespace)
	}
	return r.change(ctx, func(s *state) error {
		old := s.delegation(namespace) != nil
		if err := setDelegation(s.targets, namespace, def); err != nil {
			return err
		}
		if n := len(s.targets.Signed.Delegations.Roles); n > maxPublishers && !old {
			return fmt.Errorf("a registry has at most %d publishers", maxPublishers)
		}
		u := update{roles: map[string]*metadata.Metadata[metadata.TargetsType]{}}
		if err := r.rekeyed(ctx, s, namespace, sub, &u); err != nil {
			return err
		}
		return r.commitTargets(ctx, s, u)
	})
}

// rekeyed makes sure that the namespace has metadata of its new keys, or none.
func (r *Repo) rekeyed(ctx context.Context, s *state, namespace string, sub *Submission, u *update) error {
	if sub != nil {
		return r.accept(ctx, s, sub, u)
	}
	_, err := s.publisher(ctx, namespace)
	if _, ok := errors.AsType[*metadata.ErrUnsignedMetadata](err); ok {
		return &NeedSubmissionError{Namespace: namespace}
	}
	return err
}

// ErrNoPublisher: a namespace belongs to nobody.
var ErrNoPublisher = errors.New("no such publisher; `bulkhead registry verify` lists them, and `bulkhead registry add-publisher` adds one")

// RevokePublisher takes a namespace away. Clients find none of its releases any
// more; what is installed stays. The namespace can be given again.
func (r *Repo) RevokePublisher(ctx context.Context, namespace string) error {
	return r.change(ctx, func(s *state) error {
		if s.delegation(namespace) == nil {
			return fmt.Errorf("%q: %w", namespace, ErrNoPublisher)
		}
		removeDelegation(s.targets, namespace)
		dropKeys(s.targets.Signed.Delegations)
		return r.commitTargets(ctx, s, update{roles: map[string]*metadata.Metadata[metadata.TargetsType]{}})
	})
}

// commitTargets signs the changed targets and commits them with an update.
func (r *Repo) commitTargets(ctx context.Context, s *state, u update) error {
	if err := r.signTargets(s, s.root); err != nil {
		return err
	}
	u.roles[metadata.TARGETS] = s.targets
	return r.commit(ctx, s, u)
}

// signTargets makes the targets their next version, signed by the keys of a root.
func (r *Repo) signTargets(s *state, root *metadata.Metadata[metadata.RootType]) error {
	s.targets.ClearSignatures()
	s.targets.Signed.Version++
	s.targets.Signed.Expires = expiryAt(r.opt.now(), s.policy.Expiry.Targets)
	return signRole(r.opt.Keys, root, metadata.TARGETS, s.targets, nil)
}
