// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"context"
	"fmt"
	"slices"

	"github.com/bulkhead-ml/bulkhead/registry/install"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/manifest"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/solve"
)

// Want asks for a plugin of a registry.
type Want = solve.Want

// Installer changes one scope.
type Installer struct {
	Registries *Registries
	Store      *install.Store
	Scope      *install.Scope
	// Host is the version of this host, Protocols the majors that it speaks.
	Host      string
	Protocols []int
	// Platform to install for; "" is this one.
	Platform string
}

// Request says what a scope should have.
type Request struct {
	// Wants are all plugins of the scope; those that are locked and not wanted are
	// removed.
	Wants []Want
	// Upgrade names plugins that may leave their locked version; UpgradeAll is all
	// of them, but for pinned ones.
	Upgrade    map[string]bool
	UpgradeAll bool
	// Online refreshes the registries even when nothing seems to need it.
	Online bool
}

// Plan is what a request comes to. Nothing is changed until Commit.
type Plan struct {
	Changes []Change
	// Next is the lock file that it leads to, Base the one that it was made from.
	Next, Base *lock.File
	// Stale are the registries that were not reached and are believed for now, with
	// the reason, by name.
	Stale map[string]string

	consented, fetched bool
}

// Empty reports whether the plan changes nothing.
func (p *Plan) Empty() bool {
	return !slices.ContainsFunc(p.Changes, Change.Changes) && len(lock.Diff(p.Base, p.Next)) == 0
}

// Plan finds out what a request comes to.
func (i *Installer) Plan(ctx context.Context, r Request) (*Plan, error) {
	base, _, err := i.Scope.Current()
	if err != nil {
		return nil, err
	}
	p := &Plan{Base: base, Next: &lock.File{}, Stale: map[string]string{}}
	if err := i.nameRegistries(r.Wants); err != nil {
		return nil, err
	}
	if i.settled(r, base) {
		p.keep(r, base)
		return p, nil
	}
	problem, err := i.problem(ctx, r, p)
	if err != nil {
		return nil, err
	}
	solution, err := solve.Solve(problem)
	if err != nil {
		return nil, err
	}
	for _, c := range solution.Choices {
		if err := i.choose(p, c, r.Wants); err != nil {
			return nil, err
		}
	}
	p.removals(r.Wants)
	return p, nil
}

// nameRegistries gives every want the name of its registry.
func (i *Installer) nameRegistries(wants []Want) error {
	for n := range wants {
		name, err := i.Registries.Name(wants[n].Registry)
		if err != nil {
			return fmt.Errorf("%s: %w", wants[n].ID, err)
		}
		wants[n].Registry = name
	}
	return nil
}

// settled reports whether lock file and store have all that is wanted, so that no
// registry need be asked.
func (i *Installer) settled(r Request, base *lock.File) bool {
	if r.Online || r.UpgradeAll || len(r.Upgrade) > 0 {
		return false
	}
	return !slices.ContainsFunc(r.Wants, func(w Want) bool { return !i.has(w, base) })
}

// has reports whether a want is met by what is locked and here.
func (i *Installer) has(w Want, base *lock.File) bool {
	p, ok := base.Lookup(w.ID)
	if !ok || p.Registry != w.Registry || !solve.Satisfies(w, p.Version) {
		return false
	}
	_, pl, ok := platformOf(p, i.platform())
	if !ok {
		return false
	}
	dir, err := i.Store.Dir(pl.H1)
	return err == nil && consented(p, dir)
}

// consented reports whether somebody agreed to all that an installed plugin asks
// for. A lock file that was edited by hand, or merged, may say otherwise.
func consented(p lock.Plugin, dir string) bool {
	m, err := manifest.Load(dir)
	return err == nil && !slices.ContainsFunc(m.Grants, func(g manifest.Grant) bool { return !p.Consented(g.String()) })
}

// complete reports whether the store has all of what is locked.
func (i *Installer) complete(plugins []lock.Plugin) bool {
	return !slices.ContainsFunc(plugins, func(p lock.Plugin) bool {
		_, err := i.Directory(p)
		return err != nil
	})
}

func (i *Installer) platform() string {
	if i.Platform != "" {
		return i.Platform
	}
	return release.Host()
}

// platformOf is what is locked of a plugin for a platform, or for any.
func platformOf(p lock.Plugin, platform string) (string, lock.Platform, bool) {
	for _, key := range []string{platform, release.Any} {
		if pl, ok := p.Platforms[key]; ok {
			return key, pl, true
		}
	}
	return "", lock.Platform{}, false
}

