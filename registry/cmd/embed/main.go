// SPDX-License-Identifier: Apache-2.0

// Embed makes the offline registry of the built-in plugins that a release of the
// host carries in itself.
//
//	embed [-platform GOOS_GOARCH] OUT-DIR PLUGIN-DIR...
//
// Each PLUGIN-DIR has a stamped manifest and its executable. OUT-DIR gets a whole
// registry, root.json, log.key and made, the time. The same plugins and the same SOURCE_DATE_EPOCH
// give the same bytes: the keys are made of the plugins' digests, so everybody
// can make them again. Nobody has to trust them: what is trusted is the executable
// that the registry is a part of.
package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/keys"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/policy"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/repo"
)

// namespace of the built-in plugins in their own registry.
const namespace = "bulkhead"

// long is for how long the metadata are good. The host reads them by the time at
// which they were made, so that they never expire.
const long = 365 * 24 * time.Hour

func main() {
	platform := flag.String("platform", release.Host(), "platform of the plugins")
	flag.Parse()
	if flag.NArg() < 2 {
		fmt.Fprintln(os.Stderr, "usage: embed [-platform GOOS_GOARCH] OUT-DIR PLUGIN-DIR...")
		os.Exit(2)
	}
	if err := embed(context.Background(), flag.Arg(0), flag.Args()[1:], *platform); err != nil {
		fmt.Fprintln(os.Stderr, "embed:", err)
		os.Exit(1)
	}
}

func embed(ctx context.Context, out string, dirs []string, platform string) error {
	now, err := epoch()
	if err != nil {
		return err
	}
	if err := os.RemoveAll(out); err != nil {
		return err
	}
	temp, err := os.MkdirTemp("", "bulkhead-embed-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	releases, seed, err := pack(ctx, temp, dirs, platform, now)
	if err != nil {
		return err
	}
	return publish(ctx, out, releases, seed, now)
}

// epoch is the time of the release, see reproducible-builds.org.
func epoch() (time.Time, error) {
	text := os.Getenv("SOURCE_DATE_EPOCH")
	if text == "" {
		return time.Now().UTC().Truncate(time.Second), nil
	}
	seconds, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return time.Time{}, fmt.Errorf("SOURCE_DATE_EPOCH: %w", err)
	}
	return time.Unix(seconds, 0).UTC(), nil
}

// pack makes an archive of each plugin, and a seed of all of them.
func pack(ctx context.Context, temp string, dirs []string, platform string, now time.Time) ([]repo.NewRelease, [sha256.Size]byte, error) {
	var out []repo.NewRelease
	seed := sha256.New()
	for _, dir := range dirs {
		one, digest, err := packOne(ctx, temp, dir, platform, now)
		if err != nil {
			return nil, [sha256.Size]byte{}, fmt.Errorf("%s: %w", dir, err)
		}
		fmt.Fprintln(seed, one.Release.ID, one.Release.Version, digest)
		out = append(out, *one)
	}
	return out, [sha256.Size]byte(seed.Sum(nil)), nil
}

func packOne(ctx context.Context, temp, dir, platform string, now time.Time) (*repo.NewRelease, string, error) {
	m, err := manifest.Load(dir)
	if err != nil {
		return nil, "", err
	}
	// Beside the manifest and its executable stands what the build left there.
	clean := filepath.Join(temp, m.Name)
	if err := link(dir, clean, manifest.FileName, m.Executable); err != nil {
		return nil, "", err
	}
	name := filepath.Join(temp, m.Name+".tar.zst")
	f, err := os.Create(name)
	if err != nil {
		return nil, "", err
	}
	defer f.Close()
	packed, err := archive.Pack(clean, f, archive.Options{})
	if err != nil {
		return nil, "", err
	}
	if err := f.Close(); err != nil {
		return nil, "", err
	}
	r, err := repo.ReadRelease(ctx, []string{name}, map[string]string{name: platform}, repo.Details{Namespace: namespace, Published: now})
	return r, packed.H1, err
}

// link copies files of one directory into a new one.
func link(from, to string, names ...string) error {
	if err := os.Mkdir(to, 0o755); err != nil {
		return err
	}
	for _, name := range names {
		data, err := os.ReadFile(filepath.Join(from, name))
		if err != nil {
			return err
		}
		if err := os.WriteFile(filepath.Join(to, name), data, 0o755); err != nil {
			return err
		}
	}
	return nil
}

// publish makes the registry and puts the plugins into it.
func publish(ctx context.Context, out string, releases []repo.NewRelease, seed [sha256.Size]byte, now time.Time) error {
	store, err := files.OpenStore(out, files.Options{})
	if err != nil {
		return err
	}
	key, err := keys.FromSeed("bulkhead-embedded", seed[:])
	if err != nil {
		return err
	}
	chain := keys.NewChain(key)
	defer chain.Close()
	options := repo.Options{Keys: chain, Now: func() time.Time { return now }}
	role := repo.Role{Keys: []keys.Public{key.Public()}, Threshold: 1}
	created, err := repo.Init(ctx, store, repo.InitOptions{
		Options: options, Name: "bulkhead-embedded", Log: key.Public(),
		Roles:  map[string]repo.Role{"root": role, "targets": role, "snapshot": role, "timestamp": role},
		Expiry: policy.Expiry{Root: long, Targets: long, Publisher: long, Snapshot: long, Timestamp: long},
	})
	if err != nil {
		return err
	}
	r := repo.Open(store, options)
	if err := r.AddPublisher(ctx, namespace, role, nil); err != nil {
		return err
	}
	sub, err := repo.Sign(repo.Signing{Namespace: namespace, Add: releases, Keys: []*keys.Key{key}, Expires: long, Now: now})
	if err != nil {
		return err
	}
	defer func() { _ = sub.Close() }()
	if _, err := r.Publish(ctx, sub); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "root.json"), created.Root, 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(out, "made"), []byte(now.Format(time.RFC3339)), 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(out, "log.key"), []byte(created.LogKey), 0o644)
}
