// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/translog"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf/tuftest"
)

type attack struct {
	name   string
	threat trust.Threat
	want   string // in the reason
	do     func(g *registry)
}

// TestAttacks: a client has fetched acme/scaler 1.0.0; 1.1.0 was published; the
// attack follows, and the client wants 1.1.0.
func TestAttacks(t *testing.T) {
	for _, a := range append(append(metadataAttacks(), publisherAttacks()...), archiveAttacks()...) {
		t.Run(a.name, func(t *testing.T) {
			g := newRegistry(t)
			g.publish("acme/scaler@1.0.0")
			state := t.TempDir()
			_, err := fetch(t, g.client(g.Files, state), "acme/scaler", "1.0.0")
			must(t, err)
			g.publish("acme/scaler@1.1.0")
			a.do(g)
			_, err = fetch(t, g.client(g.Files, state), "acme/scaler", "1.1.0")
			refused(t, err, a.threat, a.want)
		})
	}
}

func metadataAttacks() []attack {
	return []attack{
		{"rollback of timestamp", trust.Rollback, "timestamp", func(g *registry) {
			g.Timestamp.Signed.Version = 1
			g.WriteTimestamp()
		}},
		{"rollback of snapshot", trust.Rollback, "snapshot", func(g *registry) {
			g.Snapshot.Signed.Version = 1
			g.WriteSnapshot()
			g.Timestamp.Signed.Version++
			g.WriteTimestamp()
		}},
		{"rollback of a publisher", trust.Rollback, "acme", func(g *registry) {
			g.Targets["acme"].Signed.Version = 1
			g.WriteTargets("acme")
			g.Publish()
		}},
		{"a publisher that is no more in the snapshot", trust.Rollback, "missing info for acme", func(g *registry) {
			delete(g.Snapshot.Signed.Meta, "acme.json")
			g.Publish()
		}},
		{"freeze", trust.Freeze, "timestamp", func(g *registry) {
			g.Timestamp.Signed.Expires = time.Now().Add(-time.Minute)
			g.Publish()
		}},
		{"mix and match", trust.MixAndMatch, "acme", func(g *registry) {
			g.Hashes = false
			old := g.Get("metadata/2.acme.json")
			g.Publish("acme")
			g.Set(fmt.Sprintf("metadata/%d.acme.json", g.Targets["acme"].Signed.Version), old)
		}},
		{"endless data", trust.EndlessData, "timestamp", func(g *registry) {
			g.Set("metadata/timestamp.json", bytes.Repeat([]byte("x"), 1<<20))
		}},
		{"threshold of root", trust.KeyCompromise, "root", func(g *registry) {
			g.Rotate("root", 2, tuftest.NewKey(g.t), tuftest.NewKey(g.t))
			g.PublishRoot()
		}},
		{"an empty set of signatures", trust.MissingSignature, "timestamp", func(g *registry) {
			g.Signers["timestamp"] = nil
			g.Publish()
		}},
	}
}

