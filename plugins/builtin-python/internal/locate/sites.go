// SPDX-License-Identifier: Apache-2.0

package locate

import (
	"path"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// Scopes of a Site.
const (
	// ScopeEnv belongs to the environment itself.
	ScopeEnv = "env"
	// ScopeUser is the user's own directory, shared by all interpreters of one
	// minor version.
	ScopeUser = "user"
	// ScopeBase belongs to the interpreter behind a virtual environment that
	// lets it through.
	ScopeBase = "base"
	// ScopePath is added by a .pth file.
	ScopePath = "path"
)

// Site is one directory of installed packages.
type Site struct {
	Path  string `json:"path"`
	Scope string `json:"scope"`
}

// sites lists the directories of packages that exist, in the order in which
// the interpreter searches them: an ordinary interpreter puts the user's
// directory first, a virtual environment its own.
func (e *Env) sites(t *fact.Target) []Site {
	own := e.siteDirs(t, e.Prefix, ScopeEnv)
	user := e.userSite(t)
	if e.Config == nil {
		return distinct(t, append(user, own...))
	}
	if !e.Config.SystemSite {
		return distinct(t, own)
	}
	return distinct(t, append(append(own, user...), e.siteDirs(t, e.BasePrefix, ScopeBase)...))
}

func (e *Env) siteDirs(t *fact.Target, prefix, scope string) []Site {
	dir := e.pythonDir()
	if dir == "" {
		return nil
	}
	names := []string{
		path.Join(prefix, "lib", dir, "site-packages"),
		path.Join(prefix, "lib64", dir, "site-packages"),
		path.Join(prefix, "Lib/site-packages"),
	}
	if prefix == "/usr" {
		names = append([]string{
			path.Join("/usr/local/lib", dir, "dist-packages"),
			path.Join("/usr/local/lib", dir, "site-packages"),
			"/usr/lib/python3/dist-packages",
		}, names...)
	}
	var out []Site
	for _, name := range names {
		out = append(out, Site{Path: name, Scope: scope})
	}
	return out
}

// userSite is searched unless PYTHONNOUSERSITE is set or a virtual environment
// keeps it out.
func (e *Env) userSite(t *fact.Target) []Site {
	if t.Home == "" || t.Env["PYTHONNOUSERSITE"] != "" || e.pythonDir() == "" {
		return nil
	}
	base := t.Env["PYTHONUSERBASE"]
	if !path.IsAbs(base) {
		base = path.Join(t.Home, ".local")
	}
	return []Site{{Path: path.Join(base, "lib", e.pythonDir(), "site-packages"), Scope: ScopeUser}}
}

// distinct drops directories that are absent or lead to one already listed, as
// lib64 often does.
func distinct(t *fact.Target, sites []Site) []Site {
	var out []Site
	seen := map[string]bool{}
	for _, s := range sites {
		real, err := t.Resolve(s.Path)
		if err != nil || seen[real] {
			continue
		}
		seen[real] = true
		out = append(out, s)
	}
	return out
}
