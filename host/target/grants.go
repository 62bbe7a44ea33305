// SPDX-License-Identifier: Apache-2.0

package target

import (
	"cmp"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
)

// View is what one plugin gets to see of a machine and may do with it.
type View struct {
	// Binds are the granted paths that exist now, sorted by path, those for
	// reading and writing first.
	Binds []sandbox.Bind
	// From has for each bind the index of its grant in Given.
	From []int
	// Env holds the granted variables of the examined process.
	Env map[string]string
	// Net lists the addresses that it may connect to, as "host:port".
	Net []string
	// Secrets are the names of the values that it may read.
	Secrets []string
	// KernelLog says that it may read the text of the kernel's log.
	KernelLog bool
	// Given tells of each grant, in their order, what became of it.
	Given []Given
}

// Given is what became of one grant on a machine.
type Given struct {
	Grant manifest.Grant
	// Paths that the grant leads to here, sorted; those of another grant too.
	Paths []string
	// Names of the variables that it gives.
	Names []string
	// Withheld are paths that exist and are not given.
	Withheld []Withheld
	// Cut says why not all matches of a glob are given; "" when all are.
	Cut string
}

// Withheld is a path that a grant leads to and that is not given.
type Withheld struct {
	Path   string
	Reason string
}

// Absent reports whether the grant gives nothing because nothing is there.
func (g Given) Absent() bool {
	switch g.Grant.Kind {
	case manifest.Net, manifest.Secret:
		return false
	}
	return len(g.Paths)+len(g.Names)+len(g.Withheld) == 0 && g.Cut == ""
}

// GrantOf returns the grant that gives a path of the machine: the one of the
// bind that holds it, the innermost one first.
func (v View) GrantOf(p string) (manifest.Grant, bool) {
	best, longest := -1, -1
	for i, b := range v.Binds {
		depth := 2 * len(b.Source)
		if b.Target == "" {
			depth++ // at its own place, rather than where a link led from
		}
		if below(p, b.Source) && depth > longest {
			best, longest = i, depth
		}
	}
	if best < 0 {
		return manifest.Grant{}, false
	}
	return v.Given[v.From[best]].Grant, true
}

// Expand turns grants into a view. Paths that do not exist grant nothing; a
// path inside another granted one is covered by it. The disk of another machine
// is only ever read: nothing of it is written, started or used as a device.
func (m *Machine) Expand(grants []manifest.Grant) View { return m.Look().Expand(grants) }

func (m *Machine) expand(grants []manifest.Grant, seen *sight) View {
	x := expansion{Machine: m, view: View{Env: map[string]string{}, Given: make([]Given, len(grants))}}
	t, err := m.openSeen(seen)
	if err != nil {
		t = nil
	} else {
		defer t.close()
	}
	x.tree = t
	for i, g := range grants {
		x.view.Given[i].Grant = g
		x.grant(i, g, err)
	}
	x.withholdSwappable()
	x.bind()
	return x.view
}

// expansion is the state of one Expand.
type expansion struct {
	*Machine
	tree  *tree
	view  View
	found []place
	// matched and listed count for all grants what their bounds are for.
	matched, listed int
}

// place is one path that one grant gives.
type place struct {
	path   string
	source string // the path without links, where that matters
	access sandbox.Access
	grant  int
}

func (x *expansion) grant(i int, g manifest.Grant, rootErr error) {
	switch {
	case g.Kind == manifest.Env:
		x.env(i, g.Name)
	case g.Kind == manifest.Net:
		x.view.Net = appendNew(x.view.Net, g.Address)
	case g.Kind == manifest.Secret:
		x.view.Secrets = appendNew(x.view.Secrets, g.Name)
	case g.Kind == manifest.Read && g.Path == manifest.KernelLog:
		x.view.KernelLog = true
		x.view.Given[i].Paths = []string{g.Path}
	default:
		if rootErr != nil {
			x.view.Given[i].Cut = rootErr.Error()
			return
		}
		x.paths(i, g)
	}
}

func appendNew(list []string, s string) []string {
	if slices.Contains(list, s) {
		return list
	}
	return append(list, s)
}

func (x *expansion) env(i int, pattern string) {
	prefix, wild := strings.CutSuffix(pattern, "*")
	for name, value := range x.Env {
		if name == pattern || wild && strings.HasPrefix(name, prefix) {
			x.view.Env[name] = value
			x.view.Given[i].Names = append(x.view.Given[i].Names, name)
		}
	}
	slices.Sort(x.view.Given[i].Names)
}

