// SPDX-License-Identifier: Apache-2.0

package files

import (
	"context"

	"golang.org/x/sync/errgroup"
)

// Item is one file of DownloadAll.
type Item struct {
	Name string
	DownloadOptions
}

// DownloadAll downloads several files, at most parallel of them at once. The first
// error ends all, and what came of the others is gone on with the next time.
func DownloadAll(ctx context.Context, src Source, items []Item, parallel int) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(max(1, parallel))
	for _, item := range items {
		group.Go(func() error {
			if err := ctx.Err(); err != nil {
				return err
			}
			return Download(ctx, src, item.Name, item.DownloadOptions)
		})
	}
	return group.Wait()
}
