// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/spf13/cobra"

	"github.com/bulkhead-ml/bulkhead/host/embedded"
	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/sdk/handshake"
	"github.com/bulkhead-ml/bulkhead/sdk/version"
)

// verified is what `bulkhead plugin verify` prints.
type verified struct {
	SchemaVersion string           `json:"schema_version"`
	Plugins       []verifiedPlugin `json:"plugins"`
}

type verifiedPlugin struct {
	// Scope is whose lock file names it: "project", "user" or "host".
	Scope   string `json:"scope"`
	ID      string `json:"id"`
	Version string `json:"version"`
	H1      string `json:"h1"`
	// Known is how the digest is known: signed, logged, unpacked.
	Known  []string `json:"known"`
	Status string   `json:"status"` // ok, damaged, missing or repaired
	Detail string   `json:"detail,omitempty"`
}

func (a *app) pluginVerifyCmd() *cobra.Command {
	var f scopeFlags
	var repair bool
	cmd := &cobra.Command{
		Use: "verify", Short: "Check every file of the installed plugins against the lock file", Args: exactly(0, "no arguments"),
		Long: "Verify reads every file of every locked plugin, also of those that came inside\n" +
			"of this host, and compares it with the lock file. It ends with code 2 when one\n" +
			"is missing or was changed; --repair fetches those again and keeps the changed\n" +
			"ones aside.",
		RunE: func(cmd *cobra.Command, _ []string) error {
			return a.inScope(cmd, f, func(_ *session, i *installer.Installer) error { return a.verifyPlugins(cmd.Context(), i, repair) })
		},
	}
	f.register(cmd)
	cmd.Flags().BoolVar(&repair, "repair", false, "fetch again what is missing or was changed")
	return cmd
}

// verifyPlugins looks at the plugins of a scope and then at those of this host.
func (a *app) verifyPlugins(ctx context.Context, i *installer.Installer, repair bool) error {
	out := verified{SchemaVersion: report.SchemaVersion, Plugins: []verifiedPlugin{}}
	scope := "project"
	if i.Scope.Project() == "" {
		scope = "user"
	}
	if err := out.verify(ctx, scope, i, repair); err != nil {
		return err
	}
	host, err := ofHost(i.Store)
	if err != nil {
		return failed("The plugins of this host cannot be verified", err)
	}
	if host != nil {
		if err := out.verify(ctx, "host", host, repair); err != nil {
			return err
		}
	}
	if err := a.result(out); err != nil {
		return err
	}
	if out.bad() > 0 {
		return exit(ExitErrors)
	}
	return nil
}

// ofHost is the installer of the plugins that came inside of this executable; nil
// for a host whose plugins stand beside it.
func ofHost(store *install.Store) (*installer.Installer, error) {
	r, ok := embedded.Open()
	if !ok {
		return nil, nil
	}
	return installer.OfHost(store, r, installer.Installer{Host: version.Version, Protocols: []int{handshake.ProtocolVersion}})
}

// verify adds the plugins of one lock file.
func (v *verified) verify(ctx context.Context, scope string, i *installer.Installer, repair bool) error {
	current, _, err := i.Scope.Current()
	if err != nil {
		return failed("The lock file cannot be read", err)
	}
	for _, p := range current.Plugins {
		row := verifyPlugin(ctx, i, p)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		row.Scope = scope
		if row.Status != "ok" && repair {
			if err := i.Repair(ctx, p); err != nil {
				row.Detail += "; it could not be repaired: " + err.Error()
			} else {
				row.Status = "repaired"
			}
		}
		v.Plugins = append(v.Plugins, row)
	}
	return nil
}

// bad counts the plugins that are not as they should be.
func (v *verified) bad() (n int) {
	for _, p := range v.Plugins {
		if p.Status == "damaged" || p.Status == "missing" {
			n++
		}
	}
	return n
}

// verifyPlugin reads all files of one plugin.
func verifyPlugin(ctx context.Context, i *installer.Installer, p lock.Plugin) verifiedPlugin {
	row := verifiedPlugin{ID: p.ID, Version: p.Version, Known: []string{}, Status: "ok"}
	pl, ok := i.Here(p)
	if !ok {
		row.Status, row.Detail = "missing", "the lock file has nothing for "+release.Host()
		return row
	}
	row.H1, row.Known = pl.H1, append(row.Known, pl.Known...)
	err := i.Store.Verify(ctx, pl.H1)
	_, missing := errors.AsType[*install.MissingError](err)
	switch {
	case missing:
		row.Status, row.Detail = "missing", err.Error()
	case err != nil:
		row.Status, row.Detail = "damaged", err.Error()
	default:
		if err := named(i.Store, p, pl.H1); err != nil {
			row.Status, row.Detail = "damaged", err.Error()
		}
	}
	return row
}

// named compares what the lock file calls a plugin with what its files say: the
// digests alone would not tell that somebody wrote another version beside them.
func named(store *install.Store, p lock.Plugin, h1 string) error {
	dir, err := store.Dir(h1)
	if err != nil {
		return err
	}
	m, err := manifest.Load(dir)
	if err != nil {
		return err
	}
	if id, err := release.ParseID(p.ID); err != nil || m.Name != id.Name || m.Version != p.Version {
		return fmt.Errorf("the lock file names %s %s, and its files are those of %s %s; take the lock file back from version control, or remove the plugin and install it again", p.ID, p.Version, m.Name, m.Version)
	}
	return nil
}

// WriteJSON writes the outcome as one JSON document.
func (v verified) WriteJSON(w io.Writer) error { return writeJSON(w, v) }

// WriteText writes a line for each plugin.
func (v verified) WriteText(w io.Writer, opt report.Options) error {
	for _, p := range v.Plugins {
		text := fmt.Sprintf("%s %s, %s", p.ID, p.Version, strings.Join(p.Known, ", "))
		if p.Detail != "" {
			text += ": " + p.Detail
		}
		writeTerm(w, opt, 0, 10, p.Status, text)
	}
	switch bad := v.bad(); {
	case len(v.Plugins) == 0:
		fmt.Fprintln(w, "No plugin of a registry is installed here.")
	case bad > 0:
		fmt.Fprintln(w)
		say(w, opt, "%s not what the lock file says; `bulkhead plugin verify --repair` fetches again.", count(bad, "plugin is", "plugins are"))
	}
	return nil
}
