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

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/host/upgrade"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// change is one wish to change the plugins of a scope.
type change struct {
	request installer.Request
	why     string // for the history: "bulkhead plugin install acme/x"
	consent consentFlags
	ofUser  bool
	// settle completes the plan with what save will write.
	settle func(*installer.Plan)
	// edits write the wish into the configuration, together with the lock file.
	edits func(*installer.Plan) ([]upgrade.Edit, error)
	// locked refuses every change of the lock file.
	locked bool
	gates  gateFlags
	// events prints what happens as it happens, one JSON object a line.
	events bool
	steps  *steps
}

func (c *change) register(cmd *cobra.Command) {
	fl := cmd.Flags()
	fl.StringVar(&c.consent.policy, "accept-grants", "", "agree to the grants that a policy `file` allows, and to no others")
	fl.BoolVar(&c.consent.dry, "dry-run", false, "show what would change, and change nothing")
	fl.BoolVar(&c.events, "events", false, "print what happens as it happens, as one JSON object a line")
	c.gates.register(cmd)
}

// makeChange plans a change, asks, makes it and prints what came of it.
func (a *app) makeChange(ctx context.Context, s *session, c *change) error {
	c.steps = a.steps(c.events)
	return c.steps.failed(a.changed(ctx, s, c))
}

func (a *app) changed(ctx context.Context, s *session, c *change) error {
	if err := c.gates.check(); err != nil {
		return err
	}
	policy, err := c.consent.policyFile()
	if err != nil {
		return err
	}
	i, err := s.installer(ctx, c.ofUser)
	if err != nil {
		return err
	}
	i.Registries.Progress = c.steps.fetching
	plan, err := i.Plan(ctx, c.request)
	c.steps.done()
	if err != nil {
		return refused(err)
	}
	if c.settle != nil {
		c.settle(plan)
	}
	out := newInstallPlan(plan, i.Scope.Lock())
	if plan.Upgrades() {
		out.Canary, out.CanaryBudget = c.gates.canary, c.gates.budget
	}
	if c.locked && !plan.Same() {
		return misuse("%s does not hold what the configuration asks for, and --locked changes nothing; run `bulkhead init` and commit the lock file", i.Scope.Lock())
	}
	if c.consent.dry || plan.Empty() && c.edits == nil {
		return c.steps.result(out)
	}
	if c.edits != nil {
		if _, err := c.edits(plan); err != nil { // before anything is fetched
			return failed("The configuration cannot be changed", err)
		}
	}
	if err := plan.Consent(ctx, policy, a.ask()); err != nil {
		return refused(err)
	}
	return a.carryOut(ctx, s, c, i, plan, out)
}

func (a *app) initCmd() *cobra.Command {
	var c change
	var upgrade bool
	cmd := &cobra.Command{
		Use: "init", Short: "Install the plugins that the configuration asks for, and lock them",
		Long: "Init finds versions for all plugins of registries that the configuration\n" +
			"declares, asks for the grants that nobody consented to yet, fetches and verifies\n" +
			"what is not here, and writes bulkhead.lock.hcl. Commit that file: with it the\n" +
			"same plugins run everywhere. A locked version stays until an upgrade is asked\n" +
			"for. Without anything to do, init asks no registry and ends at once.",
		Example: "  bulkhead init\n  bulkhead init --locked            # in CI: change nothing, only fetch\n  bulkhead init --accept-grants policy.hcl",
		Args:    exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withSession(cmd, func(s *session) error {
				if s.cfg == nil {
					return misuse("there is no configuration here; `bulkhead plugin install NAMESPACE/NAME` installs a plugin for all your projects")
				}
				c.why = "bulkhead init"
				c.request = installer.Request{Wants: wants(s.cfg), UpgradeAll: upgrade}
				return a.makeChange(cmd.Context(), s, &c)
			})
		},
	}
	c.register(cmd)
	cmd.Flags().BoolVar(&upgrade, "upgrade", false, "choose the newest versions that the constraints allow")
	cmd.Flags().BoolVar(&c.locked, "locked", false, "fetch what is locked, and fail where the lock file would have to change")
	cmd.AddCommand(a.initCICmd())
	return cmd
}

// withSession runs a command in a session. The command's context ends with the
// time that the user gives it.
func (a *app) withSession(cmd *cobra.Command, do func(*session) error) error {
	ctx, cancel := a.limited(cmd.Context())
	defer cancel()
	cmd.SetContext(ctx)
	err := a.inSession(ctx, do)
	if _, reported := errors.AsType[exit](err); err != nil && !reported && errors.Is(context.Cause(ctx), errTimeout) {
		return &failure{code: ExitTimeout, summary: "The time ran out", err: fmt.Errorf("it was not done within %s; give it more with --timeout", a.flags.timeout)}
	}
	return err
}

