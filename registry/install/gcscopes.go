// SPDX-License-Identifier: Apache-2.0

package install

import (
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/internal/pattern"
	"github.com/bulkhead-ml/bulkhead/registry/archive"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
)

// scopes marks what the scopes reach, and drops their old generations.
func (g *collection) scopes() error {
	user, err := g.store.Scope("")
	if err != nil {
		return err
	}
	// A user's lock file that came from elsewhere may have no scope yet.
	if err := g.reach(user.pointer, "the user's lock file"); err != nil {
		return err
	}
	list, err := os.ReadDir(g.store.path(scopeDir))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	for _, e := range list {
		if err := g.scope(e.Name()); err != nil {
			return err
		}
	}
	return nil
}

func (g *collection) scope(id string) error {
	sc := &Scope{store: g.store, id: id}
	f, err := readScope(sc.path(scopeFileName))
	if errors.Is(err, fs.ErrNotExist) {
		return nil // it was about to be made, and has no generations yet
	}
	if err != nil {
		return fmt.Errorf("nothing was removed: %w; delete its directory when its project is gone", err)
	}
	sc.project, sc.pointer = f.Project, f.Lock
	text, err := sc.read()
	if err != nil {
		return fmt.Errorf("nothing was removed: %w", err)
	}
	if text == nil {
		return g.gone(sc, f)
	}
	if !f.Gone.IsZero() && !g.report.Dry {
		if err := sc.register(); err != nil {
			return err
		}
	}
	return g.live(sc, text)
}

// gone is a scope without a lock file: its project was deleted or moved, or is on
// a disk that is not there today.
func (g *collection) gone(sc *Scope, f scopeFile) error {
	now := g.store.now().UTC()
	it := Item{Kind: KindScope, Path: sc.path(), Bytes: sizeOf(sc.path())}
	if f.Gone.IsZero() {
		f.Gone = now
		if !g.report.Dry {
			if err := g.store.writeJSON(sc.path(scopeFileName), f); err != nil {
				return err
			}
		}
	}
	if now.Sub(f.Gone) < keepGone {
		it.Why = fmt.Sprintf("%s is gone; its generations are kept until %s", sc.pointer, f.Gone.Add(keepGone).Format(time.DateOnly))
		g.report.Kept = append(g.report.Kept, it)
		return g.live(sc, nil)
	}
	it.Why = fmt.Sprintf("%s has been gone since %s", sc.pointer, f.Gone.Format(time.DateOnly))
	g.report.remove(it)
	if g.report.Dry {
		return nil
	}
	return os.RemoveAll(sc.path())
}

// live keeps what a scope names. Text is that of its lock file, nil without one.
func (g *collection) live(sc *Scope, text []byte) error {
	g.reachText(text, "the lock file "+sc.pointer)
	kept, err := g.generations(sc, text)
	if err != nil {
		return err
	}
	for _, n := range kept {
		if err := g.reach(sc.textPath(n), fmt.Sprintf("generation %d of %s", n, sc.pointer)); err != nil {
			return err
		}
	}
	others, err := os.ReadDir(sc.path())
	if err != nil {
		return err
	}
	for _, e := range others {
		if e.Type().IsRegular() {
			if err := g.reach(sc.path(e.Name()), "the upgrade under way of "+sc.pointer); err != nil {
				return err
			}
		}
	}
	return nil
}

// generations drops those that are too many and returns the numbers of the others.
func (g *collection) generations(sc *Scope, text []byte) (kept []int, err error) {
	all, err := sc.settledRecords(text, g.report.Dry)
	if err != nil {
		return nil, err
	}
	current := 0
	if r := all.of(text); r != nil {
		current = r.Number
	}
	for i, r := range all {
		if len(all)-i <= g.keep || r.Pinned || r.Number == current {
			kept = append(kept, r.Number)
			continue
		}
		path := sc.textPath(r.Number)
		g.report.remove(Item{Kind: KindGeneration, Path: path, Bytes: sizeOf(path), Why: newer(g.keep)})
		if g.report.Dry {
			continue
		}
		if err := sc.drop(r.Number); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// settledRecords are the generations that were current. Unless it only looks, it
// finishes what a dead switch has left.
func (sc *Scope) settledRecords(text []byte, dry bool) (records, error) {
	if dry {
		return sc.records()
	}
	return sc.tidy(text)
}

// reach keeps what a file names.
func (g *collection) reach(path, why string) error {
	text, err := durable.ReadFile(path, lock.MaxBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("nothing was removed: %s could not be read: %w", filepath.Base(path), err)
	}
	g.reachText(text, why)
	return nil
}

// anyH1 finds digests wherever they stand, also in files that do not parse.
var anyH1 = pattern.Lazy(`h1:[A-Za-z0-9+/]{43}=`)

func (g *collection) reachText(text []byte, why string) {
	for _, h1 := range anyH1().FindAll(text, -1) {
		sum, err := archive.ParseH1(string(h1))
		if err != nil {
			continue
		}
		name := hex.EncodeToString(sum[:])
		if _, ok := g.reached[name]; !ok {
			g.reached[name] = "named in " + why
		}
	}
}

// newer says why a generation goes that n later ones follow.
func newer(n int) string {
	if n == 1 {
		return "a newer one is kept"
	}
	return strconv.Itoa(n) + " newer ones are kept"
}
