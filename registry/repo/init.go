// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/policy"
	"github.com/bulkhead-ml/bulkhead/registry/translog"
)

// ErrExist is in the error of Init where a registry is.
var ErrExist = errors.New("there is a registry already")

// InitOptions say what registry to make.
type InitOptions struct {
	Options
	// Name of the registry and of its log: what its owner calls it, such as
	// "plugins.example.org". No spaces and no plus.
	Name string
	// Roles are root, targets, snapshot and timestamp.
	Roles map[string]Role
	// Log is the key of the log.
	Log keys.Public
	// Expiry; what is 0 has its default.
	Expiry policy.Expiry
}

// Created is what the owner of a new registry hands out to its users, on a way
// other than the registry itself.
type Created struct {
	Root   []byte // the first root
	LogKey string // as package note writes it
}

// Init makes a registry without publishers. All keys of its roles' thresholds and
// of its log must be at hand. One that was cut short can be repeated.
func Init(ctx context.Context, store files.Store, o InitOptions) (_ *Created, err error) {
	if o.Keys == nil {
		o.Keys = keys.NewChain()
	}
	unlock, err := store.Lock(ctx)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	exists, err := there(ctx, store, timestampName)
	if err != nil {
		return nil, err
	}
	if exists {
		return nil, fmt.Errorf("%s: %w; choose another place", store, ErrExist)
	}
	return makeRegistry(ctx, store, o)
}

func makeRegistry(ctx context.Context, store files.Store, o InitOptions) (*Created, error) {
	root, p, err := firstRoot(o)
	if err != nil {
		return nil, err
	}
	rootFile, err := encode(versioned(metadata.ROOT, 1), root, maxRoot)
	if err != nil {
		return nil, err
	}
	targets := metadata.Targets(expiryAt(o.now(), p.Expiry.Targets))
	if err := signRole(o.Keys, root, metadata.TARGETS, targets, nil); err != nil {
		return nil, err
	}
	// The rest is a commit on a registry of version 0.
	w := &writer{Repo: &Repo{store: store, opt: o.Options}, ctx: ctx, state: blank(root, p), update: update{
		roles: map[string]*metadata.Metadata[metadata.TargetsType]{metadata.TARGETS: targets},
	}}
	out, err := w.files()
	if err != nil {
		return nil, err
	}
	if err := createLog(ctx, store, o, p.LogKey); err != nil {
		return nil, err
	}
	for _, f := range append([]file{rootFile}, out...) {
		if err := put(ctx, store, f.name, f.data); err != nil {
			return nil, fmt.Errorf("writing %s: %w", f.name, err)
		}
	}
	return &Created{Root: rootFile.data, LogKey: p.LogKey}, nil
}

// blank is the state before the first one.
func blank(root *metadata.Metadata[metadata.RootType], p policy.Policy) *state {
	s := &state{root: root, policy: p, snapshot: metadata.Snapshot(), timestamp: metadata.Timestamp()}
	s.snapshot.Signed.Version, s.timestamp.Signed.Version = 0, 0
	s.snapshot.Signed.Meta = nil
	return s
}

func firstRoot(o InitOptions) (*metadata.Metadata[metadata.RootType], policy.Policy, error) {
	logKey, err := o.Log.NoteKey(o.Name)
	if err != nil {
		return nil, policy.Policy{}, fmt.Errorf("the registry's name: %w", err)
	}
	expiry, err := o.Expiry.Fill(policy.DefaultExpiry())
	if err != nil {
		return nil, policy.Policy{}, err
	}
	p := policy.Policy{Name: o.Name, LogKey: logKey, Expiry: expiry}
	root := metadata.Root(expiryAt(o.now(), expiry.Root))
	for role := range maps.Keys(o.Roles) {
		if !slices.Contains(metadata.TOP_LEVEL_ROLE_NAMES[:], role) {
			return nil, p, fmt.Errorf("%q is no role of a registry; there are root, targets, snapshot and timestamp", role)
		}
	}
	for _, role := range metadata.TOP_LEVEL_ROLE_NAMES {
		if err := setRole(root, role, o.Roles[role]); err != nil {
			return nil, p, err
		}
	}
	p.Write(&root.Signed)
	return root, p, signRole(o.Keys, root, metadata.ROOT, root, nil)
}

// setRole gives a role of a root other keys.
func setRole(root *metadata.Metadata[metadata.RootType], role string, def Role) error {
	if err := def.check(role); err != nil {
		return err
	}
	if old := root.Signed.Roles[role]; old != nil {
		for _, id := range slices.Clone(old.KeyIDs) {
			if err := root.Signed.RevokeKey(id, role); err != nil {
				return err
			}
		}
	}
	for _, k := range def.Keys {
		t, err := k.TUF()
		if err != nil {
			return err
		}
		if err := root.Signed.AddKey(t, role); err != nil {
			return err
		}
	}
	root.Signed.Roles[role].Threshold = def.Threshold
	return nil
}

// createLog makes the log, or finds the empty one of an Init that was cut short.
func createLog(ctx context.Context, store files.Store, o InitOptions, logKey string) error {
	exists, err := there(ctx, store, translog.CheckpointName)
	if err != nil {
		return err
	}
	log, err := openLog(ctx, store, o.Keys, logKey, !exists)
	if err != nil || !exists {
		return err
	}
	c, err := log.Checkpoint(ctx)
	if err == nil && c.Size != 0 {
		err = fmt.Errorf("%s has a log with %d records and no registry; choose an empty place", store, c.Size)
	}
	return err
}
