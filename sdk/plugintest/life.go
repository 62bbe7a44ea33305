// SPDX-License-Identifier: Apache-2.0

package plugintest

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

var lifeRules = []rule{
	{"life/drain", "After Drain new calls are refused as unavailable.", lifeDrain},
	{"life/restart", "It starts five times in a row.", lifeRestart},
	{"life/nothing-stays", "Ten processes that ended left none behind.", lifeNothingStays},
}

func lifeDrain(b *bench) error {
	return b.with("", func(p *Plugin) error {
		ctx, cancel := context.WithTimeout(b.ctx, CallTimeout)
		defer cancel()
		if _, err := pluginv1.NewPluginServiceClient(p.Conn).Drain(ctx, &pluginv1.DrainRequest{}); err != nil {
			return fmt.Errorf("Drain failed: %w", err)
		}
		_, err := describe(ctx, p)
		switch {
		case err == nil:
			return errors.New("after Drain a new call is answered; it must be refused as unavailable")
		case status.Code(errors.Unwrap(err)) != codes.Unavailable:
			return fmt.Errorf("after Drain a new call is not refused as unavailable: %w", err)
		}
		return nil
	})
}

func lifeRestart(b *bench) error {
	for range 5 {
		if err := b.with("", func(p *Plugin) error { _, err := describe(b.ctx, p); return err }); err != nil {
			return err
		}
	}
	return nil
}

// lifeNothingStays starts and stops instances, and looks whether the process or
// one that it started outlives its end.
func lifeNothingStays(b *bench) error {
	for i := range 10 {
		p, err := b.subject.Start(b.ctx, "")
		if err != nil {
			return fmt.Errorf("the plugin does not start for the %d. time: %w", i+1, err)
		}
		family, err := familyOf(p.PID)
		if err := errors.Join(err, p.Stop()); err != nil {
			return err
		}
		if left := survivors(family, promptly); len(left) > 0 {
			return fmt.Errorf("%v after its end %d of its processes run: %v", promptly, len(left), left)
		}
	}
	return nil
}

// survivors waits for processes to end and returns those that do not.
func survivors(family []process, patience time.Duration) []process {
	deadline := time.Now().Add(patience)
	for {
		left := family[:0:0]
		for _, p := range family {
			if p.runs() {
				left = append(left, p)
			}
		}
		if len(left) == 0 || time.Now().After(deadline) {
			return left
		}
		time.Sleep(10 * time.Millisecond)
	}
}
