// SPDX-License-Identifier: Apache-2.0

package prepare

import (
	"strconv"

	"github.com/bulkhead-ml/bulkhead/plugins/kernels/data/internal/frame"
)

// names hands out column names that do not collide. Input names come first, so
// an indicator never takes the name of a column that exists.
type names map[string]bool

func newNames(cols []frame.Column, reserved []string) names {
	n := names{}
	for _, r := range reserved {
		n[r] = true
	}
	for _, c := range cols {
		n[c.Name] = true
	}
	return n
}

// unique returns the wanted names, those in use with a number behind. A column
// that keeps its own name holds it already.
func (n names) unique(wanted []string) []string {
	if len(wanted) == 1 && n[wanted[0]] {
		return wanted
	}
	out := make([]string, len(wanted))
	for i, w := range wanted {
		out[i] = w
		for k := 2; n[out[i]]; k++ {
			out[i] = w + "_" + strconv.Itoa(k)
		}
		n[out[i]] = true
	}
	return out
}
