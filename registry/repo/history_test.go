// SPDX-License-Identifier: Apache-2.0

package repo_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
)

// signedAs is a submission with changed metadata, signed properly by keys.
func (r *registry) signedAs(sub *repo.Submission, change func(*metadata.TargetsType), names ...string) *repo.Submission {
	r.t.Helper()
	m, err := metadata.Targets().FromBytes(sub.Metadata)
	must(r.t, err)
	change(&m.Signed)
	m.ClearSignatures()
	for _, name := range names {
		s, err := r.key(name).Signer()
		must(r.t, err)
		_, err = m.Sign(s)
		must(r.t, err)
	}
	out := *sub
	out.Metadata, err = m.ToBytes(false)
	must(r.t, err)
	return &out
}

// TestHistoryStays: the publisher's own key cannot take a release away or put other
// bytes under its name, and nothing of such a submission is published.
func TestHistoryStays(t *testing.T) {
	ctx := context.Background()
	r := newRegistry(t)
	r.publish("1.0.0")
	sub := r.sign("1.1.0")
	for what, c := range map[string]struct {
		change func(*metadata.TargetsType)
		want   string
	}{
		"a release that goes away": {func(m *metadata.TargetsType) {
			delete(m.Targets, document)
			delete(m.Targets, anyFile)
		}, "a release stays, so yank acme/scaler 1.0.0 instead"},
		"a document that goes away": {func(m *metadata.TargetsType) { delete(m.Targets, document) }, "no release has this archive"},
		"an archive of other bytes": {func(m *metadata.TargetsType) {
			m.Targets[anyFile].Hashes["sha256"] = make([]byte, 32)
		}, "the release says"},
		"a release of other bytes": {func(m *metadata.TargetsType) {
			m.Targets[document], m.Targets[anyFile] = m.Targets[strings.Replace(document, "1.0.0", "1.1.0", 1)], m.Targets[strings.Replace(anyFile, "1.0.0", "1.1.0", 1)]
		}, "document is that of acme/scaler 1.1.0"},
	} {
		_, err := r.online().Publish(ctx, r.signedAs(sub, c.change, "acme"))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", what, err)
		}
	}
	again, err := repo.ReadRelease(ctx, []string{pack(t, "scaler", "1.0.0", script+"# other\n")}, nil, repo.Details{Namespace: "acme", Published: r.now})
	must(t, err)
	s := r.signing()
	s.Current, s.Add = nil, []repo.NewRelease{*again}
	other, err := repo.Sign(s)
	must(t, err)
	_, err = r.online().Publish(ctx, r.signedAs(other, func(m *metadata.TargetsType) { m.Version = 2 }, "acme"))
	if published, ok := errors.AsType[*repo.PublishedError](err); !ok || published.Version != "1.0.0" {
		t.Errorf("another archive under a number that is taken: %v", err)
	}
	r.sees(t.TempDir(), "1.0.0")
	r.sound(1)
}

// TestNamesThatLookAlike: no spelling of a path but the one that everybody reads in
// the same way gets into a registry, past an audit, or to a client.
func TestNamesThatLookAlike(t *testing.T) {
	r := newRegistry(t)
	r.publish("1.0.0")
	bad := newRegistry(t)
	bad.publish("1.0.0")
	sub := r.sign("1.1.0")
	for _, name := range []string{
		"plugins/acme/Scaler/1.0.0/any.tar.zst", "plugins/ACME/scaler/1.0.0/any.tar.zst", "plugins/acme/sc\u0430ler/1.0.0/any.tar.zst",
		"plugins/acme/scaler\u200b/1.0.0/any.tar.zst", "plugins/acme/../zeta/1.0.0/any.tar.zst", "plugins/acme//scaler/1.0.0/any.tar.zst",
		"plugins/acme/scaler/1.0.0/../1.0.0/any.tar.zst", "plugins/acme/scaler/v1.0.0/any.tar.zst", "plugins/acme/scaler/01.0.0/any.tar.zst",
		"plugins/acme/scaler/1.0.0+build/any.tar.zst", "plugins/acme/scaler/1.0/any.tar.zst", "plugins/acme/scaler/1.0.0/ANY.tar.zst",
		"plugins/acme/scaler/1.0.0/linux_amd64.tar.zst.", "plugins/acme/scaler/1.0.0/%61ny.tar.zst", "plugins\\acme\\scaler\\1.0.0\\any.tar.zst",
		"/plugins/acme/scaler/1.0.0/any.tar.zst", "plugins/acme/scaler/1.0.0/any.tar.zst\x00", "plugins/acme/scaler/\uff11.0.0/any.tar.zst",
	} {
		lie := func(m *metadata.TargetsType) { m.Targets[name] = m.Targets[anyFile] }
		if _, err := r.online().Publish(context.Background(), r.signedAs(sub, lie, "acme")); err == nil {
			t.Fatalf("%q was published", name)
		}
		bad.forge(func(f *forged) { lie(&f.acme.Signed) })
		if bad.verify().Sound() {
			t.Errorf("an audit takes %q", name)
		}
		if got, err := bad.seen(t.TempDir()); err == nil {
			t.Errorf("with %q a client sees %q", name, got)
		}
		bad.forge(func(f *forged) { delete(f.acme.Signed.Targets, name) })
	}
	bad.sound(1)
	r.sees(t.TempDir(), "1.0.0")
}

