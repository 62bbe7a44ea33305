// SPDX-License-Identifier: Apache-2.0

package repo_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
)

// forged are the metadata of a registry in the hands of somebody who has its keys
// and does not keep to its rules.
type forged struct {
	root      *metadata.Metadata[metadata.RootType]
	targets   *metadata.Metadata[metadata.TargetsType]
	acme      *metadata.Metadata[metadata.TargetsType]
	snapshot  *metadata.Metadata[metadata.SnapshotType]
	timestamp *metadata.Metadata[metadata.TimestampType]
}

// newest is the name of the newest metadata of a role.
func (r *registry) newest(role string) string {
	r.t.Helper()
	for version := 99; version > 0; version-- {
		name := filepath.Join(r.dir, "metadata", strconv.Itoa(version)+"."+role+".json")
		if _, err := os.Stat(name); err == nil {
			return name
		}
	}
	return filepath.Join(r.dir, "metadata", role+".json")
}

// resign signs metadata with keys and writes them under their old name.
func resign[T metadata.Roles](r *registry, role string, m *metadata.Metadata[T], names ...string) *metadata.MetaFiles {
	r.t.Helper()
	m.ClearSignatures()
	for _, name := range names {
		s, err := r.key(name).Signer()
		must(r.t, err)
		_, err = m.Sign(s)
		must(r.t, err)
	}
	data, err := m.ToBytes(false)
	must(r.t, err)
	must(r.t, os.WriteFile(r.newest(role), data, 0o644))
	sum := sha256.Sum256(data)
	return &metadata.MetaFiles{Length: int64(len(data)), Hashes: metadata.Hashes{"sha256": sum[:]}}
}

func load[T metadata.Roles](t testing.TB, name string) *metadata.Metadata[T] {
	t.Helper()
	m, err := new(metadata.Metadata[T]).FromFile(name)
	must(t, err)
	return m
}

// forge changes the metadata of a registry and signs all of them properly.
func (r *registry) forge(change func(f *forged)) {
	r.t.Helper()
	f := &forged{
		root: load[metadata.RootType](r.t, r.newest("root")), targets: load[metadata.TargetsType](r.t, r.newest("targets")),
		acme: load[metadata.TargetsType](r.t, r.newest("acme")), snapshot: load[metadata.SnapshotType](r.t, r.newest("snapshot")),
		timestamp: load[metadata.TimestampType](r.t, r.newest("timestamp")),
	}
	change(f)
	resign(r, "root", f.root, "root", "root2")
	for role, m := range map[string]*metadata.Metadata[metadata.TargetsType]{"targets": f.targets, "acme": f.acme} {
		info := resign(r, role, m, role)
		info.Version = m.Signed.Version
		if f.snapshot.Signed.Meta[role+".json"] != nil {
			f.snapshot.Signed.Meta[role+".json"] = info
		}
	}
	info := resign(r, "snapshot", f.snapshot, "snapshot")
	info.Version = f.snapshot.Signed.Version
	if f.timestamp.Signed.Meta["snapshot.json"] != nil {
		f.timestamp.Signed.Meta["snapshot.json"] = info
	}
	resign(r, "timestamp", f.timestamp, "timestamp")
}

const (
	document = "plugins/acme/scaler/1.0.0/release.json"
	anyFile  = "plugins/acme/scaler/1.0.0/any.tar.zst"
)

// lies are metadata of a publisher who signs what no publisher may, and a part of
// what is said of each.
var lies = map[string]func(m *metadata.TargetsType){
	"outside of the namespace acme": func(m *metadata.TargetsType) {
		m.Targets["plugins/zeta/scaler/1.0.0/any.tar.zst"] = m.Targets[anyFile]
	},
	"its path is plugins/":        func(m *metadata.TargetsType) { m.Targets["elsewhere.json"] = m.Targets[anyFile] },
	"no release has this archive": func(m *metadata.TargetsType) { m.Targets["plugins/acme/scaler/1.0.1/any.tar.zst"] = m.Targets[anyFile] },
	"it is no target":             func(m *metadata.TargetsType) { delete(m.Targets, anyFile) },
	"cannot delegate":             func(m *metadata.TargetsType) { m.Delegations = &metadata.Delegations{Keys: map[string]*metadata.Key{}} },
	"has no custom data":          func(m *metadata.TargetsType) { m.Targets[document].Custom = nil },
	"document is that of": func(m *metadata.TargetsType) {
		m.Targets["plugins/acme/scaler/1.0.1/release.json"] = m.Targets[document]
	},
	"must be one SHA-256":          func(m *metadata.TargetsType) { m.Targets[document].Hashes["sha512"] = make([]byte, 64) },
	"signed are":                   func(m *metadata.TargetsType) { m.Targets[document].Length++ },
	"the release says":             func(m *metadata.TargetsType) { m.Targets[anyFile].Length++ },
	"its length is -1":             func(m *metadata.TargetsType) { m.Targets[anyFile].Length = -1 },
	"custom data: json: unknown":   customField("more", 1),
	"holds characters that cannot": customField("yanked", release.Yanked{Reason: "\x1b[31m", At: start}),
	"is not valid":                 customField("release", map[string]any{"id": "acme/scaler"}),
}

