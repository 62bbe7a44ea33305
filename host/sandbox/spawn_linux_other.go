// SPDX-License-Identifier: Apache-2.0

//go:build linux && !amd64 && !arm64

package sandbox

import "context"

// rawExecutor says that this architecture has no raw executor.
const rawExecutor = false

func (a *attempt) executeRaw(ctx context.Context, c *compiler) (child, *mail, *outcome, error) {
	return a.executeShim(ctx, c)
}
