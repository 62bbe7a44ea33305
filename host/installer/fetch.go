// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/release"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
)

// parallel is how many archives are fetched side by side.
const parallel = 4

// Evidence is why the files of a plugin are believed.
type Evidence struct {
	ID, Version string
	By          []trust.Evidence
	Dir         string // of its files in the store
}

// Fetch brings everything of a plan into the store that is not there, verified,
// and notes in Next how it is known. What it fetched stays when it fails.
func (i *Installer) Fetch(ctx context.Context, p *Plan) ([]Evidence, error) {
	downloads, err := i.Store.Downloads()
	if err != nil {
		return nil, err
	}
	out, errs := make([]Evidence, len(p.Changes)), make([]error, len(p.Changes))
	turn := make(chan struct{}, parallel)
	var wg sync.WaitGroup
	for n, c := range p.Changes {
		if c.Kind == Remove || c.platform == "" {
			continue
		}
		wg.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			out[n], errs[n] = i.bring(ctx, c, downloads)
		})
	}
	wg.Wait()
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for n, e := range out {
		if e.ID != "" {
			p.note(p.Changes[n], e.By)
		}
	}
	p.fetched = true
	return slices.DeleteFunc(out, func(e Evidence) bool { return e.ID == "" }), nil
}

// bring fetches one archive and unpacks it, unless the store has it whole.
func (i *Installer) bring(ctx context.Context, c Change, downloads string) (Evidence, error) {
	pl := c.known.Platforms[c.platform]
	out := Evidence{ID: c.ID, Version: c.To}
	dir, err := i.Store.Dir(pl.H1)
	if err == nil && i.Store.Verify(ctx, pl.H1) == nil {
		out.Dir = dir
		out.By, err = i.Registries.prove(ctx, c.known)
		return out, err
	}
	fetched, err := i.Registries.fetch(ctx, c.known, c.platform, filepath.Join(downloads, c.Registry))
	if err != nil {
		return out, fmt.Errorf("%s %s: %w", c.ID, c.To, err)
	}
	if out.Dir, err = i.Store.Add(ctx, fetched.Path, pl); err != nil {
		return out, fmt.Errorf("%s %s: %w", c.ID, c.To, err)
	}
	out.By = fetched.Evidence
	return out, discard(fetched.Path)
}

// discard removes an archive that the store has unpacked. Another host that wanted
// the same one may have done so already.
func discard(name string) error {
	if err := os.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

// note writes down how the digests of a plugin are known now. The log's record
// holds those of all platforms; unpacked was one.
func (p *Plan) note(c Change, by []trust.Evidence) {
	entry, _ := p.Next.Lookup(c.ID)
	logged := slices.ContainsFunc(by, func(e trust.Evidence) bool { return e.How == lock.Logged })
	for key, pl := range entry.Platforms {
		if logged {
			pl.Known = known(pl.Known, lock.Logged)
		}
		if key == c.platform {
			pl.Known = known(pl.Known, lock.Unpacked)
		}
		entry.Platforms[key] = pl
	}
	p.Next.Set(entry)
}

// known adds a way to know, in the order of lock files.
func known(have []string, how string) (out []string) {
	for _, h := range lock.HowKnown() {
		if h == how || slices.Contains(have, h) {
			out = append(out, h)
		}
	}
	return out
}

// Commit switches the scope to the plan and returns the number of the generation.
func (i *Installer) Commit(ctx context.Context, p *Plan, why string) (int, error) {
	if !p.consented || !p.fetched {
		return 0, errors.New("a plan was to be committed that was not consented to and fetched") // a fault of the caller
	}
	return i.Scope.Switch(ctx, p.Base, p.Next, why)
}

// For returns the installer of the same scope for another platform.
func (i *Installer) For(platform string) *Installer {
	other := *i
	other.Platform = platform
	return &other
}

// Directory of a locked plugin's files; an error when they are not here.
func (i *Installer) Directory(p lock.Plugin) (string, error) {
	_, pl, ok := platformOf(p, i.platform())
	if !ok {
		return "", fmt.Errorf("%s %s has nothing for %s", p.ID, p.Version, i.platform())
	}
	return i.Store.Dir(pl.H1)
}

// Known is the release that a change installs.
func (c Change) Known() release.Known { return c.known }

// Platform is the key of what is installed of it: this platform or "any".
func (c Change) Platform() string { return c.platform }
