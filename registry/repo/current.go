// SPDX-License-Identifier: Apache-2.0

package repo

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/policy"
)

// Current gives the metadata of a publisher as a registry has them, for Sign; nil
// when there are none. It verifies the chain to them from the registry's own first
// root, which a hostile mirror can make up: Sign looks for the publisher's own
// signature.
func Current(ctx context.Context, src files.Source, namespace string) ([]byte, error) {
	s, err := load(ctx, src)
	if err != nil {
		return nil, err
	}
	info := s.snapshot.Signed.Meta[namespace+".json"]
	if info == nil {
		return nil, nil
	}
	_, data, err := named(ctx, src, namespace, info)
	return data, err
}

// Publisher is who a namespace belongs to.
type Publisher struct {
	Namespace string
	KeyIDs    []string
	Threshold int
	Version   int64 // of its metadata; 0 when it has not published yet
}

// Overview is what a registry is, as its own metadata say.
type Overview struct {
	Name       string
	LogKey     string               // that signs the log
	FormerLogs []string             // keys that signed it before, the oldest first
	Root       []byte               // the first root
	Expires    map[string]time.Time // when the metadata of root, targets, snapshot and timestamp do
	Expiry     policy.Expiry        // for how long what is signed from now on may be good
	Roles      map[string]Threshold // root, targets, snapshot and timestamp
	Publishers []Publisher          // by namespace
}

// Threshold is the keys of a role, by their IDs, and how many have to sign.
type Threshold struct {
	KeyIDs    []string
	Threshold int
}

// Look reads what a registry is. Whoever holds the registry's first root should
// compare it: everything else follows from that.
func Look(ctx context.Context, src files.Source) (*Overview, error) {
	s, err := load(ctx, src)
	if err != nil {
		return nil, err
	}
	return s.overview(), nil
}

func (s *state) overview() *Overview {
	o := &Overview{Name: s.policy.Name, LogKey: s.policy.LogKey, FormerLogs: s.policy.FormerLogs, Root: s.first, Expiry: s.policy.Expiry, Roles: map[string]Threshold{}, Expires: map[string]time.Time{
		"root": s.root.Signed.Expires, "targets": s.targets.Signed.Expires, "snapshot": s.snapshot.Signed.Expires, "timestamp": s.timestamp.Signed.Expires,
	}}
	for name, role := range s.root.Signed.Roles {
		o.Roles[name] = Threshold{KeyIDs: role.KeyIDs, Threshold: role.Threshold}
	}
	for _, namespace := range s.namespaces() {
		d := s.delegation(namespace)
		p := Publisher{Namespace: namespace, KeyIDs: d.KeyIDs, Threshold: d.Threshold}
		if info := s.snapshot.Signed.Meta[namespace+".json"]; info != nil {
			p.Version = info.Version
		}
		o.Publishers = append(o.Publishers, p)
	}
	return o
}

// namespaces that belong to a publisher.
func (s *state) namespaces() []string {
	found := map[string]bool{}
	if d := s.targets.Signed.Delegations; d != nil {
		for _, r := range d.Roles {
			found[r.Name] = true
		}
	}
	return slices.Sorted(maps.Keys(found))
}
