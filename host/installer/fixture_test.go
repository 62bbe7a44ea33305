// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"context"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
)

// fixture is a real registry in a directory, and a project that trusts it.
type fixture struct {
	t       *testing.T
	dir     string
	key     *keys.Key
	repo    *repo.Repo
	store   files.Store
	root    string
	logKey  string
	project string
	data    string
}

// dataDir is a directory for a store, whose entries are read-only: their owner, unless
// it is root, cannot remove them as they are.
func dataDir(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() { _ = archive.Remove(dir) })
	return dir
}

func newFixture(t *testing.T) *fixture {
	t.Helper()
	key, err := keys.Generate("test")
	if err != nil {
		t.Fatal(err)
	}
	f := &fixture{t: t, dir: filepath.Join(t.TempDir(), "registry"), key: key, project: t.TempDir(), data: dataDir(t)}
	if f.store, err = files.OpenStore(f.dir, files.Options{}); err != nil {
		t.Fatal(err)
	}
	options := repo.Options{Keys: keys.NewChain(key)}
	role := repo.Role{Keys: []keys.Public{key.Public()}, Threshold: 1}
	created, err := repo.Init(t.Context(), f.store, repo.InitOptions{
		Options: options, Name: "test", Log: key.Public(), Roles: map[string]repo.Role{"root": role, "targets": role, "snapshot": role, "timestamp": role},
	})
	if err != nil {
		t.Fatal(err)
	}
	f.repo, f.logKey, f.root = repo.Open(f.store, options), created.LogKey, filepath.Join(t.TempDir(), "root.json")
	if err := os.WriteFile(f.root, created.Root, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := f.repo.AddPublisher(t.Context(), "acme", role, nil); err != nil {
		t.Fatal(err)
	}
	return f
}

// publish adds a release of acme/NAME for each platform.
func (f *fixture) publish(name, version string, platforms []string, asks ...string) {
	f.t.Helper()
	dir := f.t.TempDir()
	var archives []string
	where := map[string]string{}
	for _, platform := range platforms {
		file := filepath.Join(dir, platform+".tar.zst")
		f.pack(file, name, version, platform, asks)
		archives, where[file] = append(archives, file), platform
	}
	r, err := repo.ReadRelease(f.t.Context(), archives, where, repo.Details{
		Namespace: "acme", Changes: "what is new in " + version, Published: time.Now().UTC().Truncate(time.Second),
	})
	if err != nil {
		f.t.Fatal(err)
	}
	f.sign(repo.Signing{Add: []repo.NewRelease{*r}})
}

func (f *fixture) pack(file, name, version, platform string, asks []string) {
	f.t.Helper()
	dir, program := f.t.TempDir(), name+" "+version+" "+platform
	m := manifest.Manifest{
		Name: name, Version: version, Summary: "s", Licence: "Apache-2.0", Protocols: []int{1}, Executable: "run",
		Digest: fmt.Sprintf("sha256:%x", sha256.Sum256([]byte(program))), Grants: grants(f.t, asks...),
	}
	for i := range m.Grants {
		m.Grants[i].Why = "to test"
	}
	text, err := m.Encode()
	if err != nil {
		f.t.Fatal(err)
	}
	for name, data := range map[string][]byte{manifest.FileName: text, "run": []byte(program)} {
		if err := os.WriteFile(filepath.Join(dir, name), data, 0o755); err != nil {
			f.t.Fatal(err)
		}
	}
	out, err := os.Create(file)
	if err != nil {
		f.t.Fatal(err)
	}
	defer out.Close()
	if _, err := archive.Pack(dir, out, archive.Options{}); err != nil {
		f.t.Fatal(err)
	}
}

func (f *fixture) sign(s repo.Signing) {
	f.t.Helper()
	current, err := repo.Current(f.t.Context(), f.store, "acme")
	if err != nil {
		f.t.Fatal(err)
	}
	s.Namespace, s.Current, s.Keys, s.Now = "acme", current, []*keys.Key{f.key}, time.Now()
	sub, err := repo.Sign(s)
	if err != nil {
		f.t.Fatal(err)
	}
	defer sub.Close()
	if _, err := f.repo.Publish(f.t.Context(), sub); err != nil {
		f.t.Fatal(err)
	}
}

// installer is a fresh host in the project.
func (f *fixture) installer() *Installer {
	f.t.Helper()
	store := install.Open(f.data)
	scope, err := store.Scope(f.project)
	if err != nil {
		f.t.Fatal(err)
	}
	return &Installer{
		Registries: &Registries{
			Declared: []*config.Registry{{Name: "test", Address: f.dir, Root: config.Path{Absolute: f.root}, LogKey: f.logKey}},
			StateDir: filepath.Join(f.data, "state"), LookupEnv: os.LookupEnv,
		},
		Store: store, Scope: scope, Host: "0.5.0", Protocols: []int{1},
	}
}

// agree consents to everything.
func agree(context.Context, []Change) error { return nil }

// apply makes the change of a request.
func (f *fixture) apply(r Request) *Plan {
	f.t.Helper()
	i := f.installer()
	p, err := i.Plan(f.t.Context(), r)
	if err == nil {
		err = p.Consent(f.t.Context(), nil, agree)
	}
	if err == nil {
		_, err = i.Fetch(f.t.Context(), p)
	}
	if err == nil {
		_, err = i.Commit(f.t.Context(), p, "test")
	}
	if err != nil {
		f.t.Fatal(err)
	}
	return p
}

var here = []string{release.Host()}

func want(constraint string) []Want {
	return []Want{{ID: "acme/tool", Constraint: constraint, From: "bulkhead.hcl:1"}}
}
