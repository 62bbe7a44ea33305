// SPDX-License-Identifier: Apache-2.0

package repo_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/policy"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
	"github.com/bulkhead-ml/bulkhead/registry/translog"
)

// TestLife goes through the life of a registry, with clients that watch it.
func TestLife(t *testing.T) {
	ctx, state := context.Background(), t.TempDir()
	r := newRegistry(t)
	r.sees(state, "")
	r.sound(0)
	done := r.publish("1.0.0")
	if done.Version != 1 || len(done.New) != 1 || done.New[0].Release.Version != "1.0.0" || done.Already {
		t.Errorf("%+v", done)
	}
	r.sees(state, "1.0.0")
	r.publish("1.1.0", "2.0.0-rc.1")
	r.sees(state, "1.0.0 1.1.0 2.0.0-rc.1")

	c := r.client(state)
	_, err := c.Refresh(ctx)
	must(t, err)
	known, err := c.Releases(ctx, scaler)
	must(t, err)
	got, err := c.Fetch(ctx, known[1], release.Host(), t.TempDir())
	must(t, err)
	if len(got.Evidence) == 0 || got.Bytes != known[1].Platforms[release.Any].Bytes {
		t.Errorf("%+v", got)
	}

	s := r.signing()
	s.Yanks = []repo.Yank{{ID: scaler, Version: "1.1.0", Reason: "it divides by zero"}}
	sub, err := repo.Sign(s)
	must(t, err)
	done, err = r.online().Publish(ctx, sub)
	must(t, err)
	if len(done.New) != 0 || len(done.Changed) != 1 || done.Changed[0].Yanked.Reason != "it divides by zero" {
		t.Errorf("%+v", done)
	}
	r.sees(state, "1.0.0 (1.1.0) 2.0.0-rc.1")
	if report := r.sound(3); report.Yanked != 1 || report.Records != 3 || report.Targets != 6 {
		t.Errorf("%+v", report)
	}
	s = r.signing()
	s.Yanks = []repo.Yank{{ID: scaler, Version: "1.1.0"}}
	sub, err = repo.Sign(s)
	must(t, err)
	if done, err = r.online().Publish(ctx, sub); err != nil || len(done.Changed) != 1 {
		t.Error(done, err)
	}
	r.sees(state, "1.0.0 1.1.0 2.0.0-rc.1")
	if done, err = r.online().Publish(ctx, sub); err != nil || !done.Already {
		t.Error("the same submission twice:", done, err)
	}
}

func TestInitRefuses(t *testing.T) {
	r := newRegistry(t)
	_, err := repo.Init(context.Background(), r.store, r.initOptions())
	if !errors.Is(err, repo.ErrExist) {
		t.Error(err)
	}
	for part, change := range map[string]func(*repo.InitOptions){
		"role targets":         func(o *repo.InitOptions) { delete(o.Roles, "targets") },
		"no role of":           func(o *repo.InitOptions) { o.Roles["acme"] = o.Roles["root"] },
		"threshold 3 and":      func(o *repo.InitOptions) { o.Roles["root"] = r.role(3, "root", "root2") },
		"a key twice":          func(o *repo.InitOptions) { o.Roles["root"] = r.role(2, "root", "root") },
		"role root takes 2":    func(o *repo.InitOptions) { o.Keys = keys.NewChain(r.key("targets"), r.key("log"), r.key("root")) },
		"role log takes 1":     func(o *repo.InitOptions) { o.Log = r.key("another").Public() },
		"cannot name a log":    func(o *repo.InitOptions) { o.Name = "a b" },
		"cannot expire after ": func(o *repo.InitOptions) { o.Expiry.Timestamp = time.Second },
	} {
		empty := &registry{t: t, dir: t.TempDir(), keys: r.keys, now: start}
		empty.open(files.Options{})
		o := r.initOptions()
		change(&o)
		_, err := repo.Init(context.Background(), empty.store, o)
		wantError(t, err, part)
	}
}

