// SPDX-License-Identifier: Apache-2.0

package factcache

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/bulkhead-ml/bulkhead/host/report"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	pluginv1 "github.com/bulkhead-ml/bulkhead/sdk/proto/bulkhead/plugin/v1"
)

// machine is a directory tree and a collector that looks at it in every way.
type machine struct {
	t    testing.TB
	root string
	view *View
	ttl  time.Duration
}

func newMachine(t testing.TB) *machine {
	m := &machine{t: t, root: t.TempDir(), ttl: time.Minute}
	m.write("etc/a", "one")
	m.write("etc/d/x", "1")
	m.write("etc/passed/deep/file", "1")
	m.must(os.Symlink("a", filepath.Join(m.root, "etc/link")))
	m.view = &View{
		Plugin: "sha256:1", Root: m.root, Paths: []string{"/etc"},
		Target: &pluginv1.Target{Root: "/target", ProcessDir: "/proc/17", Env: map[string]string{"A": "1"},
			Filesystems: map[string]*pluginv1.FilesystemUsage{"/data": {TotalBytes: 10, FreeBytes: 5}}},
	}
	return m
}

func (m *machine) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m *machine) write(name, text string) {
	m.t.Helper()
	m.must(os.MkdirAll(filepath.Dir(filepath.Join(m.root, name)), 0o755))
	m.must(os.WriteFile(filepath.Join(m.root, name), []byte(text), 0o644))
}

func (m *machine) collect() *pluginv1.CollectResponse {
	m.t.Helper()
	target, _ := proto.Clone(m.view.Target).(*pluginv1.Target)
	target.Root = m.root
	r, err := fact.Serve(fact.Collector{Name: "all", TTL: m.ttl, Collect: look}).Collect(context.Background(),
		&pluginv1.CollectRequest{Target: target, WantInputs: true})
	m.must(err)
	return r
}

// look asks a target everything that it can be asked.
func look(_ context.Context, t *fact.Target, r *fact.Recorder) error {
	names, _ := t.ReadDir("/etc/d")
	info, _ := t.Lstat("/etc/a")
	free, _ := t.Statfs("/data")
	process := t.ReadText(t.ProcessDir + "/status")
	r.Add("seen", []any{t.ReadText("/etc/link"), len(names), info.Size(), t.Exists("/etc/none"), t.ReadText("/etc/passed/deep/file"), free, process})
	return nil
}

// later is a time at which everything that was just made has settled.
func later() time.Time { return time.Now().Add(2 * Settled) }

func cacheIn(t testing.TB) *Cache { return Open(filepath.Join(t.TempDir(), "c"), "1.0.0") }

func TestEveryChangeIsSeen(t *testing.T) {
	for name, change := range map[string]func(*machine){
		"content of the same size":       func(m *machine) { m.write("etc/a", "two") },
		"another file in its place":      func(m *machine) { m.write("etc/new", "one"); m.rename("etc/new", "etc/a") },
		"times put back":                 func(m *machine) { m.backdated("etc/a", "six") },
		"permissions":                    func(m *machine) { m.must(os.Chmod(filepath.Join(m.root, "etc/a"), 0o600)) },
		"gone":                           func(m *machine) { m.must(os.Remove(filepath.Join(m.root, "etc/a"))) },
		"link to elsewhere":              func(m *machine) { m.relink("etc/link", "d/x") },
		"new name in a listed directory": func(m *machine) { m.write("etc/d/y", "") },
		"absent file appears":            func(m *machine) { m.write("etc/none", "") },
		"directory on the way replaced": func(m *machine) {
			m.write("etc/other/deep/file", "2")
			m.rename("etc/passed", "etc/old")
			m.rename("etc/other", "etc/passed")
		},
		"free space":       func(m *machine) { m.view.Target.Filesystems["/data"].FreeBytes = 4 },
		"variable":         func(m *machine) { m.view.Target.Env["A"] = "2" },
		"grants":           func(m *machine) { m.view.Paths = append(m.view.Paths, "/opt") },
		"another plugin":   func(m *machine) { m.view.Plugin = "sha256:2" },
		"kernel log":       func(m *machine) { m.view.Target.KernelLog = "Xid" },
		"process":          func(m *machine) { m.write("proc/17/status", "x"); m.view.Paths = append(m.view.Paths, "/proc/17") },
		"another home":     func(m *machine) { m.view.Target.Home = "/home/b" },
		"limits and walls": func(m *machine) { m.view.More = []string{"net"} },
	} {
		t.Run(name, func(t *testing.T) {
			m, c := newMachine(t), cacheIn(t)
			if !c.KeepFacts(m.view, m.collect(), report.Sandbox{Level: "full"}, true, later()) {
				t.Fatal("not kept")
			}
			if f, ok := c.Facts(m.view, later()); !ok || f.Sandbox.Level != "full" || len(f.Response.GetFacts()) != 1 {
				t.Fatalf("no hit without a change: %v %+v", ok, f)
			}
			change(m)
			if _, ok := c.Facts(m.view, later()); ok {
				t.Error("a stale verdict")
			}
		})
	}
}