// TestOneKeyIsOneSignature: a threshold of two is not reached by one key that signs
// twice, that is named twice, or that is called something else.
func TestOneKeyIsOneSignature(t *testing.T) {
	ctx := context.Background()
	r := newRegistry(t)
	twice := r.role(2, "acme", "acme")
	twice.Keys[1].Name = "another-name"
	wantError(t, r.repo.AddPublisher(ctx, "acme", twice, nil), "a key twice")
	must(t, r.repo.AddPublisher(ctx, "acme", r.role(2, "acme", "second"), nil))

	sub := r.sign("1.0.0")
	must(t, sub.Cosign(r.key("acme")))
	if n := len(signatures(t, sub.Metadata)); n != 1 {
		t.Errorf("it has %d signatures", n)
	}
	_, err := r.online().Publish(ctx, sub)
	wantError(t, err, "got 1, want 2")
	doubled := *sub
	doubled.Metadata = copySignature(t, sub.Metadata, r.key("second"))
	if _, err := r.online().Publish(ctx, &doubled); err == nil {
		t.Error("a signature counts as that of another key")
	}
	must(t, sub.Cosign(r.key("second")))
	_, err = r.online().Publish(ctx, sub)
	must(t, err)
	r.sees(t.TempDir(), "1.0.0")
	r.forge(func(f *forged) {}) // signs what acme has with one of the two keys
	var refused *trust.RefusedError
	if _, err := r.seen(t.TempDir()); !errors.As(err, &refused) || refused.Threat != trust.KeyCompromise {
		t.Errorf("a client takes one signature of two: %v", err)
	}
}

func signatures(t testing.TB, data []byte) []metadata.Signature {
	t.Helper()
	m, err := metadata.Targets().FromBytes(data)
	must(t, err)
	return m.Signatures
}

// copySignature adds the first signature under the ID of another key, and once more
// under its own.
func copySignature(t testing.TB, data []byte, other *keys.Key) []byte {
	t.Helper()
	var m map[string]json.RawMessage
	must(t, json.Unmarshal(data, &m))
	var list []map[string]any
	must(t, json.Unmarshal(m["signatures"], &list))
	list = append(list, map[string]any{"keyid": other.Public().ID(), "sig": list[0]["sig"]})
	var err error
	m["signatures"], err = json.Marshal(list)
	must(t, err)
	out, err := json.Marshal(m)
	must(t, err)
	return out
}

// TestMirrorThatStaysBehind: a mirror from before the log's key was replaced serves
// those who know no better, and is a rollback for those who do; brought up to date
// it serves all.
func TestMirrorThatStaysBehind(t *testing.T) {
	ctx := context.Background()
	r := newRegistry(t)
	r.publish("1.0.0")
	mirror := &registry{t: t, dir: t.TempDir(), created: r.created, now: r.now}
	mirror.open(files.Options{})
	var told []repo.Progress
	update := func() {
		t.Helper()
		o := repo.VerifyOptions{Root: r.created.Root, LogKey: r.created.LogKey, Now: r.now, Progress: func(p repo.Progress) { told = append(told, p) }}
		_, err := repo.Mirror(ctx, r.store, mirror.store, o)
		must(t, err)
	}
	update()
	checkProgress(t, told)
	knows, old := t.TempDir(), t.TempDir()
	mirror.sees(old, "1.0.0")
	r.rotateLog("log2")
	_, err := r.with("snapshot", "timestamp", "log2").Publish(ctx, r.sign("1.1.0"))
	must(t, err)
	r.sees(knows, "1.0.0 1.1.0")
	mirror.sees(old, "1.0.0")
	var refused *trust.RefusedError
	if _, err := mirror.seen(knows); !errors.As(err, &refused) || refused.Threat != trust.Rollback {
		t.Errorf("an old mirror: %v", err)
	}
	update()
	for _, state := range []string{knows, old} {
		mirror.sees(state, "1.0.0 1.1.0")
	}
}

// checkProgress wants each step of a mirror to be told of, and the end of the copy.
func checkProgress(t *testing.T, told []repo.Progress) {
	t.Helper()
	steps := map[string]repo.Progress{}
	for _, p := range told {
		steps[p.Step] = p
	}
	if steps[repo.Logging].Name != "acme/scaler 1.0.0" {
		t.Errorf("of the log it tells %+v", steps[repo.Logging])
	}
	if p := steps[repo.Auditing]; p.Done != 1 || !strings.HasPrefix(p.Name, "plugins/acme/scaler/1.0.0/") {
		t.Errorf("of the audit it tells %+v", p)
	}
	if p := steps[repo.Copying]; p.Total == 0 || p.Done != p.Total || p.Name != "metadata/timestamp.json" {
		t.Errorf("of the copy it tells %+v", p)
	}
}
