// SPDX-License-Identifier: Apache-2.0

//go:build linux

package differential

import (
	"path"
	"regexp"
	"slices"
	"testing"
)

// scenario is a healthy environment and what breaks it.
type scenario struct {
	name string
	// stage makes the healthy environment, breaks is the one change.
	stage, breaks func(*stage)
	// module is what the witness imports, and what the probe of level 2 does.
	// With witness, something else tells the truth; module may then be empty.
	module  string
	witness func(*stage) said
	// says matches the witness's text when broken and not when healthy. Its
	// groups are the names that a finding must have; of a path the last part.
	says string
	// probe is matched with the error of the probe, which has no traceback;
	// empty for says.
	probe string
	// code of the finding, and of the others that it brings along.
	code string
	also []string
	// first lists the codes with which the report may open; empty for code.
	first []string
	// unprobed says that level 2 has no probe for the module.
	unprobed bool
	// informal findings are notes, which are no root causes.
	informal bool
}

// harmless reports a scenario whose change looks like a fault and is none.
func (sc scenario) harmless() bool { return sc.code == "" }

// play runs scenarios side by side.
func play(t *testing.T, scenarios ...scenario) {
	t.Helper()
	for _, sc := range scenarios {
		t.Run(sc.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			sc.stage(s)
			sc.healthy(s)
			sc.breaks(s)
			if sc.harmless() {
				sc.healthy(s)
				return
			}
			sc.broken(s)
		})
	}
}

func (sc scenario) see(s *stage) said {
	if sc.witness != nil {
		return sc.witness(s)
	}
	return s.runs("import " + sc.module)
}

func (sc scenario) healthy(s *stage) {
	s.t.Helper()
	saw := sc.see(s)
	if sc.witness == nil && !saw.ok || !sc.harmless() && namesIn(sc.says, saw.text) != nil {
		s.t.Fatalf("healthy, but the witness says: %s", saw.text)
	}
	for level := 1; level <= 2; level++ {
		r := s.diagnose(level)
		for _, f := range r.news(s.t) {
			s.t.Errorf("healthy, level %d: false alarm: %v", level, f)
		}
		if i, ok := r.probed(sc.module); level == 2 && sc.probes() && (!ok || !i.OK) {
			s.t.Errorf("healthy: the probe of %s says %+v", sc.module, i)
		}
	}
}

// probes reports whether level 2 tries the module.
func (sc scenario) probes() bool { return sc.module != "" && !sc.unprobed }

func (sc scenario) broken(s *stage) {
	s.t.Helper()
	saw := sc.see(s)
	names := namesIn(sc.says, saw.text)
	if names == nil {
		s.t.Fatalf("broken, but the witness says: %s", saw.text)
	}
	s.t.Logf("the witness names %q", names)
	for level := 1; level <= 2; level++ {
		r := s.diagnose(level)
		sc.judge(s, level, r, names)
		if i, ok := r.probed(sc.module); level == 2 && sc.probes() && sc.witness == nil {
			sc.agrees(s, i, ok && !i.OK, names)
		}
	}
}

// agrees requires of the probe the same error.
func (sc scenario) agrees(s *stage, i imported, failed bool, names []string) {
	s.t.Helper()
	if sc.probe != "" {
		sc.says, names = sc.probe, []string{}
	}
	if got := namesIn(sc.says, i.Error+"\n"+i.Cause); !failed || !slices.Equal(got, names) {
		s.t.Errorf("the probe names %q, the witness %q: %+v", got, names, i)
	}
}

// judge requires the finding, and nothing that is none of its consequences.
func (sc scenario) judge(s *stage, level int, r *report, names []string) {
	s.t.Helper()
	found := r.news(s.t)
	if !slices.ContainsFunc(found, func(f finding) bool { return f.Code == sc.code && f.names(names) }) {
		s.t.Errorf("level %d: no finding %s that names %q in %v", level, sc.code, names, found)
	}
	for _, f := range found {
		if f.Code != sc.code && !slices.Contains(sc.also, f.Code) {
			s.t.Errorf("level %d: false alarm: %v", level, f)
		}
	}
	first := append([]string{}, sc.first...)
	if len(first) == 0 {
		first = append(first, sc.code)
	}
	causes := slices.DeleteFunc(slices.Clone(r.RootCauses), func(f finding) bool { return machine.known[f.ID] })
	if !sc.informal && (len(causes) == 0 || !slices.Contains(first, causes[0].Code)) {
		s.t.Errorf("level %d: the report opens with %v and not with %q", level, causes, first)
	}
}

// namesIn returns what the pattern captures, nil when it does not match.
func namesIn(pattern, text string) []string {
	m := regexp.MustCompile(pattern).FindStringSubmatch(text)
	if m == nil {
		return nil
	}
	names := []string{}
	for _, name := range m[1:] {
		if name != "" && !slices.Contains(names, path.Base(name)) {
			names = append(names, path.Base(name))
		}
	}
	return names
}
