// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/host/report"
)

// trustStore keeps the registries of the user.
func trustStore() (installer.Trusted, error) {
	dir, err := installer.TrustedDir()
	if err != nil {
		return installer.Trusted{}, &failure{code: ExitConfig, summary: "Registries have no place", err: err}
	}
	return installer.Trusted{Dir: dir}, nil
}

func (a *app) registryTrustCmd() *cobra.Command {
	var r config.Registry
	var root, caFile string
	cmd := &cobra.Command{
		Use: "trust NAME ADDRESS --root FILE --log-key KEY", Short: "Trust a registry for all your projects",
		Long: "Trust keeps a registry's address with what it is trusted by: the file of its\n" +
			"first root and the key of its log, as `bulkhead registry init` gave them out.\n" +
			"Get both from the people behind the registry, not from its server. The registry\n" +
			"is asked at once, and kept only when it proves itself. For one project alone,\n" +
			"write a registry block into its configuration instead.",
		Example: "  bulkhead registry trust acme https://plugins.acme.example --root acme.root.json --log-key log.acme.example+1a2b3c4d+AbCd...",
		Args:    exactly(2, "a name and an address"),
		RunE: func(cmd *cobra.Command, args []string) error {
			r.Name, r.Address = args[0], args[1]
			if caFile != "" {
				var err error
				if r.CAFile.Absolute, err = filepath.Abs(caFile); err != nil {
					return misuse("--ca-file: %w", err)
				}
			}
			return a.registryTrust(cmd.Context(), r, root)
		},
	}
	fl := cmd.Flags()
	fl.StringVar(&root, "root", "", "`file` of the first root of trust (required)")
	fl.StringVar(&r.LogKey, "log-key", "", "`key` of the transparency log (required)")
	fl.StringVar(&caFile, "ca-file", "", "`file` with certificates that are trusted besides the system's, which is read at each use")
	fl.DurationVar(&r.OfflineGrace, "offline-grace", 0, "for how long expired metadata are taken when the registry cannot be reached")
	return cmd
}

func (a *app) registryTrust(ctx context.Context, r config.Registry, root string) error {
	if root == "" || r.LogKey == "" {
		return misuse("give the first root with --root FILE and the key of the log with --log-key KEY; the people behind the registry have both")
	}
	text, err := os.ReadFile(root)
	if err != nil {
		return misuse("--root: %w", err)
	}
	if err := config.CheckRegistry(&r); err != nil {
		return misuse("%w", err)
	}
	trusted, err := trustStore()
	if err != nil {
		return err
	}
	r.Root.Absolute = root
	plugins, err := a.tryRegistry(ctx, &r)
	if err != nil {
		return failed("The registry cannot be trusted", err)
	}
	if err := trusted.Add(ctx, r, text); err != nil {
		return failed("The registry was not kept", err)
	}
	return a.result(trustedRegistry{SchemaVersion: report.SchemaVersion, Name: r.Name, Address: r.Address, Plugins: plugins})
}

// tryRegistry asks a registry for all its plugins, with everything verified.
func (a *app) tryRegistry(ctx context.Context, r *config.Registry) (int, error) {
	s := &session{app: a, started: time.Now()}
	registries, err := s.registries(ctx)
	if err != nil {
		return 0, err
	}
	registries.Declared, registries.User, registries.Meet = []*config.Registry{r}, nil, nil // the command says that it is trusted
	list, err := registries.Plugins(ctx, r.Name)
	return len(list), a.inPart(len(list), err)
}

// inPart warns of publishers that were refused, where others were not: their
// plugins are there all the same.
func (a *app) inPart(found int, err error) error {
	if err == nil || found == 0 {
		return err
	}
	a.warn("%v", err)
	return nil
}

// trustedRegistry is what `bulkhead registry trust` prints.
type trustedRegistry struct {
	SchemaVersion string `json:"schema_version"`
	Name          string `json:"name"`
	Address       string `json:"address"`
	Plugins       int    `json:"plugins"`
}