func TestPublishRefuses(t *testing.T) {
	ctx := context.Background()
	r := newRegistry(t)
	r.publish("1.0.0")
	refuse := func(part string, sub *repo.Submission) {
		t.Helper()
		_, err := r.online().Publish(ctx, sub)
		wantError(t, err, part)
	}

	stale := r.sign("1.1.0")
	other := r.sign("1.2.0")
	_, err := r.online().Publish(ctx, other)
	must(t, err)
	refuse("sign again on top", stale)

	// One who is not the publisher.
	s := r.signing("2.0.0")
	s.Keys, s.Trusted = []*keys.Key{r.key("mallory")}, []keys.Public{r.key("acme").Public()}
	sub, err := repo.Sign(s)
	must(t, err)
	refuse("not signed as the namespace acme demands", sub)

	// A release that changes, and one that goes away.
	s = r.signing()
	s.Current = nil
	s.Add = r.signing("1.0.0").Add[:0]
	changed, err := repo.ReadRelease(ctx, []string{pack(t, "scaler", "1.0.0", script+"# other\n")}, nil, repo.Details{Namespace: "acme", Published: r.now})
	must(t, err)
	s.Add = []repo.NewRelease{*changed}
	sub, err = repo.Sign(s)
	must(t, err)
	refuse("version 1 of the metadata", sub)

	sub = r.sign("2.0.0")
	for name, file := range sub.Archives {
		must(t, os.WriteFile(file, []byte("other"), 0o644))
		refuse("not the", sub)
		delete(sub.Archives, name)
	}
	refuse("has no plugins/acme/scaler/2.0.0/any.tar.zst", sub)

	sub = r.sign("2.0.0")
	r.now = r.now.AddDate(2, 0, 0)
	refuse("expired on", sub)
	r.now = start
	s = r.signing("2.0.0")
	s.Expires = 2 * 365 * 24 * time.Hour
	sub, err = repo.Sign(s)
	must(t, err)
	refuse("a shorter --expires", sub)

	sub = r.sign("2.0.0")
	sub.Namespace = "acme2"
	_, err = r.online().Publish(ctx, sub)
	if !errors.Is(err, repo.ErrNoPublisher) {
		t.Error(err)
	}
	_, err = r.with("snapshot", "timestamp").Publish(ctx, r.sign("2.0.0"))
	var missing *repo.KeysError
	if !errors.As(err, &missing) || missing.Role != "log" {
		t.Error(err)
	}
	r.sound(2)
}

func TestSignRefuses(t *testing.T) {
	r := newRegistry(t)
	r.publish("1.0.0")
	for part, change := range map[string]func(*repo.Signing){
		"none of your keys":       func(s *repo.Signing) { s.Keys = []*keys.Key{r.key("mallory")} },
		"needs a key":             func(s *repo.Signing) { s.Keys = nil },
		"a release never changes": func(s *repo.Signing) { *s = r.signing("1.0.0") },
		"which has 1.0.0 of it":   func(s *repo.Signing) { s.Yanks = []repo.Yank{{ID: scaler, Version: "9.0.0", Reason: "x"}} },
		"which has no version of": func(s *repo.Signing) {
			s.Yanks = []repo.Yank{{ID: release.ID{Namespace: "acme", Name: "none"}, Version: "1.0.0", Reason: "x"}}
		},
		"outside of the namespace": func(s *repo.Signing) { *s = r.signing("2.0.0"); s.Add[0].Release.ID = "other/scaler" },
		"no archive for any":       func(s *repo.Signing) { *s = r.signing("2.0.0"); s.Add[0].Archives = nil },
		"reserved":                 func(s *repo.Signing) { s.Namespace = "targets" },
		"cannot expire after":      func(s *repo.Signing) { s.Expires = time.Nanosecond },
	} {
		s := r.signing()
		change(&s)
		_, err := repo.Sign(s)
		wantError(t, err, part)
	}
	s := r.signing()
	s.Keys, s.Trusted = []*keys.Key{r.key("new")}, []keys.Public{r.key("acme").Public()}
	if _, err := repo.Sign(s); err != nil {
		t.Error("the old key is known:", err)
	}
}

