// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"path"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/dist"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/locate"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// integrity compares what is installed with what RECORD promises.
func (o *observer) integrity(ctx context.Context, inv *inventory) {
	found := make([]*dist.Damage, len(inv.all))
	parallel(ctx, len(inv.all), func(i int) {
		if inv.scope(inv.all[i]) != locate.ScopeBase {
			found[i] = dist.Inspect(o.target, inv.all[i])
		}
	})
	damaged := []dist.Damage{}
	var evidence []fact.Evidence
	for _, d := range found {
		if d != nil {
			damaged = append(damaged, *d)
			evidence = append(evidence, fact.File(path.Join(d.Path, "RECORD"), 0, d.Name+" "+d.Version))
		}
	}
	if len(damaged) > 0 {
		o.add(observed.Damaged, damaged, evidence...)
	}
}

// clobbers looks for files with two owners in each directory of packages.
func (o *observer) clobbers(_ context.Context, inv *inventory) {
	var all []dist.Clobber
	for i := range inv.sites {
		var dists []*dist.Distribution
		for j := range inv.sites[i].Distributions {
			dists = append(dists, &inv.sites[i].Distributions[j])
		}
		all = append(all, dist.FindClobbers(o.target, dists)...)
	}
	if len(all) > 0 {
		o.add(observed.Clobbered, all)
	}
}