func (m *machine) rename(from, to string) {
	m.must(os.Rename(filepath.Join(m.root, from), filepath.Join(m.root, to)))
}

func (m *machine) relink(name, to string) {
	m.must(os.Remove(filepath.Join(m.root, name)))
	m.must(os.Symlink(to, filepath.Join(m.root, name)))
}

// backdated changes a file and gives it its old time back, as cp -p and tar do.
func (m *machine) backdated(name, text string) {
	info, err := os.Stat(filepath.Join(m.root, name))
	m.must(err)
	time.Sleep(20 * time.Millisecond) // the kernel's clock of times has steps
	m.write(name, text)
	m.must(os.Chtimes(filepath.Join(m.root, name), info.ModTime(), info.ModTime()))
}

func TestWhatDoesNotMatter(t *testing.T) {
	for name, change := range map[string]func(*machine){
		"new name in a directory on the way": func(m *machine) { m.write("etc/passed/more", "") },
		"another number of the process": func(m *machine) {
			m.view.Target.ProcessDir, m.view.Paths = "/proc/18", []string{"/etc", "/proc/18/limits"}
		},
		"free space elsewhere":  func(m *machine) { m.view.Target.Filesystems["/"] = &pluginv1.FilesystemUsage{FreeBytes: 1} },
		"outside of the grants": func(m *machine) { m.write("opt/x", "1") },
	} {
		t.Run(name, func(t *testing.T) {
			m, c := newMachine(t), cacheIn(t)
			m.view.Paths = []string{"/etc", "/proc/17/limits"}
			c.KeepFacts(m.view, m.collect(), report.Sandbox{}, true, later())
			change(m)
			if _, ok := c.Facts(m.view, later()); !ok {
				t.Error("asked again for nothing")
			}
		})
	}
}

// TestPrivateRoot: without a private root a plugin may see what it was not
// granted, and then that counts.
func TestPrivateRoot(t *testing.T) {
	for _, private := range []bool{true, false} {
		m, c := newMachine(t), cacheIn(t)
		m.view.Paths = []string{"/etc/d"}
		if !c.KeepFacts(m.view, m.collect(), report.Sandbox{}, private, later()) {
			t.Fatal("not kept")
		}
		m.write("etc/a", "two")
		if _, ok := c.Facts(m.view, later()); ok != private {
			t.Errorf("private %v: kept facts are used: %v", private, ok)
		}
	}
}

func TestNotKept(t *testing.T) {
	for name, change := range map[string]func(*machine, *pluginv1.CollectResponse){
		"no time to live":       func(_ *machine, r *pluginv1.CollectResponse) { r.KeepNs = 0 },
		"negative time to live": func(_ *machine, r *pluginv1.CollectResponse) { r.KeepNs = -1 },
		"a diagnostic":          func(_ *machine, r *pluginv1.CollectResponse) { r.Diagnostics = []*pluginv1.Diagnostic{{}} },
		"too many inputs":       func(_ *machine, r *pluginv1.CollectResponse) { r.Inputs = make([]*pluginv1.Input, fact.MaxInputs+1) },
		"changed meanwhile":     func(m *machine, _ *pluginv1.CollectResponse) { m.write("etc/a", "two") },
		"unknown input": func(_ *machine, r *pluginv1.CollectResponse) {
			r.Inputs = append(r.Inputs, &pluginv1.Input{Path: "/etc/a", Kind: 99})
		},
		"no digest": func(m *machine, _ *pluginv1.CollectResponse) { m.view.Plugin = "" },
	} {
		t.Run(name, func(t *testing.T) {
			m, c := newMachine(t), cacheIn(t)
			r := m.collect()
			change(m, r)
			if c.KeepFacts(m.view, r, report.Sandbox{}, true, later()) {
				t.Error("kept")
			}
		})
	}
	began := time.Now()
	m, c := newMachine(t), cacheIn(t)
	if c.KeepFacts(m.view, m.collect(), report.Sandbox{}, true, began) {
		t.Error("kept, although an input has just changed")
	}
}

