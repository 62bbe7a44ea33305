// SPDX-License-Identifier: Apache-2.0

package tuf

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"
	"github.com/theupdateframework/go-tuf/v2/metadata/trustedmetadata"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// Fetch reads a metadata file of the repository, such as "2.root.json", of at
// most limit bytes. One that is not there is fs.ErrNotExist; a longer one must be
// an *Error of EndlessData.
type Fetch func(ctx context.Context, name string, limit int64) ([]byte, error)

// Options of a Client.
type Options struct {
	Dir   string    // of the kept metadata; Init made it
	Fetch Fetch     // nil: only what is kept counts
	Now   time.Time // what expires is compared with this
	// Prefix begins the names of the kept files of delegated roles.
	Prefix string
}

// Client is one update.
type Client struct {
	o        Options
	set      *trustedmetadata.TrustedMetadata
	verified map[edge]bool
}

// edge is a delegation.
type edge struct{ role, parent string }

var topLevel = []string{metadata.ROOT, metadata.TIMESTAMP, metadata.SNAPSHOT, metadata.TARGETS}

// Init begins with a root that was given out of band: it is what all trust
// comes from. The root must have signed itself.
func Init(dir string, root []byte) error {
	if _, err := load(root); err != nil {
		return err
	}
	if err := durable.MakeDir(dir); err != nil {
		return err
	}
	return durable.Replace(filepath.Join(dir, "root.json"), root, nil)
}

// New loads the trusted root. It asks nobody.
func New(o Options) (*Client, error) {
	root, err := durable.ReadFile(filepath.Join(o.Dir, "root.json"), MaxRoot)
	if err != nil {
		return nil, fmt.Errorf("the trusted root: %w", err)
	}
	set, err := load(root)
	if err != nil {
		return nil, err
	}
	set.RefTime = o.Now
	return &Client{o: o, set: set, verified: map[edge]bool{}}, nil
}

// load verifies a root that is trusted already.
func load(root []byte) (set *trustedmetadata.TrustedMetadata, err error) {
	err = verify(metadata.ROOT, root, func(data []byte) error {
		if set, err = trustedmetadata.New(data); err != nil {
			return err
		}
		return spec(metadata.ROOT, set.Root.Signed.SpecVersion)
	})
	if err != nil {
		return nil, fmt.Errorf("the trusted root: %w", err)
	}
	return set, nil
}

// At changes the time that expiry is compared with. Signatures and versions are
// not touched by it.
func (c *Client) At(now time.Time) { c.o.Now, c.set.RefTime = now, now }

