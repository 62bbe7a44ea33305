// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"slices"
	"testing"

	"github.com/bulkhead-ml/bulkhead/host/config"
)

// TestHostCodes: a configuration may name every code of the host's own, and each
// has a page with all its parts.
func TestHostCodes(t *testing.T) {
	var want []string
	for _, p := range Pages() {
		want = append(want, p.Code)
		for _, part := range []string{p.Title, p.Area, p.Doc.Meaning, p.Doc.Detection, p.Doc.Cause, p.Doc.Fix, p.Doc.Verify} {
			if part == "" {
				t.Errorf("%s: a part of its page is missing", p.Code)
			}
		}
		if len(p.Doc.References) == 0 {
			t.Errorf("%s: its page has no references", p.Code)
		}
	}
	if got := slices.Sorted(slices.Values(config.HostCodes)); !slices.Equal(got, want) {
		t.Errorf("the configuration knows %v, and the host reports %v", got, want)
	}
}