func TestAge(t *testing.T) {
	m, c := newMachine(t), cacheIn(t)
	began := later()
	c.KeepFacts(m.view, m.collect(), report.Sandbox{}, true, began)
	for _, tt := range []struct {
		after time.Duration
		hit   bool
	}{{0, true}, {59 * time.Second, true}, {time.Minute, false}, {-time.Second, false}} {
		f, ok := c.Facts(m.view, began.Add(tt.after))
		if ok != tt.hit || ok && (f.Age < tt.after || f.Age > tt.after+30*time.Second) {
			t.Errorf("after %v: %v, age %v", tt.after, ok, f.Age)
		}
	}
	m.ttl = 48 * time.Hour
	c.KeepFacts(m.view, m.collect(), report.Sandbox{}, true, began)
	if _, ok := c.Facts(m.view, began.Add(MaxTTL)); ok {
		t.Error("a plugin decides how long facts are kept")
	}
}

func TestAnotherHost(t *testing.T) {
	m, c := newMachine(t), cacheIn(t)
	c.KeepFacts(m.view, m.collect(), report.Sandbox{}, true, later())
	if _, ok := Open(c.dir, "1.0.1").Facts(m.view, later()); ok {
		t.Error("another version of the host uses the entry")
	}
}

// TestAnotherMachine: a home may be shared by many, and each has an own disk.
func TestAnotherMachine(t *testing.T) {
	m, c := newMachine(t), cacheIn(t)
	c.KeepFacts(m.view, m.collect(), report.Sandbox{}, true, later())
	other := *c
	other.boot = "another"
	if _, ok := other.Facts(m.view, later()); ok {
		t.Error("another machine uses the entry")
	}
}

// TestClockWentBack: what the clock says is no proof of youth.
func TestClockWentBack(t *testing.T) {
	if uptime() == 0 {
		t.Skip("the machine tells no time of its own")
	}
	began := later()
	h := factsHeader{Collected: began, Uptime: uptime() - time.Hour}
	if age := h.age(began.Add(time.Second)); age < time.Hour {
		t.Errorf("age %v of facts that are an hour old", age)
	}
	h.Uptime = uptime() + time.Hour
	if age := h.age(began.Add(time.Second)); age >= 0 {
		t.Errorf("age %v of facts from before a restart", age)
	}
}

// TestViewThatCannotBeTold: variables of any bytes must not make two views one.
func TestViewThatCannotBeTold(t *testing.T) {
	m, c := newMachine(t), cacheIn(t)
	r := m.collect()
	m.view.Target.Env["A"] = "/data/\xff"
	if c.KeepFacts(m.view, r, report.Sandbox{}, true, later()) {
		t.Error("kept under a key without the variables")
	}
	one, other := *m.view, *m.view
	one.Target, other.Target = &pluginv1.Target{}, &pluginv1.Target{}
	one.Paths, other.Paths = []string{"/\xff"}, []string{"/\xfe"}
	a, _ := c.factsKey(&one)
	if b, _ := c.factsKey(&other); a == b {
		t.Error("two paths have one key")
	}
}

func TestTold(t *testing.T) {
	m := newMachine(t)
	told, _ := proto.Clone(m.view.Target).(*pluginv1.Target)
	told.Root = "/elsewhere"
	if !m.view.Told(told) {
		t.Error("the root counts")
	}
	told.KernelLog = "Xid"
	if m.view.Told(told) || m.view.Told(nil) {
		t.Error("another kernel log does not count")
	}
}

// TestReadForAPlugin: the host reads no file for a plugin that was not granted it.
func TestReadForAPlugin(t *testing.T) {
	m, c := newMachine(t), cacheIn(t)
	r := m.collect()
	r.Inputs = append(r.Inputs, &pluginv1.Input{Path: "/proc/kmsg", Kind: pluginv1.Input_KIND_DIGEST})
	if c.KeepFacts(m.view, r, report.Sandbox{}, false, later()) {
		t.Error("kept")
	}
	if !m.view.admit(r, true) || slices.ContainsFunc(r.GetInputs(), func(in *pluginv1.Input) bool { return in.GetPath() == "/proc/kmsg" }) {
		t.Error("it is looked at though the plugin sees it not")
	}
}

// TestNothingAnswers: a driver that hangs costs the host a moment, and nothing is
// known then.
func TestNothingAnswers(t *testing.T) {
	stopped := make(chan bool)
	if soon(10*time.Millisecond, func(over *atomic.Bool) bool {
		for !over.Load() {
			time.Sleep(time.Millisecond)
		}
		close(stopped)
		return true
	}) {
		t.Error("it holds")
	}
	<-stopped
	if !soon(time.Minute, func(*atomic.Bool) bool { return true }) {
		t.Error("it does not hold")
	}
}

// TestDirectoryGivenAway: the superuser's host passes where its plugins do not.
func TestDirectoryGivenAway(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root can give directories away")
	}
	m, c := newMachine(t), cacheIn(t)
	c.KeepFacts(m.view, m.collect(), report.Sandbox{}, true, later())
	m.must(os.Chown(filepath.Join(m.root, "etc/passed"), 12345, 12345))
	if _, ok := c.Facts(m.view, later()); ok {
		t.Error("a stale verdict")
	}
}

