// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"path"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// ErrNoTarget is in the error of a target that no role has.
var ErrNoTarget = errors.New("no role that may sign it has such a target")

// Role is the verified metadata of targets, or of a role that parent delegates
// to. Refresh must have been called.
func (c *Client) Role(ctx context.Context, role, parent string) (*metadata.Metadata[metadata.TargetsType], error) {
	if parent != metadata.ROOT && slices.Contains(topLevel, role) {
		return nil, &Error{Role: role, Threat: WrongSoftware, Err: fmt.Errorf("the role %q delegates to a role with the name of a top-level one", parent)}
	}
	if have := c.set.Targets[role]; have != nil {
		return have, c.again(edge{role, parent}, have)
	}
	update := func(data []byte) error { return c.newTargets(data, role, parent) }
	done, err := c.kept(role, update)
	if err != nil {
		return nil, err
	}
	if !done {
		if err := c.download(ctx, role, update); err != nil {
			return nil, err
		}
	}
	c.verified[edge{role, parent}] = true
	return c.set.Targets[role], nil
}

// again verifies a loaded role for another delegation.
func (c *Client) again(e edge, have *metadata.Metadata[metadata.TargetsType]) error {
	if c.verified[e] {
		return nil
	}
	err := verify(e.role, nil, func([]byte) error {
		if e.parent == metadata.ROOT {
			return c.set.Root.VerifyDelegate(e.role, have)
		}
		return c.set.Targets[e.parent].VerifyDelegate(e.role, have)
	})
	c.verified[e] = err == nil
	return err
}

func (c *Client) newTargets(data []byte, role, parent string) error {
	m, err := c.set.UpdateDelegatedTargets(data, role, parent)
	if errors.Is(err, &metadata.ErrBadVersionNumber{}) {
		return &Error{Role: role, Threat: MixAndMatch, Err: err}
	}
	if err != nil {
		return err
	}
	return spec(role, m.Signed.SpecVersion)
}

func (c *Client) download(ctx context.Context, role string, update func([]byte) error) error {
	data, err := c.fetchMeta(ctx, role, c.set.Snapshot.Signed.Meta[role+".json"], MaxTargets)
	if err != nil {
		return err
	}
	if err := verify(role, data, update); err != nil {
		return err
	}
	return c.keep(role, data)
}

// Forget drops a delegated role from memory. The next Role loads it again.
func (c *Client) Forget(role string) {
	if slices.Contains(topLevel, role) {
		return
	}
	delete(c.set.Targets, role)
	for e := range c.verified {
		if e.role == role {
			delete(c.verified, e)
		}
	}
}

// Find searches the roles in the order of their delegations, depth first, for a
// target. An error of a role on the way ends the search.
func (c *Client) Find(ctx context.Context, target string) (*metadata.TargetFiles, error) {
	visit := []edge{{metadata.TARGETS, metadata.ROOT}}
	seen := map[string]bool{}
	for len(visit) > 0 && len(seen) <= MaxDelegations {
		e := visit[len(visit)-1]
		visit = visit[:len(visit)-1]
		if seen[e.role] {
			continue
		}
		seen[e.role] = true
		m, err := c.Role(ctx, e.role, e.parent)
		if err != nil {
			return nil, err
		}
		if t := m.Signed.Targets[target]; t != nil {
			t.Path = target
			return t, nil
		}
		next, last := children(m, e.role, target)
		if last {
			visit = nil
		}
		visit = append(visit, next...)
	}
	return nil, fmt.Errorf("%q: %w", target, ErrNoTarget)
}

// children are the delegations of a role that a target can be in, the first one
// last, and whether one of them ends the search.
func children(m *metadata.Metadata[metadata.TargetsType], role, target string) (next []edge, last bool) {
	if m.Signed.Delegations == nil {
		return nil, false
	}
	for _, r := range m.Signed.Delegations.GetRolesForTarget(target) {
		next = append(next, edge{r.Name, role})
		if last = r.Terminating; last {
			break
		}
	}
	slices.Reverse(next)
	return next, last
}

// RemoteName is the name of a target's file: with consistent snapshots, its
// SHA-256, or another hash when it has no such, comes before the last part.
func (c *Client) RemoteName(t *metadata.TargetFiles) string {
	if !c.set.Root.Signed.ConsistentSnapshot {
		return t.Path
	}
	for _, name := range []string{"sha256", "sha512"} {
		if hash, ok := t.Hashes[name]; ok {
			dir, file := path.Split(t.Path)
			return dir + hex.EncodeToString(hash) + "." + file
		}
	}
	return t.Path
}

// Root is the newest root that was verified.
func (c *Client) Root() *metadata.RootType { return &c.set.Root.Signed }

// Published reports whether the snapshot has metadata of a role. Of a role that
// was delegated to and never signed anything it has none, and no later snapshot
// may leave out what an earlier one had.
func (c *Client) Published(role string) bool { return c.set.Snapshot.Signed.Meta[role+".json"] != nil }

// Versions are those of the loaded roles.
func (c *Client) Versions() map[string]int64 {
	v := map[string]int64{metadata.ROOT: c.set.Root.Signed.Version}
	if c.set.Timestamp != nil {
		v[metadata.TIMESTAMP] = c.set.Timestamp.Signed.Version
	}
	if c.set.Snapshot != nil {
		v[metadata.SNAPSHOT] = c.set.Snapshot.Signed.Version
	}
	for role, m := range c.set.Targets {
		v[role] = m.Signed.Version
	}
	return v
}

// Expiry is the top-level role that expires first, and when.
func (c *Client) Expiry() (role string, at time.Time) {
	role, at = metadata.ROOT, c.set.Root.Signed.Expires
	first := func(r string, t time.Time) {
		if t.Before(at) {
			role, at = r, t
		}
	}
	if c.set.Timestamp != nil {
		first(metadata.TIMESTAMP, c.set.Timestamp.Signed.Expires)
	}
	if c.set.Snapshot != nil {
		first(metadata.SNAPSHOT, c.set.Snapshot.Signed.Expires)
	}
	if t := c.set.Targets[metadata.TARGETS]; t != nil {
		first(metadata.TARGETS, t.Signed.Expires)
	}
	return role, at
}
