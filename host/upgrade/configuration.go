// SPDX-License-Identifier: Apache-2.0

package upgrade

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/installer"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// contractTime bounds the contract suite of one plugin.
const contractTime = 10 * time.Minute

// State is a fitted state that the locked version made.
type State struct {
	Kernel  string // without the plugin's name
	Version uint32
	Digest  string
}

// configuration checks the user's configuration against all candidates at once,
// and whether the states of their predecessors load.
func (r *run) configuration(ctx context.Context) error {
	for _, c := range r.candidates {
		if err := r.states(c); err != nil {
			return fmt.Errorf("%s %s: %w", c.ID, c.To, err)
		}
	}
	if r.Gates.Bind == nil {
		return skip("there is no configuration")
	}
	described := map[string]*pluginv1.DescribeResponse{}
	for _, c := range r.candidates {
		for _, name := range r.Gates.Names(c.ID) {
			described[name] = c.New
		}
	}
	return r.Gates.Bind(ctx, described)
}

// states compares the versions of states that old and new know: first what they
// say of themselves, then what is really kept.
func (r *run) states(c *Candidate) error {
	if c.Kind == installer.Install || r.LoseStates {
		return nil
	}
	now := map[string]*pluginv1.KernelDescription{}
	for _, k := range c.New.GetKernels() {
		now[k.GetName()] = k
	}
	var lost []string
	for _, k := range c.Old.GetKernels() {
		if k.GetFits() && !loads(now[k.GetName()], k.GetStateVersion()) {
			lost = append(lost, fmt.Sprintf("%s (version %d)", k.GetName(), k.GetStateVersion()))
		}
	}
	if r.Gates.States != nil {
		kept, err := r.Gates.States(c)
		if err != nil {
			return err
		}
		for _, s := range kept {
			if !loads(now[s.Kernel], s.Version) {
				lost = append(lost, fmt.Sprintf("%s, kept as %.19s (version %d)", s.Kernel, s.Digest, s.Version))
			}
		}
	}
	if len(lost) > 0 {
		return errors.New("states that were made by " + c.From + " do not load in it: " + strings.Join(lost, ", ") +
			"; fit again after the upgrade and say --lose-states, or stay at " + c.From)
	}
	return nil
}

// loads reports whether a kernel takes a state of a version.
func loads(k *pluginv1.KernelDescription, version uint32) bool {
	return k != nil && version >= k.GetMinStateVersion() && version <= k.GetStateVersion()
}

// contract runs the contract suite over the candidate.
func (r *run) contract(ctx context.Context, c *Candidate) error {
	if r.Gates.Contract == nil {
		return skip("it was not asked for")
	}
	ctx, cancel := context.WithTimeoutCause(ctx, contractTime, fmt.Errorf("the contract suite did not end within %s", contractTime))
	defer cancel()
	text, err := r.Gates.Contract(ctx, c)
	if err != nil {
		return err
	}
	return done(text)
}

// replay repeats recorded runs with the old and the new version.
func (r *run) replay(ctx context.Context, c *Candidate) error {
	switch {
	case c.Kind != installer.Upgrade && c.Kind != installer.Downgrade:
		return skip("there is no version before it")
	case r.Gates.Replay == nil:
		return skip("it was not asked for")
	}
	text, err := r.Gates.Replay(ctx, c)
	if err != nil {
		return err
	}
	return done(text)
}
