// SPDX-License-Identifier: Apache-2.0

package collect

import (
	"maps"
	"slices"
	"strings"

	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/dist"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/pep508"
	"github.com/bulkhead-ml/bulkhead/plugins/builtin-python/internal/tables"
)

// extrasAsked collects which extras of which distributions installed
// requirements name: torch 2.11 asks for CUDA by cuda-toolkit[cublas,cudart].
// What an extra brings was installed with it, and is required like all else.
type extrasAsked struct {
	envs []pep508.Environment
	// of holds the extras asked of a distribution, by its key.
	of map[string]map[string]bool
}

// requirements keeps of each distribution the requirements that apply, with
// those of extras that other kept ones name. Lines that are no requirements are
// told apart, with the distribution's name before them.
func (inv *inventory) requirements(envs []pep508.Environment) (kept [][]string, bad []string) {
	asked := extrasAsked{envs, map[string]map[string]bool{}}
	kept = make([][]string, len(inv.all))
	changed := map[string]bool{}
	for i, d := range inv.all {
		var wrong []string
		kept[i], wrong = applicable(d.Metadata.RequiresDist, envs)
		for _, text := range wrong {
			bad = append(bad, d.Name+": "+text)
		}
		asked.note(kept[i], changed)
	}
	for len(changed) > 0 { // extras may ask for extras; there are finitely many
		now := changed
		changed = map[string]bool{}
		for i, d := range inv.all {
			if now[d.Key] {
				more := asked.more(d, kept[i])
				kept[i] = append(kept[i], more...)
				asked.note(more, changed)
			}
		}
	}
	return kept, bad
}

// unwritten lists what a distribution compares when it is imported and does not
// require: JAX's plugin wants the cuDNN that it was built with, or a newer one,
// which stands under an extra only; others want their partner in their version.
func (o *observer) unwritten(inv *inventory, d *dist.Distribution, envs []pep508.Environment) []string {
	var out []string
	if strings.HasPrefix(d.Key, "jax-cuda") && o.target.Env["JAX_SKIP_CUDA_CONSTRAINTS_CHECK"] == "" {
		asked := extrasAsked{envs, map[string]map[string]bool{d.Key: {"with-cuda": true}}}
		out = slices.DeleteFunc(asked.more(d, nil), func(line string) bool {
			r, err := pep508.Parse(line)
			key := pep508.Normalize(r.Name)
			return err != nil || !strings.HasPrefix(key, "nvidia-cudnn-") || inv.first([]string{key}) == nil
		})
	}
	for _, row := range tables.Implied().Rows {
		partner := inv.first([]string{row.Partner})
		if row.Name != d.Key || partner == nil || o.target.Env[row.Variable] != "" {
			continue
		}
		if line, ok := row.Requirement(d.Version, partner.Version); ok {
			out = append(out, line)
		}
	}
	return out
}

// note marks the distributions of which more is asked than before.
func (a extrasAsked) note(lines []string, changed map[string]bool) {
	for _, line := range lines {
		if !strings.Contains(line, "[") {
			continue
		}
		r, err := pep508.Parse(line)
		if err != nil {
			continue
		}
		key := pep508.Normalize(r.Name)
		for _, extra := range r.Extras {
			if a.of[key] == nil {
				a.of[key] = map[string]bool{}
			}
			if !a.of[key][extra] {
				a.of[key][extra], changed[key] = true, true
			}
		}
	}
}

// more lists the requirements that hold with the extras asked of a distribution
// and are not kept yet.
func (a extrasAsked) more(d *dist.Distribution, kept []string) []string {
	var out []string
	for _, extra := range slices.Sorted(maps.Keys(a.of[d.Key])) {
		with := make([]pep508.Environment, len(a.envs))
		for i, e := range a.envs {
			with[i] = maps.Clone(e)
			with[i]["extra"] = extra
		}
		for _, line := range d.Metadata.RequiresDist {
			r, err := pep508.Parse(line)
			if err != nil || len(with) == 0 || !holdsInAll(r.Marker, with) {
				continue
			}
			if text := withoutMarker(line, r); !slices.Contains(kept, text) && !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
	}
	return out
}
