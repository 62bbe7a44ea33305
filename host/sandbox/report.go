// SPDX-License-Identifier: Apache-2.0

package sandbox

// Report says what was really built. Its JSON form is part of run reports.
type Report struct {
	// Level is the level reached.
	Level Level `json:"level"`
	// Verified is false when the program was gone before it could be looked at,
	// and where the platform offers nothing to verify.
	Verified bool `json:"verified"`
	// Walls lists every wall, the ones that are off too, in a fixed order.
	Walls []Wall `json:"walls"`
	// Skipped lists the optional grants that could not be given.
	Skipped []Skipped `json:"skipped,omitempty"`
	// Fallen holds one entry for each higher level that was tried in vain.
	Fallen []string `json:"fallen,omitempty"`
}

// Wall is one isolation mechanism.
type Wall struct {
	Name   string `json:"name"`             // "network namespace"
	On     bool   `json:"on"`               // whether it stands
	Detail string `json:"detail,omitempty"` // its extent, or why it is off
}

// Skipped is an optional grant that was not given.
type Skipped struct {
	Source string `json:"source"`
	Target string `json:"target"`
	Reason string `json:"reason"` // "no such file or directory"
}

// Wall returns the wall of that name and whether the report has it.
func (r Report) Wall(name string) (Wall, bool) {
	for _, w := range r.Walls {
		if w.Name == name {
			return w, true
		}
	}
	return Wall{}, false
}
