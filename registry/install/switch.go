// SPDX-License-Identifier: Apache-2.0

package install

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/lock"
	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Steps that Switch and Rollback pass, in their order; between them are those of
// package durable.
const (
	StepGeneration = "writing the generation"
	StepRecord     = "writing the generation's record"
	StepPointer    = "replacing the lock file"
	StepDone       = "noting that the generation is current"
)

// Switch replaces the lock file by another one and returns the number of its
// generation. Base is the file that the new one was made from, as Current returned
// it; when the lock file says something else by now, nothing happens and the error
// is a *ChangedError. A nil base replaces whatever is there. Digests for this
// platform that come with the new file must be installed, or the error is a
// *MissingError. Switching to what is current makes no new generation.
func (sc *Scope) Switch(ctx context.Context, base, next *lock.File, why string) (int, error) {
	text, err := next.Encode()
	if err != nil {
		return 0, err
	}
	return sc.change(ctx, func(c *change) error {
		if err := c.unchanged(base); err != nil {
			return err
		}
		c.text, c.why = text, why
		return nil
	})
}

// Rollback switches to the text of an earlier generation, which becomes a new one,
// and returns its number. 0 is the generation before the current one; after a
// rollback that is the one before where it went, so that repeating it goes further
// back.
func (sc *Scope) Rollback(ctx context.Context, to int) (int, error) {
	return sc.RollbackFrom(ctx, nil, to)
}

// RollbackFrom is Rollback of the lock file that Current returned as base; when it
// says something else by now, nothing happens and the error is a *ChangedError.
func (sc *Scope) RollbackFrom(ctx context.Context, base *lock.File, to int) (int, error) {
	return sc.change(ctx, func(c *change) (err error) {
		if err := c.unchanged(base); err != nil {
			return err
		}
		n := to
		if n == 0 {
			n = sc.numberBefore(c.records, c.old)
		}
		c.of, c.why = n, fmt.Sprintf("rollback to generation %d", n)
		c.text, err = sc.textOf(c.records, n)
		return err
	})
}

// change is a switch under way.
type change struct {
	scope   *Scope
	old     []byte // nil when there was no lock file
	records records
	text    []byte
	why     string
	of      int
}

// change replaces the pointer under the store's lock by what plan says.
func (sc *Scope) change(ctx context.Context, plan func(*change) error) (int, error) {
	l, err := sc.store.lockStore(ctx)
	if err != nil {
		return 0, fmt.Errorf("switching %s: %w", sc.pointer, err)
	}
	defer func() { _ = l.Release() }()
	c := &change{scope: sc}
	if err := c.begin(); err != nil {
		return 0, fmt.Errorf("switching %s: %w", sc.pointer, err)
	}
	if err := plan(c); err != nil {
		return 0, err
	}
	if r := c.records.of(c.text); r != nil && c.old != nil && bytes.Equal(c.old, c.text) {
		return r.Number, nil
	}
	if err := c.installed(); err != nil {
		return 0, err
	}
	n, err := c.commit()
	if err != nil {
		return 0, fmt.Errorf("switching %s: %w", sc.pointer, err)
	}
	return n, nil
}

// begin reads what there is, and keeps a text that came from elsewhere.
func (c *change) begin() (err error) {
	if c.old, err = c.scope.read(); err != nil {
		return err
	}
	if c.records, err = c.scope.tidy(c.old); err != nil {
		return err
	}
	if c.old == nil || c.records.of(c.old) != nil {
		return nil
	}
	if _, err := c.scope.found(c.records, c.old); err != nil {
		return err
	}
	c.records, err = c.scope.records()
	return err
}

// unchanged compares the lock file with the one that a plan was made for.
func (c *change) unchanged(base *lock.File) error {
	if base == nil {
		return nil
	}
	now := &lock.File{}
	if c.old != nil {
		var err error
		if now, err = lock.Parse(c.scope.pointer, c.old); err != nil {
			return err
		}
	}
	was, err := base.Encode()
	if err != nil {
		return err
	}
	if is, err := now.Encode(); err != nil || !bytes.Equal(was, is) {
		return &ChangedError{Lock: c.scope.pointer}
	}
	return nil
}

