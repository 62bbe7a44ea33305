// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"context"
	"errors"

	"github.com/bulkhead-ml/bulkhead/host/upgrade"
)

var _ = errors.New

func (s *session) replayGate(ctx context.Context, c *upgrade.Candidate, most int) (string, error) {
	return "", errors.New("TODO")
}