// paths finds what a grant of paths leads to.
func (x *expansion) paths(i int, g manifest.Grant) {
	given := &x.view.Given[i]
	matches := map[string]bool{}
	s := x.search()
	begun := *s
	for i, pattern := range x.places(x.tree, g.Path) {
		if i == maxPlaces {
			s.cut = fmt.Sprintf("a variable names more than %d directories", maxPlaces)
			break
		}
		for _, p := range s.glob(pattern) {
			matches[p] = true
		}
	}
	x.matched, x.listed = x.matched+s.found-begun.found, x.listed+s.listed-begun.listed
	given.Cut = s.cut
	for _, p := range slices.Sorted(maps.Keys(matches)) {
		if reason := x.add(i, g, p); reason != "" {
			given.Withheld = append(given.Withheld, Withheld{p, reason})
			continue
		}
		given.Paths = append(given.Paths, p)
	}
}

// add gives one path, or says why not.
func (x *expansion) add(i int, g manifest.Grant, p string) (reason string) {
	if (!path.IsAbs(g.Path) || manifest.HasGlob(g.Path)) && x.whole(p) {
		return "it is a directory of the whole system or the whole home"
	}
	if g.Kind != manifest.Write {
		reason = x.visible(g, p)
	}
	if reason != "" {
		return reason
	}
	access, source := sandbox.Read, p
	switch g.Kind {
	case manifest.Write:
		access = sandbox.Write
		source, reason = x.writable(p)
	case manifest.Exec:
		access = sandbox.Exec
		reason = x.startable(p)
	case manifest.Device:
		x.device(i, p)
	}
	if reason == "" {
		x.found = append(x.found, place{path: p, source: source, access: access, grant: i})
	}
	return reason
}

// bind makes binds of all that was found.
func (x *expansion) bind() {
	for _, kinds := range [][]sandbox.Access{{sandbox.Read, sandbox.Write}, {sandbox.Exec}, {sandbox.Device}} {
		for _, p := range outermost(x.found, kinds) {
			b := sandbox.Bind{Source: p.source, Optional: true, Access: p.access}
			if p.source != p.path {
				b.Target = path.Join(sandbox.TargetDir, p.path)
			}
			x.view.Binds = append(x.view.Binds, b)
			x.view.From = append(x.view.From, p.grant)
		}
	}
}

// outermost sorts the places of some kinds of access and drops those that lie
// inside another one which allows as much.
func outermost(found []place, kinds []sandbox.Access) []place {
	var sorted, out []place
	for _, p := range found {
		if slices.Contains(kinds, p.access) {
			sorted = append(sorted, p)
		}
	}
	slices.SortStableFunc(sorted, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.path, b.path), cmp.Compare(b.access, a.access))
	})
	kept := map[string]sandbox.Access{}
	for _, p := range sorted {
		if !covered(kept, p) {
			kept[p.path] = p.access
			out = append(out, p)
		}
	}
	return out
}

func covered(kept map[string]sandbox.Access, p place) bool {
	for dir := p.path; ; dir = path.Dir(dir) {
		if access, ok := kept[dir]; ok && access >= p.access {
			return true
		}
		if dir == "/" || dir == "." {
			return false
		}
	}
}

// maxPlaces bounds the directories that a variable may list.
const maxPlaces = 1000

// maxDevices is how many nodes a directory of devices may hold.
const maxDevices = 256

// device gives the use of a node, or of those in a directory, beside the sight
// of it. A node in a foreign root is never given for use: its numbers would open
// a device of this machine.
func (x *expansion) device(i int, p string) {
	info, err := x.tree.stat(p)
	if err != nil || !x.Live() || !strings.HasPrefix(p, "/dev/") {
		return
	}
	nodes := []string{p}
	if info.IsDir() {
		listed, err := x.tree.list(p, maxDevices)
		if err != nil {
			x.view.Given[i].Cut = err.Error()
		}
		nodes = nil
		for _, name := range listed {
			nodes = append(nodes, path.Join(p, name))
		}
	}
	for _, node := range nodes {
		if reason := x.node(node); reason != "" {
			x.view.Given[i].Withheld = append(x.view.Given[i].Withheld, Withheld{node, reason})
			continue
		}
		x.found = append(x.found, place{path: node, source: node, access: sandbox.Device, grant: i})
	}
}

// node says why a file below /dev is no device to be given. What counts is where
// its name leads.
func (x *expansion) node(p string) string {
	real, err := x.tree.resolve(p)
	if err != nil {
		return err.Error()
	}
	info, err := x.tree.stat(real)
	switch {
	case err != nil:
		return err.Error()
	case info.Mode()&fs.ModeDevice == 0:
		return "it is no device"
	case info.Mode()&fs.ModeCharDevice == 0:
		return "it is a disk, and whoever has a disk has all its files"
	}
	if err := (manifest.Grant{Kind: manifest.Device, Path: real, Why: "resolved"}).Validate(); err != nil {
		return err.Error()
	}
	return ""
}
