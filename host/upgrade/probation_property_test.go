// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// lockOf is a lock file with acme/times in a version.
func lockOf(version string) *lock.File {
	f := &lock.File{}
	f.Set(lock.Plugin{ID: "acme/times", Version: version, Platforms: map[string]lock.Platform{release.Host(): {H1: "h1:" + version}}})
	return f
}

// model is what a probation should be, counted by hand.
type model struct {
	p              *probation
	left           int
	failed, deaths int
	open, dead     []string
	runs           int
	over           string
}

func (m *model) take(list *[]string, t *rapid.T) string {
	i := rapid.IntRange(0, len(*list)-1).Draw(t, "run")
	run := (*list)[i]
	*list = slices.Delete(*list, i, i+1)
	return run
}

// judge sets the end that the counts have come to.
func (m *model) judge() {
	switch {
	case float64(m.failed)+float64(m.deaths)/2 >= float64(m.p.Budget)+1:
		m.over = "back"
	case m.left == 0:
		m.over = "promoted"
	}
}

// TestProbationStateMachine has runs begin, end in every way and die, and compares
// with counts that are kept beside.
func TestProbationStateMachine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		runs, budget := rapid.IntRange(1, 6).Draw(t, "runs"), rapid.IntRange(0, 2).Draw(t, "budget")
		now := lockOf("2.0.0")
		m := &model{left: runs, p: &probation{Left: runs, Budget: budget, Plugins: []watched{{"acme/times", "1.0.0", "2.0.0", "h1:2.0.0"}}}}
		end := func(e Ended) bool {
			if len(m.open) == 0 {
				return false
			}
			run := m.take(&m.open, t)
			if !m.p.leave(run) {
				t.Fatalf("run %s is not noted", run)
			}
			if m.p.leave(run) {
				t.Fatalf("run %s ended twice", run)
			}
			m.p.finish(e, now)
			return true
		}
		t.Repeat(map[string]func(*rapid.T){
			"begin": func(t *rapid.T) {
				if m.over != "" || len(m.open) > 5 {
					return
				}
				m.p.bury(func(run string) bool { return !slices.Contains(m.dead, run) })
				m.deaths += len(m.dead)
				m.dead = nil
				if m.judge(); m.over == "back" {
					return
				}
				m.runs++
				run := string(rune('a' + m.runs%26))
				if slices.Contains(m.open, run) {
					return
				}
				m.p.start(run)
				m.open = append(m.open, run)
			},
			"die": func(t *rapid.T) {
				if len(m.open) == 0 {
					return
				}
				m.dead = append(m.dead, m.take(&m.open, t))
			},
			"end well": func(t *rapid.T) {
				if end(fine) {
					m.left = max(0, m.left-1)
					m.judge()
				}
			},
			"fail": func(t *rapid.T) {
				if end(died) {
					m.failed++
					m.judge()
				}
			},
			"fail for other reasons": func(t *rapid.T) { end(other) },
			"leave": func(t *rapid.T) {
				if len(m.open) == 0 {
					return
				}
				if run := m.take(&m.open, t); !m.p.leave(run) {
					t.Fatalf("run %s is not noted", run)
				}
			},
			"": func(t *rapid.T) {
				if m.p.Left != m.left || len(m.p.Failures) != m.failed || m.p.Deaths != m.deaths || len(m.p.Open) != len(m.open)+len(m.dead) {
					t.Fatalf("%+v, want %+v", m.p, m)
				}
				back := float64(m.failed)+float64(m.deaths)/2 >= float64(budget)+1
				if m.p.spent() != back || m.p.passed() != (!back && m.left == 0) {
					t.Fatalf("spent %t, passed %t: %+v", m.p.spent(), m.p.passed(), m)
				}
				if len(m.p.inForce(lockOf("1.0.0"))) != 0 || len(m.p.inForce(now)) != 1 {
					t.Fatal("it is in force for another version")
				}
			},
		})
	})
}

// TestBeforeIsTheOldVersionAndAllElse: whatever else a lock file holds, going back
// changes the watched plugins alone.
func TestBeforeIsTheOldVersionAndAllElse(t *testing.T) {
	s := newShelf(t)
	one, two := s.plugin("acme/times", "1.0.0"), s.plugin("acme/times", "2.0.0")
	rest := []lock.Plugin{s.plugin("acme/a", "1.0.0"), s.plugin("zeta/z", "2.0.0"), s.plugin("acme/b", "0.1.0")}
	back := &lock.File{}
	back.Set(one)
	text, err := back.Encode()
	must(t, err)
	_, h1 := locked(two)
	p := &probation{Back: string(text), Plugins: []watched{{"acme/times", "1.0.0", "2.0.0", h1}}}
	rapid.Check(t, func(t *rapid.T) {
		now := &lock.File{}
		now.Set(two)
		want := &lock.File{}
		want.Set(one)
		for i, r := range rest {
			if rapid.Bool().Draw(t, string(rune('0'+i))) {
				now.Set(r)
				want.Set(r)
			}
		}
		got, err := p.before(now)
		if err != nil || len(lock.Diff(got, want)) > 0 {
			t.Fatalf("%v, %v", lock.Diff(got, want), err)
		}
	})
}
