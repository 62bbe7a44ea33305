// SPDX-License-Identifier: Apache-2.0

package tuf_test

import (
	"bytes"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf"
	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf/tuftest"
)

type attack struct {
	name   string
	role   string // that is refused
	threat tuf.Threat
	do     func(t *testing.T, r *tuftest.Repo)
	kept   map[string]int64 // what must be kept after it, when it matters
}

// TestAttacks shows each to a client that has seen version 2 of timestamp, snapshot
// and targets.
func TestAttacks(t *testing.T) {
	for _, a := range slices.Concat(versionAttacks(), signatureAttacks(), formAttacks()) {
		for _, hashes := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s/hashes=%v", a.name, hashes), func(t *testing.T) {
				r := tuftest.New(t)
				r.Hashes = hashes
				r.Publish("targets")
				dir := begin(t, r)
				_, err := refresh(t, dir, r.Files)
				must(t, err)
				a.do(t, r)
				_, err = refresh(t, dir, r.Files)
				refused(t, err, a.role, a.threat)
				got := kept(t, dir)
				for role, v := range a.kept {
					if got[role] != v {
						t.Errorf("version %d of %s is kept, want %d", got[role], role, v)
					}
				}
			})
		}
	}
}

func versionAttacks() []attack {
	seen := map[string]int64{"root": 1, "timestamp": 2, "snapshot": 2, "targets": 2}
	return []attack{
		{"rollback of timestamp", "timestamp", tuf.Rollback, func(_ *testing.T, r *tuftest.Repo) {
			r.Timestamp.Signed.Version = 1
			r.WriteTimestamp()
		}, seen},
		{"rollback of snapshot", "timestamp", tuf.Rollback, func(_ *testing.T, r *tuftest.Repo) {
			r.Snapshot.Signed.Version = 1
			r.WriteSnapshot()
			r.Timestamp.Signed.Version++
			r.WriteTimestamp()
		}, seen},
		{"rollback of targets", "snapshot", tuf.Rollback, func(_ *testing.T, r *tuftest.Repo) {
			r.Targets["targets"].Signed.Version = 1
			r.WriteTargets("targets")
			r.Publish()
		}, map[string]int64{"snapshot": 2, "targets": 2}},
		{"a role that is no more in the snapshot", "snapshot", tuf.Rollback, func(_ *testing.T, r *tuftest.Repo) {
			delete(r.Snapshot.Signed.Meta, "targets.json")
			r.Publish()
		}, nil},
		{"rollback of root", "root", tuf.Rollback, func(_ *testing.T, r *tuftest.Repo) {
			data := r.PublishRoot()
			r.Set("metadata/2.root.json", r.Get("metadata/1.root.json"))
			r.Set("metadata/3.root.json", data)
		}, seen},
		{"freeze", "timestamp", tuf.Freeze, func(_ *testing.T, r *tuftest.Repo) {
			r.Timestamp.Signed.Expires = time.Now().Add(-time.Hour)
			r.Publish()
		}, seen},
		{"an expired root", "root", tuf.Freeze, func(_ *testing.T, r *tuftest.Repo) {
			r.Root.Signed.Expires = time.Now().Add(-time.Hour)
			r.PublishRoot()
		}, map[string]int64{"root": 2, "timestamp": 2}},
		{"an expired snapshot", "snapshot", tuf.Freeze, func(_ *testing.T, r *tuftest.Repo) {
			r.Snapshot.Signed.Expires = time.Now().Add(-time.Hour)
			r.Publish()
		}, map[string]int64{"timestamp": 3, "snapshot": 2}},
		{"expired targets", "targets", tuf.Freeze, func(_ *testing.T, r *tuftest.Repo) {
			r.Targets["targets"].Signed.Expires = time.Now().Add(-time.Hour)
			r.Publish("targets")
		}, map[string]int64{"targets": 2}},
		{"mix of snapshot and timestamp", "snapshot", tuf.MixAndMatch, func(_ *testing.T, r *tuftest.Repo) {
			old := r.Get("metadata/2.snapshot.json")
			r.Publish("targets")
			r.Set("metadata/3.snapshot.json", old)
		}, map[string]int64{"snapshot": 2, "targets": 2}},
		{"mix of targets and snapshot", "targets", tuf.MixAndMatch, func(_ *testing.T, r *tuftest.Repo) {
			old := r.Get("metadata/2.targets.json")
			r.Publish("targets")
			r.Set("metadata/3.targets.json", old)
		}, map[string]int64{"targets": 2}},
	}
}

