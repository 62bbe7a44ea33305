// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"context"
	"path"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/dist"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/elfdeps"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/observed"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
)

// unmetVersions records which symbol versions extensions want of the system and
// do not get. Those of the frameworks are found with their closures, and wheels
// with a manylinux tag say in it which system they need; what is left are builds
// that promise nothing, and extensions of torch.
func (o *observer) unmetVersions(ctx context.Context, inv *inventory, loader *elfdeps.Loader) {
	extensions := inv.extensions(func(d *dist.Distribution) bool { return promisesNoSystem(d) || requiresTorch(d) })
	found := make([][]elfdeps.Unmet, len(extensions))
	parallel(ctx, len(extensions), func(i int) { found[i], _ = loader.Unmet(extensions[i].file) }) // no ELF file: told elsewhere
	var list []observed.UnmetVersion
	var evidence []fact.Evidence
	for i, unmet := range found {
		for _, u := range unmet {
			if !u.FromEnvironment && !o.bringsItsOwn(u.Library) {
				list = append(list, observed.UnmetVersion{Distribution: extensions[i].dist.Name, Unmet: u})
				evidence = append(evidence, fact.File(u.NeededBy, 0, u.Version))
			}
		}
	}
	if len(list) > 0 {
		o.add(observed.UnmetVersions, list, evidence...)
	}
}

// promisesNoSystem recognises a wheel that was built for Linux at large, as pip
// does on the spot: its tag names no release of the C library. conda, which
// leaves such tags too, compares that itself.
func promisesNoSystem(d *dist.Distribution) bool {
	return d.Installer != "conda" && slices.ContainsFunc(d.Tags, func(tag string) bool {
		platform := tag[strings.LastIndexByte(tag, '-')+1:]
		return strings.HasPrefix(platform, "linux_")
	})
}

// bringsItsOwn reports whether the interpreter has a library of this name beside
// it, as conda's has libstdc++, which then answers first.
func (o *observer) bringsItsOwn(library string) bool {
	own := path.Join(o.env.BasePrefix, "lib", path.Base(library))
	return own != library && o.env.BasePrefix != "/usr" && o.target.Exists(own)
}
