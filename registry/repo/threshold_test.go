// SPDX-License-Identifier: Apache-2.0

package repo_test

import (
	"context"
	"testing"

	"github.com/bulkhead-ml/bulkhead/registry/repo"
)

// TestThresholdStays: whoever replaces keys and says nothing of the threshold does
// not lower it.
func TestThresholdStays(t *testing.T) {
	r, ctx := newRegistry(t), context.Background()
	everyone := r.everyone()
	wantError(t, everyone.Rotate(ctx, "root", r.role(0, "new")), "threshold 2 and this many keys: 1")
	must(t, everyone.Rotate(ctx, "root", r.role(0, "root", "root2", "new")))
	must(t, everyone.AddPublisher(ctx, "zeta", r.role(0, "zeta", "zeta2"), nil))
	must(t, everyone.AddPublisher(ctx, "eta", r.role(2, "eta", "eta2"), nil))
	wantError(t, everyone.AddPublisher(ctx, "eta", r.role(0, "eta3"), nil), "threshold 2 and this many keys: 1")
	must(t, everyone.AddPublisher(ctx, "eta", r.role(0, "eta", "eta3"), nil))
	look, err := repo.Look(ctx, r.store)
	must(t, err)
	if got := look.Roles["root"]; got.Threshold != 2 || len(got.KeyIDs) != 3 {
		t.Errorf("the root: %+v", got)
	}
	want := map[string]int{"acme": 1, "eta": 2, "zeta": 1}
	for _, p := range look.Publishers {
		if p.Threshold != want[p.Namespace] {
			t.Errorf("%s: threshold %d, want %d", p.Namespace, p.Threshold, want[p.Namespace])
		}
	}
	r.sound(0)
}
