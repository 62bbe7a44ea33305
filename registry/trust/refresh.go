// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/internal/durable"
	"github.com/bulkhead-ml/bulkhead/registry/policy"
	"github.com/bulkhead-ml/bulkhead/registry/translog"
	"github.com/bulkhead-ml/bulkhead/registry/trust/tuf"
)

// Freshness says how much the answers of a client are worth.
type Freshness struct {
	Checked time.Time // when the registry was asked
	// Versions of the loaded roles.
	Versions map[string]int64
	// Role expires first, of root, timestamp, snapshot and targets.
	Role    string
	Expires time.Time
	// Expired: the metadata of some role have expired and count by the grace only.
	Expired bool
	// Unreachable is why what was kept counts and nothing newer is known; nil when
	// the registry answered.
	Unreachable error
	Log         translog.Checkpoint // zero when none was ever seen
}

// String says it in a sentence.
func (f Freshness) String() string {
	var parts []string
	if f.Unreachable != nil {
		parts = append(parts, fmt.Sprintf("the registry did not answer (%v), so what was verified before is used", f.Unreachable))
	} else {
		parts = append(parts, "verified at "+f.Checked.UTC().Format(time.RFC3339))
	}
	at := f.Expires.UTC().Format(time.RFC3339)
	switch {
	case f.Expired && f.Expires.Before(f.Checked):
		parts = append(parts, fmt.Sprintf("%s expired at %s and counts by the offline grace only", f.Role, at))
	case f.Expired:
		parts = append(parts, "the metadata of a publisher have expired and count by the offline grace only")
	default:
		parts = append(parts, "good until "+at)
	}
	return strings.Join(parts, "; ")
}

// Refresh asks the registry what is new and verifies it. Until it succeeds,
// nothing can be listed or fetched.
func (c *Client) Refresh(ctx context.Context) (*Freshness, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.set, c.fresh, c.publishers, c.indexes = nil, nil, nil, nil
	unlock, err := c.lock(ctx)
	if err != nil {
		return nil, err
	}
	defer unlock()
	set, fresh, err := c.refresh(ctx)
	if err == nil {
		err = c.logKeys(set)
	}
	if err == nil {
		err = c.refreshLog(ctx, fresh)
	}
	if err != nil {
		return nil, c.explain(err)
	}
	if c.publishers, err = c.delegations(ctx, set); err != nil {
		return nil, c.explain(err)
	}
	c.set, c.fresh, c.indexes = set, fresh, map[string]*index{}
	return fresh.copy(), nil
}

func (f *Freshness) copy() *Freshness { g := *f; return &g }

// Freshness is that of the last Refresh, or nil when it did not succeed. It is
// worse after a publisher's metadata turned out to have expired.
func (c *Client) Freshness() *Freshness {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.fresh == nil {
		return nil
	}
	return c.fresh.copy()
}

// refresh tries the ways that the options allow, the strictest first.
func (c *Client) refresh(ctx context.Context) (*tuf.Client, *Freshness, error) {
	now := c.o.Now()
	set, err := c.update(ctx, c.fetch, now)
	f := &Freshness{Checked: now}
	if c.o.Offline > 0 && unreachable(ctx, err) {
		f.Unreachable = err
		if kept, local := c.update(ctx, nil, now); !unreachable(ctx, local) { // else nothing was kept
			set, err = kept, local
		}
	}
	if c.o.Offline > 0 && frozen(err) {
		f.Expired = true
		fetch := c.fetch
		if f.Unreachable != nil {
			fetch = nil
		}
		set, err = c.update(ctx, fetch, now.Add(-c.o.Offline))
	}
	if err != nil {
		return nil, nil, err
	}
	f.Versions = set.Versions()
	f.Role, f.Expires = set.Expiry()
	return set, f, nil
}

func (c *Client) update(ctx context.Context, fetch tuf.Fetch, now time.Time) (*tuf.Client, error) {
	set, err := tuf.New(tuf.Options{Dir: c.dir, Fetch: fetch, Now: now, Prefix: "role-"})
	if err != nil {
		return nil, err
	}
	return set, set.Refresh(ctx)
}

func frozen(err error) bool {
	var e *tuf.Error
	return errors.As(err, &e) && e.Threat == Freeze
}

// unreachable reports whether a registry does not answer, while somebody still
// waits for it.
func unreachable(ctx context.Context, err error) bool { return source(err) && ctx.Err() == nil }

// logKeys takes the key of the log from the newest root. The key that was given
// must be that key, or one that the root's keys say it replaced. Of a repository
// whose root names none the key that was given counts.
func (c *Client) logKeys(set *tuf.Client) error {
	p, err := policy.Read(set.Root())
	if errors.Is(err, policy.ErrNone) {
		c.log.Handover(c.given, nil)
		return nil
	}
	if err != nil {
		return c.refused(Malformed, err, "%v", err)
	}
	if !slices.Contains(p.LogKeys(), c.o.LogKey) {
		return c.refused(KeyCompromise, nil, "its root has the log key %s, and never had %s, which was given", p.LogKey, c.o.LogKey)
	}
	now, former, err := p.Verifiers()
	if err == nil {
		c.log.Handover(now, former)
	}
	return err
}

// refreshLog proves that the log goes on. Of a registry that does not answer the
// kept checkpoint counts when the metadata do.
func (c *Client) refreshLog(ctx context.Context, f *Freshness) error {
	c.event(Event{Step: StepLog, Name: translog.CheckpointName, Total: -1})
	var err error
	if f.Unreachable == nil {
		f.Log, err = c.log.Update(ctx)
	}
	switch {
	case missing(err) && ctx.Err() == nil:
		return c.refused(MissingProof, err, "its transparency log is incomplete or hidden: %v", err)
	case c.o.Offline > 0 && unreachable(ctx, err):
		f.Unreachable = err
	case err != nil:
		return errors.Join(err, c.evidence(err))
	}
	if f.Unreachable == nil {
		return nil
	}
	saved, err := c.log.Saved()
	if saved != nil {
		f.Log = *saved
	}
	return err
}

// evidence keeps the two checkpoints of a fork: the log may not show the second
// one again. Those of an earlier fork stay, since the log may fork with every
// refresh. A log that is only shorter may be an old copy and is none.
func (c *Client) evidence(err error) error {
	var fork *translog.ForkError
	if !errors.As(err, &fork) || fork.Shrunk || c.forked() {
		return nil
	}
	text := fmt.Sprintf("%s\n--- and at %s ---\n\n%s", fork.Saved.Note, c.o.Now().UTC().Format(time.RFC3339), fork.Seen.Note)
	return durable.Replace(c.forkFile(), []byte(text), nil)
}

// forkFile keeps the two checkpoints of a fork.
func (c *Client) forkFile() string { return filepath.Join(c.dir, forkName) }
