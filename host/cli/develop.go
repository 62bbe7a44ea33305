// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
)

// develop puts what somebody works on in place of the plugins, and says so: in
// every report and on standard error. A session that is traced installs its plugin
// after that.
func (s *session) develop() error {
	if err := errors.Join(s.override(), s.reattach()); err != nil {
		return err
	}
	if s.app.traced != nil {
		s.install(s.app.traced)
	}
	return nil
}

// overrides are those of the session's project.
func (s *session) overrides() (*catalog.Overrides, error) {
	return catalog.OverridesOf(projectDir(s.cfg))
}

// override puts the overrides of `bulkhead plugin dev` in place.
func (s *session) override() error {
	store, err := s.overrides()
	if err != nil {
		return nil // without a state directory there are none
	}
	list, err := store.List()
	if err != nil {
		return &failure{code: ExitConfig, summary: "The overrides of plugins cannot be read", err: err}
	}
	if len(list) > 0 && s.auditRequired() && !s.app.developing {
		return s.unaudited(fmt.Sprintf("plugin %q is overridden by %s. Take the override back with `bulkhead plugin dev --remove %s`", list[0].Name, list[0].Path, list[0].Name))
	}
	for _, o := range list {
		if err := s.launcher.Catalog.Override(o); err != nil {
			s.note(o.Name, err)
			continue
		}
		e, _ := s.launcher.Catalog.Entry(o.Name)
		s.loud(o.Name, o.Path, "Plugin "+o.Name+" is overridden by "+o.Path, "It runs in place of "+cmp.Or(e.Replaces, "no other plugin")+
			", its digest is not checked, and what it says counts for nobody but its author. `bulkhead plugin dev --remove "+o.Name+"` takes it back.")
	}
	return nil
}

// reattach puts processes that were started by hand in place.
func (s *session) reattach() error {
	text := os.Getenv(handshake.EnvReattach)
	if text == "" {
		return nil
	}
	list, err := plugin.ParseReattach(text)
	if err != nil {
		return misuse("%w", err)
	}
	for _, name := range slices.Sorted(maps.Keys(list)) {
		if err := s.admitReattached(name); err != nil {
			return err
		}
		to := list[name]
		s.launcher.Catalog.Reattach(name, to)
		s.loud(name, fmt.Sprintf("process %d", to.PID), fmt.Sprintf("Plugin %s is process %d, which was started by hand", name, to.PID),
			"It runs in no sandbox, with all that its author may do, and its digest is not checked. Unset "+handshake.EnvReattach+" to be without it.")
	}
	return nil
}

// admitReattached refuses a plugin without walls where walls or a record of what ran
// were asked for.
func (s *session) admitReattached(name string) error {
	wanted := cmp.Or(s.app.flags.sandbox, s.cfg.SandboxOf(name).Require)
	switch {
	case s.auditRequired():
		return s.unaudited(fmt.Sprintf("plugin %q is a process that was started by hand. Unset %s", name, handshake.EnvReattach))
	case wanted != "" && wanted != sandbox.None.String():
		return &failure{code: ExitConfig, summary: "A plugin without a sandbox", err: fmt.Errorf(
			"plugin %q is a process that was started by hand, in no sandbox, and sandbox level %s is required. Unset %s, or require %q",
			name, wanted, handshake.EnvReattach, sandbox.None)}
	}
	return nil
}

// unaudited refuses what an audit log cannot vouch for: which file ran.
func (s *session) unaudited(what string) error {
	return &failure{code: ExitConfig, summary: "What runs cannot be vouched for",
		err: fmt.Errorf("the configuration says host { audit = \"required\" }, and %s", what)}
}

// loud notes what runs in place of a plugin, for every report and record, and says
// it on standard error once.
func (s *session) loud(name, by, summary, detail string) {
	if s.overridden == nil {
		s.overridden = map[string]string{}
	}
	s.overridden[name] = by
	s.notes = append(s.notes, report.Diagnostic{Severity: report.Warning, Summary: summary, Detail: detail, Plugin: name})
	if s.app.told[summary] || s.app.completing() {
		return
	}
	if s.app.told == nil {
		s.app.told = map[string]bool{}
	}
	s.app.told[summary] = true
	s.app.warn("%s", summary)
}

// completing reports whether a shell asks for completions.
func (a *app) completing() bool {
	return len(a.args) > 0 && (a.args[0] == "__complete" || a.args[0] == "__completeNoDesc")
}
