// SPDX-License-Identifier: Apache-2.0

package learn

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/host/target"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// MaxFiles is how many things in one directory are granted one by one; of more the
// directory is.
const MaxFiles = 8

// Run is one traced run of one plugin.
type Run struct {
	// Asked are the grants of the manifest, Given those that it ran with.
	Asked, Given []manifest.Grant
	// Machine that the plugin saw; it must be live.
	Machine *target.Machine
	Seen    Seen
	// Python says that a Python runs it.
	Python bool
	// Doing ends the sentence "opened 12 times while ...".
	Doing string
}

// Proposal is what a run says about grants. Every list is in a fixed order.
type Proposal struct {
	// Grants are the fewest with which the plugin would have done the same.
	Grants []manifest.Grant `json:"grants"`
	// Unused are grants of the manifest that are not proposed any more, and Unseen
	// those whose use cannot be seen from outside, with what became of them.
	Unused []Judged `json:"unused"`
	Unseen []Judged `json:"unseen"`
	// NotHere are grants of the manifest for what is not on this machine, and unset
	// variables: whether another machine needs them, this run cannot tell.
	NotHere []manifest.Grant `json:"not_here"`
	// Refused is what the plugin wanted and did not get.
	Refused []Refusal `json:"refused"`
	// Absent are paths that it looked for and that are not on this machine; Elsewhere
	// those that it looked for outside of what it is shown. At most 100 each.
	Absent    []string `json:"absent"`
	Elsewhere []string `json:"elsewhere"`
	// Lost is how many uses were not recorded, More how many refusals are not listed.
	Lost int `json:"lost"`
	More int `json:"more_refused,omitempty"`
}

// Judged is a grant with a remark.
type Judged struct {
	Grant  string `json:"grant"`
	Remark string `json:"remark"`
}