// WriteJSON writes the registry as one JSON document.
func (t trustedRegistry) WriteJSON(w io.Writer) error { return writeJSON(w, t) }

// WriteText says what is trusted now and what to do next.
func (t trustedRegistry) WriteText(w io.Writer, _ report.Options) error {
	_, err := fmt.Fprintf(w, "registry %q at %s is trusted; it has %s.\n`bulkhead registry search` lists them, `bulkhead plugin install` installs one.\n",
		report.CleanLine(t.Name), report.CleanLine(t.Address), count(t.Plugins, "plugin", "plugins"))
	return err
}

func (a *app) registryForgetCmd() *cobra.Command {
	var seen bool
	cmd := &cobra.Command{
		Use: "forget NAME", Short: "Trust a registry no more, or forget what was seen of it", Args: exactly(1, "the name of a registry"),
		Long: "Forget removes a registry that `bulkhead registry trust` added. What was\n" +
			"installed from it stays, and gets no more upgrades.\n\n" +
			"With --seen the registry stays trusted, and what was seen of it is forgotten: its\n" +
			"metadata and the checkpoint of its log, which show when a registry goes back or\n" +
			"its log forks. Do that only when its owner has told you, by another way than\n" +
			"the registry, why it was refused. The evidence of a fork is kept.",
		RunE: func(cmd *cobra.Command, args []string) error {
			if seen {
				return a.withSession(cmd, func(s *session) error { return a.forgetSeen(cmd.Context(), s, args[0]) })
			}
			trusted, err := trustStore()
			if err != nil {
				return err
			}
			if err := trusted.Forget(cmd.Context(), args[0]); err != nil {
				return misuse("%w", err)
			}
			return a.result(registryList{SchemaVersion: report.SchemaVersion, Registries: listedRegistries(cmd.Context(), nil)})
		},
	}
	cmd.Flags().BoolVar(&seen, "seen", false, "go on to trust it, and forget what was seen of it")
	return cmd
}

// forgetSeen makes a registry one that was never asked.
func (a *app) forgetSeen(ctx context.Context, s *session, name string) error {
	registries, err := s.registries(ctx)
	if err != nil {
		return err
	}
	evidence, err := registries.Forget(ctx, name)
	if err != nil {
		return failed("Nothing was forgotten", err)
	}
	if evidence != "" {
		return a.done("what was seen of the registry %s is forgotten; the evidence of the fork is in %s", name, evidence)
	}
	return a.done("what was seen of the registry %s is forgotten", name)
}

// registryList is what `bulkhead registry list` prints.
type registryList struct {
	SchemaVersion string           `json:"schema_version"`
	Registries    []listedRegistry `json:"registries"`
}

type listedRegistry struct {
	Name    string `json:"name"`
	Address string `json:"address"`
	// From is where it is declared: a place in the configuration, or "user".
	From         string `json:"from"`
	LogKey       string `json:"log_key"`
	OfflineGrace string `json:"offline_grace,omitempty"`
}

func (a *app) registryListCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the registries that are known here", Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.withSession(cmd, func(s *session) error {
				if _, err := trustedRegistries(cmd.Context()); err != nil {
					return err
				}
				return a.result(registryList{SchemaVersion: report.SchemaVersion, Registries: listedRegistries(cmd.Context(), s.cfg)})
			})
		},
	}
}

// listedRegistries are those of the configuration, then the user's own.
func listedRegistries(ctx context.Context, cfg *config.Config) []listedRegistry {
	out := []listedRegistry{}
	add := func(r *config.Registry, from string) {
		row := listedRegistry{Name: r.Name, Address: r.Address, From: from, LogKey: r.LogKey}
		if r.OfflineGrace > 0 {
			row.OfflineGrace = r.OfflineGrace.String()
		}
		out = append(out, row)
	}
	if cfg != nil {
		for _, r := range cfg.Registries {
			add(r, r.Range.String())
		}
	}
	mine, _ := trustedRegistries(ctx)
	for _, r := range mine {
		add(r, "user")
	}
	return out
}

