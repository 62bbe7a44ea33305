// SPDX-License-Identifier: Apache-2.0

package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// pluginPackages matches every plugin of this source tree.
const pluginPackages = "github.com/bulkhead-ml/bulkhead/plugins/..."

// describeAll builds the plugins of this source tree and asks each what it
// offers. They are built here, and not taken from bin/, so that a page never
// describes an older build.
func describeAll(ctx context.Context) ([]*pluginv1.DescribeResponse, error) {
	dir, err := os.MkdirTemp("", "docgen-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := build(ctx, dir); err != nil {
		return nil, err
	}
	files, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []*pluginv1.DescribeResponse
	for _, f := range files {
		d, err := describe(ctx, filepath.Join(dir, f.Name()))
		if err != nil {
			return nil, err
		}
		out = append(out, d)
	}
	slices.SortFunc(out, func(a, b *pluginv1.DescribeResponse) int { return cmp.Compare(a.GetName(), b.GetName()) })
	return out, nil
}

// build links without cgo: what a plugin offers does not depend on it, and a C
// compiler is not everywhere.
func build(ctx context.Context, dir string) error {
	cmd := exec.CommandContext(ctx, "go", "build", "-o", dir+string(filepath.Separator), pluginPackages)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if text, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("building the plugins: %w\n%s", err, text)
	}
	return nil
}

// describe starts one plugin as the host does. Any sandbox will do: these are
// our own, and pages must come out the same where no namespaces exist.
func describe(ctx context.Context, executable string) (*pluginv1.DescribeResponse, error) {
	plugins, err := catalog.Open(nil, nil, nil)
	if err != nil {
		return nil, err
	}
	name, err := plugins.AddPath(executable)
	if err != nil {
		return nil, err
	}
	launcher := &catalog.Launcher{Catalog: plugins, Floor: sandbox.None}
	d, err := launcher.Describe(ctx, name)
	return d, errors.Join(err, launcher.Close(context.WithoutCancel(ctx)))
}
