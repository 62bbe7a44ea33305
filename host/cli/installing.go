// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/embedded"
	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/host/upgrade"
	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/solve"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// pluginStore is where plugins of registries are installed.
func pluginStore() (*install.Store, error) {
	dir, err := install.DefaultRoot()
	if err != nil {
		return nil, &failure{code: ExitConfig, summary: "Plugins have no place", err: err}
	}
	return install.Open(dir), nil
}

// registryPlugins are the plugins of a configuration that come from a registry.
func registryPlugins(cfg *config.Config) (out []*config.Plugin) {
	if cfg == nil {
		return nil
	}
	for _, p := range cfg.Plugins {
		if p.ID != "" {
			out = append(out, p)
		}
	}
	return out
}

// projectDir is the directory of a configuration; "" without one.
func projectDir(cfg *config.Config) string {
	if cfg == nil || len(cfg.Files) == 0 {
		return ""
	}
	dir, err := filepath.Abs(filepath.Dir(cfg.Files[0]))
	if err != nil {
		return filepath.Dir(cfg.Files[0])
	}
	return dir
}

// locks finds what lock files pin; nil when this machine has no place for plugins.
func (s *session) locks() catalog.Locks {
	store, err := pluginStore()
	if err != nil {
		return nil
	}
	user, err := store.Scope("")
	if err != nil {
		s.note("", err)
		return nil
	}
	out := installer.Locks{Store: store, OfUser: user, OfHost: s.builtin(store), Leases: &s.leases}
	if dir := projectDir(s.cfg); dir != "" {
		if out.OfProject, err = store.Scope(dir); err != nil {
			s.note("", err)
			return nil
		}
	}
	return out
}

// builtin installs the plugins that came inside of this executable, the first time
// that it runs; nil for a host whose plugins stand beside it.
func (s *session) builtin(store *install.Store) *install.Scope {
	r, ok := embedded.Open()
	if !ok {
		return nil
	}
	scope, err := installer.Builtin(context.Background(), store, r, installer.Installer{Host: version.Version, Protocols: []int{handshake.ProtocolVersion}})
	if err != nil {
		s.note("", fmt.Errorf("the plugins of this host cannot be installed: %w. Set XDG_DATA_HOME to a directory that you may write to", err))
		return nil
	}
	return scope
}

// installer changes the plugins of the project, or of the user.
func (s *session) installer(ctx context.Context, ofUser bool) (*installer.Installer, error) {
	store, err := pluginStore()
	if err != nil {
		return nil, err
	}
	dir := projectDir(s.cfg)
	if ofUser {
		dir = ""
	}
	scope, err := store.Scope(dir)
	if err != nil {
		return nil, failed("The lock file cannot be used", err)
	}
	registries, err := s.registries(ctx)
	if err != nil {
		return nil, err
	}
	if ofUser {
		registries.Declared = nil // a project does not choose what all others run
	}
	return &installer.Installer{
		Registries: registries, Store: store, Scope: scope, Host: version.Version, Protocols: []int{handshake.ProtocolVersion},
	}, nil
}

// registries are those of the configuration and of the user.
func (s *session) registries(ctx context.Context) (*installer.Registries, error) {
	trusted, err := trustedRegistries(ctx)
	if err != nil {
		return nil, err
	}
	state, err := durable.StateDir("registries", "BULKHEAD_REGISTRIES_DIR")
	if err != nil {
		return nil, &failure{code: ExitConfig, summary: "What registries said has no place", err: err}
	}
	out := &installer.Registries{User: trusted, StateDir: state, LookupEnv: os.LookupEnv, Meet: s.meet()}
	if s.cfg != nil {
		out.Declared = s.cfg.Registries
	}
	return out, nil
}

func trustedRegistries(ctx context.Context) ([]*config.Registry, error) {
	dir, err := installer.TrustedDir()
	if err != nil {
		return nil, nil // nobody has a place there, so nobody trusts anything
	}
	list, err := installer.Trusted{Dir: dir}.List(ctx)
	return list, failed("The registries that you trust cannot be read", err)
}

// wants are what a configuration asks for of registries.
func wants(cfg *config.Config) (out []installer.Want) {
	for _, p := range registryPlugins(cfg) {
		out = append(out, installer.Want{
			ID: p.ID, Constraint: p.Version, Registry: p.Registry, Prerelease: p.Prerelease, From: p.Range.String(),
		})
	}
	return out
}

// lockedWants are what is installed for the user, which no configuration says.
func lockedWants(scope *install.Scope) ([]installer.Want, error) {
	file, _, err := scope.Current()
	if err != nil {
		return nil, failed("The lock file cannot be read", err)
	}
	var out []installer.Want
	for _, p := range file.Plugins {
		out = append(out, installer.Want{
			ID: p.ID, Constraint: p.Constraints, Registry: p.Registry, From: "installed before",
			Prerelease: release.Prerelease(p.Version),
		})
	}
	return out, nil
}

// refused is the failure of an installation, by what went wrong: what the user can
// change is wrong configuration, the rest is not.
func refused(err error) error {
	_, conflict := errors.AsType[*solve.Conflict](err)
	switch {
	case err == nil:
		return nil
	case conflict:
		return &failure{code: ExitConfig, summary: "No versions fit together", err: err}
	}
	if said, ok := errors.AsType[*failure](err); ok {
		return said
	}
	if asked, ok := errors.AsType[*installer.UnconsentedError](err); ok {
		return &failure{code: ExitErrors, summary: "Grants were not consented to", err: asked}
	}
	if unmet, ok := errors.AsType[*installer.UnmetError](err); ok {
		return &failure{code: ExitErrors, summary: "A registry was not agreed to", err: unmet}
	}
	if _, ok := errors.AsType[*upgrade.EditError](err); ok {
		return failed("The configuration was not changed", err)
	}
	return failed("The plugins could not be installed", durable.Explain(fmt.Errorf("%w", err)))
}