func publisherAttacks() []attack {
	path := release.TargetPath(scaler, "1.1.0")
	return []attack{
		{"threshold of a publisher", trust.KeyCompromise, "acme", func(g *registry) {
			g.Targets["targets"].Signed.Delegations.Roles[0].Threshold = 2
			g.Publish("acme", "targets")
		}},
		{"a revoked key of a publisher", trust.KeyCompromise, "acme", func(g *registry) {
			old := g.Signers["acme"]
			key := tuftest.NewKey(g.t)
			d := &g.Targets["targets"].Signed
			must(g.t, d.RevokeKey(old[0].ID, "acme"))
			must(g.t, d.AddKey(key.Public, "acme"))
			g.Publish("acme", "targets")
		}},
		{"a publisher signs for another", trust.WrongSoftware, "outside its paths", func(g *registry) {
			id := release.ID{Namespace: "initech", Name: "gpu"}
			g.signIn("acme", id, made("initech/gpu", "1.0.0"), nil)
			g.Publish("acme")
		}},
		{"a path that is none", trust.WrongSoftware, "or PLATFORM.tar.zst", func(g *registry) {
			g.AddTarget("acme", "plugins/acme/scaler/1.1.0/run.sh", []byte("x"))
			g.Publish("acme")
		}},
		{"a publisher that delegates", trust.WrongSoftware, "delegates to others", func(g *registry) {
			g.DelegateFrom("acme", "friend", true, "plugins/acme/*/*/*")
			g.Publish("acme", "friend")
		}},
		{"wider paths of a publisher", trust.WrongSoftware, "may sign", func(g *registry) {
			g.Targets["targets"].Signed.Delegations.Roles[1].Paths = []string{"plugins/*/*/*/*"}
			g.Publish("targets")
		}},
		{"paths by hash", trust.WrongSoftware, "may sign", func(g *registry) {
			r := &g.Targets["targets"].Signed.Delegations.Roles[1]
			r.Paths, r.PathHashPrefixes = nil, []string{"0"}
			g.Publish("targets")
		}},
		{"a delegation that does not end", trust.WrongSoftware, "does not end the search", func(g *registry) {
			g.Targets["targets"].Signed.Delegations.Roles[0].Terminating = false
			g.Publish("targets")
		}},
		{"a publisher with a reserved name", trust.WrongSoftware, "no publisher", func(g *registry) {
			g.Targets["targets"].Signed.Delegations.Roles[1].Name = "builtin"
			g.Publish("targets")
		}},
		{"a publisher twice", trust.Malformed, "twice", func(g *registry) {
			d := g.Targets["targets"].Signed.Delegations
			d.Roles = append(d.Roles, d.Roles[0])
			g.Publish("targets")
		}},
		{"bins of hashes", trust.Malformed, "bins", func(g *registry) {
			d := g.Targets["targets"].Signed.Delegations
			d.SuccinctRoles, d.Roles = &metadata.SuccinctRoles{KeyIDs: d.Roles[0].KeyIDs, Threshold: 1, BitLength: 1, NamePrefix: "b"}, nil
			g.Publish("targets")
		}},
		{"a plugin in targets itself", trust.WrongSoftware, "only a publisher", func(g *registry) {
			g.AddTarget("targets", path, []byte("x"))
			g.Publish("targets")
		}},
		{"custom data of other bytes", trust.WrongSoftware, "another length or digest", func(g *registry) {
			g.custom(path, `"scales columns"`, `"steals columns"`)
		}},
		{"custom data of another version", trust.WrongSoftware, "those of acme/scaler 1.0.0", func(g *registry) {
			g.custom(path, `"version":"1.1.0"`, `"version":"1.0.0"`)
		}},
		{"custom data with an unknown key", trust.WrongSoftware, "unknown field", func(g *registry) {
			g.custom(path, `{"release"`, `{"run":"x","release"`)
		}},
		{"custom data that two readers understand in two ways", trust.WrongSoftware, "twice", func(g *registry) {
			g.custom(path, `{"release"`, `{"release":null,"release"`)
		}},
		{"custom data in other letters", trust.WrongSoftware, "custom data", func(g *registry) {
			g.custom(path, `{"release"`, `{"yanked":{"reason":"bad","at":"2026-01-01T00:00:00Z"},"Yanked":null,"release"`)
		}},
		{"custom data with other archives", trust.WrongSoftware, "another length or digest", func(g *registry) {
			g.custom(path, made("acme/scaler", "1.1.0").Platforms["linux_amd64"].Archive, digest([]byte("evil")))
		}},
		{"no custom data", trust.WrongSoftware, "no release", func(g *registry) {
			g.Targets["acme"].Signed.Targets[path].Custom = nil
			g.Publish("acme")
		}},
		{"an archive of other bytes", trust.WrongSoftware, "another length or digest than its release", func(g *registry) {
			g.AddTarget("acme", release.ArchivePath(scaler, "1.1.0", "linux_amd64"), []byte("evil"))
			g.Publish("acme")
		}},
		{"an archive without a release", trust.WrongSoftware, "in no release", func(g *registry) {
			g.AddTarget("acme", release.ArchivePath(scaler, "1.1.0", "windows_amd64"), []byte("evil"))
			g.Publish("acme")
		}},
		{"a release without an archive", trust.WrongSoftware, "is not there", func(g *registry) {
			delete(g.Targets["acme"].Signed.Targets, release.ArchivePath(scaler, "1.1.0", "darwin_arm64"))
			g.Publish("acme")
		}},
		{"a target without a hash", trust.WrongSoftware, "no sha256", func(g *registry) {
			sum := bytes.Repeat([]byte{1}, 64)
			g.Targets["acme"].Signed.Targets[path].Hashes = metadata.Hashes{"sha512": sum}
			g.Publish("acme")
		}},
	}
}

