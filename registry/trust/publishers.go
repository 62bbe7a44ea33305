// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf"
)

// delegation is what targets says of a publisher.
type delegation struct {
	threshold int
	keys      int
}

// delegations are the publishers by namespace, all of a form that leaves no doubt
// about who may sign what.
func (c *Client) delegations(ctx context.Context, set *tuf.Client) (map[string]delegation, error) {
	top, err := set.Role(ctx, metadata.TARGETS, metadata.ROOT)
	if err != nil {
		return nil, err
	}
	for path := range top.Signed.Targets {
		if strings.HasPrefix(path, "plugins/") {
			return nil, c.refused(WrongSoftware, nil, "the role targets itself has %.200q, which only a publisher may sign", path)
		}
	}
	publishers := map[string]delegation{}
	d := top.Signed.Delegations
	if d == nil {
		return publishers, nil
	}
	if d.SuccinctRoles != nil {
		return nil, c.refused(Malformed, nil, "it delegates to bins of hashes and not to publishers")
	}
	for _, r := range d.Roles {
		if _, twice := publishers[r.Name]; twice {
			return nil, c.refused(Malformed, nil, "it delegates to the publisher %q twice", r.Name)
		}
		if err := checkDelegation(r); err != nil {
			return nil, c.refused(WrongSoftware, err, "%v", err)
		}
		publishers[r.Name] = delegation{threshold: r.Threshold, keys: len(r.KeyIDs)}
	}
	return publishers, nil
}

func checkDelegation(r metadata.DelegatedRole) error {
	if err := release.CheckNamespace(r.Name); err != nil {
		return fmt.Errorf("it delegates to a role that is no publisher: %w", err)
	}
	want := release.RolePattern(r.Name)
	switch {
	case len(r.PathHashPrefixes) > 0 || len(r.Paths) != 1 || r.Paths[0] != want:
		return fmt.Errorf("the publisher %q may sign %.200q and not just %q", r.Name, r.Paths, want)
	case !r.Terminating:
		return fmt.Errorf("the delegation to the publisher %q does not end the search, so that another could sign for it", r.Name)
	}
	return nil
}

// Plugins lists the plugins of all publishers, sorted. Publishers that are refused
// are in the error, which comes beside the plugins of the others.
func (c *Client) Plugins(ctx context.Context) ([]release.ID, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set == nil {
		return nil, c.stale()
	}
	var ids []release.ID
	var errs []error
	for _, namespace := range slices.Sorted(maps.Keys(c.publishers)) {
		x, err := c.publisher(ctx, namespace)
		if err != nil {
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
			errs = append(errs, err)
			continue
		}
		ids = append(ids, x.plugins()...)
	}
	return ids, errors.Join(errs...)
}

// Releases lists the releases of a plugin, the oldest first; none of one that the
// registry does not have.
func (c *Client) Releases(ctx context.Context, id release.ID) ([]release.Known, error) {
	if err := id.Validate(); err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.set == nil {
		return nil, c.stale()
	}
	if _, ok := c.publishers[id.Namespace]; !ok {
		return nil, nil
	}
	x, err := c.publisher(ctx, id.Namespace)
	if err != nil {
		return nil, err
	}
	return slices.Clone(x.releases[id.Name]), nil
}

func (c *Client) stale() error {
	return fmt.Errorf("the registry %s was not verified yet; refresh it first", c.o.Name)
}

// publisher is the index of a publisher. The caller holds mu.
func (c *Client) publisher(ctx context.Context, namespace string) (*index, error) {
	if x := c.indexes[namespace]; x != nil {
		return x, nil
	}
	if !c.set.Published(namespace) { // it was added and has nothing yet
		return &index{namespace: namespace}, nil
	}
	m, err := c.role(ctx, namespace)
	if err != nil {
		return nil, c.explain(err)
	}
	defer c.set.Forget(namespace) // the index is a tenth of it
	x, err := newIndex(namespace, m, c.o.Name)
	if err != nil {
		return nil, c.refused(WrongSoftware, err, "the publisher %s: %v", namespace, err)
	}
	c.indexes[namespace] = x
	return x, nil
}

// role loads the metadata of a publisher, by the grace when there is one.
func (c *Client) role(ctx context.Context, namespace string) (*metadata.Metadata[metadata.TargetsType], error) {
	unlock, err := c.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	m, err := c.set.Role(ctx, namespace, metadata.TARGETS)
	if frozen(err) && c.o.Offline > 0 {
		c.set.At(c.fresh.Checked.Add(-c.o.Offline))
		if m, err = c.set.Role(ctx, namespace, metadata.TARGETS); err == nil {
			c.fresh.Expired = true
		}
	}
	return m, err
}
