// SPDX-License-Identifier: Apache-2.0

package learn

import (
	"maps"
	"slices"
	"sync"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
)

// maxMarks bounds what a recorder keeps; maxAddresses the addresses.
const (
	maxMarks     = 1 << 16
	maxAddresses = 1024
)

// Recorder keeps what a traced plugin did. It is a catalog.Tracer, and safe for
// concurrent use.
type Recorder struct {
	mu      sync.Mutex
	marks   map[key]*Mark
	asked   map[string]int
	denials map[denial]int
	lost    int
	ended   int
}

type key struct {
	path string
	use  sandbox.Use
}

type denial struct{ call, grant string }

// Mark is one use of one name, with how often.
type Mark struct {
	Path                     string
	Use                      sandbox.Use
	Count                    int
	Found, Directory, Device bool

	pattern bool // it is one of path.Match, and stands for what that matches
}

// Seen is all that was recorded.
type Seen struct {
	Marks   []Mark // sorted by path, then use
	Asked   map[string]int
	Denials []sandbox.Denial
	// Lost is how many uses were not kept, Processes how many processes have ended.
	Lost, Processes int
}

// Touched keeps one use.
func (r *Recorder) Touched(t sandbox.Touch) {
	r.mu.Lock()
	defer r.mu.Unlock()
	k := key{t.Path, t.Use}
	m := r.marks[k]
	switch {
	case m == nil && len(r.marks) == maxMarks:
		r.lost++
		return
	case m == nil:
		m = &Mark{Path: t.Path, Use: t.Use}
		if r.marks == nil {
			r.marks = map[key]*Mark{}
		}
		r.marks[k] = m
	}
	m.Count++
	m.Found, m.Directory, m.Device = m.Found || t.Found, m.Directory || t.Directory, m.Device || t.Device
}

// Asked keeps one address.
func (r *Recorder) Asked(address string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.asked == nil {
		r.asked = map[string]int{}
	}
	if _, known := r.asked[address]; !known && len(r.asked) == maxAddresses {
		r.lost++
		return
	}
	r.asked[address]++
}

// Ended keeps what one process was refused in all its life.
func (r *Recorder) Ended(denials []sandbox.Denial) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended++
	if r.denials == nil {
		r.denials = map[denial]int{}
	}
	for _, d := range denials {
		r.denials[denial{d.Call, d.Grant}] += d.Count
	}
}

// Seen returns what was recorded so far.
func (r *Recorder) Seen() Seen {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := Seen{Asked: maps.Clone(r.asked), Lost: r.lost, Processes: r.ended}
	for _, m := range r.marks {
		out.Marks = append(out.Marks, *m)
	}
	slices.SortFunc(out.Marks, func(a, b Mark) int { return compare(a.Path, b.Path, int(a.Use), int(b.Use)) })
	for d, n := range r.denials {
		out.Denials = append(out.Denials, sandbox.Denial{Call: d.call, Grant: d.grant, Count: n})
	}
	slices.SortFunc(out.Denials, func(a, b sandbox.Denial) int { return compare(a.Call, b.Call, a.Count, b.Count) })
	return out
}
