// SPDX-License-Identifier: Apache-2.0

package sandbox

import "fmt"

// walls lists every wall of this system, for a program at level partial, or for
// one at level none when spec is nil.
func walls(spec *Spec) []Wall {
	on := spec != nil
	return []Wall{
		{"job object", on, pick(on, jobDetail(spec), "only to end it with the host")},
		{"restricted token", on, pick(on, "no privileges; administrator groups only deny", "as the host")},
		{"integrity level", on, pick(on, "low: it writes only to its own directory and where the user allowed it", "as the host")},
		{"user interface", on, pick(on, "no clipboard, no other windows, no system settings", "")},
		{"cpu limit", on, cpuDetail(spec)},
		{"environment", true, "only what the host sets"},
		{"parent death", true, parentDeath},
		{"files", false, "it reads every file that the user may read"},
		{"network", false, "the host's network; it serves on a loopback port that every local user can reach"},
		{"secrets", false, "other programs of the same user can read them"},
		{"file limits", false, "open files, file size and scratch size are not limited on this system"},
	}
}

func jobDetail(spec *Spec) string {
	if spec == nil {
		return ""
	}
	l := spec.Limits.withDefaults()
	programs := "no child process"
	if spec.grants(Exec) {
		programs = fmt.Sprintf("at most %d processes", processLimit(l.Processes, true))
	}
	return fmt.Sprintf("memory %s, %s", amount(l.DataBytes, 1<<20, " MiB"), programs)
}

func cpuDetail(spec *Spec) string {
	switch {
	case spec == nil:
		return ""
	case spec.Limits.CPUs > 0:
		return fmt.Sprintf("%g processors", spec.Limits.CPUs)
	}
	return "may use every processor"
}