// keep is the plan that changes no version; the constraints may be others.
func (p *Plan) keep(r Request, base *lock.File) {
	for _, w := range r.Wants {
		locked, _ := base.Lookup(w.ID)
		locked.Constraints = w.Constraint
		p.Next.Set(locked)
		p.Changes = append(p.Changes, Change{Kind: Keep, ID: w.ID, Registry: locked.Registry, From: locked.Version, To: locked.Version})
	}
	p.removals(r.Wants)
}

// removals are what is locked and not wanted any more.
func (p *Plan) removals(wants []Want) {
	for _, locked := range p.Base.Plugins {
		if !slices.ContainsFunc(wants, func(w Want) bool { return w.ID == locked.ID }) {
			p.Changes = append(p.Changes, Change{Kind: Remove, ID: locked.ID, Registry: locked.Registry, From: locked.Version})
		}
	}
}

// problem asks the registries for all releases of the plugins that are wanted.
func (i *Installer) problem(ctx context.Context, r Request, p *Plan) (solve.Problem, error) {
	out := solve.Problem{
		Available: map[string][]release.Known{}, Host: i.Host, Protocols: i.Protocols, Platform: i.platform(), Locked: map[string]string{},
		Upgrade: r.Upgrade, UpgradeAll: r.UpgradeAll,
	}
	for _, w := range r.Wants {
		locked, ok := p.Base.Lookup(w.ID)
		if ok && locked.Registry == w.Registry {
			out.Locked[w.ID] = locked.Version
		}
		if ok && locked.Pinned && w.Pin == "" {
			w.Pin, w.From = locked.Version, w.From+" (pinned; `bulkhead plugin pin --remove "+w.ID+"` frees it)"
		}
		out.Wants = append(out.Wants, w)
		if out.Available[w.ID] != nil {
			continue
		}
		list, err := i.releases(ctx, w, p)
		if err != nil {
			return out, err
		}
		out.Available[w.ID] = list
	}
	return out, nil
}

func (i *Installer) releases(ctx context.Context, w Want, p *Plan) ([]release.Known, error) {
	id, err := release.ParseID(w.ID)
	if err != nil {
		return nil, err
	}
	fresh, err := i.Registries.Refresh(ctx, w.Registry)
	if err != nil {
		return nil, err
	}
	if fresh.Expired || fresh.Unreachable != nil {
		p.Stale[w.Registry] = fresh.String()
	}
	list, err := i.Registries.Releases(ctx, w.Registry, id)
	if err == nil && len(list) == 0 {
		err = fmt.Errorf("%s: registry %q has no plugin %s; `bulkhead registry search` lists what it has", w.From, w.Registry, w.ID)
	}
	return list, err
}

// choose adds the choice for one plugin to the plan.
func (i *Installer) choose(p *Plan, c solve.Choice, wants []Want) error {
	before, locked := p.Base.Lookup(c.ID)
	from := before
	if locked && before.Registry != c.Release.Registry {
		from = lock.Plugin{Pinned: before.Pinned} // nobody agreed to anything of this publisher
	}
	w := wants[slices.IndexFunc(wants, func(w Want) bool { return w.ID == c.ID })]
	next := entry(c.Release, w, from)
	if locked && before.Registry == next.Registry {
		for key, pl := range next.Platforms {
			if err := p.Base.Match(c.ID, next.Version, key, pl); err != nil {
				return err
			}
		}
	}
	p.Next.Set(next)
	pl := c.Release.Platforms[c.Platform]
	change := Change{
		Kind: kind(before.Version, c.Release.Version), ID: c.ID, Registry: c.Release.Registry, From: before.Version, To: c.Release.Version,
		Newest: c.Newest, News: c.Release.Changes, Asks: asks(c.Release.Release, from.Grants), Drops: drops(c.Release.Release, from.Grants),
		Warnings: warnings(c.Release), known: c.Release, platform: c.Platform,
	}
	change.explain(c)
	change.moved(before.Registry)
	if _, err := i.Store.Dir(pl.H1); err != nil {
		change.Bytes = pl.Bytes
		if change.Kind == Keep {
			change.Kind = Fetch
		}
	}
	p.Changes = append(p.Changes, change)
	return nil
}

// Upgrades reports whether another version takes the place of one that is locked.
func (p *Plan) Upgrades() bool {
	return slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Kind == Upgrade || c.Kind == Downgrade })
}

// Same reports whether the lock file stays as it is.
func (p *Plan) Same() bool { return len(lock.Diff(p.Base, p.Next)) == 0 }

// Constrain notes by which constraints a version was chosen, for a plugin that had
// none and is declared with some from now on.
func (p *Plan) Constrain(id, constraint string) {
	if locked, ok := p.Next.Lookup(id); ok && locked.Constraints == "" {
		locked.Constraints = constraint
		p.Next.Set(locked)
	}
}
