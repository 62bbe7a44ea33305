// SPDX-License-Identifier: Apache-2.0

package trust

import (
	"context"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// Prove returns how a release is known to be the one that the publisher signed and
// that the log has, for somebody who has its files already.
func (c *Client) Prove(ctx context.Context, rel release.Known) ([]Evidence, error) {
	id, err := release.ParseID(rel.ID)
	if err != nil {
		return nil, err
	}
	known, signed, err := c.known(ctx, id, rel)
	if err != nil {
		return nil, err
	}
	logged, err := c.logged(ctx, &known.Release)
	if err != nil {
		return nil, err
	}
	return []Evidence{signed, logged}, nil
}