// TestThreshold publishes with two signatures of three keys, made one after the
// other, and not with one of them twice.
func TestThreshold(t *testing.T) {
	ctx := context.Background()
	r := newRegistry(t)
	must(t, r.repo.AddPublisher(ctx, "acme", r.role(2, "acme", "acme2", "acme3"), nil))
	sub := r.sign("1.0.0")
	_, err := r.online().Publish(ctx, sub)
	wantError(t, err, "not enough signatures, got 1, want 2")
	must(t, sub.Cosign(r.key("acme")))
	_, err = r.online().Publish(ctx, sub)
	wantError(t, err, "not enough signatures, got 1, want 2")

	file := filepath.Join(t.TempDir(), "s.tar")
	must(t, sub.Save(file))
	sub, err = repo.ReadSubmission(file)
	must(t, err)
	defer sub.Close()
	must(t, sub.Cosign(r.key("acme3")))
	c, err := sub.Contents()
	must(t, err)
	if len(c.Signatures) != 2 || c.Version != 1 || len(c.Offers) != 1 || len(c.Archives) != 1 {
		t.Errorf("%+v", c)
	}
	_, err = r.online().Publish(ctx, sub)
	must(t, err)
	r.sees(t.TempDir(), "1.0.0")
}

// TestRekey changes the keys of a publisher: to be possible at any time, what it
// published must come signed anew.
func TestRekey(t *testing.T) {
	ctx, state := context.Background(), t.TempDir()
	r := newRegistry(t)
	r.publish("1.0.0")
	r.sees(state, "1.0.0")
	must(t, r.repo.AddPublisher(ctx, "acme", r.role(1, "acme", "spare"), nil))
	r.sees(state, "1.0.0")

	err := r.repo.AddPublisher(ctx, "acme", r.role(1, "new"), nil)
	if _, ok := errors.AsType[*repo.NeedSubmissionError](err); !ok {
		t.Error(err)
	}
	s := r.signing("1.1.0")
	s.Keys, s.Trusted = []*keys.Key{r.key("new")}, []keys.Public{r.key("acme").Public()}
	sub, err := repo.Sign(s)
	must(t, err)
	wantError(t, r.repo.AddPublisher(ctx, "other", r.role(1, "new"), sub), "is of acme")
	must(t, r.repo.AddPublisher(ctx, "acme", r.role(1, "new"), sub))
	r.sees(state, "1.0.0 1.1.0")
	s = r.signing("1.2.0")
	s.Trusted = []keys.Public{r.key("new").Public()}
	old, err := repo.Sign(s)
	must(t, err)
	_, err = r.online().Publish(ctx, old)
	wantError(t, err, "not signed as")
	r.sound(2)
}

func TestRevoke(t *testing.T) {
	ctx, state := context.Background(), t.TempDir()
	r := newRegistry(t)
	must(t, r.repo.AddPublisher(ctx, "zeta", r.role(1, "zeta"), nil))
	r.publish("1.0.0")
	r.sees(state, "1.0.0")
	must(t, r.repo.RevokePublisher(ctx, "acme"))
	r.sees(state, "")
	if err := r.repo.RevokePublisher(ctx, "acme"); !errors.Is(err, repo.ErrNoPublisher) {
		t.Error(err)
	}
	if report := r.sound(0); len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Reason, `"acme" was revoked`) || len(report.Overview.Publishers) != 1 {
		t.Errorf("%+v", report)
	}
	// The namespace can be given again, with what it had.
	var need *repo.NeedSubmissionError
	if err := r.repo.AddPublisher(ctx, "acme", r.role(1, "new"), nil); !errors.As(err, &need) {
		t.Error(err)
	}
	s := r.signing()
	s.Keys, s.Trusted = []*keys.Key{r.key("new")}, []keys.Public{r.key("acme").Public()}
	s.Yanks = []repo.Yank{{ID: scaler, Version: "1.0.0", Reason: "the key was stolen"}}
	sub, err := repo.Sign(s)
	must(t, err)
	must(t, r.repo.AddPublisher(ctx, "acme", r.role(1, "new"), sub))
	r.sees(state, "(1.0.0)")
	r.sound(1)
}

