// SPDX-License-Identifier: Apache-2.0

package repo_test

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// start is when the registries of the tests are made.
var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

// registry is one in a directory, with all keys.
type registry struct {
	t       testing.TB
	dir     string
	store   files.Store
	repo    *repo.Repo
	keys    map[string]*keys.Key // by name
	salt    string               // two registries with one have the same keys
	created *repo.Created
	now     time.Time
}

func (r *registry) key(name string) *keys.Key {
	r.t.Helper()
	if r.keys[name] == nil {
		seed := sha256.Sum256([]byte(r.salt + name))
		k, err := keys.FromSeed(name, seed[:])
		must(r.t, err)
		r.keys[name] = k
	}
	return r.keys[name]
}

// role makes a role of keys by their names.
func (r *registry) role(threshold int, names ...string) repo.Role {
	def := repo.Role{Threshold: threshold}
	for _, name := range names {
		def.Keys = append(def.Keys, r.key(name).Public())
	}
	return def
}

// with is the registry as somebody sees it who has certain keys only.
func (r *registry) with(names ...string) *repo.Repo {
	var at []*keys.Key
	for _, name := range names {
		at = append(at, r.key(name))
	}
	return repo.Open(r.store, repo.Options{Keys: keys.NewChain(at...), Now: func() time.Time { return r.now }})
}

func (r *registry) online() *repo.Repo { return r.with("snapshot", "timestamp", "log") }

// newRegistry makes a registry that has the publisher acme with the key acme.
func newRegistry(t testing.TB) *registry { return saltedRegistry(t, "") }

func saltedRegistry(t testing.TB, salt string) *registry {
	t.Helper()
	r := &registry{t: t, dir: t.TempDir(), keys: map[string]*keys.Key{}, salt: salt, now: start}
	r.open(files.Options{})
	r.created = r.init()
	r.repo = r.with("root", "root2", "targets", "snapshot", "timestamp", "log")
	must(t, r.repo.AddPublisher(context.Background(), "acme", r.role(1, "acme"), nil))
	return r
}

func (r *registry) open(o files.Options) {
	r.t.Helper()
	var err error
	r.store, err = files.OpenStore(r.dir, o)
	must(r.t, err)
}

func (r *registry) initOptions() repo.InitOptions {
	return repo.InitOptions{
		Options: repo.Options{Keys: keys.NewChain(r.key("root"), r.key("root2"), r.key("targets"), r.key("snapshot"), r.key("timestamp"), r.key("log")), Now: func() time.Time { return r.now }},
		Name:    "plugins.example/test", Log: r.key("log").Public(),
		Roles: map[string]repo.Role{
			"root": r.role(2, "root", "root2"), "targets": r.role(1, "targets"), "snapshot": r.role(1, "snapshot"), "timestamp": r.role(1, "timestamp"),
		},
	}
}

func (r *registry) init() *repo.Created {
	r.t.Helper()
	created, err := repo.Init(context.Background(), r.store, r.initOptions())
	must(r.t, err)
	return created
}

// pack makes the archive of a plugin that is a script.
func pack(t testing.TB, name, version, script string) string {
	t.Helper()
	return packFor(t, nil, name, version, script)
}

// packFor is pack for what a runtime runs; nil is the system itself.
func packFor(t testing.TB, runtime *manifest.Runtime, name, version, script string) string {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "run"), []byte(script), 0o755))
	sum := sha256.Sum256([]byte(script))
	m, err := json.Marshal(manifest.Manifest{
		Name: name, Version: version, Summary: "Scales columns", Licence: "Apache-2.0", Protocols: []int{1}, Executable: "run", Runtime: runtime,
		Digest: "sha256:" + hex.EncodeToString(sum[:]), Grants: []manifest.Grant{{Kind: manifest.Read, Path: "/sys/module/nvidia", Why: "to see it"}},
	})
	must(t, err)
	must(t, os.WriteFile(filepath.Join(dir, manifest.FileName), m, 0o644))
	file := filepath.Join(t.TempDir(), "any.tar.zst")
	out, err := os.Create(file)
	must(t, err)
	_, err = archive.Pack(dir, out, archive.Options{})
	must(t, err)
	must(t, out.Close())
	return file
}

const script = "#!/bin/sh\nexit 0\n"

// signing is what the publisher acme signs: releases of acme/scaler.
func (r *registry) signing(versions ...string) repo.Signing {
	r.t.Helper()
	ctx := context.Background()
	current, err := repo.Current(ctx, r.store, "acme")
	must(r.t, err)
	s := repo.Signing{Namespace: "acme", Current: current, Keys: []*keys.Key{r.key("acme")}, Now: r.now}
	for _, v := range versions {
		n, err := repo.ReadRelease(ctx, []string{pack(r.t, "scaler", v, script)}, nil, repo.Details{Namespace: "acme", Published: r.now, Changes: "<b>faster</b> & \"better\""})
		must(r.t, err)
		s.Add = append(s.Add, *n)
	}
	return s
}

func (r *registry) sign(versions ...string) *repo.Submission {
	r.t.Helper()
	sub, err := repo.Sign(r.signing(versions...))
	must(r.t, err)
	return sub
}

func (r *registry) publish(versions ...string) *repo.Published {
	r.t.Helper()
	done, err := r.online().Publish(context.Background(), r.sign(versions...))
	must(r.t, err)
	return done
}

func (r *registry) verify() *repo.Report {
	r.t.Helper()
	report, err := repo.Verify(context.Background(), r.store, repo.VerifyOptions{Root: r.created.Root, LogKey: r.created.LogKey, Now: r.now})
	must(r.t, err)
	return report
}

// sound wants no problem but remarks, and these releases.
func (r *registry) sound(releases int) *repo.Report {
	r.t.Helper()
	report := r.verify()
	for _, p := range report.Problems {
		if p.Severity != repo.Remark {
			r.t.Errorf("%s: %s: %s", p.Severity, p.File, p.Reason)
		}
	}
	if report.Releases != releases {
		r.t.Errorf("%d releases, want %d", report.Releases, releases)
	}
	return report
}

// client is a client with a state of its own.
func (r *registry) client(state string) *trust.Client {
	r.t.Helper()
	c, err := trust.Open(trust.Options{
		Name: "test", Source: r.store, Root: r.created.Root, LogKey: r.created.LogKey, StateDir: state, Now: func() time.Time { return r.now },
	})
	must(r.t, err)
	return c
}

var scaler = release.ID{Namespace: "acme", Name: "scaler"}

// seen is what a client sees of acme/scaler: versions, a yanked one in brackets.
func (r *registry) seen(state string) (string, error) {
	r.t.Helper()
	c := r.client(state)
	if _, err := c.Refresh(context.Background()); err != nil {
		return "", err
	}
	found, err := c.Releases(context.Background(), scaler)
	var versions []string
	for _, k := range found {
		v := k.Version
		if k.Yanked != nil {
			v = "(" + v + ")"
		}
		versions = append(versions, v)
	}
	return strings.Join(versions, " "), err
}

// sees wants a new client and one that knows an older state to see versions.
func (r *registry) sees(state, want string) {
	r.t.Helper()
	for _, dir := range []string{state, r.t.TempDir()} {
		if got, err := r.seen(dir); got != want || err != nil {
			r.t.Errorf("a client sees %q, %v, want %q", got, err, want)
		}
	}
}

// wantError wants an error whose text has a part.
func wantError(t testing.TB, err error, part string) {
	t.Helper()
	if err == nil || !strings.Contains(fmt.Sprint(err), part) {
		t.Errorf("got %v, want an error with %q", err, part)
	}
}
