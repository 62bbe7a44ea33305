// SPDX-License-Identifier: Apache-2.0

package sandbox

import (
	"context"
	"errors"
)

// Launch starts the program at the highest level that works here. It tries the
// levels from the ceiling downwards and stops at the floor. It returns when the
// program has been executed and its level was verified from outside, or with one
// of [RefusedError], [BindError], [LoaderError], [ModeError], a context error, or a plain
// error for a specification that makes no sense. The context bounds the start only.
func Launch(ctx context.Context, spec Spec) (*Process, error) {
	if err := spec.check(); err != nil {
		return nil, err
	}
	if spec.Runtime != "" {
		return launchRuntime(ctx, &spec)
	}
	refused := &RefusedError{Floor: spec.Floor.floor()}
	for _, level := range ladder {
		if level > spec.ceiling() || level < refused.Floor {
			continue
		}
		process, err := launchAt(ctx, &spec, level)
		if err == nil {
			process.report.Fallen = texts(refused.Attempts)
			return process, nil
		}
		if _, ok := errors.AsType[*StepError](err); !ok {
			return nil, err
		}
		refused.Attempts = append(refused.Attempts, err)
	}
	return nil, refused
}

// ceiling is the level to try first.
func (s *Spec) ceiling() Level {
	if s.Ceiling == 0 {
		return ladder[0]
	}
	return s.Ceiling
}

func texts(errs []error) []string {
	var out []string
	for _, err := range errs {
		out = append(out, err.Error())
	}
	return out
}