func (a *app) inSession(ctx context.Context, do func(*session) error) error {
	s, err := a.open(ctx, nil, nil)
	if err != nil {
		return err
	}
	defer s.close()
	return do(s)
}

var errTimeout = fmt.Errorf("the time of --timeout ran out: %w", context.DeadlineExceeded)

// limited is a context that ends after --timeout, when that is given.
func (a *app) limited(ctx context.Context) (context.Context, context.CancelFunc) {
	if a.flags.timeout == 0 {
		return ctx, func() {}
	}
	return context.WithTimeoutCause(ctx, a.flags.timeout, errTimeout)
}

func (a *app) pluginInstallCmd() *cobra.Command {
	var c change
	var registry string
	var prerelease bool
	cmd := &cobra.Command{
		Use: "install NAMESPACE/NAME[@CONSTRAINT]...", Short: "Install plugins from a registry",
		Long: "Install chooses a version, shows what the plugin asks for, fetches and verifies\n" +
			"it, tries it in its sandbox, and locks it. Beside a configuration it adds a\n" +
			"plugin block to that and locks it for the project; elsewhere, or with --user,\n" +
			"it is installed for all your projects.",
		Example: "  bulkhead plugin install acme/scaler\n  bulkhead plugin install acme/scaler@\"~> 1.2\" --dry-run",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misuse("name the plugin: `bulkhead plugin install NAMESPACE/NAME`; `bulkhead registry search` lists what there is")
			}
			return a.withSession(cmd, func(s *session) error {
				c.ofUser = c.ofUser || s.cfg == nil
				if err := c.install(s, args, registry, prerelease); err != nil {
					return err
				}
				c.why = "bulkhead plugin install " + strings.Join(args, " ")
				return a.makeChange(cmd.Context(), s, &c)
			})
		},
	}
	c.register(cmd)
	cmd.Flags().StringVar(&registry, "registry", "", "`name` of the registry to take it from")
	cmd.Flags().BoolVar(&c.ofUser, "user", false, "install for all your projects, not for this one")
	cmd.Flags().BoolVar(&prerelease, "prerelease", false, "a version such as 2.0.0-rc.1 will do")
	return cmd
}

// install makes the request for more plugins than there are.
func (c *change) install(s *session, args []string, registry string, prerelease bool) error {
	have, err := s.have(c.ofUser)
	if err != nil {
		return err
	}
	c.request = installer.Request{Upgrade: map[string]bool{}}
	var added []installer.Want
	for _, arg := range args {
		id, constraint, _ := strings.Cut(arg, "@")
		if _, err := release.ParseID(id); err != nil {
			return misuse("%w; a plugin of a registry is NAMESPACE/NAME, and a file needs no installation: name it in a plugin block", err)
		}
		have = slices.DeleteFunc(have, func(w installer.Want) bool { return w.ID == id && c.ofUser })
		if !slices.ContainsFunc(have, func(w installer.Want) bool { return w.ID == id }) {
			added = append(added, installer.Want{ID: id, Constraint: constraint, Registry: registry, Prerelease: prerelease, From: "the command line"})
		} else if constraint != "" {
			return misuse("the configuration declares %s already; change its version there, and run `bulkhead init`", id)
		}
		c.request.Upgrade[id] = constraint != ""
	}
	c.request.Wants = slices.Concat(have, added)
	if !c.ofUser && len(added) > 0 {
		c.settle = func(p *installer.Plan) { constrain(added, p) }
		c.edits = func(*installer.Plan) ([]upgrade.Edit, error) { return s.declare(added) }
	}
	return nil
}

// have are the wants of the project or of the user.
func (s *session) have(ofUser bool) ([]installer.Want, error) {
	if !ofUser {
		return wants(s.cfg), nil
	}
	store, err := pluginStore()
	if err != nil {
		return nil, err
	}
	scope, err := store.Scope("")
	if err != nil {
		return nil, failed("The lock file cannot be used", err)
	}
	return lockedWants(scope)
}

// constrain gives plugins without a constraint the minor of the chosen version, or
// a pre-release and what follows it.
func constrain(added []installer.Want, p *installer.Plan) {
	for n := range added {
		if added[n].Constraint == "" {
			locked, _ := p.Next.Lookup(added[n].ID)
			added[n].Constraint = "~> " + minor(locked.Version)
			p.Constrain(added[n].ID, added[n].Constraint)
		}
	}
}

// declare adds plugin blocks to the first native file of a configuration.
func (s *session) declare(added []installer.Want) ([]upgrade.Edit, error) {
	file, err := nativeFile(s.cfg)
	if err != nil {
		return nil, err
	}
	edits, err := edit(nil, file, func(text []byte) ([]byte, error) {
		for _, w := range added {
			block := config.NewPlugin{Name: s.localName(w.ID), Source: w.ID, Version: w.Constraint, Registry: w.Registry, Prerelease: w.Prerelease}
			if len(s.cfg.Registries) == 1 && s.cfg.Registries[0].Name == w.Registry {
				block.Registry = ""
			}
			var err error
			if text, err = config.AppendPlugin(file, text, block); err != nil {
				return nil, err
			}
		}
		return text, nil
	})
	return edits, err
}

