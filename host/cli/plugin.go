// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/report"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

func (a *app) pluginCmd() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "plugin",
		Short: "Install, upgrade, describe, test and publish plugins",
		Args:  subcommand,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return misuse("choose what to do; `%s --help` lists it", cmd.CommandPath())
		},
	}
	cmd.AddCommand(a.pluginListCmd(), a.pluginDescribeCmd(), a.pluginGrantsCmd(), a.pluginTestCmd(), a.pluginNewCmd(), a.pluginPackCmd(),
		a.pluginSignCmd(), a.pluginPublishCmd(), a.pluginYankCmd())
	cmd.AddCommand(a.pluginInstallCmd(), a.pluginUpgradeCmd(), a.pluginRemoveCmd(), a.pluginOutdatedCmd(), a.pluginPinCmd(), a.pluginLockCmd(),
		a.pluginVerifyCmd(), a.pluginRollbackCmd(), a.pluginGenerationsCmd(), a.pluginGCCmd())
	cmd.AddCommand(a.pluginLearnCmd(), a.pluginDevCmd())
	return cmd
}

// pluginList is what `bulkhead plugin list` prints.
type pluginList struct {
	SchemaVersion string              `json:"schema_version"`
	Plugins       []listedPlugin      `json:"plugins"`
	Diagnostics   []report.Diagnostic `json:"diagnostics"`
}

type listedPlugin struct {
	Name       string `json:"name"`
	Version    string `json:"version"`
	Origin     string `json:"origin"`
	Summary    string `json:"summary"`
	Executable string `json:"executable"`
	// Digest that the executable must have; empty when nobody pinned it.
	Digest string   `json:"digest,omitempty"`
	Grants []string `json:"grants"`
	// Probation is how a new version is watched; nil when it is not.
	Probation *probation `json:"probation,omitempty"`
}

func (a *app) pluginListCmd() *cobra.Command {
	return &cobra.Command{
		Use: "list", Short: "List the installed plugins, their origin and what they are granted",
		Long: "List shows the plugins of this host, of the user and of the configuration. It\n" +
			"ends with code 2 when one of them cannot be used.",
		Args: exactly(0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			s, err := a.open(cmd.Context(), nil, nil)
			if err != nil {
				return err
			}
			defer s.close()
			out := pluginList{SchemaVersion: report.SchemaVersion, Plugins: []listedPlugin{}, Diagnostics: append([]report.Diagnostic{}, s.notes...)}
			for _, e := range s.launcher.Catalog.Entries() {
				p := listed(e)
				p.Probation = s.probationOf(e)
				out.Plugins = append(out.Plugins, p)
			}
			if err := a.result(out); err != nil {
				return err
			}
			if incomplete(out.Diagnostics) {
				return exit(ExitErrors)
			}
			return nil
		},
	}
}

func listed(e *catalog.Entry) listedPlugin {
	p := listedPlugin{
		Name: e.Name, Version: e.Manifest.Version, Origin: string(e.Origin), Summary: e.Manifest.Summary,
		Executable: e.Executable, Digest: e.Digest, Grants: []string{},
	}
	for _, g := range e.Grants {
		p.Grants = append(p.Grants, g.String())
	}
	return p
}

// WriteJSON writes the list as one JSON document.
func (l pluginList) WriteJSON(w io.Writer) error { return writeJSON(w, l) }

// WriteText writes a line for each plugin; with -v the grants follow.
func (l pluginList) WriteText(w io.Writer, opt report.Options) error {
	for _, p := range l.Plugins {
		pin := "unpinned"
		if p.Digest != "" {
			pin = "pinned"
		}
		if p.Probation != nil {
			pin += ", on probation for " + count(p.Probation.Left, "run", "runs") + " more"
		}
		head := fmt.Sprintf("%s %s, %s, %s", p.Name, cmp.Or(p.Version, "without a version"), p.Origin, pin)
		writeTerm(w, opt, 0, 40, head, cmp.Or(p.Summary, "no manifest, so no summary and no grants"))
		if opt.Verbose {
			fmt.Fprintf(w, "    %s\n    %s\n", report.CleanLine(p.Executable), cmp.Or(p.Digest, "no digest"))
			for _, g := range p.Grants {
				fmt.Fprintf(w, "    grant %s\n", report.CleanLine(g))
			}
		}
	}
	writeNotes(w, opt, l.Diagnostics)
	return nil
}

func (a *app) pluginDescribeCmd() *cobra.Command {
	return &cobra.Command{
		Use: "describe NAME|PATH", Short: "Show the collectors, checks and kernels of a plugin",
		Args: exactly(1, "the name of an installed plugin or the path of an executable"),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, name, err := a.openPlugin(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			defer s.close()
			d, err := s.launcher.Describe(cmd.Context(), name)
			if err != nil {
				return failed("The plugin cannot be described", err)
			}
			return a.result(description{d})
		},
	}
}

