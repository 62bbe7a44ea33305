// SPDX-License-Identifier: Apache-2.0

package selftest

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/internal/attack"
)

const (
	// Patience is how long an attack may take before it is killed, if
	// Options.Patience does not say otherwise.
	Patience = 5 * time.Second
	// KillTime is how long a killed process may take to be gone. It takes a moment,
	// and on a machine that is busy with others some seconds.
	KillTime = 20 * time.Second
)

// Options choose what is attacked.
type Options struct {
	// Executable is a program whose main calls attack.MaybeRun: the host.
	Executable string
	// Only are the names of the attacks to try; none means all.
	Only []string
	// Floor and Ceiling bound the sandbox level; zero is the default.
	Floor, Ceiling sandbox.Level
	// Without switches walls off, to see what the others hold.
	Without []string
	// Identity of the attackers under a root host.
	Identity sandbox.Identity
	// Limits of the attackers. Zero fields are those of any plugin, but for
	// CPUSeconds, which is 1.
	Limits sandbox.Limits
	// Patience is how long an attack may take; zero is the constant. An emulated
	// machine needs more.
	Patience time.Duration
	// Progress, when not nil, is called after each attack.
	Progress func(done, all int)
}

// Report is what held.
type Report struct {
	Level   sandbox.Level  `json:"level"`
	Sandbox sandbox.Report `json:"sandbox"`
	Attacks []Result       `json:"attacks"`
}

// Contained counts the attacks that were contained.
func (r *Report) Contained() (count int) {
	for _, a := range r.Attacks {
		if a.Contained {
			count++
		}
	}
	return count
}

// Result is the outcome of one attack.
type Result struct {
	Name      string `json:"name"`
	Area      string `json:"area"`
	Aim       string `json:"aim"`
	Contained bool   `json:"contained"`
	// Wall that held; "" when none did.
	Wall   string `json:"wall"`
	Detail string `json:"detail"`
	// Milliseconds from the start to the end of the process.
	Milliseconds int64 `json:"ms"`
}

// Run tries the attacks one after the other, so that what is found is the work
// of the one that was tried. It is an error when an attacker cannot be started.
func Run(ctx context.Context, o Options) (*Report, error) {
	attacks, err := chosen(o.Only)
	if err != nil {
		return nil, err
	}
	// The host looks for a place of its own among the control groups with its
	// first launch, and finds none once the victim shares its group. Whether this
	// launch works the attackers' will say.
	_, _ = probe(ctx, o.Executable, 0)
	stage, err := newStage(o.Executable)
	if err != nil {
		return nil, fmt.Errorf("putting up the scene to be attacked: %w", err)
	}
	defer stage.close()
	report := &Report{}
	for i, a := range attacks {
		attempt, err := stage.try(ctx, a, &o)
		if err != nil {
			return nil, fmt.Errorf("starting the attacker %q: %w", a.Name, err)
		}
		if i == 0 || tells(attempt.sandbox, report.Sandbox) {
			report.Level, report.Sandbox = attempt.sandbox.Level, attempt.sandbox
		}
		report.Attacks = append(report.Attacks, attempt.judge(a))
		if o.Progress != nil {
			o.Progress(i+1, len(attacks))
		}
	}
	return report, nil
}

// tells reports whether one attacker's sandbox says more of all than another's:
// the lowest level counts, and an attacker may end before it can be verified.
func tells(one, other sandbox.Report) bool {
	return one.Level < other.Level || one.Level == other.Level && one.Verified && !other.Verified
}

// Names are the names of all attacks, in the order of a report.
func Names() (out []string) {
	for _, a := range attack.Catalogue() {
		out = append(out, a.Name)
	}
	return out
}

// chosen are the attacks of the given names, all without names.
func chosen(names []string) ([]attack.Attack, error) {
	all := attack.Catalogue()
	if len(names) == 0 {
		return all, nil
	}
	var out []attack.Attack
	var errs []error
	for _, name := range names {
		i := slices.IndexFunc(all, func(a attack.Attack) bool { return a.Name == name })
		if i < 0 {
			errs = append(errs, fmt.Errorf("no attack is called %q", name))
			continue
		}
		out = append(out, all[i])
	}
	return out, errors.Join(errs...)
}
