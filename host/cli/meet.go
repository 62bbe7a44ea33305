// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"crypto/sha256"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/config"
	"github.com/bulkhead-ml/bulkhead/host/installer"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
)

// meet shows a registry that only the project declares, the first time that it is
// used, and asks; nil where nobody can be asked.
func (s *session) meet() installer.Meet {
	if !s.app.canAsk() {
		return nil
	}
	return func(ctx context.Context, r *config.Registry) error {
		w := s.app.stderr
		writeStranger(w, s.app.textOptions(w), r, s.lockedFrom(r.Name))
		answer, err := s.app.question(ctx, fmt.Sprintf("Do you want to use the registry %q here? [y/N] ", r.Name))
		if err != nil {
			return err
		}
		if answer != "y" && answer != "yes" {
			return &installer.UnmetError{Registry: r.Name, Address: r.Address}
		}
		return nil
	}
}

// lockedFrom is what the project's lock file has from a registry. One that cannot
// be read is refused before anything is installed.
func (s *session) lockedFrom(registry string) (out []lock.Plugin) {
	store, err := pluginStore()
	if err != nil || projectDir(s.cfg) == "" {
		return nil
	}
	scope, err := store.Scope(projectDir(s.cfg))
	if err != nil {
		return nil
	}
	file, _, err := scope.Current()
	if err != nil {
		return nil
	}
	for _, p := range file.Plugins {
		if p.Registry == registry {
			out = append(out, p)
		}
	}
	return out
}

// writeStranger shows what is known of a registry, and what the project's lock file
// already agrees to in the user's place.
func writeStranger(w io.Writer, opt report.Options, r *config.Registry, locked []lock.Plugin) {
	fmt.Fprintln(w)
	say(w, opt, "This project declares the registry %q (%s), which you have not used before. Its publishers' plugins would run on this machine, in their sandboxes.",
		r.Name, r.Range)
	writeTerm(w, opt, 2, 11, "address", r.Address)
	if root, err := os.ReadFile(r.Root.Absolute); err == nil {
		writeTerm(w, opt, 2, 11, "root", fmt.Sprintf("sha256:%x", sha256.Sum256(root)))
	}
	writeTerm(w, opt, 2, 11, "log key", r.LogKey)
	if r.Token != nil {
		what := "the variable " + r.Token.Env
		if r.Token.Env == "" {
			what = "what is in " + r.Token.File.Absolute
		}
		writeTerm(w, opt, 2, 11, "is sent", what)
	}
	for _, p := range locked {
		grants := "nothing beyond its sandbox"
		if len(p.Grants) > 0 {
			grants = strings.Join(p.Grants, ", ")
		}
		writeTerm(w, opt, 2, 11, "locked", fmt.Sprintf("%s %s, which may: %s", p.ID, p.Version, grants))
	}
}
