// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/catalog"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// devFlags are those of `bulkhead plugin dev`.
type devFlags struct {
	list   bool
	remove string
	yes    bool
}

func (a *app) pluginDevCmd() *cobra.Command {
	var d devFlags
	cmd := &cobra.Command{
		Use: "dev NAME PATH", Short: "Put an executable that you work on in place of a plugin",
		Long: "Dev makes the executable at PATH the plugin NAME, whatever plugin has that\n" +
			"name, for you and the project of the working directory; the configuration and\n" +
			"lock files stay as they are. Its digest is never checked, so that you can build\n" +
			"and run again. It gets the grants of the manifest.json beside it, or in the\n" +
			"directory above, after you agreed to them, narrowed by the configuration. Every\n" +
			"report says that it was used.",
		Example: "  bulkhead plugin dev gpu ./bin/bulkhead-plugin-gpu\n  bulkhead plugin dev --list\n  bulkhead plugin dev --remove gpu",
		Args: func(cmd *cobra.Command, args []string) error {
			if d.list || d.remove != "" {
				return exactly(0, "no arguments beside --list or --remove")(cmd, args)
			}
			return exactly(2, "the name of a plugin and the path of an executable")(cmd, args)
		},
		RunE: func(cmd *cobra.Command, args []string) error { return a.pluginDev(cmd.Context(), &d, args) },
	}
	f := cmd.Flags()
	f.BoolVar(&d.list, "list", false, "list the overrides of this project")
	f.StringVar(&d.remove, "remove", "", "take the override of a `plugin` back")
	f.BoolVarP(&d.yes, "yes", "y", false, "agree to what its manifest asks for")
	return cmd
}

// overrideList is what `bulkhead plugin dev` prints.
type overrideList struct {
	SchemaVersion string             `json:"schema_version"`
	Project       string             `json:"project"`
	File          string             `json:"file"`
	Overrides     []catalog.Override `json:"overrides"`

	done string
}

func (a *app) pluginDev(ctx context.Context, d *devFlags, args []string) error {
	if d.list && d.remove != "" {
		return misuse("--list and --remove exclude each other; choose one")
	}
	a.developing = true
	s, err := a.open(ctx, nil, nil)
	if err != nil {
		return err
	}
	defer s.close()
	store, err := s.overrides()
	if err != nil {
		return failed("There is no place for overrides", err)
	}
	done := ""
	switch {
	case d.remove != "":
		done, err = takeBack(store, d.remove)
	case !d.list:
		done, err = s.setOverride(ctx, store, d, args[0], args[1])
	}
	if err != nil {
		return err
	}
	list, err := store.List()
	if err != nil {
		return failed("The overrides of plugins cannot be read", err)
	}
	out := overrideList{SchemaVersion: report.SchemaVersion, Project: projectDir(s.cfg), File: store.File(), Overrides: list, done: done}
	if out.Overrides == nil {
		out.Overrides = []catalog.Override{}
	}
	return a.result(out)
}

func takeBack(store *catalog.Overrides, name string) (string, error) {
	found, err := store.Remove(name)
	switch {
	case err != nil:
		return "", failed("The override could not be taken back", err)
	case !found:
		return "", misuse("plugin %q is not overridden here; `bulkhead plugin dev --list` shows those that are", name)
	}
	return "Plugin " + name + " is no longer overridden.", nil
}

// setOverride checks an executable, asks for consent and keeps the override.
func (s *session) setOverride(ctx context.Context, store *catalog.Overrides, d *devFlags, name, path string) (string, error) {
	if s.auditRequired() {
		return "", s.unaudited("an override runs a file that nobody pinned")
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return "", failed("The executable cannot be found", err)
	}
	if !isFile(abs) {
		return "", misuse("%s is no file; build the plugin first, and name its executable", path)
	}
	o := catalog.Override{Name: name, Path: abs, Consented: []string{}}
	m, err := o.Manifest()
	if err != nil {
		return "", &failure{code: ExitConfig, summary: "The plugin cannot be used", err: err}
	}
	if err := s.app.agree(ctx, d, name, m.Grants); err != nil {
		return "", err
	}
	for _, g := range m.Grants {
		o.Consented = append(o.Consented, g.String())
	}
	if err := store.Set(o); err != nil {
		return "", failed("The override could not be kept", err)
	}
	return "Plugin " + name + " is overridden by " + abs + ".", nil
}

// agree shows what an executable asks for and wants somebody to agree.
func (a *app) agree(ctx context.Context, d *devFlags, name string, grants []manifest.Grant) error {
	for _, g := range grants {
		fmt.Fprintf(a.stderr, "  %s\n", report.CleanLine(g.String()+": "+inWords(g)))
	}
	switch {
	case len(grants) == 0 || d.yes:
		return nil
	case a.ask() == nil:
		return misuse("plugin %q asks for what is listed above; to agree, pass --yes", name)
	}
	fmt.Fprintf(a.stderr, "Do you agree that %s may do this? [y/N] ", name)
	answer, err := readLine(ctx)
	if err == nil && answer != "y" && answer != "yes" {
		err = errors.New("you did not agree")
	}
	return failed("The plugin is not overridden", err)
}

// WriteJSON writes the overrides as one JSON document.
func (l overrideList) WriteJSON(w io.Writer) error { return writeJSON(w, l) }

// WriteText says what was done, or lists the overrides.
func (l overrideList) WriteText(w io.Writer, opt report.Options) error {
	if l.done != "" {
		_, err := fmt.Fprintln(w, report.CleanLine(l.done))
		return err
	}
	for _, o := range l.Overrides {
		writeTerm(w, opt, 0, 20, o.Name, o.Path)
	}
	if len(l.Overrides) == 0 {
		fmt.Fprintln(w, "no plugin is overridden here")
	}
	return nil
}
