// SPDX-License-Identifier: Apache-2.0

package dist

import (
	"path"
	"strings"

	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// linkCaches are places to which the files of an install may be links and into
// which the plugin may look: uv with --link-mode symlink.
func linkCaches(t *fact.Target) []string {
	return []string{t.Env["UV_CACHE_DIR"], path.Join(t.Env["XDG_CACHE_HOME"], "uv"), path.Join(t.Home, ".cache/uv")}
}

// outOfSight reports whether a file that is not there is a link, or lies behind
// one, whose end is outside of what may be seen: a view of Spack, an environment
// of Nix, a softlink of conda. It is asked of missing files only.
func outOfSight(t *fact.Target, site, file string) bool {
	for ; len(file) > len(site); file = path.Dir(file) {
		target, err := t.Readlink(file)
		if err != nil {
			continue
		}
		if !path.IsAbs(target) {
			target = path.Join(path.Dir(file), target)
		}
		return !within(target, prefixOf(site)) && !withinAny(target, linkCaches(t))
	}
	return false
}

// prefixOf cuts "lib/python3.12/site-packages" off a directory of packages.
func prefixOf(site string) string {
	return path.Dir(path.Dir(path.Dir(site)))
}

func within(file, dir string) bool {
	return len(dir) > 1 && strings.HasPrefix(path.Clean(file)+"/", path.Clean(dir)+"/")
}

func withinAny(file string, dirs []string) bool {
	for _, dir := range dirs {
		if path.IsAbs(dir) && within(file, dir) {
			return true
		}
	}
	return false
}