// TestRotate changes the keys of each role, under the eyes of a client that knew
// the old ones.
func TestRotate(t *testing.T) {
	ctx, state := context.Background(), t.TempDir()
	r := newRegistry(t)
	r.publish("1.0.0")
	r.sees(state, "1.0.0")
	all := []string{"root", "root2", "targets", "snapshot", "timestamp", "log"}
	for _, role := range []string{"timestamp", "snapshot", "targets", "root"} {
		fresh := "new-" + role
		threshold, names := 1, []string{fresh}
		if role == "root" {
			threshold, names = 2, []string{"root", fresh}
		}
		all = append(all, fresh)
		must(t, r.with(all...).Rotate(ctx, role, r.role(threshold, names...)))
		r.sees(state, "1.0.0")
		r.sound(1)
	}
	// The old keys are worth nothing any more.
	err := r.online().Refresh(ctx)
	if _, ok := errors.AsType[*repo.KeysError](err); !ok {
		t.Error(err)
	}
	wantError(t, r.with("root", "root2", "targets").Rotate(ctx, "root", repo.Role{}), "role root takes 2")
	must(t, r.with("new-snapshot", "new-timestamp").Refresh(ctx))
	must(t, r.with("root", "new-root").Rotate(ctx, "root", repo.Role{}))
	must(t, r.with("new-targets", "new-snapshot", "new-timestamp").Rotate(ctx, "targets", repo.Role{}))
	r.sees(state, "1.0.0")
	r.sound(1)
	wantError(t, r.repo.Rotate(ctx, "acme", repo.Role{}), "no keys of its own")
}

// TestRotateALostKey changes the keys of roles whose old keys are gone.
func TestRotateALostKey(t *testing.T) {
	ctx, state := context.Background(), t.TempDir()
	r := newRegistry(t)
	r.publish("1.0.0")
	r.sees(state, "1.0.0")
	roles := []string{"timestamp", "snapshot", "targets"}
	for i, role := range roles {
		have := []string{"root", "root2"}
		for j, other := range roles {
			if j > i {
				have = append(have, other)
			} else {
				have = append(have, "new-"+other)
			}
		}
		must(t, r.with(have...).Rotate(ctx, role, r.role(1, "new-"+role)))
		r.sees(state, "1.0.0")
		r.sound(1)
	}
}

func TestExpiry(t *testing.T) {
	ctx, state := context.Background(), t.TempDir()
	r := newRegistry(t)
	r.publish("1.0.0")
	r.sees(state, "1.0.0")
	count := func(severity string) (n int) {
		for _, p := range r.verify().Problems {
			if p.Severity == severity {
				n++
			}
		}
		return n
	}
	r.now = start.AddDate(0, 0, 6)
	if faults, warnings := count(repo.Fault), count(repo.Warning); faults != 0 || warnings != 1 {
		t.Error(faults, warnings)
	}
	r.now = start.AddDate(0, 0, 8)
	if faults := count(repo.Fault); faults != 1 {
		t.Error(faults)
	}
	if _, err := r.seen(state); err == nil {
		t.Error("a client takes an expired timestamp")
	}
	must(t, r.with("snapshot", "timestamp").Refresh(ctx))
	r.sees(state, "1.0.0")
	r.sound(1)
}