// TestReaderFiles: a plugin in another control group reads another text of one
// state, and another state is another key.
func TestReaderFiles(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("there are no control groups here")
	}
	m, c := newMachine(t), cacheIn(t)
	if ReaderFiles(m.view.Target) != "" {
		t.Error("files of the host count for another machine")
	}
	r := m.collect()
	m.view.Root, m.view.Paths = "/", []string{"/proc/self"}
	m.view.Target = &pluginv1.Target{Live: true, ProcessDir: "/proc/self"}
	m.view.Reader = ReaderFiles(m.view.Target)
	r.Inputs = []*pluginv1.Input{{Path: "/proc/self/cgroup", Kind: pluginv1.Input_KIND_DIGEST, Digest: []byte("as the plugin reads it")}}
	if !c.KeepFacts(m.view, r, report.Sandbox{}, true, later()) {
		t.Fatal("not kept")
	}
	if _, ok := c.Facts(m.view, later()); !ok {
		t.Error("no hit without a change")
	}
	m.view.Reader = "changed"
	if _, ok := c.Facts(m.view, later()); ok {
		t.Error("a stale verdict")
	}
	if c.KeepFacts(m.view, r, report.Sandbox{}, true, later()) {
		t.Error("kept though it changed meanwhile")
	}
}

func TestExecutable(t *testing.T) {
	name := filepath.Join(t.TempDir(), "plugin")
	if Executable(name) != "" {
		t.Error("nothing is there")
	}
	for fresh := false; !fresh; {
		began := time.Now()
		if err := os.WriteFile(name, []byte("1"), 0o700); err != nil {
			t.Fatal(err)
		}
		state := Executable(name)
		if fresh = time.Since(began) < Settled; fresh && state != "" {
			t.Error("a file that may change again unseen")
		}
	}
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Until(mustChanged(t, self).Add(Settled + 50*time.Millisecond)))
	if state := Executable(self); state == "" && runtime.GOOS == "linux" || state != Executable(self) {
		t.Errorf("state %q", state)
	}
}

func mustChanged(t *testing.T, name string) time.Time {
	t.Helper()
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	return info.ModTime()
}

func TestNilCache(t *testing.T) {
	var c *Cache
	if _, ok := c.Facts(&View{Plugin: "x"}, time.Now()); ok || c.KeepFacts(&View{Plugin: "x"}, nil, report.Sandbox{}, true, time.Now()) {
		t.Error("no cache keeps something")
	}
	if _, ok := c.Findings("x", nil, fact.Set{}); ok || c.KeepFindings("x", nil, fact.Set{}, nil, report.Sandbox{}) {
		t.Error("no cache keeps something")
	}
}

// TestTwoHosts: many read and write one entry at once, and each sees a whole one.
func TestTwoHosts(t *testing.T) {
	m, c := newMachine(t), cacheIn(t)
	r, now := m.collect(), later() // one clock: an entry of the future would not count
	c.KeepFacts(m.view, r, report.Sandbox{}, true, now)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 10 {
				c.KeepFacts(m.view, r, report.Sandbox{}, true, now)
				if _, ok := c.Facts(m.view, now); !ok {
					t.Error("an entry was torn")
				}
			}
		})
	}
	wg.Wait()
	left, _ := os.ReadDir(c.dir)
	if len(left) != 1 || !strings.HasSuffix(left[0].Name(), extension) {
		t.Errorf("left behind: %v", left)
	}
}

func BenchmarkHit(b *testing.B) {
	m, c := newMachine(b), cacheIn(b)
	for i := range 5000 {
		m.write(filepath.Join("etc/many", "f"+string(rune('a'+i%26))+strings.Repeat("x", i/26)), "")
	}
	r := m.collect()
	entries, err := os.ReadDir(filepath.Join(m.root, "etc/many"))
	m.must(err)
	target := &fact.Target{Root: m.root}
	for _, e := range entries {
		r.Inputs = append(r.Inputs, &pluginv1.Input{Path: "/etc/many/" + e.Name(), Kind: pluginv1.Input_KIND_TYPE, Mode: 0o100644})
	}
	if !target.Unchanged(r.GetInputs()[len(r.GetInputs())-1]) || !c.KeepFacts(m.view, r, report.Sandbox{}, true, later()) {
		b.Fatal("not kept")
	}
	b.ReportMetric(float64(len(r.GetInputs())), "inputs")
	for b.Loop() {
		if _, ok := c.Facts(m.view, later()); !ok {
			b.Fatal("no hit")
		}
	}
}