// customField changes a field of the custom data of the release's document.
func customField(name string, value any) func(*metadata.TargetsType) {
	return func(m *metadata.TargetsType) {
		var c map[string]any
		if err := json.Unmarshal(*m.Targets[document].Custom, &c); err != nil {
			panic(err)
		}
		c[name] = value
		data, err := json.Marshal(c)
		if err != nil {
			panic(err)
		}
		m.Targets[document].Custom = (*json.RawMessage)(&data)
	}
}

// TestAPublisherWhoLies signs such metadata with the right key. The registry does
// not publish them, an audit of a registry that has them finds them, and a client
// refuses them.
func TestAPublisherWhoLies(t *testing.T) {
	ctx := context.Background()
	for part, lie := range lies {
		r := newRegistry(t)
		sub := r.sign("1.0.0")
		m, err := metadata.Targets().FromBytes(sub.Metadata)
		must(t, err)
		lie(&m.Signed)
		m.ClearSignatures()
		s, err := r.key("acme").Signer()
		must(t, err)
		_, err = m.Sign(s)
		must(t, err)
		lied := *sub
		lied.Metadata, err = m.ToBytes(false)
		must(t, err)
		_, err = r.online().Publish(ctx, &lied)
		wantError(t, err, part)

		_, err = r.online().Publish(ctx, sub)
		must(t, err)
		r.forge(func(f *forged) { lie(&f.acme.Signed) })
		report := r.verify()
		if report.Sound() || !strings.Contains(report.Problems[0].Reason, part) {
			t.Errorf("%s: the audit finds %+v", part, report.Problems)
		}
		if got, err := r.seen(t.TempDir()); err == nil && part != "must be one SHA-256" { // a client takes more hashes
			t.Errorf("%s: a client sees %q", part, got)
		}
	}
}

// TestARegistryThatBreaksItsRules has signed metadata of a shape that no registry
// of ours makes.
func TestARegistryThatBreaksItsRules(t *testing.T) {
	other, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	must(t, err)
	foreign, err := metadata.KeyFromPublicKey(other.Public())
	must(t, err)
	role := func(f *forged) *metadata.DelegatedRole { return &f.targets.Signed.Delegations.Roles[0] }
	for part, change := range map[string]func(f *forged){
		"for plugins/acme/*/*/* only": func(f *forged) { role(f).Paths = []string{"*"} },
		"must be terminating":         func(f *forged) { role(f).Terminating = false },
		"is delegated twice":          func(f *forged) { d := f.targets.Signed.Delegations; d.Roles = append(d.Roles, d.Roles[0]) },
		"missing or not Ed25519": func(f *forged) {
			f.targets.Signed.Delegations.Keys["aa"] = foreign
			role(f).KeyIDs = append(role(f).KeyIDs, "aa")
		},
		"has another ID": func(f *forged) {
			d := f.targets.Signed.Delegations
			d.Keys["aa"] = d.Keys[role(f).KeyIDs[0]]
			role(f).KeyIDs = append(role(f).KeyIDs, "aa")
		},
		"signs targets itself":   func(f *forged) { f.targets.Signed.Targets = f.acme.Signed.Targets },
		"expected metadata type": func(f *forged) { f.targets.Signed.Type = "root" },
		"it is missing":          func(f *forged) { f.acme.Signed.Version = 7 },
		"does not name it":       func(f *forged) { delete(f.snapshot.Signed.Meta, "targets.json") },
		"it names no snapshot":   func(f *forged) { f.timestamp.Signed.Meta = map[string]*metadata.MetaFiles{} },
		"malformed": func(f *forged) {
			f.root.Signed.Keys["aa"] = nil
			f.root.Signed.Roles["timestamp"].KeyIDs = []string{"aa"}
		},
		"no member \"x-bulkhead\"":    func(f *forged) { f.root.Signed.UnrecognizedFields = nil },
		"no good log key":             policyField("log", "elsewhere+00000000+AAAA"),
		"no good expiry of":           policyField("expiry", map[string]any{"root": "soon"}),
		"not the first root that was": policyField("more", true),
		"it expired on 2026-03-01":    func(f *forged) { f.snapshot.Signed.Expires = start },
	} {
		r := newRegistry(t)
		r.publish("1.0.0")
		r.forge(change)
		report := r.verify()
		found := false
		for _, p := range report.Problems {
			found = found || p.Severity == repo.Fault && strings.Contains(p.Reason, part)
		}
		if !found {
			t.Errorf("%s: the audit finds %+v", part, report.Problems)
		}
	}
}

// policyField changes a field of what the root says beside TUF.
func policyField(name string, value any) func(f *forged) {
	return func(f *forged) {
		f.root.Signed.UnrecognizedFields["x-bulkhead"].(map[string]any)[name] = value
	}
}
