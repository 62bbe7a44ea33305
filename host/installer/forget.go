// SPDX-License-Identifier: Apache-2.0

package installer

import "context"

// Forget makes a registry one that was never asked: what was seen of it is removed,
// and the evidence of a fork of its log is kept in the file that is returned, if
// there is any. See trust.Client.Forget for when that is right.
func (r *Registries) Forget(ctx context.Context, name string) (evidence string, err error) {
	c, err := r.open(ctx, name)
	if err != nil {
		return "", err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.refreshed, c.freshness = false, nil
	return c.Forget(ctx)
}
