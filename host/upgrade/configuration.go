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

// configuration checks the user's configuration against all candidates at once,
// and whether the states of their predecessors load. What takes no time is found
// out first.
func (r *run) configuration(ctx context.Context) error {
	kept := make([][]State, len(r.candidates))
	var said []string
	for i, c := range r.candidates {
		var err error
		if kept[i], err = r.kept(c); err != nil {
			return fmt.Errorf("%s %s: %w", c.ID, c.To, err)
		}
		told, err := r.judge(c, versions(c, kept[i]))
		if err != nil {
			return err
		}
		said = append(said, told...)
	}
	if err := r.bind(ctx); err != nil {
		return err
	}
	for i, c := range r.candidates {
		told, err := r.load(ctx, c, kept[i])
		if err != nil {
			return err
		}
		said = append(said, told...)
	}
	if r.Gates.Bind == nil && len(said) == 0 {
		return skip("there is no configuration")
	}
	return done(strings.Join(said, "; "))
}

// bind checks the configuration.
func (r *run) bind(ctx context.Context) error {
	if r.Gates.Bind == nil {
		return nil
	}
	described := map[string]*pluginv1.DescribeResponse{}
	for _, c := range r.candidates {
		for _, name := range r.Gates.Names(c.ID) {
			described[name] = c.New
		}
	}
	return r.Gates.Bind(ctx, described)
}

// judge refuses lost states, or tells of them when that is what is wanted.
func (r *run) judge(c *Candidate, lost []string) (told []string, err error) {
	if len(lost) == 0 {
		return nil, nil
	}
	if r.LoseStates {
		return []string{fmt.Sprintf("%s %s loses %s", c.ID, c.To, listed(lost))}, nil
	}
	return nil, errors.New(c.ID + " " + c.To + ": states that were made by " + c.From + " do not load in it: " + listed(lost) +
		"; fit again after the upgrade and say --lose-states, or stay at " + c.From)
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