// edit adds one more change of a file to a list of edits.
func edit(edits []upgrade.Edit, file string, change func([]byte) ([]byte, error)) ([]upgrade.Edit, error) {
	full, err := filepath.Abs(file)
	if err != nil {
		return nil, err
	}
	n := slices.IndexFunc(edits, func(e upgrade.Edit) bool { return e.File == full })
	if n < 0 {
		text, err := os.ReadFile(full)
		if err != nil {
			return nil, err
		}
		n, edits = len(edits), append(edits, upgrade.Edit{File: full, Before: text, After: text})
	}
	edits[n].After, err = change(edits[n].After)
	return edits, err
}

// nativeFile is the file of a configuration that blocks are added to.
func nativeFile(cfg *config.Config) (string, error) {
	for _, f := range cfg.Files {
		if filepath.Ext(f) == ".hcl" {
			return f, nil
		}
	}
	return "", fmt.Errorf("the configuration is JSON, which is not changed for you; add {\"plugin\": {\"NAME\": {\"source\": \"NAMESPACE/NAME\"}}} to it and run `bulkhead init`")
}

// localName is a free name for a plugin in a configuration: none that is declared,
// and none of a plugin that is there without, which it would take the place of.
func (s *session) localName(id string) string {
	namespace, name, _ := strings.Cut(id, "/")
	declared := slices.ContainsFunc(s.cfg.Plugins, func(p *config.Plugin) bool { return p.Name == name })
	if e, ok := s.launcher.Catalog.Entry(name); declared || ok && e.ID != id {
		return namespace + "-" + name
	}
	return name
}

// minor is "1.2" of "1.2.3", and all of a pre-release.
func minor(version string) string {
	if release.Prerelease(version) {
		return version
	}
	parts := strings.SplitN(version, ".", 3)
	if len(parts) < 3 {
		return version
	}
	return parts[0] + "." + parts[1]
}

func (a *app) pluginRemoveCmd() *cobra.Command {
	var c change
	cmd := &cobra.Command{
		Use: "remove NAMESPACE/NAME...", Short: "Remove plugins of a registry from the project or the user",
		Long: "Remove takes the plugin's block out of the configuration and the plugin out of\n" +
			"the lock file. Its files stay in the store until `bulkhead plugin gc`, so that\n" +
			"`bulkhead plugin rollback` can bring it back.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return misuse("name the plugin: `bulkhead plugin remove NAMESPACE/NAME`; `bulkhead plugin list` shows what is installed")
			}
			return a.withSession(cmd, func(s *session) error {
				c.ofUser = c.ofUser || s.cfg == nil
				if err := c.remove(s, args); err != nil {
					return err
				}
				c.why = "bulkhead plugin remove " + strings.Join(args, " ")
				return a.makeChange(cmd.Context(), s, &c)
			})
		},
	}
	cmd.Flags().BoolVar(&c.consent.dry, "dry-run", false, "show what would change, and change nothing")
	cmd.Flags().BoolVar(&c.ofUser, "user", false, "remove what is installed for all your projects")
	return cmd
}

// remove makes the request for fewer plugins than there are.
func (c *change) remove(s *session, ids []string) error {
	have, err := s.have(c.ofUser)
	if err != nil {
		return err
	}
	for _, id := range ids {
		if !slices.ContainsFunc(have, func(w installer.Want) bool { return w.ID == id }) {
			return misuse("%s is not installed here; `bulkhead plugin list` shows what is", id)
		}
	}
	c.request.Wants = slices.DeleteFunc(have, func(w installer.Want) bool { return slices.Contains(ids, w.ID) })
	if !c.ofUser {
		c.edits = func(*installer.Plan) ([]upgrade.Edit, error) { return undeclare(s.cfg, ids) }
	}
	return nil
}

// undeclare takes plugin blocks out of the files of a configuration.
func undeclare(cfg *config.Config, ids []string) (edits []upgrade.Edit, err error) {
	for _, p := range registryPlugins(cfg) {
		if !slices.Contains(ids, p.ID) {
			continue
		}
		file := p.Range.File
		edits, err = edit(edits, file, func(text []byte) ([]byte, error) {
			text, ok, err := config.RemovePlugin(file, text, p.Name)
			if err == nil && !ok {
				err = errors.New("the file does not declare it any more")
			}
			return text, err
		})
		if err != nil {
			return nil, fmt.Errorf("%s: the block of plugin %q cannot be removed for you: %w", p.Range, p.Name, err)
		}
	}
	return edits, nil
}
