// SPDX-License-Identifier: Apache-2.0

package learn

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// live is a machine with a directory in place of its project.
func live(t *testing.T) (*target.Machine, string) {
	t.Helper()
	dir, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	m, err := target.This(dir, nil)
	if err != nil {
		t.Skip(err)
	}
	return m, filepath.ToSlash(dir)
}

// A plugin that looks for everything makes a proposal that is no longer than a
// manifest, and is told how much is not listed.
func TestProposalIsBounded(t *testing.T) {
	m, dir := live(t)
	var r Recorder
	for d := range 1500 {
		name := fmt.Sprintf("%s/%c%c%c", dir, 'a'+d%26, 'a'+d/26%26, 'a'+d/676)
		if err := os.Mkdir(name, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name+"/x", nil, 0o600); err != nil {
			t.Fatal(err)
		}
		r.Touched(sandbox.Touch{Path: sandbox.TargetDir + name + "/x", Use: sandbox.UseRead})
	}
	for i := range 40_000 {
		r.Touched(sandbox.Touch{Path: fmt.Sprintf("%s/nowhere/%d/%d", sandbox.TargetDir, i%200, i), Use: sandbox.UseLook})
	}
	p := Propose(Run{Machine: m, Seen: r.Seen(), Doing: "looking"})
	if len(p.Grants) != maxProposed || len(p.Refused) != maxRefused || p.More != 500 || len(p.Absent) != maxListed {
		t.Errorf("%d grants, %d refusals and %d more, %d absent", len(p.Grants), len(p.Refused), p.More, len(p.Absent))
	}
	made := manifest.Manifest{Name: "x", Version: "0.1.0", Summary: "x", Licence: "MIT", Grants: p.Grants}
	if err := made.Validate(); err != nil {
		t.Errorf("a manifest does not take it: %v", err)
	}
}

// Patterns are a plugin's own words: they are looked for within bounds, and a name
// that only looks like one stands for itself.
func TestPatternsAreBounded(t *testing.T) {
	m, dir := live(t)
	for i := range 400 {
		if err := os.Mkdir(fmt.Sprintf("%s/d%d", dir, i), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(dir+"/[x]", nil, 0o600); err != nil {
		t.Skip(err)
	}
	var r Recorder
	for i := range 2 * maxPatterns {
		r.Touched(sandbox.Touch{Path: fmt.Sprintf("%s%s/*/*%d/none", sandbox.TargetDir, dir, i)})
	}
	r.Touched(sandbox.Touch{Path: sandbox.TargetDir + dir + "/[x]"})
	r.Touched(sandbox.Touch{Path: sandbox.TargetDir + dir + "/[never"})
	j := judge{Run: Run{Machine: m}, words: words{m}, used: map[string]*usage{}}
	j.patterned(r.Seen().Marks)
	for _, p := range j.patterns {
		_, at := locate(p.Path)
		if j.matches(at) {
			t.Errorf("something matches %s", at)
		}
	}
	if len(j.patterns) != maxPatterns || j.looked > maxEntries+1000 {
		t.Errorf("%d patterns, %d names read", len(j.patterns), j.looked)
	}
	p := Propose(Run{Machine: m, Seen: r.Seen(), Doing: "looking"})
	if len(p.Grants) != 1 || p.Grants[0].Path != "./[[]x]" {
		t.Errorf("proposed %v", p.Grants)
	}
}

// A pattern that no manifest may ask for stands for nothing that is in it, and one to
// read for nothing that is written.
func TestPatternsThatAreTooWide(t *testing.T) {
	m, dir := live(t)
	for _, name := range []string{"in", "out"} {
		if err := os.WriteFile(dir+"/"+name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var r Recorder
	for _, p := range []string{"/**", "/*", "/etc/*", dir + "/*"} {
		r.Touched(sandbox.Touch{Path: sandbox.TargetDir + p})
	}
	for p, use := range map[string]sandbox.Use{"/etc/os-release": sandbox.UseRead, dir + "/in": sandbox.UseRead, dir + "/out": sandbox.UseWrite} {
		r.Touched(sandbox.Touch{Path: sandbox.TargetDir + p, Use: use})
	}
	p := Propose(Run{Machine: m, Seen: r.Seen(), Doing: "looking"})
	var got []string
	for _, g := range p.Grants {
		got = append(got, g.String())
	}
	if want := []string{"read ./*", "read /etc/os-release", "write ./out"}; !slices.Equal(slices.Sorted(slices.Values(got)), want) {
		t.Errorf("proposed %q, refused %v", got, p.Refused)
	}
}

// A directory on the way to what was named, and is not here, is nothing to grant; one
// at which a plugin stops is told.
func TestDirectoriesOnTheWay(t *testing.T) {
	m, dir := live(t)
	for _, name := range []string{"way", "stop"} {
		if err := os.Mkdir(dir+"/"+name, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	var r Recorder
	for _, p := range []string{"/way", "/way/*/python", "/way/to/nothing", "/stop"} {
		r.Touched(sandbox.Touch{Path: sandbox.TargetDir + dir + p})
	}
	p := Propose(Run{Machine: m, Seen: r.Seen(), Doing: "looking"})
	if len(p.Grants) > 0 || len(p.Refused) != 1 || p.Refused[0].What != "read ./stop" || len(p.Absent) != 2 {
		t.Errorf("%+v", p)
	}
}

// What gRPC's library for Python asks for on its own account is not the plugin's.
func TestSocketsOfPython(t *testing.T) {
	m, _ := live(t)
	for _, c := range []struct {
		python    bool
		processes int
		sockets   int
		told      bool
	}{{true, 1, 4, false}, {true, 2, 8, false}, {true, 1, 5, true}, {false, 1, 4, true}} {
		var r Recorder
		for i := range c.processes {
			share := c.sockets / c.processes
			if i == 0 {
				share += c.sockets % c.processes
			}
			r.Ended([]sandbox.Denial{{Call: "socket", Grant: "net HOST:PORT", Count: share}})
		}
		p := Propose(Run{Machine: m, Seen: r.Seen(), Doing: "looking", Python: c.python})
		if told := len(p.Refused) == 1 && strings.Contains(p.Refused[0].What, "socket"); told != c.told {
			t.Errorf("%+v: %v", c, p.Refused)
		}
	}
}
