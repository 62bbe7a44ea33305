// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
)

var scaler = release.ID{Namespace: "acme", Name: "scaler"}

func TestFetch(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.10.0", "acme/scaler@1.9.0", "acme/encoder@0.1.0-rc.1", "initech/gpu@2.0.0")
	c := g.client(g.Files, t.TempDir())
	fresh, err := c.Refresh(t.Context())
	must(t, err)
	if fresh.Log.Size != 4 || fresh.Expired || fresh.Unreachable != nil || !strings.HasPrefix(fresh.String(), "verified at ") {
		t.Error(fresh)
	}
	ids, err := c.Plugins(t.Context())
	must(t, err)
	if want := []release.ID{{Namespace: "acme", Name: "encoder"}, scaler, {Namespace: "initech", Name: "gpu"}}; !slices.Equal(ids, want) {
		t.Errorf("plugins %v", ids)
	}
	known, err := c.Releases(t.Context(), scaler)
	must(t, err)
	if len(known) != 2 || known[0].Version != "1.9.0" || known[1].Version != "1.10.0" || known[0].Registry != "default" {
		t.Errorf("%+v", known)
	}
	f, err := c.Fetch(t.Context(), known[1], "linux_amd64", t.TempDir())
	must(t, err)
	data, err := os.ReadFile(f.Path)
	must(t, err)
	if string(data) != string(archive("acme/scaler", "1.10.0", "linux_amd64")) || f.Bytes != int64(len(data)) || f.Platform != "linux_amd64" {
		t.Errorf("%+v", f)
	}
	var how []string
	for _, e := range f.Evidence {
		how = append(how, e.How+": "+e.Detail)
	}
	want := []string{"signed: by 1 of the 1 keys of acme, in version 2 of its metadata", "logged: record 0 of the log registry.example/log", "hashed: " + known[1].Platforms["linux_amd64"].Archive + ", "}
	for i, w := range want {
		if i >= len(how) || !strings.HasPrefix(how[i], w) {
			t.Errorf("evidence %q", how)
		}
	}
	if proof, err := c.Prove(t.Context(), known[1]); err != nil || !slices.Equal(proof, f.Evidence[:2]) {
		t.Errorf("without the archive %v: %v", proof, err)
	}
	if _, err := c.Fetch(t.Context(), known[1], "windows_amd64", t.TempDir()); err == nil || !strings.Contains(err.Error(), "is not made for windows_amd64") {
		t.Error(err)
	}
}

func TestNothingThere(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	c := g.client(g.Files, t.TempDir())
	for _, err := range []error{errOf(c.Plugins(t.Context())), errOf(c.Releases(t.Context(), scaler)), errOf(c.Fetch(t.Context(), release.Known{Release: *made("acme/scaler", "1.0.0")}, "any", ""))} {
		if err == nil || !strings.Contains(err.Error(), "refresh it first") {
			t.Errorf("before a refresh: %v", err)
		}
	}
	if c.Freshness() != nil {
		t.Error("it is fresh before a refresh")
	}
	_, err := c.Refresh(t.Context())
	must(t, err)
	for _, id := range []release.ID{{Namespace: "nobody", Name: "scaler"}, {Namespace: "acme", Name: "nothing"}} {
		if known, err := c.Releases(t.Context(), id); len(known) != 0 || err != nil {
			t.Error(known, err)
		}
		if _, err := c.Fetch(t.Context(), release.Known{Release: *made(id.String(), "1.0.0")}, "linux_amd64", t.TempDir()); err == nil {
			t.Error("what is not there is fetched")
		}
	}
	if _, err := c.Releases(t.Context(), release.ID{Namespace: "../x", Name: "y"}); err == nil {
		t.Error("a path is a namespace")
	}
	other := made("acme/scaler", "1.0.0")
	other.Summary = "of another registry"
	_, err = c.Fetch(t.Context(), release.Known{Release: *other}, "linux_amd64", t.TempDir())
	refused(t, err, trust.WrongSoftware, "another release")
}

func errOf[T any](_ T, err error) error { return err }

