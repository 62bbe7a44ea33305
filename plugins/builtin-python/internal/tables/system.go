// SPDX-License-Identifier: Apache-2.0

package tables

import "strings"

// SystemTable lists packages of operating systems that bring libraries which
// wheels expect of the system.
type SystemTable struct {
	Version string      `json:"version"`
	About   string      `json:"about"`
	Rows    []SystemRow `json:"rows"`
}

// SystemRow is one library, its name without ".so" and what follows.
type SystemRow struct {
	Library string `json:"library"`
	Apt     string `json:"apt"`
	Pacman  string `json:"pacman"`
	Source  string `json:"source"`
}

// Packages names for each package manager what installs a library such as
// "libGL.so.1"; false for one that the table does not know.
func (t SystemTable) Packages(library string) (map[string]string, bool) {
	name, _, _ := strings.Cut(library, ".so")
	for _, row := range t.Rows {
		if row.Library == name {
			provided := "'" + library + "()(64bit)'"
			return map[string]string{"apt": row.Apt, "pacman": row.Pacman, "dnf": provided, "zypper": provided}, true
		}
	}
	return nil, false
}
