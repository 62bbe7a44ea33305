// SPDX-License-Identifier: Apache-2.0

package repo_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/mod/sumdb/note"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/policy"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
	"github.com/bulkhead-ml/bulkhead/registry/translog"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
)

// rotateLog gives the log the key of a name.
func (r *registry) rotateLog(name string) string {
	r.t.Helper()
	logKey, err := r.with("root", "root2", name).RotateLog(context.Background(), r.key(name).Public())
	must(r.t, err)
	return logKey
}

// given is a new client to whom a root and a log key were given.
func (r *registry) given(root []byte, logKey, state string) error {
	r.t.Helper()
	src, err := files.OpenSource(r.dir, files.Options{})
	must(r.t, err)
	c, err := trust.Open(trust.Options{Name: "test", Source: src, Root: root, LogKey: logKey, StateDir: state, Now: func() time.Time { return r.now }})
	must(r.t, err)
	if _, err := c.Refresh(context.Background()); err != nil {
		return err
	}
	list, err := c.Releases(context.Background(), scaler)
	must(r.t, err)
	for _, k := range list {
		if _, err := c.Prove(context.Background(), k); err != nil {
			return err
		}
	}
	return nil
}

// file is the content of one of the registry.
func (r *registry) file(name string) []byte {
	r.t.Helper()
	data, err := os.ReadFile(filepath.Join(r.dir, filepath.FromSlash(name)))
	must(r.t, err)
	return data
}

