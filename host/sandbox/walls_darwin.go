// SPDX-License-Identifier: Apache-2.0

package sandbox

import "fmt"

// walls lists every wall of this system, for a program behind a profile, or for
// one at level none when spec is nil.
func walls(spec *Spec) []Wall {
	on := spec != nil
	w := []Wall{
		{"seatbelt", on, pick(on, "a profile that denies by default; a probe behind one like it was contained", "")},
		{"files", on, pick(on, filesDetail(spec), "every file of the user")},
		{"network", on, pick(on, "unix sockets in its own directory only", "the host's network")},
		{"programs", on, pick(on, programsDetail(spec), "may start any program")},
		{"signals", on, pick(on, "to itself only", "to every process of the user")},
		{"system services", on, pick(on, "none can be looked up", "")},
		{"rlimits", on, rlimitDetail(spec)},
		{"environment", true, "only what the host sets"},
		{"parent death", true, "a watchdog kills it with the host"},
	}
	return append(w, missingWalls()...)
}

// missingWalls are what no level of this system has.
func missingWalls() []Wall {
	return []Wall{
		{"memory limit", false, "this system bounds no program's memory; address space, group memory and scratch size are not limited"},
		{"cpu limit", false, "processor time can be bounded, its share cannot"},
		{"process limit", false, "processes are counted per user"},
		{"identity", false, "the user's own uid"},
	}
}

func filesDetail(spec *Spec) string {
	if spec == nil {
		return ""
	}
	return fmt.Sprintf("its own directory, the system's libraries and %d grants", len(spec.Binds))
}

func programsDetail(spec *Spec) string {
	if spec == nil {
		return ""
	}
	if spec.grants(Exec) {
		return "those that were granted; one that leaves the process group survives"
	}
	return "none, and no child process"
}

func rlimitDetail(spec *Spec) string {
	if spec == nil {
		return ""
	}
	l := spec.Limits.withDefaults()
	return fmt.Sprintf("files open %s, file size %s", amount(l.OpenFiles, 1, ""), amount(l.FileBytes, 1<<20, " MiB"))
}
