// SPDX-License-Identifier: Apache-2.0

package sandbox

import "fmt"

// Level is a set of walls that stand together. Levels are ordered: a higher
// value holds every wall of the lower ones. The zero value is no level; as a
// floor it means the highest level that exists, so that forgetting to choose
// never opens a door.
type Level int

// The levels of this version, from low to high.
const (
	None       Level = iota + 1 // no wall; only by explicit name
	Weak                        // process attributes only; only by explicit name
	Namespaced                  // namespaces and a private root
)

var levelNames = map[Level]string{None: "none", Weak: "weak", Namespaced: "namespaced"}

// String returns the name that configuration files and reports use.
func (l Level) String() string {
	if name, ok := levelNames[l]; ok {
		return name
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
	for level, known := range levelNames {
		if known == name {
			return level, nil
		}
	}
	return 0, fmt.Errorf("unknown sandbox level %q: use namespaced, weak or none", name)
}

// floor is the lowest level that a launch may fall to.
func (l Level) floor() Level {
	if l == 0 {
		return Namespaced
	}
	return l
}
