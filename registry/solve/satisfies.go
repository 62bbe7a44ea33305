// SPDX-License-Identifier: Apache-2.0

package solve

import "github.com/bulkhead-ml/bulkhead/registry/release"

// Satisfies reports whether a version is one that a want asks for: by its
// constraint, its pin and its stand on pre-releases.
func Satisfies(w Want, v string) bool {
	read, err := parseWant(w)
	if err != nil || w.Pin != "" && w.Pin != v {
		return false
	}
	c := &candidate{Known: &release.Known{Release: release.Release{ID: w.ID, Version: v}}}
	return admits(read.constraints, c.parsed()) && read.asksFor(c)
}
