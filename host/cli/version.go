// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"runtime"
	"slices"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// versions is what `bulkhead version` prints.
type versions struct {
	SchemaVersion string          `json:"schema_version"`
	Tool          report.Tool     `json:"tool"`
	Commit        string          `json:"commit,omitempty"`
	Go            string          `json:"go"`
	Platform      string          `json:"platform"`
	Protocols     []int           `json:"protocols"`
	Plugins       []pluginVersion `json:"plugins"`
}

type pluginVersion struct {
	Name    string            `json:"name"`
	Version string            `json:"version"`
	SDK     string            `json:"sdk"`
	Tables  map[string]string `json:"tables"`
	// Agrees is false for a built-in plugin of another version than the host.
	Agrees bool `json:"agrees"`
}

func (a *app) versionCmd() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Show the versions of host, protocol, plugins and knowledge tables",
		Args:  exactly(0, "no arguments"),
		RunE:  func(cmd *cobra.Command, _ []string) error { return a.version(cmd.Context()) },
	}
}

func (a *app) version(ctx context.Context) error {
	s, err := a.open(ctx, nil, nil)
	if err != nil {
		return err
	}
	defer s.close()
	doc := versions{
		SchemaVersion: report.SchemaVersion, Tool: tool(), Commit: version.Commit, Go: runtime.Version(),
		Platform: runtime.GOOS + "/" + runtime.GOARCH, Protocols: []int{handshake.ProtocolVersion}, Plugins: []pluginVersion{},
	}
	described := s.describe(ctx)
	for _, name := range slices.Sorted(maps.Keys(described)) {
		doc.Plugins = append(doc.Plugins, s.pluginVersion(name, described[name]))
	}
	for _, n := range s.notes {
		if !a.told[n.Summary] {
			a.warn("%s: %s", n.Summary, n.Detail)
		}
	}
	return a.result(doc)
}

func (s *session) pluginVersion(name string, d *pluginv1.DescribeResponse) pluginVersion {
	p := pluginVersion{Name: name, Version: d.GetVersion(), SDK: d.GetSdkVersion(), Tables: map[string]string{}, Agrees: true}
	for _, t := range d.GetTables() {
		p.Tables[t.GetName()] = t.GetVersion()
	}
	if e, ok := s.launcher.Catalog.Entry(name); ok && e.Origin == "builtin" {
		p.Agrees = d.GetVersion() == version.Version
	}
	return p
}

// WriteJSON writes the versions as one JSON document.
func (v versions) WriteJSON(w io.Writer) error { return writeJSON(w, v) }

// WriteText writes the versions for a person.
func (v versions) WriteText(w io.Writer, opt report.Options) error {
	fmt.Fprintf(w, "bulkhead %s", v.Tool.Version)
	if v.Commit != "" {
		fmt.Fprintf(w, " (%s)", v.Commit)
	}
	fmt.Fprintf(w, ", %s, %s, protocol %d\n", v.Platform, v.Go, v.Protocols[0])
	for _, p := range v.Plugins {
		fmt.Fprintf(w, "  %-12s %s\n", p.Name, p.Version)
		for _, t := range slices.Sorted(maps.Keys(p.Tables)) {
			if opt.Verbose {
				fmt.Fprintf(w, "    table %s %s\n", t, p.Tables[t])
			}
		}
	}
	return nil
}

// writeJSON writes one indented document that is harmless to print.
func writeJSON(w io.Writer, doc any) error {
	enc := json.NewEncoder(w)
	enc.SetIndent("", "  ")
	return enc.Encode(doc)
}