// openPlugin opens a session in which the argument, a name or a path, is a
// plugin.
func (a *app) openPlugin(ctx context.Context, arg string) (*session, string, error) {
	s, err := a.open(ctx, nil, nil)
	if err != nil {
		return nil, "", err
	}
	if _, ok := s.launcher.Catalog.Entry(arg); ok {
		return s, arg, nil
	}
	if !strings.ContainsAny(arg, `/\`) && !isFile(arg) {
		s.close()
		if why := s.whyNot(arg); why != "" {
			return nil, "", &failure{code: ExitConfig, summary: "The plugin cannot be used", err: errors.New(why)}
		}
		return nil, "", misuse("no plugin %q is installed and no file has that name; `bulkhead plugin list` shows what is installed", arg)
	}
	name, err := s.launcher.Catalog.AddPath(arg)
	if err != nil {
		s.close()
		return nil, "", &failure{code: ExitConfig, summary: "The plugin cannot be used", err: err}
	}
	return s, name, nil
}

// whyNot is what keeps a plugin from being used that the configuration declares; ""
// when nothing is known of it.
func (s *session) whyNot(name string) string {
	declared := s.cfg != nil && slices.ContainsFunc(s.cfg.Plugins, func(p *config.Plugin) bool { return p.Name == name })
	for _, d := range s.notes {
		about := d.Plugin == name || d.Plugin == "" && strings.Contains(d.Detail, fmt.Sprintf("plugin %q: ", name))
		if d.Severity == report.Error && declared && (about || d.Summary == lockUnread) {
			return d.Detail
		}
	}
	return ""
}

func isFile(name string) bool {
	info, err := os.Stat(filepath.Clean(name))
	return err == nil && info.Mode().IsRegular()
}

// description is what `bulkhead plugin describe` prints.
type description struct{ d *pluginv1.DescribeResponse }

// WriteJSON writes the plugin's own message as one JSON document.
func (d description) WriteJSON(w io.Writer) error {
	data, err := protojson.MarshalOptions{UseProtoNames: true}.Marshal(d.d)
	if err != nil {
		return err
	}
	return writeJSON(w, map[string]any{"schema_version": report.SchemaVersion, "description": json.RawMessage(data)})
}

// sdk is the SDK that the plugin was built with; a plugin can do without one.
func (d description) sdk() string {
	if d.d.GetSdkVersion() == "" {
		return ""
	}
	return " (SDK " + report.CleanLine(d.d.GetSdkVersion()) + ")"
}

// WriteText writes the offers of the plugin for a person.
func (d description) WriteText(w io.Writer, opt report.Options) error {
	fmt.Fprintf(w, "%s %s%s\n", report.CleanLine(d.d.GetName()), report.CleanLine(d.d.GetVersion()), d.sdk())
	for _, c := range d.d.GetCollectors() {
		fmt.Fprintf(w, "\ncollector %s, %s\n", report.CleanLine(c.GetName()), count(len(c.GetFacts()), "fact", "facts"))
		for _, f := range c.GetFacts() {
			writeTerm(w, opt, 2, 37, f.GetAddress(), f.GetSummary())
		}
	}
	if len(d.d.GetChecks()) > 0 {
		fmt.Fprintln(w, "\nchecks")
	}
	for _, c := range d.d.GetChecks() {
		writeTerm(w, opt, 2, 37, c.GetCode(), c.GetTitle())
		if opt.Verbose {
			writeSettings(w, c.GetConfig(), opt)
		}
	}
	for _, k := range d.d.GetKernels() {
		fmt.Fprintf(w, "\nkernel %s (%s)\n", report.CleanLine(k.GetName()), k.GetCompartment())
		if k.GetSummary() != "" {
			say(w, opt, "  %s", k.GetSummary())
		}
		writeSettings(w, k.GetConfig(), opt)
	}
	return nil
}

func writeSettings(w io.Writer, s *pluginv1.Schema, opt report.Options) {
	for _, at := range s.GetAttributes() {
		writeTerm(w, opt, 4, 25, at.GetName(), at.GetDescription()+defaultText(at))
	}
	for _, b := range s.GetBlocks() {
		writeTerm(w, opt, 4, 25, b.GetType()+" {}", b.GetDescription())
	}
}

func defaultText(at *pluginv1.Attribute) string {
	switch {
	case at.GetRequired():
		return " (required)"
	case at.GetDefaultJson() != "" && at.GetDefaultJson() != `""`:
		return " (default " + report.CleanLine(at.GetDefaultJson()) + ")"
	}
	return ""
}
