// SPDX-License-Identifier: Apache-2.0

package trust_test

import (
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/bulkhead-ml/bulkhead/registry/release"
)

// large is a registry with 2,500 releases, which are 10,000 targets: a release
// and three archives each.
func large(t testing.TB, publishers int) *registry {
	t.Helper()
	g := newRegistry(t)
	platforms := []string{"linux_amd64", "linux_arm64", "darwin_arm64"}
	for p := range publishers {
		ns := fmt.Sprintf("publisher-%d", p)
		g.Delegate(ns, release.RolePattern(ns))
		for i := range 2500 / publishers {
			r := made(fmt.Sprintf("%s/plugin-%d", ns, i/50), fmt.Sprintf("1.%d.0", i%50))
			for _, name := range platforms {
				r.Platforms[name] = r.Platforms["linux_amd64"]
			}
			g.signOnly(ns, r)
		}
		g.Publish(ns)
	}
	g.Publish("targets")
	return g
}

// signOnly signs a release whose archives nobody will fetch.
func (g *registry) signOnly(ns string, r *release.Release) {
	g.t.Helper()
	id, err := release.ParseID(r.ID)
	must(g.t, err)
	for name, p := range r.Platforms {
		data := archive(r.ID, r.Version, "linux_amd64")
		p.Archive, p.Bytes = digest(data), int64(len(data))
		r.Platforms[name] = p
		g.AddTarget(ns, release.ArchivePath(id, r.Version, name), data)
	}
	g.document(ns, id, r, nil)
}

// peak runs f and returns the most bytes that the heap had meanwhile, above what
// it had before.
func peak(f func()) uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	before := m.HeapAlloc
	var most atomic.Uint64
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-done:
				return
			case <-time.After(2 * time.Millisecond):
				var m runtime.MemStats
				runtime.ReadMemStats(&m)
				most.Store(max(most.Load(), m.HeapAlloc))
			}
		}
	})
	f()
	close(done)
	wg.Wait()
	return most.Load() - min(before, most.Load())
}

// readAll refreshes and lists all releases of all plugins.
func readAll(t testing.TB, g *registry, state string) (releases int) {
	t.Helper()
	c := g.client(g.Files, state)
	_, err := c.Refresh(t.Context())
	must(t, err)
	ids, err := c.Plugins(t.Context())
	must(t, err)
	for _, id := range ids {
		known, err := c.Releases(t.Context(), id)
		must(t, err)
		releases += len(known)
	}
	return releases
}

// TestBounded: all of 10,000 targets are read in memory that does not grow with
// their number but with the largest publisher.
func TestBounded(t *testing.T) {
	if testing.Short() {
		t.Skip("10,000 targets take seconds; run without -short")
	}
	g := large(t, 10)
	n := 0
	bytes := peak(func() { n = readAll(t, g, t.TempDir()) })
	if n != 2500 || bytes > 128<<20 {
		t.Errorf("%d releases in %d MiB", n, bytes>>20)
	}
	t.Logf("%d MiB", bytes>>20)
}

// BenchmarkRefresh reads a registry of 10,000 targets: for the first time, and
// with everything kept; of ten publishers, and of one that signs it all.
func BenchmarkRefresh(b *testing.B) {
	for _, publishers := range []int{10, 1} {
		g := large(b, publishers)
		for _, state := range []string{"new", "kept"} {
			b.Run(fmt.Sprintf("publishers=%d/%s", publishers, state), func(b *testing.B) {
				dir := b.TempDir()
				readAll(b, g, dir)
				var most uint64
				for b.Loop() {
					if state == "new" {
						dir = b.TempDir()
					}
					most = max(most, peak(func() { readAll(b, g, dir) }))
				}
				b.ReportMetric(float64(most)/(1<<20), "MiB-peak")
			})
		}
	}
}