// TestRotateLog: clients that knew the log under its first key, whoever they were
// given it by, and clients that were given the new one agree on it, before and
// after it grew, and no other key will do.
func TestRotateLog(t *testing.T) {
	r := newRegistry(t)
	r.publish("1.0.0")
	old, late := t.TempDir(), t.TempDir()
	r.sees(old, "1.0.0")
	r.sees(late, "1.0.0")
	second := r.rotateLog("log2")
	r.sees(old, "1.0.0")
	if report := r.sound(1); report.Overview.LogKey != second || len(report.Overview.FormerLogs) != 1 {
		t.Errorf("%+v", report.Overview)
	}
	if _, err := r.online().Publish(context.Background(), r.sign("1.1.0")); err == nil {
		t.Error("the old key still publishes")
	}
	_, err := r.with("snapshot", "timestamp", "log2").Publish(context.Background(), r.sign("1.1.0"))
	must(t, err)
	third := r.rotateLog("log3")
	for _, state := range []string{old, late} {
		r.sees(state, "1.0.0 1.1.0")
	}
	newest := r.file("metadata/3.root.json")
	_, strange := strangeLogKey(t)
	for name, c := range map[string]struct {
		root   []byte
		logKey string
		good   bool
	}{
		"the first of both": {r.created.Root, r.created.LogKey, true}, "the first root and the second key": {r.created.Root, second, true},
		"the newest of both": {newest, third, true}, "the newest root and the first key": {newest, r.created.LogKey, true},
		"another key": {r.created.Root, strange, false},
	} {
		err := r.given(c.root, c.logKey, t.TempDir())
		var refused *trust.RefusedError
		if (err == nil) != c.good || err != nil && (!errors.As(err, &refused) || refused.Threat != trust.KeyCompromise) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if report, err := repo.Verify(context.Background(), r.store, repo.VerifyOptions{LogKey: strange, Now: r.now}); err != nil || report.Sound() {
		t.Errorf("an audit takes another key: %v", err)
	}
}

func strangeLogKey(t testing.TB) (note.Signer, string) {
	t.Helper()
	k, err := keys.Generate("strange")
	must(t, err)
	logKey, err := k.Public().NoteKey("plugins.example/test")
	must(t, err)
	signer, err := k.NoteSigner("plugins.example/test")
	must(t, err)
	return signer, logKey
}

// TestStolenLogKey: whoever has the key that was replaced signs a log for clients
// that know of the new one, and for one that comes for the first time.
func TestStolenLogKey(t *testing.T) {
	r := newRegistry(t)
	r.publish("1.0.0")
	state := t.TempDir()
	r.sees(state, "1.0.0")
	stolen := r.file("log/checkpoint")
	r.rotateLog("log2")
	_, err := r.with("snapshot", "timestamp", "log2").Publish(context.Background(), r.sign("1.1.0"))
	must(t, err)
	r.sees(state, "1.0.0 1.1.0")
	must(t, os.WriteFile(filepath.Join(r.dir, "log", "checkpoint"), stolen, 0o644))
	for _, dir := range []string{state, t.TempDir()} {
		_, err := r.seen(dir)
		var refused *trust.RefusedError
		if !errors.As(err, &refused) || refused.Threat != trust.MissingProof || !strings.Contains(err.Error(), "no signature of the log's key") {
			t.Error(err)
		}
	}
}

// TestRotatedLogMustGoOn: the root's keys hand the log over, and not another one.
func TestRotatedLogMustGoOn(t *testing.T) {
	r := newRegistry(t)
	r.publish("1.0.0")
	state := t.TempDir()
	r.sees(state, "1.0.0")
	r.rotateLog("log2")
	must(t, os.RemoveAll(filepath.Join(r.dir, "log")))
	signer, err := r.key("log2").NoteSigner("plugins.example/test")
	must(t, err)
	key, err := r.key("log2").Public().NoteVerifier("plugins.example/test")
	must(t, err)
	_, err = translog.Create(context.Background(), r.store, signer, key)
	must(t, err)
	var refused *trust.RefusedError
	if _, err := r.seen(state); !errors.As(err, &refused) || refused.Threat != trust.Rollback {
		t.Error(err)
	}
}

// TestRotateLogRefuses: what the change needs, and what it must not do.
func TestRotateLogRefuses(t *testing.T) {
	r := newRegistry(t)
	r.publish("1.0.0")
	ctx := context.Background()
	_, err := r.with("root", "log2").RotateLog(ctx, r.key("log2").Public())
	wantError(t, err, "signing for the role root takes 2 of its keys")
	_, err = r.with("root", "root2").RotateLog(ctx, r.key("log2").Public())
	wantError(t, err, "signing for the role log takes 1 of its keys")
	_, err = r.with("root", "root2", "log").RotateLog(ctx, r.key("log").Public())
	wantError(t, err, "cannot become its new one")
	r.sees(t.TempDir(), "1.0.0")
	r.rotateLog("log2")
	_, err = r.with("root", "root2", "log").RotateLog(ctx, r.key("log").Public())
	wantError(t, err, "cannot become its new one")
	must(t, os.WriteFile(filepath.Join(r.dir, "log", "tile", "8", "data", "000.p", "1"), []byte("bulkhead release 1\n"), 0o644))
	_, err = r.with("root", "root2", "log3").RotateLog(ctx, r.key("log3").Public())
	wantError(t, err, "the log proves nothing")
}

// TestRootThatDropsAKey: a root that follows must hand the log over in the open.
func TestRootThatDropsAKey(t *testing.T) {
	was := policy.Policy{Name: "a", LogKey: "1", FormerLogs: []string{"0"}}
	for name, c := range map[string]struct {
		next policy.Policy
		good bool
	}{
		"the same":      {was, true},
		"handed over":   {policy.Policy{Name: "a", LogKey: "2", FormerLogs: []string{"0", "1"}}, true},
		"exchanged":     {policy.Policy{Name: "a", LogKey: "2", FormerLogs: []string{"0"}}, false},
		"forgotten":     {policy.Policy{Name: "a", LogKey: "1"}, false},
		"another order": {policy.Policy{Name: "a", LogKey: "2", FormerLogs: []string{"1", "0"}}, false},
		"another name":  {policy.Policy{Name: "b", LogKey: "1", FormerLogs: []string{"0"}}, false},
	} {
		if err := c.next.Follows(was); (err == nil) != c.good {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestSetExpiry: what is signed from then on is good for another time, and clients
// see it at once.
func TestSetExpiry(t *testing.T) {
	r := newRegistry(t)
	r.publish("1.0.0")
	state := t.TempDir()
	r.sees(state, "1.0.0")
	must(t, r.everyone().SetExpiry(context.Background(), policy.Expiry{Timestamp: 48 * time.Hour, Root: 48 * time.Hour}))
	look, err := repo.Look(context.Background(), r.store)
	must(t, err)
	want := policy.DefaultExpiry()
	want.Timestamp, want.Root = 48*time.Hour, 48*time.Hour
	if look.Expiry != want || !look.Expires["timestamp"].Equal(start.Add(48*time.Hour)) || !look.Expires["root"].Equal(start.Add(48*time.Hour)) || !look.Expires["snapshot"].Equal(start.Add(want.Snapshot)) {
		t.Errorf("%+v", look)
	}
	r.sees(state, "1.0.0")
	must(t, r.online().Refresh(context.Background()))
	r.sound(1)
	r.now = start.Add(47 * time.Hour)
	r.sees(state, "1.0.0")
	r.now = start.Add(49 * time.Hour)
	if _, err := r.seen(state); err == nil || !strings.Contains(err.Error(), "freeze") {
		t.Errorf("after the new expiry: %v", err)
	}
	wantError(t, r.everyone().SetExpiry(context.Background(), policy.Expiry{Snapshot: time.Second}), "role snapshot cannot expire after 1s")
	wantError(t, r.online().SetExpiry(context.Background(), policy.Expiry{Snapshot: time.Hour}), "signing for the role root")
}
