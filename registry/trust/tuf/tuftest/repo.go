// SPDX-License-Identifier: Apache-2.0

// Package tuftest is a TUF repository in memory for tests: an honest one, whose
// signed parts a test can change before they are signed, so that it is every kind
// of dishonest one, too.
package tuftest

import (
	"crypto"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"net/url"
	"path"
	"testing"
	"time"

	"github.com/sigstore/sigstore/pkg/signature"
	"github.com/theupdateframework/go-tuf/v2/metadata"
)

// Key is a key pair.
type Key struct {
	Public *metadata.Key
	ID     string
	signer signature.Signer
}

// NewKey makes an ed25519 key.
func NewKey(t testing.TB) *Key {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	check(t, err)
	signer, err := signature.LoadSigner(private, crypto.Hash(0))
	check(t, err)
	key, err := metadata.KeyFromPublicKey(public)
	check(t, err)
	id, err := key.ID()
	check(t, err)
	return &Key{Public: key, ID: id, signer: signer}
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// Repo is a repository. Its fields are what the next Publish signs.
type Repo struct {
	*Files
	Root      *metadata.Metadata[metadata.RootType]
	Timestamp *metadata.Metadata[metadata.TimestampType]
	Snapshot  *metadata.Metadata[metadata.SnapshotType]
	Targets   map[string]*metadata.Metadata[metadata.TargetsType] // "targets" and delegated roles
	Signers   map[string][]*Key                                   // who signs a role, whoever may
	Hashes    bool                                                // put lengths and hashes in timestamp and snapshot

	t testing.TB
}

// New makes a repository with one key for each role and publishes version 1 of
// all. Its metadata expire in a day.
func New(t testing.TB) *Repo {
	t.Helper()
	expires := time.Now().UTC().Add(24 * time.Hour).Truncate(time.Second)
	r := &Repo{
		Files: NewFiles(), Root: metadata.Root(expires), Timestamp: metadata.Timestamp(expires), Snapshot: metadata.Snapshot(expires),
		Targets: map[string]*metadata.Metadata[metadata.TargetsType]{"targets": metadata.Targets(expires)},
		Signers: map[string][]*Key{}, t: t,
	}
	r.Root.Signed.ConsistentSnapshot = true
	for _, role := range []string{"root", "timestamp", "snapshot", "targets"} {
		r.Rotate(role, 1, NewKey(t))
	}
	r.Root.Signed.Version, r.Timestamp.Signed.Version, r.Snapshot.Signed.Version, r.Targets["targets"].Signed.Version = 0, 0, 0, 0
	r.PublishRoot()
	r.Publish("targets")
	return r
}

// Rotate gives a top-level role other keys, which sign it from now on, too. Root
// must be published then.
func (r *Repo) Rotate(role string, threshold int, keys ...*Key) {
	r.t.Helper()
	for _, id := range append([]string{}, r.Root.Signed.Roles[role].KeyIDs...) {
		check(r.t, r.Root.Signed.RevokeKey(id, role))
	}
	for _, k := range keys {
		check(r.t, r.Root.Signed.AddKey(k.Public, role))
	}
	r.Root.Signed.Roles[role].Threshold = threshold
	r.Signers[role] = keys
}

// Delegate makes a role that targets delegates to, with a key of its own.
func (r *Repo) Delegate(name string, paths ...string) *metadata.Metadata[metadata.TargetsType] {
	return r.DelegateFrom("targets", name, true, paths...)
}

// DelegateFrom makes a delegation of any role.
func (r *Repo) DelegateFrom(parent, name string, terminating bool, paths ...string) *metadata.Metadata[metadata.TargetsType] {
	r.t.Helper()
	p := &r.Targets[parent].Signed
	if p.Delegations == nil {
		p.Delegations = &metadata.Delegations{Keys: map[string]*metadata.Key{}}
	}
	if r.Targets[name] == nil {
		r.Targets[name] = metadata.Targets(r.Snapshot.Signed.Expires)
		r.Targets[name].Signed.Version = 0
		r.Signers[name] = []*Key{NewKey(r.t)}
	}
	p.Delegations.Roles = append(p.Delegations.Roles, metadata.DelegatedRole{Name: name, KeyIDs: []string{}, Threshold: 1, Terminating: terminating, Paths: paths})
	for _, k := range r.Signers[name] {
		role := &p.Delegations.Roles[len(p.Delegations.Roles)-1]
		role.KeyIDs = append(role.KeyIDs, k.ID)
		p.Delegations.Keys[k.ID] = k.Public
	}
	return r.Targets[name]
}

// AddTarget signs a file in a role and serves it. Publish must follow.
func (r *Repo) AddTarget(role, name string, data []byte) *metadata.TargetFiles {
	r.t.Helper()
	f, err := metadata.TargetFile().FromBytes(name, data, "sha256")
	check(r.t, err)
	r.Targets[role].Signed.Targets[name] = f
	r.Set(TargetName(name, data), data)
	return f
}

// TargetName is the file of a target with consistent snapshots.
func TargetName(name string, data []byte) string {
	dir, file := path.Split(name)
	return fmt.Sprintf("targets/%s%x.%s", dir, sha256.Sum256(data), file)
}

// PublishRoot signs and writes the next root.
func (r *Repo) PublishRoot() []byte {
	r.t.Helper()
	r.Root.Signed.Version++
	data := sign(r.t, r.Root, r.Signers["root"])
	r.Set(fmt.Sprintf("metadata/%d.root.json", r.Root.Signed.Version), data)
	return data
}

// Publish signs and writes the next version of roles of targets, and of snapshot
// and timestamp.
func (r *Repo) Publish(roles ...string) {
	r.t.Helper()
	for _, role := range roles {
		r.Targets[role].Signed.Version++
		r.WriteTargets(role)
	}
	r.Snapshot.Signed.Version++
	r.WriteSnapshot()
	r.Timestamp.Signed.Version++
	r.WriteTimestamp()
}

// WriteTargets signs and writes a role of targets as it is, and describes it in
// the snapshot.
func (r *Repo) WriteTargets(role string) {
	r.t.Helper()
	m := r.Targets[role]
	data := sign(r.t, m, r.Signers[role])
	r.Set(fmt.Sprintf("metadata/%d.%s.json", m.Signed.Version, url.PathEscape(role)), data)
	r.Snapshot.Signed.Meta[role+".json"] = r.describe(m.Signed.Version, data)
}

// WriteSnapshot signs and writes the snapshot as it is, and describes it in the
// timestamp.
func (r *Repo) WriteSnapshot() {
	r.t.Helper()
	data := sign(r.t, r.Snapshot, r.Signers["snapshot"])
	r.Set(fmt.Sprintf("metadata/%d.snapshot.json", r.Snapshot.Signed.Version), data)
	r.Timestamp.Signed.Meta["snapshot.json"] = r.describe(r.Snapshot.Signed.Version, data)
}

// WriteTimestamp signs and writes the timestamp as it is.
func (r *Repo) WriteTimestamp() {
	r.t.Helper()
	r.Set("metadata/timestamp.json", sign(r.t, r.Timestamp, r.Signers["timestamp"]))
}

func (r *Repo) describe(version int64, data []byte) *metadata.MetaFiles {
	m := metadata.MetaFile(version)
	if r.Hashes {
		sum := sha256.Sum256(data)
		m.Length, m.Hashes = int64(len(data)), metadata.Hashes{"sha256": sum[:]}
	}
	return m
}

func sign[T metadata.Roles](t testing.TB, m *metadata.Metadata[T], keys []*Key) []byte {
	t.Helper()
	m.ClearSignatures()
	for _, k := range keys {
		_, err := m.Sign(k.signer)
		check(t, err)
	}
	data, err := m.ToBytes(false)
	check(t, err)
	return data
}