// TestPublishersAtOnce lets several publish in the same moment: all of them come
// through, one after the other.
func TestPublishersAtOnce(t *testing.T) {
	ctx := context.Background()
	r := newRegistry(t)
	names := []string{"one", "two", "three", "four"}
	for _, name := range names {
		must(t, r.repo.AddPublisher(ctx, name, r.role(1, name), nil))
	}
	subs := make([]*repo.Submission, len(names))
	for i, name := range names {
		n, err := repo.ReadRelease(ctx, []string{pack(t, "scaler", "1.0.0", script)}, nil, repo.Details{Namespace: name, Published: r.now})
		must(t, err)
		subs[i], err = repo.Sign(repo.Signing{Namespace: name, Add: []repo.NewRelease{*n}, Keys: []*keys.Key{r.key(name)}, Now: r.now})
		must(t, err)
	}
	online := r.online()
	var wg sync.WaitGroup
	for _, sub := range subs {
		wg.Go(func() {
			if _, err := online.Publish(ctx, sub); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if report := r.sound(4); report.Records != 4 {
		t.Errorf("%d records", report.Records)
	}
}

// unlocked is a store without a lock, into which somebody else writes.
type unlocked struct {
	files.Store
	before func(name string)
	stop   error // of the write of a snapshot, when it is not nil
}

func (u *unlocked) Lock(context.Context) (func() error, error) {
	return func() error { return nil }, nil
}

func (u *unlocked) Put(ctx context.Context, name string, data io.Reader) error {
	if before := u.before; before != nil && strings.HasSuffix(name, ".snapshot.json") {
		u.before = nil
		defer before(name)
		if u.stop != nil {
			return u.stop
		}
	}
	return u.Store.Put(ctx, name, data)
}

// TestAnotherWriter writes where no lock reaches: the one who comes second notices
// it, changes nothing, and comes through when it tries again.
func TestAnotherWriter(t *testing.T) {
	ctx := context.Background()
	r := newRegistry(t)
	must(t, r.repo.AddPublisher(ctx, "zeta", r.role(1, "zeta"), nil))
	sub := r.sign("1.0.0")
	shared := &unlocked{Store: r.store}
	shared.before = func(string) {
		n, err := repo.ReadRelease(ctx, []string{pack(t, "other", "1.0.0", script)}, nil, repo.Details{Namespace: "zeta", Published: r.now})
		must(t, err)
		other, err := repo.Sign(repo.Signing{Namespace: "zeta", Add: []repo.NewRelease{*n}, Keys: []*keys.Key{r.key("zeta")}, Now: r.now})
		must(t, err)
		_, err = r.online().Publish(ctx, other)
		must(t, err)
	}
	r.store = shared
	first := r.online()
	r.open(files.Options{})
	_, err := first.Publish(ctx, sub)
	if !errors.Is(err, repo.ErrBusy) {
		t.Error(err)
	}
	r.sound(1)
	_, err = first.Publish(ctx, sub)
	must(t, err)
	r.sound(2)
}

// TestLook reads what a registry is, and what a publisher signs on top of.
func TestLook(t *testing.T) {
	ctx := context.Background()
	r := newRegistry(t)
	must(t, r.repo.AddPublisher(ctx, "zeta", r.role(2, "z1", "z2", "z3"), nil))
	r.publish("1.0.0")
	look, err := repo.Look(ctx, r.store)
	must(t, err)
	if look.Name != "plugins.example/test" || look.LogKey != r.created.LogKey || look.Expiry != policy.DefaultExpiry() {
		t.Errorf("%+v", look)
	}
	if root := look.Roles["root"]; root.Threshold != 2 || len(root.KeyIDs) != 2 || len(look.Roles) != 4 {
		t.Errorf("%+v", look.Roles)
	}
	if !look.Expires["timestamp"].Equal(start.AddDate(0, 0, 7)) || !look.Expires["root"].Equal(start.AddDate(1, 0, 0)) {
		t.Errorf("%+v", look.Expires)
	}
	acme, zeta := look.Publishers[0], look.Publishers[1]
	if acme.Namespace != "acme" || acme.Version != 1 || acme.KeyIDs[0] != r.key("acme").Public().ID() || zeta.Threshold != 2 || len(zeta.KeyIDs) != 3 || zeta.Version != 0 {
		t.Errorf("%+v", look.Publishers)
	}
	for namespace, want := range map[string]bool{"acme": true, "zeta": false, "nobody": false} {
		current, err := repo.Current(ctx, r.store, namespace)
		if err != nil || (current != nil) != want {
			t.Errorf("%s: %d bytes, %v", namespace, len(current), err)
		}
	}
	empty := &registry{t: t, dir: t.TempDir()}
	empty.open(files.Options{})
	_, err = repo.Look(ctx, empty.store)
	if !errors.Is(err, files.ErrNotExist) {
		t.Error(err)
	}
	wantError(t, err, "bulkhead registry init")
	must(t, os.Remove(filepath.Join(r.dir, "metadata", "timestamp.json")))
	_, err = repo.Look(ctx, r.store)
	wantError(t, err, "cut short")
}

// TestOneNamespaceAtOnce lets two submissions of one version race: one is
// published, the other is told to sign again, and both are logged once at most.
func TestOneNamespaceAtOnce(t *testing.T) {
	ctx := context.Background()
	r := newRegistry(t)
	subs := []*repo.Submission{r.sign("1.0.0"), r.sign("1.1.0")}
	online := r.online()
	errs := make([]error, len(subs))
	var wg sync.WaitGroup
	for i, sub := range subs {
		wg.Go(func() { _, errs[i] = online.Publish(ctx, sub) })
	}
	wg.Wait()
	var stale *repo.StaleError
	won := 0
	for _, err := range errs {
		switch {
		case err == nil:
			won++
		case !errors.As(err, &stale) || stale.Has != 1 || stale.Got != 1:
			t.Error(err)
		}
	}
	if report := r.sound(1); won != 1 || report.Records != 1 {
		t.Errorf("%d were published, %d records", won, report.Records)
	}
}

// TestALoggedReleaseCannotChange: a publication that was cut short after the log
// was written, and is then tried with another archive.
func TestALoggedReleaseCannotChange(t *testing.T) {
	ctx := context.Background()
	r := newRegistry(t)
	sub := r.sign("1.0.0")
	stop := errors.New("stop")
	cut := &unlocked{Store: r.store, before: func(string) {}}
	cut.stop = stop
	r.store = cut
	_, err := r.online().Publish(ctx, sub)
	if !errors.Is(err, stop) {
		t.Fatal(err)
	}
	r.open(files.Options{})
	if report := r.sound(0); len(report.Problems) != 1 || !strings.Contains(report.Problems[0].Reason, "its publication was cut short") {
		t.Errorf("%+v", report.Problems)
	}
	n, err := repo.ReadRelease(ctx, []string{pack(t, "scaler", "1.0.0", script+"# other\n")}, nil, repo.Details{Namespace: "acme", Published: r.now})
	must(t, err)
	s := r.signing()
	s.Add = []repo.NewRelease{*n}
	other, err := repo.Sign(s)
	must(t, err)
	_, err = r.online().Publish(ctx, other)
	if _, ok := errors.AsType[*translog.LoggedError](err); !ok {
		t.Error(err)
	}
	_, err = r.online().Publish(ctx, sub)
	must(t, err)
	if report := r.sound(1); report.Records != 1 {
		t.Errorf("%d records", report.Records)
	}
}

func BenchmarkPublish(b *testing.B) {
	ctx := context.Background()
	r := newRegistry(b)
	n := 0
	for b.Loop() {
		b.StopTimer()
		n++
		sub := r.sign(fmt.Sprintf("1.%d.0", n))
		b.StartTimer()
		if _, err := r.online().Publish(ctx, sub); err != nil {
			b.Fatal(err)
		}
	}
}
