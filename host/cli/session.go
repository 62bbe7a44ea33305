// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/host/plugin"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// closeTimeout bounds the end of all plugins.
const closeTimeout = 5 * time.Second

// session is what most commands work with: configuration, plugins, machine.
type session struct {
	app      *app
	cfg      *config.Config
	launcher *catalog.Launcher
	// notes are warnings that belong into the result.
	notes   []report.Diagnostic
	started time.Time
	// described remembers what describe found, so that a plugin that fails is
	// started and noted once.
	described map[string]*pluginv1.DescribeResponse
	journal   journal
	leases    installer.Leases
	canary    canary
	// overridden says what runs in place of plugins that somebody works on.
	overridden map[string]string
}

// open loads the configuration at paths, or the default one when there is one,
// and finds the plugins. A command that needs a configuration gives paths.
func (a *app) open(ctx context.Context, paths []string, machine *target.Machine) (*session, error) {
	return a.openWith(ctx, paths, machine, nil)
}

// openWith is open with some plugins of registries in other versions than the
// locked ones, by their ids.
func (a *app) openWith(ctx context.Context, paths []string, machine *target.Machine, instead map[string]catalog.Installation) (*session, error) {
	s := &session{app: a, started: time.Now()}
	if err := s.load(ctx, paths); err != nil {
		return nil, err
	}
	if err := s.recovered(ctx, paths); err != nil {
		return nil, err
	}
	floor, floors, err := s.floors()
	if err != nil {
		return nil, err
	}
	if err := s.admitAudit(); err != nil {
		return nil, err
	}
	cat, err := catalog.Open(catalog.Dirs(s.cfg), s.cfg, exchange(s.locks(), instead))
	if err != nil {
		s.note("", err)
	}
	s.launcher = &catalog.Launcher{
		Catalog: cat, Machine: machine, Config: s.cfg, Floor: floor, Floors: floors, Logger: a.log,
		CacheDir: cacheDir(), CallTimeout: s.callTimeout(), Lifetime: ctx, Audit: s.auditLog, Fault: s.canary.fault,
	}
	if err := s.develop(); err != nil {
		return nil, err
	}
	if machine != nil {
		machine.Protected = s.protected()
	}
	return s, nil
}

// lockUnread is the summary of the note about a lock file that is not one.
const lockUnread = "The lock file cannot be read"

// note keeps an error about a plugin that is left out, or several, one by one.
func (s *session) note(name string, err error) {
	if joined, ok := err.(interface{ Unwrap() []error }); ok {
		for _, e := range joined.Unwrap() {
			s.note(name, e)
		}
		return
	}
	d := report.Diagnostic{Severity: report.Error, Summary: "A plugin cannot be used", Detail: err.Error(), Plugin: name}
	if start, ok := errors.AsType[*plugin.StartError](err); ok {
		d.Plugin = start.Plugin
	}
	if broken, ok := errors.AsType[*lock.ParseError](err); ok { // one, of all its plugins
		d = report.Diagnostic{Severity: report.Error, Summary: lockUnread, Detail: broken.Error() + "\n" +
			"Take it back from version control. Until then no plugin that it locks can be used."}
	}
	if !slices.ContainsFunc(s.notes, func(n report.Diagnostic) bool { return n.Summary == d.Summary && n.Detail == d.Detail }) {
		s.notes = append(s.notes, d)
	}
}

func (s *session) load(ctx context.Context, paths []string) error {
	paths = append(paths, s.app.flags.configs...)
	if len(paths) == 0 && !defaultConfig() {
		if len(s.app.flags.vars)+len(s.app.flags.varFiles) > 0 {
			return misuse("--var and --var-file set variables of a configuration, and there is none here; name one with --config")
		}
		return nil
	}
	vars, err := variables(s.app.flags.vars)
	if err != nil {
		return err
	}
	cfg, diags := config.Load(ctx, config.LoadOptions{
		Paths: paths, Vars: vars, VarFiles: s.app.flags.varFiles, LookupEnv: os.LookupEnv,
	})
	if diags.HasErrors() {
		return s.app.wrongConfig(diags)
	}
	s.cfg = cfg
	s.app.logLevel(cfg.Host.LogLevel)
	s.notes = append(s.notes, reportDiags(diags)...)
	return nil
}

// defaultConfig reports whether the working directory has a configuration.
func defaultConfig() bool {
	for _, pattern := range []string{"bulkhead.hcl", "bulkhead.hcl.json", "*.bulkhead.hcl", "*.bulkhead.hcl.json"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return true
		}
	}
	return false
}