// TestNewPublisher: who was just added has signed nothing yet.
func TestNewPublisher(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	g.Delegate("newcomer", release.RolePattern("newcomer"))
	g.Publish("targets")
	c := g.client(g.Files, t.TempDir())
	_, err := c.Refresh(t.Context())
	must(t, err)
	if ids, err := c.Plugins(t.Context()); err != nil || len(ids) != 1 {
		t.Error(ids, err)
	}
	if known, err := c.Releases(t.Context(), release.ID{Namespace: "newcomer", Name: "x"}); err != nil || len(known) != 0 {
		t.Error(known, err)
	}
}

func TestYanked(t *testing.T) {
	g := newRegistry(t)
	r := made("acme/scaler", "1.0.0")
	g.record(r)
	g.sign(r, &release.Yanked{Reason: "wrong results", At: time.Date(2026, 2, 3, 0, 0, 0, 0, time.UTC)})
	g.Publish("acme")
	c := g.client(g.Files, t.TempDir())
	_, err := fetch(t, c, "acme/scaler", "1.0.0") // a lock may still name it
	must(t, err)
	known, err := c.Releases(t.Context(), scaler)
	must(t, err)
	if known[0].Yanked == nil || known[0].Yanked.Reason != "wrong results" {
		t.Errorf("%+v", known[0])
	}
}