// installed looks for the entries that this platform needs and did not need
// before.
func (c *change) installed() error {
	next, err := lock.Parse(c.scope.pointer, c.text)
	if err != nil {
		return err
	}
	before := map[string]bool{}
	if old, err := lock.Parse(c.scope.pointer, c.old); err == nil {
		for _, p := range old.Plugins {
			before[needed(p)] = true
		}
	}
	missing := &MissingError{}
	for _, p := range next.Plugins {
		h1 := needed(p)
		if h1 == "" || before[h1] {
			continue
		}
		if _, err := c.scope.store.Dir(h1); err != nil {
			missing.H1s, missing.Plugins = append(missing.H1s, h1), append(missing.Plugins, p.ID+"@"+p.Version)
		}
	}
	if missing.H1s != nil {
		return missing
	}
	return nil
}

// needed is the digest that a locked plugin has for this platform; "" when it has none.
func needed(p lock.Plugin) string {
	for _, key := range []string{release.Host(), release.Any} {
		if platform, ok := p.Platforms[key]; ok {
			return platform.H1
		}
	}
	return ""
}

// commit writes the generation and then moves the pointer to it.
func (c *change) commit() (int, error) {
	sc := c.scope
	r := record{Number: c.records.last() + 1, At: sc.store.now().UTC(), Why: c.why, SHA256: textSum(c.text), Of: c.of, Pending: true}
	if err := sc.write(r, c.text); err != nil {
		return 0, err
	}
	if err := sc.store.fail(StepPointer); err != nil {
		return 0, err
	}
	if err := sc.replace(c.text); err != nil {
		return 0, err
	}
	if sc.store.fail(StepDone) == nil {
		r.Pending = false
		_ = sc.store.writeJSON(sc.recordPath(r.Number), r) // the next change makes up for it
	}
	return r.Number, nil
}

// write brings a generation to disk. Its record goes last: where there is a record
// there is a text.
func (sc *Scope) write(r record, text []byte) error {
	if err := sc.register(); err != nil {
		return err
	}
	if err := sc.store.fail(StepGeneration); err != nil {
		return err
	}
	if err := durable.Replace(sc.textPath(r.Number), text, sc.store.Fail); err != nil {
		return err
	}
	if err := sc.store.fail(StepRecord); err != nil {
		return err
	}
	return sc.store.writeJSON(sc.recordPath(r.Number), r)
}

// replace moves the pointer, which keeps the mode that it had: a project's lock
// file is there for all who work on it.
func (sc *Scope) replace(text []byte) error {
	mode := fs.FileMode(0o644)
	if info, err := os.Lstat(sc.pointer); err == nil {
		mode = info.Mode().Perm()
	}
	temp, err := durable.Temp(filepath.Dir(sc.pointer), text, sc.store.Fail)
	if err != nil {
		return err
	}
	if sc.project != "" {
		if err := os.Chmod(temp, mode); err != nil {
			_ = os.Remove(temp) // what was written is of no use
			return err
		}
	}
	return durable.Rename(temp, sc.pointer, sc.store.Fail)
}

// found makes a text a generation that came from elsewhere. It is current
// already.
func (sc *Scope) found(records records, text []byte) (int, error) {
	if r := records.of(text); r != nil {
		return r.Number, nil
	}
	r := record{Number: records.last() + 1, At: sc.store.now().UTC(), Why: "found", SHA256: textSum(text), Found: true}
	return r.Number, sc.write(r, text)
}

// tidy finishes what switches that died have left: a generation whose text is the
// pointer's became current, and others never did. The caller has the store's lock.
func (sc *Scope) tidy(text []byte) (records, error) {
	all, err := sc.allRecords()
	if err != nil {
		return nil, err
	}
	var out records
	for _, r := range all {
		switch {
		case !r.Pending:
		case text != nil && r.SHA256 == textSum(text):
			r.Pending = false
			err = sc.store.writeJSON(sc.recordPath(r.Number), r)
		default:
			err = sc.drop(r.Number)
			if err == nil {
				continue
			}
		}
		if err != nil {
			return nil, err
		}
		out = append(out, r)
	}
	if err := sc.sweepTexts(out); err != nil {
		return nil, err
	}
	for _, dir := range []string{sc.path(), sc.path(generationDir), filepath.Dir(sc.pointer)} {
		if err := sweepUnfinished(dir, sc.store.now()); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// sweepTexts drops texts without a record.
func (sc *Scope) sweepTexts(records records) error {
	numbers, err := numbered(sc.path(generationDir), ".hcl")
	if err != nil {
		return err
	}
	for _, n := range numbers {
		if records.number(n) == nil {
			if err := os.Remove(sc.textPath(n)); err != nil {
				return err
			}
		}
	}
	return nil
}
