// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"cmp"
	"context"
	"os"
	"path/filepath"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/audit"
	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// grantsReport is what `bulkhead plugin grants` prints.
type grantsReport struct {
	SchemaVersion string              `json:"schema_version"`
	Machine       report.Target       `json:"machine"`
	Plugins       []pluginGrants      `json:"plugins"`
	Diagnostics   []report.Diagnostic `json:"diagnostics"`
}

// pluginGrants is what one plugin asks for and gets.
type pluginGrants struct {
	Name    string `json:"name"`
	Version string `json:"version"`
	Origin  string `json:"origin"`
	// Require is the weakest sandbox level that the plugin may run at.
	Require string `json:"require"`
	// Narrowed: the configuration leaves some of its grants out.
	Narrowed bool       `json:"narrowed"`
	Grants   []grantRow `json:"grants"`
}

// What became of a grant here.
const (
	grantGiven    = "given"
	grantAbsent   = "absent"   // nothing that it names is here
	grantWithheld = "withheld" // all that it names is refused, see the reasons
	grantTaken    = "taken"    // the configuration takes it away
)

// grantRow is one grant that a plugin asks for, or a part of it that the
// configuration leaves.
type grantRow struct {
	Kind  string `json:"kind"`
	Value string `json:"value"`
	Why   string `json:"why"`
	// Wide: with it the plugin can do more than look.
	Wide  bool   `json:"wide"`
	State string `json:"state"`
	// Asked is the manifest's grant where the configuration left a part of it.
	Asked string `json:"asked,omitempty"`
	// At is the place in the configuration that left it or gives its value.
	At string `json:"at,omitempty"`
	// Paths and Variables are what it leads to on this machine.
	Paths     []string      `json:"paths,omitempty"`
	Variables []string      `json:"variables,omitempty"`
	Withheld  []withheldRow `json:"withheld,omitempty"`
	// Note says what else to know.
	Note string `json:"note,omitempty"`
}

type withheldRow struct {
	Path   string `json:"path"`
	Reason string `json:"reason"`
}

func (a *app) pluginGrantsCmd() *cobra.Command {
	var where machineFlags
	cmd := &cobra.Command{
		Use: "grants [NAME|PATH]", Short: "Show what plugins ask for, why, and what they get on this machine",
		Long: "Grants lists every permission that a plugin asks for, those first with which it\n" +
			"can do more than look: change files, start programs, reach the network, use a\n" +
			"device, learn a secret. It says what each leads to here and what the\n" +
			"configuration takes away. Nothing is started. With -v every path is listed.",
		Example: "  bulkhead plugin grants gpu\n  bulkhead plugin grants ./my-plugin --json",
		Args:    atMost(1, "at most one plugin"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.pluginGrants(cmd.Context(), &where, args)
		},
		ValidArgsFunction: func(cmd *cobra.Command, _ []string, _ string) ([]string, cobra.ShellCompDirective) {
			return a.completePlugins(cmd.Context()), cobra.ShellCompDirectiveDefault
		},
	}
	where.register(cmd)
	return cmd
}

func (a *app) pluginGrants(ctx context.Context, where *machineFlags, args []string) error {
	machine, err := where.machine()
	if err != nil {
		return err
	}
	s, entries, err := a.openPlugins(ctx, args)
	if err != nil {
		return err
	}
	defer s.close()
	machine.Protected = s.protected()
	out := grantsReport{
		SchemaVersion: report.SchemaVersion, Machine: where.reportTarget(machine), Plugins: []pluginGrants{},
		Diagnostics: append([]report.Diagnostic{}, s.notes...),
	}
	for _, e := range entries {
		p, err := s.grantsOf(e, machine)
		if err != nil {
			return err
		}
		out.Plugins = append(out.Plugins, p)
	}
	if err := a.result(out); err != nil {
		return err
	}
	if incomplete(out.Diagnostics) {
		return exit(ExitErrors)
	}
	return nil
}

// openPlugins opens a session with the plugin that an argument names, or with
// all of them.
func (a *app) openPlugins(ctx context.Context, args []string) (*session, []*catalog.Entry, error) {
	if len(args) == 0 {
		s, err := a.open(ctx, nil, nil)
		if err != nil {
			return nil, nil, err
		}
		return s, s.launcher.Catalog.Entries(), nil
	}
	s, name, err := a.openPlugin(ctx, args[0])
	if err != nil {
		return nil, nil, err
	}
	e, _ := s.launcher.Catalog.Entry(name)
	return s, []*catalog.Entry{e}, nil
}

// protected are the paths that no plugin may write to: the host's own
// directories, its plugins and its configuration.
func (s *session) protected() []string {
	out := catalog.Dirs(s.cfg)
	for _, name := range []string{"XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR"} {
		if dir := os.Getenv(name); filepath.IsAbs(dir) {
			out = append(out, filepath.Join(dir, "bulkhead"))
		}
	}
	if dir, err := os.UserConfigDir(); err == nil {
		out = append(out, filepath.Join(dir, "bulkhead"))
	}
	if exe, err := os.Executable(); err == nil {
		out = append(out, filepath.Dir(exe))
	}
	if dir, err := audit.DefaultDir(); err == nil {
		out = append(out, dir)
	}
	out = append(out, cacheDir())
	if s.cfg != nil {
		out = append(out, s.cfg.Files...)
	}
	for _, e := range s.launcher.Catalog.Entries() {
		out = append(out, filepath.Dir(e.Executable))
	}
	return absolutePaths(out)
}