// custom changes the custom data of a target that acme signs.
func (g *registry) custom(path, old, now string) {
	g.t.Helper()
	f := g.Targets["acme"].Signed.Targets[path]
	raw := json.RawMessage(strings.Replace(string(*f.Custom), old, now, 1))
	if bytes.Equal(raw, *f.Custom) {
		g.t.Fatalf("%s has no %s", *f.Custom, old)
	}
	f.Custom = &raw
	g.Publish("acme")
}

func archiveAttacks() []attack {
	data := archive("acme/scaler", "1.1.0", "linux_amd64")
	file := tuftest.TargetName(release.ArchivePath(scaler, "1.1.0", "linux_amd64"), data)
	lookup := translog.LookupName("acme/scaler", "1.1.0")
	return []attack{
		{"wrong hash", trust.WrongSoftware, "SHA-256", func(g *registry) {
			g.Set(file, bytes.Replace(data, []byte("archive"), []byte("Archive"), 1))
		}},
		{"wrong length, short", trust.WrongSoftware, "bytes", func(g *registry) { g.Set(file, data[:100]) }},
		{"wrong length, endless", trust.EndlessData, "bytes", func(g *registry) { g.Set(file, bytes.Repeat(data, 10)) }},
		{"another plugin's archive", trust.WrongSoftware, "SHA-256", func(g *registry) {
			other := archive("acme/scaler", "1.0.0", "linux_amd64")
			g.Set(file, other)
		}},
		{"missing log proof", trust.MissingProof, "no record of that release", func(g *registry) { g.Set(lookup, nil) }},
		{"forged log proof", trust.MissingProof, "says something else", func(g *registry) { g.Set(lookup, []byte("0\n")) }},
		{"forged tile", trust.MissingProof, "do not add up", func(g *registry) {
			g.Set("log/tile/8/0/000.p/2", bytes.Repeat([]byte{7}, 64))
		}},
		{"no tiles", trust.MissingProof, "incomplete", func(g *registry) { g.Set("log/tile/8/0/000.p/2", nil) }},
		{"a release that was never logged", trust.MissingProof, "no record", func(g *registry) {
			g.fork("acme/scaler@1.0.0", "acme/scaler@1.0.1")
		}},
		{"no log", trust.MissingProof, "incomplete or hidden", func(g *registry) { g.Set("log/checkpoint", nil) }},
		{"a checkpoint of another key", trust.MissingProof, "no signature of the log's key", func(g *registry) {
			signer, key, _ := logKey(g.t)
			g.Set("log/checkpoint", nil)
			_, err := translog.Create(g.t.Context(), g.Files, signer, key)
			must(g.t, err)
		}},
		{"a shorter log", trust.Rollback, "had 1 records and shows 0", func(g *registry) { g.fork() }},
		{"a forked log", trust.Fork, "two logs", func(g *registry) { g.fork("acme/scaler@9.0.0", "acme/scaler@1.1.0") }},
	}
}

// fork begins the log anew, with its own key.
func (g *registry) fork(ids ...string) {
	g.t.Helper()
	for _, name := range g.Names("log/") {
		g.Set(name, nil)
	}
	log, err := translog.Create(g.t.Context(), g.Files, g.signer, g.key)
	must(g.t, err)
	g.log = log
	for _, text := range ids {
		id, version, _ := strings.Cut(text, "@")
		g.record(made(id, version))
	}
}

