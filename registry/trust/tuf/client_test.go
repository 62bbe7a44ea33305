// SPDX-License-Identifier: Apache-2.0

package tuf_test

import (
	"bytes"
	"context"
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/theupdateframework/go-tuf/v2/metadata"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf"
	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf/tuftest"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func fetch(f *tuftest.Files) tuf.Fetch {
	return func(ctx context.Context, name string, limit int64) ([]byte, error) {
		data, err := files.ReadAll(ctx, f, "metadata/"+name, limit)
		if _, ok := errors.AsType[*files.TooLargeError](err); ok {
			return nil, &tuf.Error{Role: name, Threat: tuf.EndlessData, Err: err}
		}
		return data, err
	}
}

// begin makes a directory that trusts the first root of a repository.
func begin(t testing.TB, r *tuftest.Repo) string {
	t.Helper()
	dir := t.TempDir()
	must(t, tuf.Init(dir, r.Get("metadata/1.root.json")))
	return dir
}

func client(t testing.TB, dir string, f *tuftest.Files, now time.Time) *tuf.Client {
	t.Helper()
	o := tuf.Options{Dir: dir, Now: now}
	if f != nil {
		o.Fetch = fetch(f)
	}
	c, err := tuf.New(o)
	must(t, err)
	return c
}

func refresh(t testing.TB, dir string, f *tuftest.Files) (*tuf.Client, error) {
	t.Helper()
	c := client(t, dir, f, time.Now())
	return c, c.Refresh(t.Context())
}

// kept are the versions in a directory.
func kept(t testing.TB, dir string) map[string]int64 {
	t.Helper()
	versions := map[string]int64{}
	for _, role := range []string{"root", "timestamp", "snapshot", "targets"} {
		data, err := os.ReadFile(filepath.Join(dir, role+".json"))
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		must(t, err)
		switch role {
		case "root":
			m, err := metadata.Root().FromBytes(data)
			must(t, err)
			versions[role] = m.Signed.Version
		case "timestamp":
			m, err := metadata.Timestamp().FromBytes(data)
			must(t, err)
			versions[role] = m.Signed.Version
		case "snapshot":
			m, err := metadata.Snapshot().FromBytes(data)
			must(t, err)
			versions[role] = m.Signed.Version
		default:
			m, err := metadata.Targets().FromBytes(data)
			must(t, err)
			versions[role] = m.Signed.Version
		}
	}
	return versions
}

func refused(t testing.TB, err error, role string, threat tuf.Threat) {
	t.Helper()
	var e *tuf.Error
	if !errors.As(err, &e) || e.Role != role || e.Threat != threat {
		t.Errorf("want %s refused for %s: %v", role, threat, err)
	}
}

func TestRefresh(t *testing.T) {
	r := tuftest.New(t)
	dir := begin(t, r)
	c, err := refresh(t, dir, r.Files)
	must(t, err)
	want := []string{"metadata/2.root.json", "metadata/timestamp.json", "metadata/1.snapshot.json", "metadata/1.targets.json"}
	if got := r.Requests(); !slices.Equal(got, want) {
		t.Errorf("it asked for %q", got)
	}
	all := map[string]int64{"root": 1, "timestamp": 1, "snapshot": 1, "targets": 1}
	if got := kept(t, dir); !maps.Equal(got, all) || !maps.Equal(c.Versions(), all) {
		t.Errorf("kept %v, loaded %v", got, c.Versions())
	}
	_, err = refresh(t, dir, r.Files)
	must(t, err)
	if got := r.Requests(); !slices.Equal(got, want[:2]) {
		t.Errorf("with nothing new it asked for %q", got)
	}
	r.Hashes = true
	r.Publish()
	_, err = refresh(t, dir, r.Files)
	must(t, err)
	if role, at := c.Expiry(); role != "root" || !at.Equal(r.Root.Signed.Expires) {
		t.Error(role, at)
	}
}

// TestRootChain walks over three rotations; with a broken link it stops at the
// link, and what was verified before is kept.
func TestRootChain(t *testing.T) {
	r := tuftest.New(t)
	dir, broken := begin(t, r), begin(t, r)
	for range 3 {
		old := r.Signers["root"]
		r.Rotate("root", 1, tuftest.NewKey(t))
		r.Signers["root"] = append(r.Signers["root"], old...)
		r.PublishRoot()
	}
	_, err := refresh(t, dir, r.Files)
	must(t, err)
	if v := kept(t, dir)["root"]; v != 4 {
		t.Errorf("version %d of root is kept", v)
	}
	r.Set("metadata/3.root.json", bytes.Replace(r.Get("metadata/3.root.json"), []byte(`"sig":"`), []byte(`"sig":"00`), 2))
	_, err = refresh(t, broken, r.Files)
	refused(t, err, "root", tuf.KeyCompromise)
	if v := kept(t, broken)["root"]; v != 2 {
		t.Errorf("version %d of root is kept", v)
	}
}

func TestTooManyRoots(t *testing.T) {
	r := tuftest.New(t)
	dir := begin(t, r)
	for range tuf.MaxRotations {
		r.PublishRoot()
	}
	_, err := refresh(t, dir, r.Files)
	refused(t, err, "root", tuf.EndlessData)
}

