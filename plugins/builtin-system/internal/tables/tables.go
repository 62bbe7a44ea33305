// SPDX-License-Identifier: Apache-2.0

// Package tables is what the system plugin knows about products of others: data
// files with a source for each row, apart from the code that uses them.
//
//   - cloud.json: strings of the firmware (SMBIOS) by which a cloud is known.
//   - hypervisor.json: strings of the firmware by which a hypervisor is known.
//   - conflicts.json: environment variables that contradict each other.
//
// A string that is in no table means "not known", never "none".
package tables

import (
	"embed"
	"encoding/json"
	"slices"
	"strings"
	"sync"
)

//go:embed *.json
var files embed.FS

// Cloud is a row of cloud.json: the cloud whose machines have the value in a
// field.
type Cloud struct {
	// Vendor as facts spell it: "aws".
	Vendor string `json:"vendor"`
	// Field is the name of a file below /sys/class/dmi/id.
	Field string `json:"field"`
	// Match is "equals", "prefix" or "contains" and says how Value is compared.
	Match string `json:"match"`
	Value string `json:"value"`
	// InstanceField is the field that names the type of instance, "" where the
	// firmware does not tell, and InstanceOnly what such a name looks like: text
	// that it holds, such as the dot of "p5.48xlarge".
	InstanceField string `json:"instance_field,omitempty"`
	InstanceOnly  string `json:"instance_contains,omitempty"`
	Source        string `json:"source"`
}

// Hypervisor is a row of hypervisor.json: one of the fields begins with the value.
type Hypervisor struct {
	// Name as facts spell it, which is how systemd-detect-virt does: "kvm".
	Name   string `json:"name"`
	Value  string `json:"value"`
	Source string `json:"source"`
}

// Conflict is a row of conflicts.json.
type Conflict struct {
	// ID is a slug, unique in the table.
	ID string `json:"id"`
	// Relation is "together" (all variables have one of their active values) or
	// "differ" (both variables are set, to values that are not the same).
	Relation  string     `json:"relation"`
	Variables []Variable `json:"variables"`
	// Severity is "info", "warning" or "error".
	Severity string `json:"severity"`
	// Effect is a clause: what happens when both are set.
	Effect string `json:"effect"`
	// Unset is the variable to remove.
	Unset string `json:"unset"`
	// Private is true where a value may hold a password and is not recorded.
	Private bool   `json:"private,omitempty"`
	Source  string `json:"source"`
}

// Variable is one side of a conflict.
type Variable struct {
	Name string `json:"name"`
	// Active lists the values that count, in lower case; empty means any but "".
	Active []string `json:"active,omitempty"`
}

// Counts reports whether a value switches the variable on.
func (v Variable) Counts(value string) bool {
	if len(v.Active) == 0 {
		return value != ""
	}
	return slices.Contains(v.Active, strings.ToLower(value))
}

// Holds reports whether an environment has the conflict.
func (c Conflict) Holds(env map[string]string) bool {
	for _, v := range c.Variables {
		value, set := env[v.Name]
		if !set || !v.Counts(value) {
			return false
		}
	}
	return c.Relation != "differ" || !alike(env[c.Variables[0].Name], env[c.Variables[1].Name])
}

// alike compares values without what has no meaning in addresses, paths and
// lists of hosts: a slash at the end, and the order and spacing of a list.
func alike(a, b string) bool { return plain(a) == plain(b) }

func plain(value string) string {
	parts := strings.Split(value, ",")
	for i := range parts {
		parts[i] = strings.TrimRight(strings.TrimSpace(parts[i]), "/")
	}
	slices.Sort(parts)
	return strings.Join(parts, ",")
}

type table[Row any] struct {
	Version string `json:"version"`
	About   string `json:"about"`
	Rows    []Row  `json:"rows"`
}

// load decodes an embedded table once. The tests decode every table, so a
// table that cannot be read never leaves the build.
func load[Row any](name string) func() table[Row] {
	return sync.OnceValue(func() table[Row] {
		var t table[Row]
		data, err := files.ReadFile(name + ".json")
		if err == nil {
			err = json.Unmarshal(data, &t)
		}
		if err != nil {
			panic("embedded table " + name + ": " + err.Error())
		}
		return t
	})
}

var (
	clouds      = load[Cloud]("cloud")
	hypervisors = load[Hypervisor]("hypervisor")
	conflicts   = load[Conflict]("conflicts")
)

// Versions names every table with its version, for the plugin's description.
func Versions() map[string]string {
	return map[string]string{
		"system.cloud":      clouds().Version,
		"system.hypervisor": hypervisors().Version,
		"system.conflicts":  conflicts().Version,
	}
}

// Conflicts returns the table of contradicting variables.
func Conflicts() []Conflict { return conflicts().Rows }

// LookupConflict finds a row by its ID.
func LookupConflict(id string) (Conflict, bool) {
	rows := conflicts().Rows
	i := slices.IndexFunc(rows, func(c Conflict) bool { return c.ID == id })
	if i < 0 {
		return Conflict{}, false
	}
	return rows[i], true
}

// DMIFields are the names of the files that the tables ask about.
var DMIFields = []string{"product_name", "sys_vendor", "board_vendor", "bios_vendor", "bios_version", "product_version", "chassis_asset_tag", "product_family"}

// LookupCloud finds the cloud of a machine by the fields of its firmware; false
// for a machine that no row knows.
func LookupCloud(dmi map[string]string) (Cloud, bool) {
	for _, row := range clouds().Rows {
		if row.matches(dmi[row.Field]) {
			return row, true
		}
	}
	return Cloud{}, false
}

func (c Cloud) matches(value string) bool {
	switch c.Match {
	case "equals":
		return value == c.Value
	case "prefix":
		return strings.HasPrefix(value, c.Value)
	case "contains":
		return strings.Contains(value, c.Value)
	}
	return false
}

// InstanceType returns the type of instance that the firmware names; "" where it
// does not.
func (c Cloud) InstanceType(dmi map[string]string) string {
	value := dmi[c.InstanceField]
	if c.InstanceField == "" || !strings.Contains(value, c.InstanceOnly) {
		return ""
	}
	return value
}

// hypervisorFields are asked in this order, which is that of systemd: QEMU's
// product name tells whether KVM is under it.
var hypervisorFields = []string{"product_name", "sys_vendor", "board_vendor", "bios_vendor", "product_version"}

// LookupHypervisor finds the hypervisor under a machine and the field that names
// it; false when no row knows it.
func LookupHypervisor(dmi map[string]string) (h Hypervisor, field string, ok bool) {
	for _, field := range hypervisorFields {
		for _, row := range hypervisors().Rows {
			if strings.HasPrefix(dmi[field], row.Value) {
				return row, field, true
			}
		}
	}
	return Hypervisor{}, "", false
}
