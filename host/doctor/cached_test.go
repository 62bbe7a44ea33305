// SPDX-License-Identifier: Apache-2.0

package doctor

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/host/factcache"
	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// cachedMachine is a plugin that reads a file of a machine, judges what it says,
// and counts how often it is launched.
type cachedMachine struct {
	root              string
	cache             *factcache.Cache
	launched, checked atomic.Int32
	fail              error
	ttl               time.Duration
	other             string // value of a fact of somebody else
	log               string // what the kernel writes while the plugin is launched
	state             string // of the plugin's file
}

func newCachedMachine(t *testing.T) *cachedMachine {
	m := &cachedMachine{root: t.TempDir(), cache: factcache.Open(filepath.Join(t.TempDir(), "doctor"), "1.0.0"), ttl: time.Minute, other: "1"}
	m.write(t, "550.54")
	return m
}

// write changes the file as a person would, and makes the change an old one as
// far as a test can: the time of the inode is the kernel's.
func (m *cachedMachine) write(t *testing.T, version string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(m.root, "version"), []byte(version), 0o600); err != nil {
		t.Fatal(err)
	}
}

func (m *cachedMachine) plugin(t *testing.T) Plugin {
	served := honest(t, "gpu", fact.Serve(fact.Collector{
		Name: "driver", TTL: m.ttl, Facts: []fact.Description{{Address: "gpu.driver.version"}},
		Collect: func(_ context.Context, target *fact.Target, r *fact.Recorder) error {
			r.Add("gpu.driver.version", target.ReadText("/version"))
			return nil
		},
	}), check.Serve(check.Check{Code: "gpu.driver-old", Title: "old", Area: "gpu", Needs: []string{"gpu.driver.version"}, Run: func(c *check.Context) {
		m.checked.Add(1)
		if strings.HasPrefix(c.Facts.String("gpu.driver.version"), "5") {
			c.Report(check.Finding{Evidence: c.Evidence("gpu.driver.version")})
		}
	}}))
	target := served.Target
	target.Root = m.root
	return Plugin{
		Name: "gpu", Version: served.Version, Digest: "sha256:1", Description: served.Description,
		View: &factcache.View{Plugin: "sha256:1" + m.state, Root: m.root, Target: target, Paths: []string{"/version"}},
		Start: func(context.Context) (Started, error) {
			m.launched.Add(1)
			told, _ := proto.Clone(target).(*pluginv1.Target)
			told.KernelLog = m.log
			return Started{Conn: served.Conn, Target: told, Sandbox: report.Sandbox{Level: "full", Walls: []report.Wall{}}}, m.fail
		},
	}
}

// somebody gives a fact that the plugin does not look at.
func (m *cachedMachine) diagnose(t *testing.T, change func(*Options)) report.Doctor {
	t.Helper()
	somebody := honest(t, "system", collector(values{"os.uptime": m.other}))
	o := Options{Timeout: soon, Cache: m.cache, IncludeFacts: true}
	if change != nil {
		change(&o)
	}
	return Diagnose(t.Context(), []Plugin{m.plugin(t), somebody}, o)
}

// settle waits until a change of the file is so old that facts are kept.
func settle(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("waits for the clock of the file system")
	}
	time.Sleep(factcache.Settled + 100*time.Millisecond)
}

func TestWarmDiagnosisLaunchesNothing(t *testing.T) {
	t.Parallel()
	m := newCachedMachine(t)
	settle(t)
	cold := m.diagnose(t, nil)
	launched := m.launched.Load()
	m.other = "2" // a fact that the checks do not look at
	warm := m.diagnose(t, nil)
	if m.launched.Load() != launched || m.checked.Load() != 1 {
		t.Fatalf("launched %d times more and judged %d times", m.launched.Load()-launched, m.checked.Load())
	}
	if p := warm.Plugins[0]; !p.Cached || p.CachedAgeMS <= 0 || p.Sandbox.Level != "full" || cold.Plugins[0].Cached {
		t.Errorf("warm %+v, cold %+v", p, cold.Plugins[0])
	}
	if diff := cmp.Diff(cold.Findings, warm.Findings); diff != "" {
		t.Errorf("findings (-cold +warm):\n%s", diff)
	}
	if diff := cmp.Diff(cold.Facts[0], warm.Facts[0]); diff != "" {
		t.Errorf("facts (-cold +warm):\n%s", diff)
	}
}

func TestChangedInputIsSeen(t *testing.T) {
	t.Parallel()
	m := newCachedMachine(t)
	settle(t)
	m.diagnose(t, nil)
	m.write(t, "660.54") // as long as before
	if d := m.diagnose(t, nil); len(d.Findings) != 0 || d.Plugins[0].Cached {
		t.Errorf("a stale verdict: %+v", d.Findings)
	}
	m.write(t, "550.54")
	if d := m.diagnose(t, nil); len(d.Findings) != 1 {
		t.Error("a stale verdict of health")
	}
}

func TestNotKept(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*cachedMachine){
		"no time to live":                        func(m *cachedMachine) { m.ttl = 0 },
		"no cache":                               func(m *cachedMachine) { m.cache = nil },
		"the kernel wrote to its log in between": func(m *cachedMachine) { m.log = "Xid" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newCachedMachine(t)
			change(m)
			settle(t)
			m.diagnose(t, nil)
			before := m.launched.Load()
			if d := m.diagnose(t, nil); m.launched.Load() == before || d.Plugins[0].Cached && m.cache == nil {
				t.Error("it was not asked again")
			}
		})
	}
	t.Run("a change just before", func(t *testing.T) {
		m := newCachedMachine(t)
		m.diagnose(t, nil)
		before := m.launched.Load()
		m.diagnose(t, nil)
		if m.launched.Load() == before {
			t.Error("facts were kept whose input may change unseen")
		}
	})
}

func TestPluginThatDoesNotStart(t *testing.T) {
	m := newCachedMachine(t)
	m.fail = errors.New("the sandbox cannot be had")
	d := m.diagnose(t, nil)
	mustSay(t, d.Diagnostics, "error [gpu] No facts from plugin gpu", "the sandbox cannot be had")
	if len(d.Plugins) != 1 || d.Plugins[0].Name != "system" {
		t.Errorf("took part: %+v", d.Plugins)
	}
}

// TestAnotherFileOfThePlugin: a plugin of the same digest on paper may be another
// one on the disk, and what it says then is for its launch to decide.
func TestAnotherFileOfThePlugin(t *testing.T) {
	t.Parallel()
	m := newCachedMachine(t)
	settle(t)
	m.diagnose(t, nil)
	m.state, m.fail = " changed", errors.New("it is not the file that was installed")
	if d := m.diagnose(t, nil); len(d.Findings) != 0 || m.checked.Load() != 1 {
		t.Errorf("findings of a plugin that is not there: %+v", d.Findings)
	}
}

func TestSettingsAskAgain(t *testing.T) {
	t.Parallel()
	m := newCachedMachine(t)
	settle(t)
	m.diagnose(t, nil)
	m.diagnose(t, func(o *Options) { o.Selection.Config = map[string][]byte{"gpu.driver-old": []byte(`{"a":1}`)} })
	if m.checked.Load() != 2 {
		t.Errorf("judged %d times", m.checked.Load())
	}
}