func TestUpdate(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	state := t.TempDir()
	_, err := fetch(t, g.client(g.Files, state), "acme/scaler", "1.0.0")
	must(t, err)
	g.publish("acme/scaler@1.1.0")
	_, err = fetch(t, g.client(g.Files, state), "acme/scaler", "1.1.0")
	must(t, err)
	g.Requests()
	_, err = fetch(t, g.client(g.Files, state), "acme/scaler", "1.1.0")
	must(t, err)
	for _, name := range g.Requests() {
		if strings.HasPrefix(name, "metadata/") && name != "metadata/2.root.json" && name != "metadata/timestamp.json" {
			t.Errorf("%s is read again", name)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	g := newRegistry(t)
	for name, change := range map[string]func(*trust.Options){
		"no log key":       func(o *trust.Options) { o.LogKey = "" },
		"no root":          func(o *trust.Options) { o.Root = nil },
		"an unsigned root": func(o *trust.Options) { o.Root = []byte(strings.Replace(string(o.Root), `"sig":"`, `"sig":"00`, 1)) },
		"no source":        func(o *trust.Options) { o.Source = nil },
		"no state":         func(o *trust.Options) { o.StateDir = "" },
		"negative grace":   func(o *trust.Options) { o.Offline = -1 },
	} {
		o := g.options(g.Files, t.TempDir())
		change(&o)
		if _, err := trust.Open(o); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
}

// TestHosts refreshes in several hosts at once that share a directory, while the
// registry publishes.
func TestHosts(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	state := t.TempDir()
	var wg sync.WaitGroup
	for range 4 {
		c := g.client(g.Files, state)
		wg.Go(func() {
			for range 5 {
				if _, err := fetch(t, c, "acme/scaler", "1.0.0"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for _, v := range []string{"1.1.0", "1.2.0", "1.3.0"} {
		g.publish("acme/scaler@" + v)
	}
	wg.Wait()
}

// TestLocked: a host that waits for another says so and ends with its context.
func TestLocked(t *testing.T) {
	g := newRegistry(t)
	o := g.options(g.Files, t.TempDir())
	waits := 0
	o.Progress = func(e trust.Event) {
		if e.Step == trust.StepWait {
			waits++
		}
	}
	c, err := trust.Open(o)
	must(t, err)
	dirs, err := filepath.Glob(filepath.Join(o.StateDir, "*"))
	must(t, err)
	lock, err := durable.Acquire(filepath.Join(dirs[0], ".lock"))
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := c.Refresh(ctx); !errors.Is(err, context.DeadlineExceeded) || waits == 0 {
		t.Error(waits, err)
	}
	must(t, lock.Release())
	_, err = c.Refresh(t.Context())
	must(t, err)
}

func TestOffline(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	state := t.TempDir()
	_, err := fetch(t, g.client(g.Files, state), "acme/scaler", "1.0.0")
	must(t, err)
	gone := g.Clone()
	gone.Fault(func(string) error { return errors.New("no route to host") })
	var unreachable *trust.UnreachableError
	if _, err := g.client(gone, state).Refresh(t.Context()); !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "no route to host") {
		t.Error("without a grace:", err)
	}
	first := g.options(gone, t.TempDir())
	first.Offline = time.Hour
	cl, err := trust.Open(first)
	must(t, err)
	if _, err := cl.Refresh(t.Context()); !errors.As(err, &unreachable) || !strings.Contains(err.Error(), "no route to host") {
		t.Error("with nothing kept:", err)
	}
	for _, c := range []struct {
		after, grace time.Duration
		expired      bool
		threat       trust.Threat
	}{
		{0, time.Hour, false, ""},
		{30 * time.Hour, 10 * time.Hour, true, ""},
		{30 * time.Hour, time.Hour, false, trust.Freeze},
	} {
		o := g.options(gone, state)
		o.Offline, o.Now = c.grace, func() time.Time { return time.Now().Add(c.after) }
		cl, err := trust.Open(o)
		must(t, err)
		fresh, err := cl.Refresh(t.Context())
		if c.threat != "" {
			refused(t, err, c.threat, "expired")
			continue
		}
		must(t, err)
		if fresh.Unreachable == nil || fresh.Expired != c.expired || fresh.Log.Size != 1 || !strings.Contains(fresh.String(), "did not answer") {
			t.Errorf("%+v", fresh)
		}
		if known, err := cl.Releases(t.Context(), scaler); err != nil || len(known) != 1 {
			t.Error(known, err)
		}
		if _, err := cl.Releases(t.Context(), release.ID{Namespace: "initech", Name: "gpu"}); !errors.As(err, &unreachable) {
			t.Error("what was never kept:", err)
		}
	}
}

// TestGrace: an expired timestamp is refused, unless the user gave a grace, and
// then it is said. The grace moves nothing but the time.
func TestGrace(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	g.Timestamp.Signed.Expires = time.Now().Add(-2 * time.Hour)
	g.Publish()
	state := t.TempDir()
	_, err := g.client(g.Files, state).Refresh(t.Context())
	refused(t, err, trust.Freeze, "timestamp")
	o := g.options(g.Files, state)
	o.Offline = 3 * time.Hour
	c, err := trust.Open(o)
	must(t, err)
	fresh, err := c.Refresh(t.Context())
	must(t, err)
	if !fresh.Expired || fresh.Unreachable != nil || fresh.Role != "timestamp" || !strings.Contains(fresh.String(), "timestamp expired at") {
		t.Errorf("%+v", fresh)
	}
	old := g.Timestamp.Signed.Version
	g.Timestamp.Signed.Version = 1
	g.WriteTimestamp()
	_, err = c.Refresh(t.Context())
	refused(t, err, trust.Rollback, "timestamp")
	g.Timestamp.Signed.Version, g.Signers["timestamp"] = old, nil
	g.Publish()
	_, err = c.Refresh(t.Context())
	refused(t, err, trust.MissingSignature, "timestamp")
}

// TestGraceOfPublisher: the metadata of one publisher have expired.
func TestGraceOfPublisher(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0", "initech/gpu@1.0.0")
	g.Targets["acme"].Signed.Expires = time.Now().Add(-2 * time.Hour)
	g.Publish("acme")
	c := g.client(g.Files, t.TempDir())
	_, err := fetch(t, c, "acme/scaler", "1.0.0")
	refused(t, err, trust.Freeze, "acme")
	ids, err := c.Plugins(t.Context())
	refused(t, err, trust.Freeze, "acme")
	if len(ids) != 1 || ids[0].Namespace != "initech" {
		t.Errorf("one publisher takes the others along: %v", ids)
	}
	o := g.options(g.Files, t.TempDir())
	o.Offline = 3 * time.Hour
	c, err = trust.Open(o)
	must(t, err)
	_, err = fetch(t, c, "acme/scaler", "1.0.0")
	must(t, err)
	if f := c.Freshness(); !f.Expired || !strings.Contains(f.String(), "publisher have expired") {
		t.Errorf("%+v", f)
	}
}