// absolutePaths makes paths absolute and clean, without doubles.
func absolutePaths(paths []string) []string {
	var out []string
	for _, p := range paths {
		if p == "" {
			continue
		}
		if abs, err := filepath.Abs(p); err == nil {
			out = append(out, filepath.ToSlash(abs))
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// grantsOf tells what becomes of the grants of one plugin.
func (s *session) grantsOf(e *catalog.Entry, machine *target.Machine) (pluginGrants, error) {
	level, err := s.floor(e.Name)
	if err != nil {
		return pluginGrants{}, err
	}
	p := pluginGrants{
		Name: e.Name, Version: e.Manifest.Version, Origin: string(e.Origin), Require: level.String(), Grants: []grantRow{},
	}
	declaration := e.Declaration
	if declaration == nil {
		declaration = &config.Plugin{}
	}
	kept, err := manifest.Narrow(e.Manifest.Grants, declaration.Grants)
	if err != nil {
		return p, failed("The grants cannot be narrowed", err)
	}
	p.Narrowed = declaration.Grants != nil
	grants := make([]manifest.Grant, len(kept))
	for i, k := range kept {
		grants[i] = k.Grant
	}
	view := machine.Expand(grants)
	for i, k := range kept {
		p.Grants = append(p.Grants, rowOf(k, view.Given[i], e.Manifest.Grants[k.Asked], declaration))
	}
	p.Grants = append(p.Grants, taken(e.Manifest.Grants, kept)...)
	slices.SortStableFunc(p.Grants, func(a, b grantRow) int {
		return cmp.Compare(slices.Index(manifest.Kinds(), a.Kind), slices.Index(manifest.Kinds(), b.Kind))
	})
	return p, nil
}

// rowOf tells of a grant that the configuration leaves.
func rowOf(k manifest.Kept, given target.Given, asked manifest.Grant, declaration *config.Plugin) grantRow {
	row := grantRow{
		Kind: k.Kind, Value: k.Value(), Why: k.Why, Wide: k.Wide(), State: grantGiven, Paths: given.Paths, Variables: given.Names, Note: given.Cut,
	}
	if asked.String() != k.String() {
		row.Asked = asked.String()
	}
	if k.Entry >= 0 && k.Entry < len(declaration.GrantRanges) {
		row.At = declaration.GrantRanges[k.Entry].String()
	}
	for _, w := range given.Withheld {
		row.Withheld = append(row.Withheld, withheldRow{w.Path, w.Reason})
	}
	switch {
	case k.Kind == manifest.Secret:
		row.secret(declaration)
	case given.Absent():
		row.State = grantAbsent
	case len(given.Paths)+len(given.Names) == 0 && len(given.Withheld) > 0:
		row.State = grantWithheld
	}
	return row
}

// secret says where the value comes from.
func (g *grantRow) secret(declaration *config.Plugin) {
	source, ok := declaration.Secret(g.Value)
	switch {
	case !ok:
		g.State = grantAbsent
		g.Note = "no value: write secret \"" + g.Value + "\" { env = \"NAME\" } in its plugin block"
	case unreadable(source) != nil:
		g.State, g.Note = grantAbsent, "no value: "+unreadable(source).Error()
	case source.Env != "":
		g.At, g.Note = source.Range.String(), "value of the variable "+source.Env
	default:
		g.At, g.Note = source.Range.String(), "value in the file "+source.File.Written
	}
}

// unreadable says why the value of a secret is not there.
func unreadable(source config.SecretSource) error {
	_, err := source.Read(os.LookupEnv)
	return err
}

// taken are the grants that the configuration leaves nothing of.
func taken(asked []manifest.Grant, kept []manifest.Kept) []grantRow {
	var out []grantRow
	for i, g := range asked {
		if !slices.ContainsFunc(kept, func(k manifest.Kept) bool { return k.Asked == i }) {
			out = append(out, grantRow{Kind: g.Kind, Value: g.Value(), Why: g.Why, Wide: g.Wide(), State: grantTaken})
		}
	}
	return out
}

func (a *app) completePlugins(ctx context.Context) []string {
	if a.openLog() != nil {
		return nil
	}
	s, err := a.open(ctx, nil, nil)
	if err != nil {
		return nil
	}
	defer s.close()
	var out []string
	for _, e := range s.launcher.Catalog.Entries() {
		out = append(out, e.Name+"\t"+e.Manifest.Summary)
	}
	return out
}

// completeLevels are the sandbox levels of this system.
func completeLevels(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
	var out []string
	for _, level := range sandbox.Levels() {
		out = append(out, level.String())
	}
	return out, cobra.ShellCompDirectiveNoFileComp
}