// WriteJSON writes the list as one JSON document.
func (l registryList) WriteJSON(w io.Writer) error { return writeJSON(w, l) }

// WriteText writes a table.
func (l registryList) WriteText(w io.Writer, opt report.Options) error {
	if len(l.Registries) == 0 {
		say(w, opt, "No registry is trusted. `bulkhead registry trust` adds one; a registry block of a configuration does so for one project.")
		return nil
	}
	rows := [][]string{{"NAME", "ADDRESS", "FROM"}}
	for _, r := range l.Registries {
		rows = append(rows, []string{r.Name, r.Address, r.From})
	}
	return columns(w, opt, rows)
}

// foundPlugins is what `bulkhead registry search` prints.
type foundPlugins struct {
	SchemaVersion string        `json:"schema_version"`
	Plugins       []foundPlugin `json:"plugins"`
}

type foundPlugin struct {
	ID       string   `json:"id"`
	Registry string   `json:"registry"`
	Version  string   `json:"version"` // the newest
	Versions int      `json:"versions"`
	Summary  string   `json:"summary"`
	Licence  string   `json:"licence"`
	Grants   []string `json:"grants"`
}

func (a *app) registrySearchCmd() *cobra.Command {
	var registry string
	cmd := &cobra.Command{
		Use: "search [TEXT]", Short: "List the plugins of a registry",
		Long: "Search lists the plugins of a registry whose name or summary holds the text, and\n" +
			"their newest version. Everything that it prints was verified.",
		Args: atMost(1, "at most one text"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withSession(cmd, func(s *session) error {
				return a.registrySearch(cmd.Context(), s, registry, strings.ToLower(strings.Join(args, "")))
			})
		},
	}
	cmd.Flags().StringVar(&registry, "registry", "", "`name` of the registry, where several are known")
	return cmd
}

func (a *app) registrySearch(ctx context.Context, s *session, name, text string) error {
	registries, err := s.registries(ctx)
	if err != nil {
		return err
	}
	ids, err := registries.Plugins(ctx, name)
	if err := a.inPart(len(ids), err); err != nil {
		return unsearchable(err)
	}
	out := foundPlugins{SchemaVersion: report.SchemaVersion, Plugins: []foundPlugin{}}
	for _, id := range ids {
		list, err := registries.Releases(ctx, name, id)
		if err != nil {
			return unsearchable(err)
		}
		if len(list) == 0 || !strings.Contains(strings.ToLower(id.String()+" "+list[0].Summary), text) {
			continue
		}
		newest := list[0]
		p := foundPlugin{id.String(), newest.Registry, newest.Version, len(list), newest.Summary, newest.Licence, []string{}}
		for _, g := range newest.Grants {
			p.Grants = append(p.Grants, g.String())
		}
		out.Plugins = append(out.Plugins, p)
	}
	return a.result(out)
}

// unsearchable is the failure of a search.
func unsearchable(err error) error {
	if _, unmet := errors.AsType[*installer.UnmetError](err); unmet {
		return refused(err)
	}
	return failed("The registry cannot be searched", err)
}

// WriteJSON writes what was found as one JSON document.
func (f foundPlugins) WriteJSON(w io.Writer) error { return writeJSON(w, f) }

// WriteText writes a line for each plugin; with -v its grants follow.
func (f foundPlugins) WriteText(w io.Writer, opt report.Options) error {
	if len(f.Plugins) == 0 {
		_, err := fmt.Fprintln(w, "No plugin was found.")
		return err
	}
	for _, p := range f.Plugins {
		writeTerm(w, opt, 0, 34, p.ID+" "+p.Version, cmp.Or(p.Summary, "without a summary")+" ("+p.Licence+")")
		for _, g := range p.Grants {
			if opt.Verbose {
				fmt.Fprintf(w, "    asks to %s\n", report.CleanLine(g))
			}
		}
	}
	return nil
}
