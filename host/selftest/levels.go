// SPDX-License-Identifier: Apache-2.0

package selftest

import (
	"context"
	"errors"
	"os"

	"github.com/bulkhead-ml/bulkhead/host/sandbox"
	"github.com/bulkhead-ml/bulkhead/internal/attack"
)

// Standing says whether a level can be reached on this machine.
type Standing struct {
	Level   sandbox.Level `json:"level"`
	Reached bool          `json:"reached"`
	// Reason why not; "" when it is reached.
	Reason  string          `json:"reason,omitempty"`
	Sandbox *sandbox.Report `json:"sandbox,omitempty"`
}

// Probe starts a program at each level of this system and says which levels
// stand, from high to low.
func Probe(ctx context.Context, executable string) ([]Standing, error) {
	var out []Standing
	for _, level := range sandbox.Levels() {
		report, err := probe(ctx, executable, level)
		var refused *sandbox.RefusedError
		switch {
		case err == nil:
			out = append(out, Standing{Level: level, Reached: true, Sandbox: &report})
		case errors.As(err, &refused):
			out = append(out, Standing{Level: level, Reason: reasonOf(refused)})
		default:
			return nil, err
		}
	}
	return out, nil
}

// reasonOf is why the only level that was tried was not reached.
func reasonOf(refused *sandbox.RefusedError) string {
	var step *sandbox.StepError
	if errors.As(errors.Join(refused.Attempts...), &step) {
		text := step.Step
		if step.Path != "" {
			text += " " + step.Path
		}
		return text + ": " + step.Err.Error() + step.Hint()
	}
	return refused.Error()
}

// probe starts a program that waits for the end of its input, which is empty.
func probe(ctx context.Context, executable string, level sandbox.Level) (sandbox.Report, error) {
	exe, err := os.Open(executable)
	if err != nil {
		return sandbox.Report{}, err
	}
	defer exe.Close()
	private, err := os.MkdirTemp("", "bulkhead-probe-")
	if err != nil {
		return sandbox.Report{}, err
	}
	defer os.RemoveAll(private)
	p, err := sandbox.Launch(ctx, sandbox.Spec{
		Exe: exe, Args: []string{"probe", attack.Word, attack.Victim}, Env: []string{attack.SceneEnv + "={}"},
		DirEnv: []string{"HOME", "TMPDIR"}, PrivateDir: private, Floor: level, Ceiling: level,
	})
	if err != nil {
		return sandbox.Report{}, err
	}
	p.Kill()
	<-p.Done()
	return p.Report(), nil
}