func signatureAttacks() []attack {
	return []attack{
		{"threshold", "targets", tuf.KeyCompromise, func(t *testing.T, r *tuftest.Repo) {
			one, two := tuftest.NewKey(t), tuftest.NewKey(t)
			r.Rotate("targets", 2, one, two)
			r.Signers["targets"] = []*tuftest.Key{one}
			r.PublishRoot()
			r.Publish("targets")
		}, map[string]int64{"root": 2, "targets": 2}},
		{"one key under two names", "snapshot", tuf.KeyCompromise, func(t *testing.T, r *tuftest.Repo) {
			r.Root.Signed.Keys["0123"] = r.Signers["snapshot"][0].Public
			role := r.Root.Signed.Roles["snapshot"]
			role.KeyIDs, role.Threshold = append(role.KeyIDs, "0123"), 2
			r.PublishRoot()
			r.Publish()
			doubleSignature(t, r)
		}, nil},
		{"two signatures of one key", "timestamp", tuf.Malformed, func(_ *testing.T, r *tuftest.Repo) {
			r.Signers["timestamp"] = append(r.Signers["timestamp"], r.Signers["timestamp"][0])
			r.Root.Signed.Roles["timestamp"].Threshold = 2
			r.PublishRoot()
			r.Publish()
		}, nil},
		{"no signature", "timestamp", tuf.MissingSignature, func(_ *testing.T, r *tuftest.Repo) {
			r.Signers["timestamp"] = nil
			r.Publish()
		}, map[string]int64{"timestamp": 2}},
		{"a foreign key", "timestamp", tuf.KeyCompromise, func(t *testing.T, r *tuftest.Repo) {
			r.Signers["timestamp"] = []*tuftest.Key{tuftest.NewKey(t)}
			r.Publish()
		}, nil},
		{"a revoked key", "timestamp", tuf.KeyCompromise, func(t *testing.T, r *tuftest.Repo) {
			old := r.Signers["timestamp"]
			r.Rotate("timestamp", 1, tuftest.NewKey(t))
			r.PublishRoot()
			r.Signers["timestamp"] = old
			r.Publish()
		}, map[string]int64{"root": 2}},
		{"a root that the old keys did not sign", "root", tuf.KeyCompromise, func(t *testing.T, r *tuftest.Repo) {
			r.Rotate("root", 1, tuftest.NewKey(t))
			r.PublishRoot()
		}, map[string]int64{"root": 1}},
		{"a root that the new keys did not sign", "root", tuf.KeyCompromise, func(t *testing.T, r *tuftest.Repo) {
			old := r.Signers["root"]
			r.Rotate("root", 1, tuftest.NewKey(t))
			r.Signers["root"] = old
			r.PublishRoot()
		}, map[string]int64{"root": 1}},
	}
}

// doubleSignature repeats a signature under a second name of its key.
func doubleSignature(t *testing.T, r *tuftest.Repo) {
	t.Helper()
	name := fmt.Sprintf("metadata/%d.snapshot.json", r.Snapshot.Signed.Version)
	m, err := metadata.Snapshot().FromBytes(r.Get(name))
	must(t, err)
	again := m.Signatures[0]
	again.KeyID = "0123"
	m.Signatures = append(m.Signatures, again)
	data, err := m.ToBytes(false)
	must(t, err)
	r.Set(name, data)
	if r.Hashes { // the timestamp speaks of these bytes
		r.Hashes = false
		r.Timestamp.Signed.Meta["snapshot.json"] = metadata.MetaFile(m.Signed.Version)
		r.Timestamp.Signed.Version++
		r.WriteTimestamp()
	}
}

func formAttacks() []attack {
	return []attack{
		{"endless timestamp", "timestamp.json", tuf.EndlessData, func(_ *testing.T, r *tuftest.Repo) {
			r.Set("metadata/timestamp.json", bytes.Repeat([]byte(" "), tuf.MaxTimestamp+1))
		}, nil},
		{"endless snapshot", "snapshot", tuf.EndlessData, func(_ *testing.T, r *tuftest.Repo) {
			r.Snapshot.Signed.Version++
			r.WriteSnapshot()
			r.Timestamp.Signed.Meta["snapshot.json"].Length = 1 << 40
			r.Timestamp.Signed.Version++
			r.WriteTimestamp()
		}, nil},
		{"a timestamp of no snapshot", "timestamp", tuf.Malformed, func(_ *testing.T, r *tuftest.Repo) {
			r.Timestamp.Signed.Meta = map[string]*metadata.MetaFiles{}
			r.Timestamp.Signed.Version++
			r.WriteTimestamp()
		}, nil},
		{"a snapshot of no targets", "targets", tuf.Malformed, func(t *testing.T, r *tuftest.Repo) {
			r.Rotate("snapshot", 1, tuftest.NewKey(t)) // so that the kept one does not count
			r.PublishRoot()
			r.Snapshot.Signed.Meta = map[string]*metadata.MetaFiles{"targets.json": nil}
			r.Publish()
		}, nil},
		{"a target that is null", "targets", tuf.Malformed, func(_ *testing.T, r *tuftest.Repo) {
			r.Publish("targets")
			r.Set("metadata/3.targets.json", []byte(`{"signatures":[],"signed":{"_type":"targets","targets":{"a":null}}}`))
			r.Snapshot.Signed.Meta["targets.json"] = metadata.MetaFile(3)
			r.Hashes = false
			r.Publish()
		}, map[string]int64{"targets": 2}},
		{"another type", "timestamp", tuf.Malformed, func(_ *testing.T, r *tuftest.Repo) {
			r.Set("metadata/timestamp.json", r.Get("metadata/1.root.json"))
		}, nil},
		{"garbage", "timestamp", tuf.Malformed, func(_ *testing.T, r *tuftest.Repo) { r.Set("metadata/timestamp.json", []byte("{")) }, nil},
		{"another major of the specification", "timestamp", tuf.Malformed, func(_ *testing.T, r *tuftest.Repo) {
			r.Timestamp.Signed.SpecVersion = "2.0.0"
			r.Publish()
		}, nil},
	}
}
