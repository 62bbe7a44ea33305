// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Bounds of what a probation remembers.
const (
	maxFailures = 100
	maxReason   = 2000 // bytes of one failure
)

// probation is the new versions of one switch, which are watched together.
type probation struct {
	ID      string    `json:"id"`
	At      time.Time `json:"at"`
	Why     string    `json:"why"`
	Plugins []watched `json:"plugins"`
	// Back is a lock file of what they were before, and Before the generation that
	// was current then.
	Back   string `json:"back"`
	Before int    `json:"before"`
	Left   int    `json:"left"`   // runs to go
	Budget int    `json:"budget"` // failures that are survived
	// Failures are the reasons that counted against it, one for each run.
	Failures []string `json:"failures,omitempty"`
	// Open are runs that began and did not end.
	Open []string `json:"open,omitempty"`
	// Deaths are hosts that died in a run.
	Deaths int `json:"deaths,omitempty"`
}

// watched is one new version.
type watched struct {
	ID   string `json:"id"`
	From string `json:"from"`
	To   string `json:"to"`
	H1   string `json:"h1"` // of To on this platform
}

// String is the change in words.
func (w watched) String() string { return fmt.Sprintf("%s %s -> %s", w.ID, w.From, w.To) }

// locked is the digest of a locked plugin on this platform; "" when it has none.
func locked(p lock.Plugin) (key, h1 string) {
	for _, key := range []string{release.Host(), release.Any} {
		if pl, ok := p.Platforms[key]; ok {
			return key, pl.H1
		}
	}
	return "", ""
}

// inForce are the versions that are still what a lock file names. It is none for a
// switch that never came, and after going back.
func (p *probation) inForce(now *lock.File) (out []watched) {
	for _, w := range p.Plugins {
		if have, ok := now.Lookup(w.ID); ok && have.Version == w.To {
			if _, h1 := locked(have); h1 == w.H1 {
				out = append(out, w)
			}
		}
	}
	return out
}

// watches reports whether one of the plugins is watched and in force.
func (p *probation) watches(ids []string, now *lock.File) bool {
	return slices.ContainsFunc(p.inForce(now), func(w watched) bool { return slices.Contains(ids, w.ID) })
}

func idsOf(list []watched) (out []string) {
	for _, w := range list {
		out = append(out, w.ID)
	}
	return out
}

// start notes that a run begins.
func (p *probation) start(run string) { p.Open = append(p.Open, run) }

// leave notes that a run ended, and reports whether it was one of this probation.
func (p *probation) leave(run string) bool {
	n := len(p.Open)
	p.Open = slices.DeleteFunc(p.Open, func(r string) bool { return r == run })
	return len(p.Open) < n
}

// finish takes how a run ended that was noted. A run that failed for other reasons
// than these plugins counts neither way, nor does one without them.
func (p *probation) finish(e Ended, now *lock.File) {
	ids := idsOf(p.inForce(now))
	var faults []string
	for _, f := range e.Faults {
		if slices.Contains(ids, f.Plugin) && !slices.Contains(faults, f.Text) {
			faults = append(faults, f.Text)
		}
	}
	used := slices.ContainsFunc(e.Used, func(id string) bool { return slices.Contains(ids, id) })
	switch {
	case len(faults) > 0:
		p.fail(strings.Join(faults, "; "))
	case e.OK && used && p.Left > 0:
		p.Left--
	}
}

func (p *probation) fail(reason string) {
	if len(p.Failures) < maxFailures {
		p.Failures = append(p.Failures, clip(reason, maxReason))
	}
}

// clip bounds a text, between two characters.
func clip(text string, most int) string {
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "..."
}

// bury counts hosts that died in a run.
func (p *probation) bury(alive func(run string) bool) {
	p.Open = slices.DeleteFunc(p.Open, func(run string) bool {
		dead := !alive(run)
		if dead {
			p.Deaths++
		}
		return dead
	})
}

// spent reports whether more went wrong than is survived: each failure counts one,
// each death of a host half of one.
func (p *probation) spent() bool { return 2*len(p.Failures)+p.Deaths > 2*p.Budget+1 }

// passed reports whether enough runs found nothing.
func (p *probation) passed() bool { return p.Left <= 0 && !p.spent() }

// reason is why it went back, or may.
func (p *probation) reason() string {
	reasons := slices.Clone(p.Failures)
	switch {
	case p.Deaths == 1:
		reasons = append(reasons, "a host died in a run with it")
	case p.Deaths > 1:
		reasons = append(reasons, fmt.Sprintf("%d hosts died in runs with it", p.Deaths))
	}
	return strings.Join(reasons, "; ")
}

// before is a lock file with the versions that were there before, and everything
// else as it is now.
func (p *probation) before(now *lock.File) (*lock.File, error) {
	back, err := lock.Parse("the probation's record", []byte(p.Back))
	if err != nil {
		return nil, err
	}
	next := now.Clone()
	for _, w := range p.inForce(now) {
		old, ok := back.Lookup(w.ID)
		if !ok {
			return nil, fmt.Errorf("the record of the probation does not say what %s was before", w.ID)
		}
		next.Set(old)
	}
	return next, nil
}
