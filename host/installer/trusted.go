// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/internal/durable"
)

// Trusted are the registries that a user trusts for all projects: the file
// registries.hcl in a directory, with the first root of each beside it.
type Trusted struct{ Dir string }

// TrustedDir is the directory of the user's registries.
func TrustedDir() (string, error) {
	dir, err := os.UserConfigDir()
	if err != nil {
		return "", fmt.Errorf("no place for the registries that you trust: %w; set XDG_CONFIG_HOME to a directory", err)
	}
	return filepath.Join(dir, "bulkhead"), nil
}

func (t Trusted) file() string { return filepath.Join(t.Dir, "registries.hcl") }

// List reads the registries; none without the file.
func (t Trusted) List(ctx context.Context) ([]*config.Registry, error) {
	if _, err := os.Stat(t.file()); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	cfg, diags := config.Load(ctx, config.LoadOptions{Paths: []string{t.file()}})
	if diags.HasErrors() {
		return nil, fmt.Errorf("%s: %s: %s", t.file(), diags[0].Summary, diags[0].Detail)
	}
	return cfg.Registries, nil
}

// Add trusts one more registry, whose first root is kept with it. One of that
// name must be forgotten first.
func (t Trusted) Add(ctx context.Context, r config.Registry, root []byte) error {
	return t.change(ctx, func(list []*config.Registry) ([]*config.Registry, error) {
		if slices.ContainsFunc(list, func(o *config.Registry) bool { return o.Name == r.Name }) {
			return nil, fmt.Errorf("a registry %q is trusted already; `bulkhead registry forget %s` first, if another is meant", r.Name, r.Name)
		}
		r.Root.Absolute = filepath.Join(t.Dir, "registries", r.Name+".root.json")
		if err := durable.MakeDir(filepath.Dir(r.Root.Absolute)); err != nil {
			return nil, err
		}
		return append(list, &r), durable.Replace(r.Root.Absolute, root, nil)
	})
}

// Forget trusts a registry no more. What was installed from it stays.
func (t Trusted) Forget(ctx context.Context, name string) error {
	return t.change(ctx, func(list []*config.Registry) ([]*config.Registry, error) {
		rest := slices.DeleteFunc(slices.Clone(list), func(o *config.Registry) bool { return o.Name == name })
		if len(rest) == len(list) {
			return nil, fmt.Errorf("no registry %q is trusted; `bulkhead registry list` shows those that are", name)
		}
		return rest, nil
	})
}

// change rewrites the file under a lock.
func (t Trusted) change(ctx context.Context, edit func([]*config.Registry) ([]*config.Registry, error)) error {
	if err := durable.MakeDir(t.Dir); err != nil {
		return err
	}
	held, err := durable.Acquire(filepath.Join(t.Dir, "registries.lock"))
	if err != nil {
		return err
	}
	defer func() { _ = held.Release() }()
	list, err := t.List(ctx)
	if err == nil {
		list, err = edit(list)
	}
	if err != nil {
		return err
	}
	return durable.Replace(t.file(), config.EncodeRegistries(list), nil)
}