// TestFastForward: an attacker who had the keys made versions huge. New keys make
// small ones count again, and nothing else does.
func TestFastForward(t *testing.T) {
	for _, roles := range [][]string{{"timestamp"}, {"snapshot"}, {"timestamp", "snapshot"}} {
		r := tuftest.New(t)
		dir := begin(t, r)
		r.Timestamp.Signed.Version, r.Snapshot.Signed.Version, r.Targets["targets"].Signed.Version = 9000, 9000, 9000
		r.Publish("targets")
		_, err := refresh(t, dir, r.Files)
		must(t, err)
		r.Timestamp.Signed.Version, r.Snapshot.Signed.Version, r.Targets["targets"].Signed.Version = 1, 1, 1
		r.Publish("targets")
		_, err = refresh(t, dir, r.Files)
		refused(t, err, "timestamp", tuf.Rollback)
		for _, role := range roles {
			r.Rotate(role, 1, tuftest.NewKey(t))
		}
		r.PublishRoot()
		r.Publish("targets")
		_, err = refresh(t, dir, r.Files)
		must(t, err)
		if v := kept(t, dir); v["timestamp"] != 3 || v["snapshot"] != 3 || v["targets"] != 3 {
			t.Errorf("rotated %q: %v", roles, v)
		}
	}
}

// TestCutShort ends an update, in which keys change, after each of its files. What
// was kept until then is verified, and the next update finishes it.
func TestCutShort(t *testing.T) {
	for n := range 6 {
		r := tuftest.New(t)
		dir := begin(t, r)
		_, err := refresh(t, dir, r.Files)
		must(t, err)
		r.Rotate("timestamp", 1, tuftest.NewKey(t))
		r.Rotate("snapshot", 1, tuftest.NewKey(t))
		r.PublishRoot()
		r.Publish("targets")
		asked := 0
		r.Fault(func(string) error {
			if asked++; asked > n {
				return errors.New("the power went off")
			}
			return nil
		})
		_, err = refresh(t, dir, r.Files)
		if (err == nil) != (n == 5) {
			t.Fatalf("after %d files: %v", n, err)
		}
		r.Fault(nil)
		_, err = refresh(t, dir, r.Files)
		must(t, err)
		if got := kept(t, dir); !maps.Equal(got, map[string]int64{"root": 2, "timestamp": 2, "snapshot": 2, "targets": 2}) {
			t.Errorf("after %d files: %v", n, got)
		}
	}
}

// TestAddedKey: a key more is no recovery; what is kept still counts.
func TestAddedKey(t *testing.T) {
	r := tuftest.New(t)
	dir := begin(t, r)
	r.Publish()
	_, err := refresh(t, dir, r.Files)
	must(t, err)
	r.Rotate("timestamp", 1, append(r.Signers["timestamp"], tuftest.NewKey(t))...)
	r.PublishRoot()
	r.Timestamp.Signed.Version = 1
	r.WriteTimestamp()
	_, err = refresh(t, dir, r.Files)
	refused(t, err, "timestamp", tuf.Rollback)
}

func TestExpiredKept(t *testing.T) {
	r := tuftest.New(t)
	dir := begin(t, r)
	_, err := refresh(t, dir, r.Files)
	must(t, err)
	later := time.Now().Add(18 * 24 * time.Hour)
	refused(t, client(t, dir, r.Files, later).Refresh(t.Context()), "root", tuf.Freeze)
	for _, at := range []*time.Time{&r.Root.Signed.Expires, &r.Timestamp.Signed.Expires, &r.Snapshot.Signed.Expires, &r.Targets["targets"].Signed.Expires} {
		*at = later.Add(time.Hour)
	}
	r.PublishRoot()
	refused(t, client(t, dir, r.Files, later).Refresh(t.Context()), "timestamp", tuf.Freeze)
	r.Publish("targets")
	must(t, client(t, dir, r.Files, later).Refresh(t.Context()))
}

func TestKeptOnly(t *testing.T) {
	r := tuftest.New(t)
	dir := begin(t, r)
	var fetchError *tuf.FetchError
	if err := client(t, dir, nil, time.Now()).Refresh(t.Context()); !errors.As(err, &fetchError) {
		t.Error(err)
	}
	_, err := refresh(t, dir, r.Files)
	must(t, err)
	must(t, client(t, dir, nil, time.Now()).Refresh(t.Context()))
	later := time.Now().Add(36 * time.Hour)
	refused(t, client(t, dir, nil, later).Refresh(t.Context()), "root", tuf.Freeze)
}

func TestUnreachable(t *testing.T) {
	r := tuftest.New(t)
	dir := begin(t, r)
	for _, name := range []string{"2.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"} {
		gone := errors.New("connection refused")
		r.Fault(func(n string) error {
			if n == "metadata/"+name {
				return gone
			}
			return nil
		})
		_, err := refresh(t, dir, r.Files)
		var fetchError *tuf.FetchError
		if !errors.As(err, &fetchError) || fetchError.Name != name || !errors.Is(err, gone) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestDamagedDirectory(t *testing.T) {
	r := tuftest.New(t)
	for _, role := range []string{"timestamp", "snapshot", "targets"} {
		dir := begin(t, r)
		_, err := refresh(t, dir, r.Files)
		must(t, err)
		must(t, os.WriteFile(filepath.Join(dir, role+".json"), []byte("{"), 0o600))
		if _, err := refresh(t, dir, r.Files); err == nil || !strings.Contains(err.Error(), "is damaged") {
			t.Errorf("%s: %v", role, err)
		}
	}
	if err := tuf.Init(t.TempDir(), []byte("{}")); err == nil {
		t.Error("an empty root is trusted")
	}
	if _, err := tuf.New(tuf.Options{Dir: t.TempDir()}); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	unsigned := bytes.Replace(r.Get("metadata/1.root.json"), []byte(`"sig":"`), []byte(`"sig":"00`), 1)
	refused(t, tuf.Init(t.TempDir(), unsigned), "root", tuf.KeyCompromise)
}
