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
// Only a digest tells one plugin from another, so those without start at once.
func (s *session) lazyPlugin(ctx context.Context, name string) (*doctor.Plugin, error) {
	e, ok := s.launcher.Catalog.Entry(name)
	if !ok || e.Digest == "" {
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

// factView is what decides the answers of a plugin, as far as it is the host's.
func (s *session) factView(e *catalog.Entry) (*factcache.View, error) {
	out := &factcache.View{Plugin: e.Digest, Root: "/"}
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
	out.Target = m.Message("", view)
	for _, b := range view.Binds {
		seen := b.Source
		if b.Target != "" {
			seen = strings.TrimPrefix(b.Target, sandbox.TargetDir)
		}
		out.Paths = append(out.Paths, seen)
		out.More = append(out.More, fmt.Sprint(b.Source, " ", b.Target, " ", b.Access))
	}
	floor, ok := s.launcher.Floors[e.Name]
	if !ok {
		floor = s.launcher.Floor
	}
	out.More = append(out.More, fmt.Sprint(view.Net, view.Secrets, floor, s.cfg.SandboxOf(e.Name).Limits))
	return out, nil
}
