// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"maps"
	"path"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/dist"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
)

// inventory is everything that is installed, site by site.
type inventory struct {
	sites []site
	// all lists the distributions of every site in search order.
	all []*dist.Distribution
}

type site struct {
	locate.Site
	dist.Listing
}

// maxDistributions bounds the distributions read in one environment.
const maxDistributions = 5000

// list reads the directories of packages and then their distributions.
func (o *observer) list(ctx context.Context) *inventory {
	inv := &inventory{}
	var residues []string
	for _, s := range o.env.Sites {
		listing, err := dist.List(o.target, s.Path)
		if err != nil {
			o.unknown(observed.Packages, err.Error())
			continue
		}
		inv.sites = append(inv.sites, site{s, listing})
		for _, name := range listing.Residues {
			residues = append(residues, path.Join(s.Path, name))
		}
	}
	o.pathFiles(inv)
	cut := inv.gather()
	if cut {
		o.add(observed.TooMany, true)
	}
	if len(residues) > 0 {
		o.add(observed.Residues, residues)
	}
	parallel(ctx, len(inv.all), func(i int) { inv.all[i].Load(o.target) })
	o.unreadable(inv)
	return inv
}

// unreadable records the metadata that told nothing.
func (o *observer) unreadable(inv *inventory) {
	files := map[string]string{}
	for _, d := range inv.all {
		maps.Copy(files, d.Unreadable)
	}
	unreadable(o.record, observed.At(o.env.Prefix, observed.Unreadable), files)
}

// gather lists the distributions of all sites and reports whether there are more
// than are read.
func (inv *inventory) gather() (cut bool) {
	for i := range inv.sites {
		dists := inv.sites[i].Distributions
		cut = cut || inv.sites[i].Cut
		for j := range dists {
			if len(inv.all) == maxDistributions {
				return true
			}
			inv.all = append(inv.all, &dists[j])
		}
	}
	return cut
}

// scope tells where a distribution lies.
func (inv *inventory) scope(d *dist.Distribution) string {
	for i := range inv.sites {
		if inv.sites[i].Path == d.Site {
			return inv.sites[i].Scope
		}
	}
	return ""
}

// module returns the first site that has a package or module of a name.
func (inv *inventory) module(name string) (string, bool) {
	for i := range inv.sites {
		if inv.sites[i].Modules[name] || inv.sites[i].Modules[name+".py"] {
			return inv.sites[i].Path, true
		}
	}
	return "", false
}

// parallel calls work(0) ... work(n-1) on all processors until ctx ends.
func parallel(ctx context.Context, n int, work func(int)) {
	var next atomic.Int64
	var wg sync.WaitGroup
	for range min(n, 2*runtime.GOMAXPROCS(0)) {
		wg.Go(func() {
			for i := int(next.Add(1)) - 1; i < n && ctx.Err() == nil; i = int(next.Add(1)) - 1 {
				work(i)
			}
		})
	}
	wg.Wait()
}

// packages records the distributions and the requirements that apply.
func (o *observer) packages(_ context.Context, inv *inventory) {
	envs := markerEnvironments(o.target, o.env)
	list := make([]observed.Package, 0, len(inv.all))
	requires, unparsed := inv.requirements(envs)
	for i, d := range inv.all {
		p := observed.Package{
			Name: d.Name, Version: d.Version, Path: d.Path, Scope: inv.scope(d), Installer: d.Installer,
			Tags: d.Tags, Editable: d.Editable, RequiresPython: d.Metadata.RequiresPython,
			Source: d.Source, EntryPoints: d.EntryPoints, Requires: append(requires[i], o.unwritten(inv, d, envs)...),
		}
		list = append(list, p)
	}
	o.add(observed.Packages, list)
	if len(unparsed) > 0 {
		o.add(observed.Unparsed, unparsed)
	}
	o.editables(inv)
}

// conda records conda's own list.
func (o *observer) conda(_ context.Context, _ *inventory) {
	dir := path.Join(o.env.Prefix, "conda-meta")
	entries, err := o.target.ReadDir(dir)
	if err != nil {
		return
	}
	list := []observed.CondaPackage{}
	for _, e := range entries {
		if name, version, ok := condaName(e.Name()); ok {
			list = append(list, observed.CondaPackage{Name: name, Version: version, Path: path.Join(dir, e.Name())})
		}
	}
	o.add(observed.Conda, list)
}

// condaName cuts "numpy-1.26.4-py311h64a7726_0.json".
func condaName(file string) (name, version string, ok bool) {
	stem, ok := strings.CutSuffix(file, ".json")
	if !ok {
		return "", "", false
	}
	build := strings.LastIndexByte(stem, '-')
	if build < 1 {
		return "", "", false
	}
	at := strings.LastIndexByte(stem[:build], '-')
	if at < 1 {
		return "", "", false
	}
	return stem[:at], stem[at+1 : build], true
}
