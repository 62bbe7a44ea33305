// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"bytes"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/state"
	"github.com/bulkhead-ml/bulkhead/host/upgrade"
	container "github.com/bulkhead-ml/bulkhead/sdk/state"
)

// statesOf finds the fitted states that a plugin of a registry made here. One of a
// run that used another plugin of that name is none of its; when the run is not
// known any more, it may be.
func (s *session) statesOf(c *upgrade.Candidate) (out []upgrade.State, err error) {
	store, err := stateStore()
	if err != nil {
		return nil, err
	}
	entries, err := store.List(state.Filter{})
	if err != nil {
		return nil, err
	}
	for _, e := range entries {
		for _, name := range s.namesOf(c.ID) {
			from := e.Last()
			kernel, ok := strings.CutPrefix(from.Use, name+".")
			if !ok || from.Pipeline == "" || s.madeByAnother(from, name, c.ID) {
				continue
			}
			out = append(out, upgrade.State{
				Kernel: kernel, Version: uint32(e.Version), Digest: e.Digest,
				Trial: func() (upgrade.Trial, error) { return s.trial(store, e, c, kernel) },
			})
			break
		}
	}
	return out, nil
}

// trial is a state and how it may be loaded: with the settings that its node has
// now, with those that it had, and with none.
func (s *session) trial(store *state.Store, e state.Entry, c *upgrade.Candidate, kernel string) (upgrade.Trial, error) {
	data, _, err := store.Get(e.Digest)
	if err != nil {
		return upgrade.Trial{}, err
	}
	from, call := e.Last(), upgrade.Call{Schema: arrow.NewSchema(nil, nil)}
	if decoded, err := container.Decode(data); err == nil {
		call.Seed = decoded.Header.Seed
		if learnt, err := upgrade.SchemaOf(decoded.Header.Input); err == nil {
			call.Schema = learnt
		}
	}
	out := upgrade.Trial{State: data}
	now, then := s.settingsNow(from, c, kernel), settingsThen(from)
	if bytes.Equal(now, then) {
		then = nil
	}
	for _, settings := range [][]byte{now, then} {
		if settings != nil {
			out.Calls = append(out.Calls, upgrade.Call{Config: settings, Schema: call.Schema, Seed: call.Seed})
		}
	}
	out.Calls = append(out.Calls, call)
	return out, nil
}

// settingsNow are those of the node that made a state, as the new version reads
// them; nil when there is no such node, or when they hold secrets.
func (s *session) settingsNow(from state.Origin, c *upgrade.Candidate, kernel string) []byte {
	if s.cfg == nil {
		return nil
	}
	for _, p := range s.cfg.Pipelines {
		for _, k := range p.Kernels {
			if p.Name != from.Pipeline || k.Node() != from.Node {
				continue
			}
			settings, diags := k.Settings(c.Kernel(kernel).GetConfig())
			if !diags.HasErrors() && bytes.Equal(settings.JSON, settings.Redacted()) {
				return settings.JSON
			}
		}
	}
	return nil
}

// settingsThen are those of the run that made a state; nil when they are not known.
func settingsThen(from state.Origin) []byte {
	store, err := runStore()
	if err != nil || from.Run == "" {
		return nil
	}
	r, err := store.Get(from.Run)
	if err != nil {
		return nil
	}
	n := r.Node(from.Node)
	if n == nil || bytes.Contains(n.Config, []byte(`"(sensitive)"`)) {
		return nil
	}
	return n.Config
}

// madeByAnother reports whether the run that a state comes from is known to have
// used another plugin under this name: one that was never locked here as this one.
func (s *session) madeByAnother(from state.Origin, name, id string) bool {
	store, err := runStore()
	if err != nil {
		return false
	}
	r, err := store.Get(from.Run)
	if err != nil {
		return false
	}
	for _, e := range s.launcher.Catalog.Entries() {
		if e.ID != id {
			continue
		}
		for _, p := range r.Plugins {
			if p.Name == name && !s.wasLocked(e, p.SHA256) {
				return true
			}
		}
	}
	return false
}

// wasLocked reports whether an executable is or was one of a plugin here.
func (s *session) wasLocked(e *catalog.Entry, executable string) bool {
	if e.Digest == executable {
		return true
	}
	store, scope, err := s.scopeOf(e)
	if err != nil {
		return true
	}
	_, ok := generationWith(store, scope, e.ID, executable)
	return ok
}