// Refresh updates the top-level roles: root, timestamp, snapshot, targets. It is
// called once. The errors are *Error, *FetchError and those of the directory.
func (c *Client) Refresh(ctx context.Context) error {
	for _, step := range []func(context.Context) error{c.root, c.timestamp, c.snapshot, c.targets} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

func (c *Client) root(ctx context.Context) error {
	for n := 0; c.o.Fetch != nil; n++ {
		if n == MaxRotations {
			return &Error{Role: metadata.ROOT, Threat: EndlessData, Err: fmt.Errorf("there are more than %d new roots", MaxRotations)}
		}
		name := fmt.Sprintf("%d.root.json", c.set.Root.Signed.Version+1)
		data, err := c.o.Fetch(ctx, name, MaxRoot)
		if errors.Is(err, fs.ErrNotExist) {
			break
		}
		if err != nil {
			return fetchError(name, err)
		}
		if err := c.rotate(data); err != nil {
			return err
		}
	}
	if c.set.Root.Signed.IsExpired(c.o.Now) {
		return &Error{Role: metadata.ROOT, Threat: Freeze, Err: expired(c.set.Root.Signed.Expires)}
	}
	return nil
}

// rotate takes the next root. What a lost key may have signed is deleted before
// the root that says so is kept: after a crash the root is fetched again.
func (c *Client) rotate(data []byte) error {
	old := c.set.Root
	err := verify(metadata.ROOT, data, func(data []byte) error {
		if _, err := c.set.UpdateRoot(data); err != nil {
			return err
		}
		return spec(metadata.ROOT, c.set.Root.Signed.SpecVersion)
	})
	if err != nil {
		return err
	}
	if lostKey(old, c.set.Root, metadata.TIMESTAMP) || lostKey(old, c.set.Root, metadata.SNAPSHOT) {
		if err := c.forgetVersions(); err != nil {
			return err
		}
	}
	return c.keep(metadata.ROOT, data)
}

func lostKey(old, now *metadata.Metadata[metadata.RootType], role string) bool {
	was, is := old.Signed.Roles[role], now.Signed.Roles[role]
	return was != nil && is != nil && slices.ContainsFunc(was.KeyIDs, func(id string) bool { return !slices.Contains(is.KeyIDs, id) })
}

func (c *Client) forgetVersions() error {
	for _, role := range []string{metadata.SNAPSHOT, metadata.TIMESTAMP} {
		if err := os.Remove(c.path(role)); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return durable.SyncDir(c.o.Dir)
}

func (c *Client) timestamp(ctx context.Context) error {
	_, err := c.kept(metadata.TIMESTAMP, c.newTimestamp)
	if err != nil || c.o.Fetch == nil {
		return err
	}
	data, err := c.fetch(ctx, "timestamp.json", MaxTimestamp)
	if err != nil {
		return err
	}
	err = verify(metadata.TIMESTAMP, data, c.newTimestamp)
	if errors.Is(err, &metadata.ErrEqualVersionNumber{}) { // the one that is kept goes on
		if at := c.set.Timestamp.Signed.Expires; c.set.Timestamp.Signed.IsExpired(c.o.Now) {
			return &Error{Role: metadata.TIMESTAMP, Threat: Freeze, Err: expired(at)}
		}
		return nil
	}
	if err != nil {
		return err
	}
	return c.keep(metadata.TIMESTAMP, data)
}

func (c *Client) newTimestamp(data []byte) error {
	if _, err := c.set.UpdateTimestamp(data); err != nil {
		return err
	}
	if c.set.Timestamp.Signed.Meta["snapshot.json"] == nil {
		return &Error{Role: metadata.TIMESTAMP, Threat: Malformed, Err: errors.New("they name no snapshot")}
	}
	return spec(metadata.TIMESTAMP, c.set.Timestamp.Signed.SpecVersion)
}

func (c *Client) snapshot(ctx context.Context) error {
	done, err := c.kept(metadata.SNAPSHOT, func(data []byte) error { return c.newSnapshot(data, true) })
	if done || err != nil {
		return err
	}
	data, err := c.fetchMeta(ctx, metadata.SNAPSHOT, c.set.Timestamp.Signed.Meta["snapshot.json"], MaxSnapshot)
	if err != nil {
		return err
	}
	if err := verify(metadata.SNAPSHOT, data, func(data []byte) error { return c.newSnapshot(data, false) }); err != nil {
		return err
	}
	return c.keep(metadata.SNAPSHOT, data)
}

// newSnapshot tells the reasons for which go-tuf refuses a snapshot apart: it goes
// back behind the one that is kept, or it is not the one that the timestamp names.
func (c *Client) newSnapshot(data []byte, kept bool) error {
	before := c.set.Snapshot
	_, err := c.set.UpdateSnapshot(data, kept)
	switch {
	case err == nil:
		return spec(metadata.SNAPSHOT, c.set.Snapshot.Signed.SpecVersion)
	case errors.Is(err, &metadata.ErrBadVersionNumber{}) && c.set.Snapshot != before:
		return &Error{Role: metadata.SNAPSHOT, Threat: MixAndMatch, Err: err}
	case before != nil && c.set.Snapshot == before && plain(err):
		return &Error{Role: metadata.SNAPSHOT, Threat: Rollback, Err: err}
	}
	return err
}

// plain reports whether go-tuf has no kind for an error. Of a snapshot that
// follows another one that is: it leaves out a role.
func plain(err error) bool {
	_, ok := err.(*metadata.ErrRepository) //nolint:errorlint // its other kinds wrap this one
	return ok
}

func (c *Client) targets(ctx context.Context) error {
	_, err := c.Role(ctx, metadata.TARGETS, metadata.ROOT)
	return err
}

// spec refuses a major of the specification that this client does not know.
func spec(role, version string) error {
	if len(version) < 2 || version[:2] != "1." {
		return &Error{Role: role, Threat: Malformed, Err: fmt.Errorf("they follow version %.16q of the specification and not 1", version)}
	}
	return nil
}

func expired(at time.Time) error {
	return &metadata.ErrExpiredMetadata{Msg: "it expired at " + at.UTC().Format(time.RFC3339)}
}
