// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"fmt"
	"path/filepath"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/doctor"
	"github.com/bulkhead-ml/bulkhead/host/factcache"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// cache is where answers of plugins are kept; nil when nothing is to be kept.
func (s *session) cache(fresh bool) *factcache.Cache {
	dir := cacheDir()
	if fresh || dir == "" || s.cfg != nil && !s.cfg.Host.Cache {
		return nil
	}
	return factcache.Open(filepath.Join(dir, "doctor"), version.Version+" "+version.Commit)
}

// lazyPlugin is a plugin that is launched when a cache does not know its answer.
// Only a digest tells one plugin from another, so those without start at once, and
// so do scripts, whose interpreter and modules have none.
func (s *session) lazyPlugin(ctx context.Context, name string) (*doctor.Plugin, error) {
	e, ok := s.launcher.Catalog.Entry(name)
	if !ok || e.Digest == "" || e.Manifest.Runtime != nil {
		return s.doctorPlugin(ctx, name)
	}
	view, err := s.factView(e)
	if err != nil {
		return nil, err
	}
	d := s.describe(ctx)[name]
	return &doctor.Plugin{
		Name: name, Version: d.GetVersion(), Digest: e.Digest, Description: d, View: view,
		Start: func(ctx context.Context) (doctor.Started, error) {
			r, err := s.launcher.Start(ctx, name)
			if err != nil {
				return doctor.Started{}, err
			}
			return doctor.Started{Conn: r.Conn(), Target: r.Target, Sandbox: reportSandbox(r.Sandbox(), nil), Private: r.Sandbox().Level.Spaces()}, nil
		},
	}, nil
}

// factView is what decides the answers of a plugin, as far as it is the host's;
// nil when that is not all that decides them.
func (s *session) factView(e *catalog.Entry) (*factcache.View, error) {
	state := factcache.Executable(e.Executable)
	if state == "" {
		return nil, nil // whether it is still the file of that digest shows at its launch
	}
	out := &factcache.View{Plugin: e.Digest + " " + state, Root: "/"}
	m := s.launcher.Machine
	if m == nil {
		return out, nil // a snapshot: there is nothing to observe
	}
	if !m.Live() {
		out.Root = m.Root
	}
	view, err := s.launcher.View(e.Name)
	if err != nil {
		return nil, err
	}
	if len(view.Secrets) > 0 {
		return nil, nil // their values decide, too, and belong into no key
	}
	out.Target = m.Message("", view)
	out.Reader = factcache.ReaderFiles(out.Target)
	for _, b := range view.Binds {
		seen, elsewhere := b.Source, ""
		if b.Target != "" {
			seen, elsewhere = strings.TrimPrefix(b.Target, sandbox.TargetDir), b.Source
		}
		out.Paths = append(out.Paths, seen)
		out.More = append(out.More, fmt.Sprintf("%q %d", elsewhere, b.Access))
	}
	out.More = append(out.More, s.walls(e, view))
	return out, nil
}

// walls are what the configuration says of a plugin's sandbox, in one text.
func (s *session) walls(e *catalog.Entry, view target.View) string {
	floor, ok := s.launcher.Floors[e.Name]
	if !ok {
		floor = s.launcher.Floor
	}
	enclosed := s.cfg.SandboxOf(e.Name)
	return fmt.Sprintf("%q %d %v %q %+v", view.Net, floor, enclosed.Strict, enclosed.Runtime, enclosed.Limits)
}
