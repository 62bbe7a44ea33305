// SPDX-License-Identifier: Apache-2.0

// Docgen writes the reference pages, which nobody writes by hand:
//
//	docgen DIRECTORY
//
// It makes one page for each command of the command line (commands/), one for
// each finding (findings/), and one each for facts, kernels and the blocks of
// the configuration. Commands and blocks come from the host's own declarations;
// findings, facts and kernels are what the plugins of this source tree say when
// they are built, started and asked.
//
// The same source gives the same bytes on every platform: pages hold no version,
// date or path, and everything is sorted. Markdown files of the directory that
// are generated no more are removed.
package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bulkhead-ml/bulkhead/host/cli"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// pages are texts by slash-separated path below the reference directory.
type pages map[string]string

func main() {
	sandbox.MaybeInit()
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: docgen DIRECTORY")
		os.Exit(2)
	}
	if err := write(context.Background(), os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "docgen:", err)
		os.Exit(1)
	}
}

func write(ctx context.Context, dir string) error {
	p, err := generate(ctx)
	if err != nil {
		return err
	}
	if err := p.removeOthers(dir); err != nil {
		return err
	}
	return p.writeTo(dir)
}

// generate makes every page from this source tree.
func generate(ctx context.Context) (pages, error) {
	plugins, err := describeAll(ctx)
	if err != nil {
		return nil, err
	}
	return render(plugins)
}

// render makes every page from what the plugins say.
func render(plugins []*pluginv1.DescribeResponse) (pages, error) {
	p := pages{}
	if err := p.addCommands(cli.Root()); err != nil {
		return nil, err
	}
	p.addBlocks(config.HostSchema())
	p.addFacts(plugins)
	p.addKernels(plugins)
	p.addFindings(plugins)
	p.addIndex(cli.Root(), plugins)
	return p, nil
}

func (p pages) writeTo(dir string) error {
	for name, text := range p {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// removeOthers removes the pages of what exists no more.
func (p pages) removeOthers(dir string) error {
	old, err := markdownFiles(dir)
	if err != nil {
		return err
	}
	for _, name := range old {
		if _, ok := p[name]; ok {
			continue
		}
		if err := os.Remove(filepath.Join(dir, filepath.FromSlash(name))); err != nil {
			return err
		}
	}
	return nil
}

// markdownFiles lists the pages below a directory; none when it does not exist.
func markdownFiles(dir string) ([]string, error) {
	var out []string
	err := fs.WalkDir(os.DirFS(dir), ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && filepath.Ext(name) == ".md" {
			out = append(out, name)
		}
		return err
	})
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return out, err
}
