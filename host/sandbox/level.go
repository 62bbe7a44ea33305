// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"fmt"
	"slices"
	"strings"
)

// Level is a set of walls that stand together. Levels are ordered by strength.
// The zero value is no level; as a floor it means [DefaultFloor], so that
// forgetting to choose never opens a door.
type Level int

// The levels, from low to high. No system offers all of them.
const (
	None       Level = iota + 1 // no wall; only by explicit name
	Partial                     // Windows: job object, restricted token
	Weak                        // Linux: seccomp, rlimits, no privileges; only by explicit name
	Seatbelt                    // macOS: a sandbox-exec profile
	WallsOnly                   // weak and Landlock, where no namespaces can be made
	Namespaced                  // weak and namespaces with a private root, where Landlock is missing
	Full                        // namespaced and walls-only together
	FullQuota                   // full and a control group
	Container                   // a container runtime that the user chose
)

var levelNames = []struct {
	level Level
	name  string
}{
	{Container, "container"}, {FullQuota, "full+quota"}, {Full, "full"}, {Namespaced, "namespaced"}, {WallsOnly, "walls-only"},
	{Seatbelt, "seatbelt"}, {Weak, "weak"}, {Partial, "partial"}, {None, "none"},
}

// LevelNames are the names of all levels, from strong to none.
func LevelNames() []string {
	var out []string
	for _, l := range levelNames {
		out = append(out, l.name)
	}
	return out
}

// Levels are the levels of this system, from high to low. Container is not among
// them: it needs a runtime.
func Levels() []Level { return slices.Clone(ladder) }

// String returns the name that configuration files and reports use.
func (l Level) String() string {
	for _, known := range levelNames {
		if known.level == l {
			return known.name
		}
	}
	return "default"
}

// MarshalText makes a level appear under its name in JSON.
func (l Level) MarshalText() ([]byte, error) { return []byte(l.String()), nil }

// UnmarshalText is the reverse of MarshalText.
func (l *Level) UnmarshalText(text []byte) (err error) {
	if string(text) == "default" {
		*l = 0
		return nil
	}
	*l, err = ParseLevel(string(text))
	return err
}

// ParseLevel returns the level with that name.
func ParseLevel(name string) (Level, error) {
	for _, known := range levelNames {
		if known.name == name {
			return known.level, nil
		}
	}
	return 0, fmt.Errorf("unknown sandbox level %q: use one of %s", name, strings.Join(LevelNames(), ", "))
}

// Spaces reports whether a program at this level has namespaces and a private
// root, so that it sees what it was granted below [TargetDir] and nothing else.
func (l Level) Spaces() bool {
	return slices.Contains([]Level{Namespaced, Full, FullQuota, Container}, l)
}

// Confined reports whether Landlock stands at this level.
func (l Level) Confined() bool { return slices.Contains([]Level{WallsOnly, Full, FullQuota}, l) }

// floor is the lowest level that a launch may fall to.
func (l Level) floor() Level {
	if l == 0 {
		return DefaultFloor
	}
	return l
}

// basis are the walls of level weak.
var basis = []string{"identity", "capabilities", "no_new_privs", "rlimits", "seccomp"}

// reported is the level that may be claimed when walls are left out.
func reported(level Level, without []string) Level {
	if len(without) == 0 {
		return level
	}
	for _, name := range basis {
		if slices.Contains(without, name) {
			return None
		}
	}
	return min(level, Weak)
}