func variables(pairs []string) (map[string]string, error) {
	out := map[string]string{}
	for _, pair := range pairs {
		name, value, ok := strings.Cut(pair, "=")
		if !ok || name == "" {
			return nil, misuse("--var %q is not name=value", pair)
		}
		out[name] = value
	}
	return out, nil
}

// floors are the weakest levels to accept: in general, and for each plugin of
// the configuration.
func (s *session) floors() (floor sandbox.Level, floors map[string]sandbox.Level, err error) {
	if floor, err = s.floor(""); err != nil || s.cfg == nil {
		return floor, nil, err
	}
	floors = map[string]sandbox.Level{}
	for _, p := range s.cfg.Plugins {
		if floors[p.Name], err = s.floor(p.Name); err != nil {
			return 0, nil, err
		}
	}
	return floor, floors, nil
}

// floor is the weakest sandbox level to accept for a plugin, or with "" for
// plugins of which the configuration says nothing: that of the flag, of the
// plugin's block, of the sandbox block, or the default of the platform.
func (s *session) floor(plugin string) (sandbox.Level, error) {
	if name := s.app.flags.sandbox; name != "" {
		level, err := sandbox.ParseLevel(name)
		if err != nil {
			return 0, misuse("--sandbox: %v", err)
		}
		return level, nil
	}
	wanted := s.cfg.SandboxOf(plugin)
	if wanted.Require == "" {
		return sandbox.DefaultFloor, nil
	}
	level, err := sandbox.ParseLevel(wanted.Require)
	if err != nil {
		return 0, misuse("sandbox { require }: %v", err)
	}
	if s.cfg.Sandbox.Require == "" && level < sandbox.DefaultFloor {
		return 0, s.app.wrongConfig(config.Diagnostics{s.cfg.At(wanted.RequireRange, config.SeverityError, "Weaker sandbox",
			fmt.Sprintf("Plugins require %q here unless told otherwise. A plugin can require more than that, not %q, which is less. "+
				"To accept less of all plugins, write sandbox { require = %q } outside of the plugin.", sandbox.DefaultFloor, level, level))})
	}
	return level, nil
}

func (s *session) callTimeout() time.Duration {
	if s.app.flags.timeout > 0 {
		return s.app.flags.timeout
	}
	if s.cfg != nil {
		return s.cfg.Host.Timeout
	}
	return 0
}

// close ends the plugins, also after an interrupt.
func (s *session) close() {
	ctx, cancel := context.WithTimeout(context.Background(), closeTimeout)
	defer cancel()
	s.leaveWatch(ctx)
	if err := s.launcher.Close(ctx); err != nil {
		s.app.log.Debug("closing plugins", "error", err)
	}
	if err := s.leases.Release(); err != nil {
		s.app.log.Debug("letting go of plugins", "error", err)
	}
	s.closeAudit()
}

// describe returns what every installed plugin offers. Plugins that cannot
// describe themselves are noted and left out.
func (s *session) describe(ctx context.Context) map[string]*pluginv1.DescribeResponse {
	if s.described != nil {
		return s.described
	}
	entries := s.launcher.Catalog.Entries()
	found := make([]*pluginv1.DescribeResponse, len(entries))
	errs := make([]error, len(entries))
	each(len(entries), func(i int) {
		found[i], errs[i] = s.launcher.Describe(ctx, entries[i].Name)
	})
	out := map[string]*pluginv1.DescribeResponse{}
	for i, e := range entries {
		if errs[i] != nil {
			s.note(e.Name, errs[i])
			continue
		}
		out[e.Name] = found[i]
	}
	s.described = out
	return out
}

// wrongConfig is the failure of a configuration.
func (a *app) wrongConfig(diags config.Diagnostics) error {
	f := &failure{code: ExitConfig, summary: "Wrong configuration", diags: reportDiags(diags)}
	f.err = fmt.Errorf("%s", count(len(f.diags), "problem was", "problems were")+" found")
	return f
}

// cacheDir is the user's cache directory; "" when there is none.
func cacheDir() string {
	dir, err := os.UserCacheDir()
	if err != nil {
		return ""
	}
	return filepath.Join(dir, "bulkhead")
}

func count(n int, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return fmt.Sprintf("%d %s", n, many)
}

// asExit is nil for 0, so that a command can end with any code.
func asExit(code int) error {
	if code == ExitOK {
		return nil
	}
	return exit(code)
}

// timedOut reports whether err is a deadline.
func timedOut(err error) bool { return errors.Is(err, context.DeadlineExceeded) }
