// SPDX-License-Identifier: Apache-2.0

// Package repotest makes registries for tests: whole ones, in a directory, with
// the publisher acme and keys that follow from their names.
package repotest

import (
	"context"
	"crypto/sha256"
	"os"
	"path/filepath"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
)

// Publisher is the namespace that may publish.
const Publisher = "acme"

// Registry is one in a directory.
type Registry struct {
	Dir    string
	Root   []byte // the first root
	LogKey string

	store files.Store
}

// key is that of a name; whoever has read this has it, too.
func key(name string) (*keys.Key, error) {
	seed := sha256.Sum256([]byte("bulkhead repotest " + name))
	return keys.FromSeed(name, seed[:])
}

// all are the keys of the registry and of its publisher.
func all() (map[string]*keys.Key, error) {
	out := map[string]*keys.Key{}
	for _, name := range []string{"root", "targets", "snapshot", "timestamp", "log", Publisher} {
		k, err := key(name)
		if err != nil {
			return nil, err
		}
		out[name] = k
	}
	return out, nil
}

func role(k *keys.Key) repo.Role { return repo.Role{Keys: []keys.Public{k.Public()}, Threshold: 1} }

func options(k map[string]*keys.Key) repo.Options {
	return repo.Options{Keys: keys.NewChain(k["root"], k["targets"], k["snapshot"], k["timestamp"], k["log"])}
}

// New makes a registry in a directory that is not there.
func New(ctx context.Context, dir string) (*Registry, error) {
	k, err := all()
	if err != nil {
		return nil, err
	}
	store, err := files.OpenStore(dir, files.Options{})
	if err != nil {
		return nil, err
	}
	made, err := repo.Init(ctx, store, repo.InitOptions{
		Options: options(k), Name: "plugins.example/test", Log: k["log"].Public(),
		Roles: map[string]repo.Role{"root": role(k["root"]), "targets": role(k["targets"]), "snapshot": role(k["snapshot"]), "timestamp": role(k["timestamp"])},
	})
	if err != nil {
		return nil, err
	}
	r := &Registry{Dir: dir, Root: made.Root, LogKey: made.LogKey, store: store}
	return r, repo.Open(store, options(k)).AddPublisher(ctx, Publisher, role(k[Publisher]), nil)
}

// Open returns a registry that New made.
func Open(dir string) (*Registry, error) {
	store, err := files.OpenStore(dir, files.Options{})
	if err != nil {
		return nil, err
	}
	root, err := os.ReadFile(filepath.Join(dir, "metadata", "1.root.json"))
	return &Registry{Dir: dir, Root: root, store: store}, err
}

// Publish publishes the release of an archive under the publisher's name, with what
// the archive does not say.
func (r *Registry) Publish(ctx context.Context, archive string, d repo.Details) error {
	k, err := all()
	if err != nil {
		return err
	}
	current, err := repo.Current(ctx, r.store, Publisher)
	if err != nil {
		return err
	}
	now := time.Now()
	d.Namespace, d.Published = Publisher, now
	n, err := repo.ReadRelease(ctx, []string{archive}, nil, d)
	if err != nil {
		return err
	}
	sub, err := repo.Sign(repo.Signing{Namespace: Publisher, Current: current, Add: []repo.NewRelease{*n}, Keys: []*keys.Key{k[Publisher]}, Now: now})
	if err != nil {
		return err
	}
	_, err = repo.Open(r.store, options(k)).Publish(ctx, sub)
	return err
}
