// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"strings"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/files"
	"github.com/bulkhead-ml/bulkhead/registry/trust"
)

// refreshAt asks a registry with a clock that is off.
func (g *registry) refreshAt(src files.Source, state string, off, grace time.Duration) (*trust.Freshness, error) {
	g.t.Helper()
	o := g.options(src, state)
	o.Offline, o.Now = grace, func() time.Time { return time.Now().Add(off) }
	c, err := trust.Open(o)
	must(g.t, err)
	return c.Refresh(g.t.Context())
}

const year = 365 * 24 * time.Hour

// TestClockSetBack: an old copy is good again by a clock that is set back, and is
// refused all the same by whoever has seen a newer one.
func TestClockSetBack(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	old, state := g.Clone(), t.TempDir()
	g.publish("acme/scaler@1.1.0")
	_, err := g.refreshAt(g.Files, state, 0, 0)
	must(t, err)
	for _, back := range []time.Duration{0, -12 * time.Hour, -60 * year} {
		_, err := g.refreshAt(old, state, back, 1000*time.Hour)
		if refused(t, err, trust.Rollback, "timestamp"); err != nil && !strings.Contains(err.Error(), "old copy: use another") {
			t.Errorf("%s: the message does not say what to do: %v", back, err)
		}
		fresh, err := g.refreshAt(g.Files, state, back, 0)
		if err != nil || fresh.Expired {
			t.Errorf("%s: the newest: %+v, %v", back, fresh, err)
		}
	}
}

// TestClockAhead: everything has expired by a clock that is ahead; nothing that was
// verified is lost, and all is well when the clock is right again.
func TestClockAhead(t *testing.T) {
	g := newRegistry(t)
	g.publish("acme/scaler@1.0.0")
	state := t.TempDir()
	for range 2 { // at the first meeting, and later
		for _, grace := range []time.Duration{0, time.Hour} {
			_, err := g.refreshAt(g.Files, state, 20*year, grace)
			if refused(t, err, trust.Freeze, "expired"); err != nil && !strings.Contains(err.Error(), "check this machine's clock") {
				t.Errorf("the message does not say what to do: %v", err)
			}
		}
		fresh, err := g.refreshAt(g.Files, state, 0, 0)
		if err != nil || fresh.Expired || fresh.Log.Size != 1 {
			t.Errorf("by the right clock: %+v, %v", fresh, err)
		}
	}
	old := g.Clone()
	g.publish("acme/scaler@1.1.0")
	_, err := g.refreshAt(g.Files, state, 0, 0)
	must(t, err)
	_, err = g.refreshAt(g.Files, state, 20*year, 0)
	refused(t, err, trust.Freeze, "expired")
	_, err = g.refreshAt(old, state, 0, 0) // what was seen before the clock went wrong counts
	refused(t, err, trust.Rollback, "timestamp")
}
