// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
)

// Options of Init and Open.
type Options struct {
	// Keys are those at hand. A change that needs others is a *KeysError.
	Keys *keys.Chain
	// Now is the time; nil is time.Now.
	Now func() time.Time
}

func (o Options) now() time.Time {
	if o.Now != nil {
		return o.Now()
	}
	return time.Now()
}

// Repo changes a registry. Each method takes the store's lock for itself, begins
// with what the store has at that moment, and leaves the old registry or the new
// one. It is safe for concurrent use.
type Repo struct {
	store files.Store
	opt   Options
}

// Open opens a registry to change it.
func Open(store files.Store, o Options) *Repo {
	if o.Keys == nil {
		o.Keys = keys.NewChain()
	}
	return &Repo{store: store, opt: o}
}

// ErrBusy: another writer changed the registry in the same moment.
var ErrBusy = errors.New("another writer changed the registry in the same moment; run the command again")

// change runs f on the state of the registry under the lock.
func (r *Repo) change(ctx context.Context, f func(*state) error) (err error) {
	unlock, err := r.store.Lock(ctx)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()
	s, err := load(ctx, r.store)
	if err != nil {
		return err
	}
	return f(s)
}

// update is what a change writes. What is nil stays as it is.
type update struct {
	before func(context.Context) error // writes targets and the log
	roles  map[string]*metadata.Metadata[metadata.TargetsType]
	// root is written last, when the old and the new root both accept everything
	// else, and first when rootFirst.
	root      *metadata.Metadata[metadata.RootType]
	rootFirst bool
	// also are keys that sign snapshot and timestamp beside those of the newest root.
	also map[string][]*keys.Key
}

// commit writes an update: what nothing names yet first, the timestamp last.
func (r *Repo) commit(ctx context.Context, s *state, u update) error {
	w := &writer{Repo: r, ctx: ctx, state: s, update: u}
	files, err := w.files()
	if err != nil {
		return err
	}
	if u.before != nil {
		if err := u.before(ctx); err != nil {
			return err
		}
	}
	for _, f := range files {
		if f.name == timestampName {
			if err := w.alone(); err != nil {
				return err
			}
		}
		if err := put(ctx, r.store, f.name, f.data); err != nil {
			return fmt.Errorf("writing %s: %w", f.name, err)
		}
	}
	return nil
}

// file is one to write.
type file struct {
	name string
	data []byte
}

// writer makes the files of an update.
type writer struct {
	*Repo
	ctx context.Context
	*state
	update
	snapshotFile file // as this writer wrote it
}

// files are those to write, in their order. Everything is signed before the first
// is written, so that a missing key changes nothing.
func (w *writer) files() ([]file, error) {
	var out []file
	meta := map[string]*metadata.MetaFiles{}
	maps.Copy(meta, w.snapshot.Signed.Meta)
	for role, m := range w.roles {
		f, err := encode(versioned(role, m.Signed.Version), m, limitOf(role))
		if err != nil {
			return nil, err
		}
		meta[role+".json"] = metaFile(m.Signed.Version, f.data)
		out = append(out, f)
	}
	snapshot, err := w.nextSnapshot(meta)
	if err != nil {
		return nil, err
	}
	w.snapshotFile = snapshot
	timestamp, err := w.nextTimestamp(snapshot)
	if err != nil {
		return nil, err
	}
	return w.withRoot(append(out, snapshot, timestamp))
}

func (w *writer) withRoot(out []file) ([]file, error) {
	if w.update.root == nil {
		return out, nil
	}
	f, err := encode(versioned(metadata.ROOT, w.update.root.Signed.Version), w.update.root, maxRoot)
	if err != nil {
		return nil, err
	}
	if w.rootFirst {
		return append([]file{f}, out...), nil
	}
	return append(out, f), nil
}

// newest is the root that will be the newest.
func (w *writer) newest() *metadata.Metadata[metadata.RootType] {
	if w.update.root != nil {
		return w.update.root
	}
	return w.state.root
}

func (w *writer) nextSnapshot(meta map[string]*metadata.MetaFiles) (file, error) {
	next := metadata.Snapshot(expiryAt(w.opt.now(), w.policy.Expiry.Snapshot))
	next.Signed.Version = w.snapshot.Signed.Version + 1
	next.Signed.Meta = meta
	if err := signOnline(w, metadata.SNAPSHOT, next); err != nil {
		return file{}, err
	}
	return encode(versioned(metadata.SNAPSHOT, next.Signed.Version), next, maxSnapshot)
}

func (w *writer) nextTimestamp(snapshot file) (file, error) {
	next := metadata.Timestamp(expiryAt(w.opt.now(), w.policy.Expiry.Timestamp))
	next.Signed.Version = w.timestamp.Signed.Version + 1
	next.Signed.Meta = map[string]*metadata.MetaFiles{"snapshot.json": metaFile(w.snapshot.Signed.Version+1, snapshot.data)}
	if err := signOnline(w, metadata.TIMESTAMP, next); err != nil {
		return file{}, err
	}
	return encode(timestampName, next, maxTimestamp)
}

// signOnline signs for a role of the newest root.
func signOnline[T metadata.Roles](w *writer, role string, m *metadata.Metadata[T]) error {
	return signRole(w.opt.Keys, w.newest(), role, m, w.also[role])
}

// signRole signs for a role of a root, with other keys as well.
func signRole[T metadata.Roles](chain *keys.Chain, root *metadata.Metadata[metadata.RootType], role string, m *metadata.Metadata[T], also []*keys.Key) error {
	def := root.Signed.Roles[role]
	if def == nil {
		return fmt.Errorf("the root has no role %s", role)
	}
	with, err := signers(chain, role, def.KeyIDs, def.Threshold)
	if err != nil {
		return err
	}
	if err := sign(m, append(with, also...)); err != nil {
		return err
	}
	return verifyBy(root, role, m)
}

// alone checks that nobody else has written since the state was read.
func (w *writer) alone() error {
	if err := w.unchanged(w.ctx, w.state); err != nil {
		return err
	}
	ours, err := read(w.ctx, w.store, w.snapshotFile.name, maxSnapshot)
	if err != nil {
		return err
	}
	if !bytes.Equal(ours, w.snapshotFile.data) {
		return ErrBusy
	}
	return nil
}

// unchanged checks that the timestamp is still the one of a state.
func (r *Repo) unchanged(ctx context.Context, s *state) error {
	now, err := read(ctx, r.store, timestampName, maxTimestamp)
	if err != nil {
		return err
	}
	if !bytes.Equal(now, s.timestampData) {
		return ErrBusy
	}
	return nil
}

// encode makes the file of metadata.
func encode[T metadata.Roles](name string, m *metadata.Metadata[T], limit int64) (file, error) {
	data, err := m.ToBytes(false)
	if err != nil {
		return file{}, err
	}
	if int64(len(data)) > limit {
		return file{}, fmt.Errorf("%s would have %d bytes, more than the %d that a client reads", name, len(data), limit)
	}
	return file{name: name, data: data}, nil
}

// metaFile describes metadata with length and hash.
func metaFile(version int64, data []byte) *metadata.MetaFiles {
	info := metadata.MetaFile(version)
	info.Length = int64(len(data))
	t, _ := target(hexSHA256(data), 0) // the digest is one
	info.Hashes = t.Hashes
	return info
}