// Refusal is one thing that the plugin was refused.
type Refusal struct {
	What  string `json:"what"` // "read /proc/meminfo", "system call ptrace"
	Count int    `json:"count"`
	// Grant would allow it, and is proposed; empty when no manifest may ask for it,
	// for the Reason.
	Grant  string `json:"grant,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// maxListed bounds the lists of paths that are told for information, maxProposed the
// grants, which are as many as a manifest takes, and maxRefused what was refused.
const (
	maxListed   = 100
	maxProposed = 1000
	maxRefused  = 1000
)

// judge sorts the marks of one run.
type judge struct {
	Run
	words
	view     target.View
	given    []given
	used     map[string]*usage // by grant
	wanted   []want            // refused, and so to be granted
	secrets  map[string]int
	links    []string        // where links that were read lead
	passed   map[string]bool // directories on the way to what was named
	patterns []Mark          // that were looked for
	folding  [][]string      // those that may be granted, by their segments
	looked   int             // names that were read to see whether patterns match
	proposed map[string]bool // grants in out
	out      Proposal
}

// usage is what was done with one grant.
type usage struct {
	grant manifest.Grant
	marks []Mark // those that were found, by their path on the machine
	count int
}

// want is something to be granted.
type want struct {
	kind string
	Mark
}

// Propose concludes from a run which grants the plugin needs.
func Propose(r Run) Proposal {
	j := judge{Run: r, words: words{r.Machine}, view: r.Machine.Expand(r.Given), used: map[string]*usage{}, secrets: map[string]int{}}
	j.out = Proposal{Grants: []manifest.Grant{}, Unused: []Judged{}, Unseen: []Judged{}, NotHere: []manifest.Grant{}, Refused: []Refusal{}, Absent: []string{}, Elsewhere: []string{}, Lost: r.Seen.Lost}
	j.prepare()
	j.Seen.Marks = j.patterned(slices.Clone(j.Seen.Marks))
	j.passed = passed(j.Seen.Marks)
	j.follow()
	for _, m := range j.Seen.Marks {
		j.mark(m)
	}
	j.asked()
	j.kept()
	j.opened()
	j.denied()
	j.out.Absent = ends(j.out.Absent)
	return j.out
}

// passed are the directories of the machine on the way to what was named.
func passed(marks []Mark) map[string]bool {
	out := map[string]bool{}
	for _, m := range marks {
		if at, p := locate(m.Path); at == onMachine {
			for dir := path.Dir(p); dir != "/" && !out[dir]; dir = path.Dir(dir) {
				out[dir] = true
			}
		}
	}
	return out
}

// ends leaves out the directories on the way to other paths of a list.
func ends(paths []string) (out []string) {
	out = []string{}
	for _, p := range paths {
		if !slices.ContainsFunc(paths, func(o string) bool { return o != p && below(o, p) }) {
			out = append(out, p)
		}
	}
	return out
}

// follow notes where links led: a plugin that reads a link wants what it leads to.
func (j *judge) follow() {
	for _, m := range j.Seen.Marks {
		if at, p := locate(m.Path); at == onMachine && m.Found && !m.Directory {
			if real, err := resolve(p); err == nil && real != p {
				j.links = append(j.links, real)
			}
		}
	}
}

// mark judges one use.
func (j *judge) mark(m Mark) {
	at, p := locate(m.Path)
	m.Path = p
	switch {
	case m.Use == sandbox.UseStart && at != onMachine:
		m.Path = m.pathOf(at, p)
		j.start(m)
	case at == onMachine:
		j.touch(m)
	case at == secretly:
		j.secrets[p] += m.Count
	case at == elsewhere && !m.Found && isProgram(p):
		j.start(m)
	case at == elsewhere && !m.Found && !ofRuntime(p) && exists(p) && !slices.Contains(j.out.Elsewhere, p) && len(j.out.Elsewhere) < maxListed:
		j.out.Elsewhere = append(j.out.Elsewhere, p)
	}
}

// pathOf is the path of a mark that locate gave no path of the machine.
func (m Mark) pathOf(at place, p string) string {
	if at == own {
		return m.Path
	}
	return p
}

// start judges a program that was started or looked for.
func (j *judge) start(m Mark) {
	switch g, ok := j.granting(m.Path, manifest.Exec); {
	case ok:
		j.use(g, m)
	case isRegular(m.Path):
		j.wanted = append(j.wanted, want{manifest.Exec, m})
	}
}

// touch judges a use of a path of the machine.
func (j *judge) touch(m Mark) {
	kind := kindOf(m)
	g, ok := j.granting(m.Path, kindsFor(kind)...)
	here := j.here(m)
	switch {
	case ok && (m.Found || !here):
		j.use(g, m)
	case ok && kind == manifest.Write: // it makes something new
		j.use(g, m)
	case ok && m.pattern: // which finds what there is
		m.Found = true
		j.use(g, m)
	case m.Found && m.Directory && m.Use == sandbox.UseRead && here && !j.choosing(m.Path): // shown for what leads elsewhere
		m.Found = false
		j.wanted = append(j.wanted, want{kind, m})
	case m.Found: // a directory on the way, which the sandbox made
	case m.Use == sandbox.UseLook && j.towardsGranted(m.Path): // to what is granted, and not here
	case m.Use == sandbox.UseLook && j.passed[m.Path] && here && isDir(m.Path): // to what was named as well
	case here, kind == manifest.Write && exists(path.Dir(m.Path)):
		j.wanted = append(j.wanted, want{kind, m})
	default:
		if len(j.out.Absent) < maxListed && !slices.Contains(j.out.Absent, m.Path) && !below(m.Path, "/dev") {
			j.out.Absent = append(j.out.Absent, m.Path)
		}
	}
}

// kindOf is the kind of grant that a use takes.
func kindOf(m Mark) string {
	switch {
	case m.Use == sandbox.UseStart:
		return manifest.Exec
	case below(m.Path, "/dev") && m.Use != sandbox.UseLook && !m.Directory:
		return manifest.Device
	case m.Use == sandbox.UseWrite:
		return manifest.Write
	}
	return manifest.Read
}

// kindsFor are the kinds of grants that allow one, the plainest first.
func kindsFor(kind string) []string {
	if kind == manifest.Read {
		return []string{manifest.Read, manifest.Write, manifest.Device, manifest.Exec}
	}
	return []string{kind}
}

// why tells what a grant was used for.
func (j *judge) why(verb string, n int) string {
	times := "once"
	if n > 1 {
		times = fmt.Sprintf("%d times", n)
	}
	return fmt.Sprintf("%s %s while %s", verb, times, j.Doing)
}

// verbOf says what was done most.
func verbOf(kind string, marks []Mark) string {
	opened := slices.ContainsFunc(marks, func(m Mark) bool { return m.Use != sandbox.UseLook && m.Found })
	switch {
	case kind == manifest.Write:
		return "written to"
	case kind == manifest.Exec:
		return "started"
	case opened:
		return "opened"
	}
	return "looked up"
}

// propose adds a grant, once, or says why no manifest may ask for it.
func (j *judge) propose(g manifest.Grant) error {
	if err := g.Validate(); err != nil {
		return err
	}
	if name := g.String(); !j.proposed[name] {
		if len(j.proposed) == maxProposed {
			return fmt.Errorf("a manifest asks for at most %d things", maxProposed)
		}
		if j.proposed == nil {
			j.proposed = map[string]bool{}
		}
		j.proposed[name] = true
		j.out.Grants = append(j.out.Grants, g)
	}
	return nil
}

// pythonSockets is how many sockets gRPC's library for Python asks for when a process
// starts, to learn whether there are IPv6 and shared ports. Nothing depends on them.
const pythonSockets = 4

// denied tells of the refusals that are about no file and no address.
func (j *judge) denied() {
	for _, d := range j.Seen.Denials {
		if strings.HasPrefix(d.Call, "connection to ") && d.Grant != "" || d.Call == "execve" {
			continue // told with its name
		}
		if j.Python && d.Call == "socket" && d.Count <= pythonSockets*j.Seen.Processes {
			continue // of its gRPC, which looks what the system can do
		}
		r := Refusal{What: "system call " + d.Call, Count: d.Count, Reason: "no grant allows it"}
		switch {
		case strings.HasPrefix(d.Call, "connection to "), strings.HasPrefix(d.Call, "network: "):
			r.What = d.Call
		case d.Grant == "net HOST:PORT":
			r.Reason = "a plugin makes no sockets of its own: it asks the host for its connections (sdk/network), and is granted their addresses"
		case d.Grant != "":
			r.Reason = "the grant " + d.Grant + " would allow it"
		}
		j.refuse(r)
	}
}
