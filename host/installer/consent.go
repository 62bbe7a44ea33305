// SPDX-License-Identifier: Apache-2.0

package installer

import (
	"context"
	"fmt"
	"strings"
)

// Ask puts the grants of changes to somebody who can agree to them. It returns an
// error when they are refused, and nil when all of them are granted.
type Ask func(ctx context.Context, changes []Change) error

// UnconsentedError means that plugins ask for what nobody agreed to.
type UnconsentedError struct {
	Changes []Change // those that ask
	Reason  string   // who did not agree, or why nobody could be asked
}

// Error names each grant and what to do.
func (e *UnconsentedError) Error() string {
	var lines []string
	for _, c := range e.Changes {
		for _, g := range c.Asks {
			lines = append(lines, fmt.Sprintf("%s %s asks for %s", c.ID, c.To, g))
		}
	}
	return fmt.Sprintf("%s: %s. Nothing was changed", e.Reason, strings.Join(lines, "; "))
}

// asking are the changes of which somebody must be asked.
func asking(changes []Change) (out []Change) {
	for _, c := range changes {
		if len(c.Asks) > 0 {
			out = append(out, c)
		}
	}
	return out
}

// Consent asks for what the plan needs, by the policy first and then a person,
// who may be nil. It must be called before Commit.
func (p *Plan) Consent(ctx context.Context, policy *Policy, ask Ask) error {
	open := policy.rest(asking(p.Changes))
	switch {
	case len(open) == 0:
	case policy != nil:
		return &UnconsentedError{open, "the policy " + policy.Name + " does not accept this"}
	case ask == nil:
		return &UnconsentedError{open, "nobody can be asked here; run the command at a terminal, or give a policy with --accept-grants"}
	default:
		if err := ask(ctx, open); err != nil {
			return err
		}
	}
	p.consented = true
	return nil
}
