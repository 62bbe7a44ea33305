// SPDX-License-Identifier: Apache-2.0

package tables

import "strings"

// ImpliedTable lists versions that packages compare when they are imported and
// do not declare.
type ImpliedTable struct {
	Version string       `json:"version"`
	About   string       `json:"about"`
	Rows    []ImpliedRow `json:"rows"`
}

// ImpliedRow is a package that wants its partner in its own public version.
type ImpliedRow struct {
	Name    string `json:"name"`
	Partner string `json:"partner"`
	// Since is the first release of the partner that compares.
	Since string `json:"since"`
	// Variable turns the comparison off when it is set.
	Variable string `json:"variable"`
	Source   string `json:"source"`
}

// Requirement is what the row demands of the partner when the package has a
// version; false where nothing is compared. The version of the partner is "" when
// it is not installed.
func (r ImpliedRow) Requirement(version, partner string) (string, bool) {
	public, _, _ := strings.Cut(version, "+")
	order, ok := CompareDrivers(leading(partner), r.Since)
	if !ok || order < 0 || public == "" {
		return "", false
	}
	return r.Partner + "==" + public, true
}

// leading are the numbers at the start of a version: "0.5.0" of "0.5.0rc1".
func leading(version string) string {
	end := strings.IndexFunc(version, func(r rune) bool { return (r < '0' || r > '9') && r != '.' })
	if end >= 0 {
		version = version[:end]
	}
	return strings.Trim(version, ".")
}