// TestForkIsKept: the two checkpoints convict the log, also when it goes on as
// if nothing had been.
func TestForkIsKept(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	state := t.TempDir()
	c := g.client(g.Files, state)
	_, err := c.Refresh(t.Context())
	must(t, err)
	g.fork("acme/scaler@2.0.0", "acme/scaler@1.0.0")
	_, err = c.Refresh(t.Context())
	refused(t, err, trust.Fork, "two logs")
	var fork *translog.ForkError
	if !errors.As(err, &fork) {
		t.Fatal(err)
	}
	names, globErr := filepath.Glob(filepath.Join(state, "*", "fork.txt"))
	must(t, globErr)
	if !strings.Contains(err.Error(), names[0]) {
		t.Errorf("the evidence cannot be found by %q", err)
	}
	text, err := os.ReadFile(names[0])
	must(t, err)
	if !bytes.Contains(text, fork.Saved.Note) || !bytes.Contains(text, fork.Seen.Note) {
		t.Errorf("%s", text)
	}
	if _, err := c.Plugins(t.Context()); err == nil {
		t.Error("a refused registry lists plugins")
	}
}

// TestFastForwardRecovers: an attacker made all versions huge; new keys for
// snapshot and timestamp bring the registry back.
func TestFastForwardRecovers(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	state := t.TempDir()
	g.Timestamp.Signed.Version, g.Snapshot.Signed.Version, g.Targets["acme"].Signed.Version = 1<<40, 1<<40, 1<<40
	g.Publish("acme")
	c := g.client(g.Files, state)
	_, err := fetch(t, c, "acme/scaler", "1.0.0")
	must(t, err)
	g.Timestamp.Signed.Version, g.Snapshot.Signed.Version, g.Targets["acme"].Signed.Version = 10, 10, 10
	g.Publish("acme")
	_, err = c.Refresh(t.Context())
	refused(t, err, trust.Rollback, "timestamp")
	g.Rotate("timestamp", 1, tuftest.NewKey(t))
	g.Rotate("snapshot", 1, tuftest.NewKey(t))
	g.PublishRoot()
	g.Publish("acme")
	_, err = fetch(t, c, "acme/scaler", "1.0.0")
	must(t, err)
}

// TestRootChain: three rotations in one refresh, then one with a broken link.
func TestRootChain(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	state := t.TempDir()
	for range 3 {
		old := g.Signers["root"]
		g.Rotate("root", 1, tuftest.NewKey(t))
		g.Signers["root"] = append(g.Signers["root"], old[0])
		g.PublishRoot()
	}
	broken := g.Clone()
	broken.Set("metadata/3.root.json", broken.Get("metadata/4.root.json"))
	_, err := g.client(broken, t.TempDir()).Refresh(t.Context())
	refused(t, err, trust.KeyCompromise, "root")
	fresh, err := g.client(g.Files, state).Refresh(t.Context())
	must(t, err)
	if fresh.Versions["root"] != 4 {
		t.Error(fresh.Versions)
	}
}

// slow is a source that never sends the rest of a file.
type slow struct{ files.Source }

func (s slow) Open(ctx context.Context, name string, offset int64) (io.ReadCloser, files.Info, error) {
	if strings.HasSuffix(name, ".tar.zst") {
		return nil, files.Info{}, &files.SlowError{Source: "memory", Name: name, Bytes: 3, Window: time.Second, MinRate: 1000}
	}
	return s.Source.Open(ctx, name, offset)
}

func TestSlowRetrieval(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	_, err := fetch(t, g.client(slow{g.Files}, t.TempDir()), "acme/scaler", "1.0.0")
	refused(t, err, trust.SlowRetrieval, "3 bytes came in")
}

// TestGoneArchive: the mirror has the metadata and not the file.
func TestGoneArchive(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	for _, name := range g.Names("targets/") {
		g.Set(name, nil)
	}
	_, err := fetch(t, g.client(g.Files, t.TempDir()), "acme/scaler", "1.0.0")
	var unreachable *trust.UnreachableError
	if !errors.As(err, &unreachable) || !errors.Is(err, files.ErrNotExist) {
		t.Error(err)
	}
}
