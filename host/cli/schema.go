// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/report"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// languageSchema is what `bulkhead schema` prints: all that may stand in a
// configuration, for editors and other tools.
type languageSchema struct {
	SchemaVersion string               `json:"schema_version"`
	Blocks        []config.BlockSchema `json:"blocks"`
	Functions     []string             `json:"functions"`
	// Settings are the config blocks of plugins, by the kernel that a use names and
	// by the code of a check.
	Kernels map[string]settingsSchema `json:"kernels"`
	Checks  map[string]settingsSchema `json:"checks"`
	// Facts are the addresses that conditions may read.
	Facts []string `json:"facts"`

	about string
}

// settingsSchema describes the config block of one kernel or check.
type settingsSchema struct {
	Plugin  string `json:"plugin"`
	Summary string `json:"summary"`
	// Config is the schema as the plugin gives it, see sdk/schema.
	Config json.RawMessage `json:"config"`

	schema *pluginv1.Schema
}

func (a *app) schemaCmd() *cobra.Command {
	return &cobra.Command{
		Use: "schema [NAME]", Short: "Show what may stand in a configuration",
		Long: "Schema shows the blocks of the language with their attributes, the functions,\n" +
			"and the settings of every kernel and check that is installed, or of one of\n" +
			"them. With --json it is what an editor needs to complete and to explain.",
		Example: "  bulkhead schema kernel\n  bulkhead schema data.scale\n  bulkhead schema --json",
		Args:    atMost(1, "at most one name: of a block, a kernel or a check"),
		RunE: func(cmd *cobra.Command, args []string) error {
			return a.withSession(cmd, func(s *session) error { return a.schema(cmd.Context(), s, strings.Join(args, "")) })
		},
	}
}

func (a *app) schema(ctx context.Context, s *session, name string) error {
	out := languageSchema{
		SchemaVersion: report.SchemaVersion, Blocks: config.HostSchema(), Functions: config.FunctionNames(),
		Kernels: map[string]settingsSchema{}, Checks: map[string]settingsSchema{}, Facts: []string{}, about: name,
	}
	described := s.describe(ctx)
	for _, plugin := range slices.Sorted(maps.Keys(described)) {
		d := described[plugin]
		for _, k := range d.GetKernels() {
			out.Kernels[plugin+"."+k.GetName()] = settingsOf(plugin, k.GetSummary(), k.GetConfig())
		}
		for _, c := range d.GetChecks() {
			out.Checks[c.GetCode()] = settingsOf(plugin, c.GetTitle(), c.GetConfig())
		}
	}
	out.Facts = append(out.Facts, config.NewCatalog(described).Facts()...)
	if name != "" {
		if err := out.only(name); err != nil {
			return err
		}
	}
	return a.result(out)
}

func settingsOf(plugin, summary string, s *pluginv1.Schema) settingsSchema {
	out := settingsSchema{Plugin: plugin, Summary: summary, Config: json.RawMessage("{}"), schema: s}
	if text, err := (protojson.MarshalOptions{UseProtoNames: true}).Marshal(s); err == nil && s != nil {
		out.Config = text
	}
	return out
}

// only leaves what has a name.
func (l *languageSchema) only(name string) error {
	known := slices.Concat(l.Functions, slices.Collect(maps.Keys(l.Kernels)), slices.Collect(maps.Keys(l.Checks)))
	for _, b := range l.Blocks {
		known = append(known, b.Type)
	}
	if !slices.Contains(known, name) {
		return misuse("nothing is called %q; `bulkhead schema` lists the blocks, `bulkhead plugin describe` the kernels and checks", name)
	}
	l.Blocks = slices.DeleteFunc(l.Blocks, func(b config.BlockSchema) bool { return b.Type != name })
	l.Functions = slices.DeleteFunc(slices.Clone(l.Functions), func(f string) bool { return f != name })
	other := func(key string, _ settingsSchema) bool { return key != name }
	maps.DeleteFunc(l.Kernels, other)
	maps.DeleteFunc(l.Checks, other)
	l.Facts = []string{}
	return nil
}

// WriteJSON writes the schema as one JSON document.
func (l languageSchema) WriteJSON(w io.Writer) error { return writeJSON(w, l) }

// WriteText writes the blocks, in full for one that was named.
func (l languageSchema) WriteText(w io.Writer, opt report.Options) error {
	for _, b := range l.Blocks {
		if l.about == "" {
			writeTerm(w, opt, 0, 14, b.Type, b.Description)
			continue
		}
		writeBlock(w, opt, 0, b)
	}
	for _, group := range []map[string]settingsSchema{l.Kernels, l.Checks} {
		for _, name := range slices.Sorted(maps.Keys(group)) {
			if l.about != "" {
				fmt.Fprintf(w, "%s, of plugin %s\n  %s\n", report.CleanLine(name), report.CleanLine(group[name].Plugin), report.CleanLine(group[name].Summary))
				writeSettings(w, group[name].schema, opt)
			}
		}
	}
	if l.about != "" {
		return nil
	}
	fmt.Fprintln(w)
	writeTerm(w, opt, 0, 14, "functions", strings.Join(l.Functions, ", "))
	writeTerm(w, opt, 0, 14, "kernels", strings.Join(slices.Sorted(maps.Keys(l.Kernels)), ", "))
	_, err := fmt.Fprintf(w, "\n%s and %s; `bulkhead schema NAME` shows one.\n", count(len(l.Checks), "check", "checks"), count(len(l.Facts), "fact", "facts"))
	return err
}

// writeBlock writes a block with its attributes and the blocks in it.
func writeBlock(w io.Writer, opt report.Options, indent int, b config.BlockSchema) {
	head := b.Type
	for _, label := range b.Labels {
		head += fmt.Sprintf(" %q", strings.ToUpper(label))
	}
	writeTerm(w, opt, indent, indent+24, head, b.Description)
	for _, at := range b.Attributes {
		text := at.Description + " (" + at.Type
		switch {
		case at.Required:
			text += ", required"
		case at.Default != nil:
			text += fmt.Sprintf(", default %v", at.Default)
		}
		writeTerm(w, opt, indent+2, indent+24, at.Name, text+")")
	}
	for _, inner := range b.Blocks {
		writeBlock(w, opt, indent+2, inner)
	}
}
