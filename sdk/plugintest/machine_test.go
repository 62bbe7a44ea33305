// SPDX-License-Identifier: Apache-2.0

package plugintest_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/bulkhead-ml/bulkhead/sdk/check"
	"github.com/bulkhead-ml/bulkhead/sdk/fact"
	"github.com/bulkhead-ml/bulkhead/sdk/plugintest"
)

// witness is a test that may fail without failing the one around it.
type witness struct {
	testing.TB
	said []string
}

// ended is the panic by which a Fatal of a witness leaves what it watches.
type ended struct{}

func (w *witness) Helper() {}
func (w *witness) Errorf(format string, args ...any) {
	w.said = append(w.said, fmt.Sprintf(format, args...))
}
func (w *witness) Fatal(args ...any) { w.Errorf("%s", fmt.Sprint(args...)); panic(ended{}) }
func (w *witness) Fatalf(format string, args ...any) {
	w.Errorf(format, args...)
	panic(ended{})
}

// watch runs f and returns what it said on failing.
func watch(t *testing.T, f func(tb testing.TB)) string {
	t.Helper()
	w := &witness{TB: t}
	func() {
		defer func() {
			if r := recover(); r != nil && r != (ended{}) {
				panic(r)
			}
		}()
		f(w)
	}()
	return strings.Join(w.said, "\n")
}

func needsLinks(t *testing.T) {
	t.Helper()
	if runtime.GOOS == "windows" {
		t.Skip("symbolic links need a privilege")
	}
}

func TestMachine(t *testing.T) {
	needsLinks(t)
	m := plugintest.Machine(t, map[string]string{
		"/etc/os-release": "ID=debian\n", "/lib": "-> usr/lib", "/usr/lib/x.so": "ELF", "/run/empty/": "", "/dev/nvidia0": "",
	})
	for name, want := range map[string]string{"/etc/os-release": "ID=debian", "/lib/x.so": "ELF", "/absent": ""} {
		if got := m.ReadText(name); got != want {
			t.Errorf("%s holds %q, want %q", name, got, want)
		}
	}
	if info, err := m.Stat("/run/empty"); err != nil || !info.IsDir() {
		t.Errorf("/run/empty: %v", err)
	}
	if info, err := m.Stat("/dev/nvidia0"); err != nil || info.Mode().Perm() != 0o666 {
		t.Errorf("/dev/nvidia0: %v, %v", info, err)
	}
	if m.Live || m.OS != "linux" || m.ProcessDir != "/proc/self" || m.Env == nil {
		t.Errorf("target %+v", m)
	}
}

func TestThisMachine(t *testing.T) {
	t.Setenv("PLUGINTEST_WORD", "a=b")
	m := plugintest.ThisMachine()
	if !m.Live || m.OS != runtime.GOOS || m.Env["PLUGINTEST_WORD"] != "a=b" {
		t.Errorf("target %+v", m)
	}
}

// reader records the text of files, and of a variable.
func reader(names ...string) fact.Collector {
	c := fact.Collector{Name: "reader", Facts: []fact.Description{{Address: "file.text"}, {Address: "variable"}}}
	c.Collect = func(_ context.Context, t *fact.Target, r *fact.Recorder) error {
		for _, name := range names {
			if t.Exists(name) {
				r.Add(fact.At("file", name, "text"), t.ReadText(name))
			}
		}
		if v := t.Env["WORD"]; v != "" {
			r.Add("variable", v)
		}
		return nil
	}
	return c
}

func manifest(t *testing.T, grants string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "manifest.json")
	if err := os.WriteFile(name, []byte(`{"name": "x", "grants": [`+grants+`]}`), 0o644); err != nil {
		t.Fatal(err)
	}
	return name
}

// TestGrantsSuffice: facts that the grants do not reach fail the test by name.
func TestGrantsSuffice(t *testing.T) {
	needsLinks(t)
	files := map[string]string{
		"/a/x": "1", "/a/deep/y": "2", "/link": "-> a/x", "/dir": "-> a", "/home/ada/h": "3", "/home/ada/train/p": "4",
		"/proc/self/limits": "5", "/opt/v/o": "6", "/a/inner": "-> x",
	}
	read := func(path string) string { return fmt.Sprintf(`{"kind": "read", "path": %q, "why": "w"}`, path) }
	for _, c := range []struct{ name, file, grants, fails string }{
		{"file", "/a/x", read("/a/x"), ""},
		{"directory", "/a/deep/y", read("/a"), ""},
		{"pattern", "/a/deep/y", read("/a/d*/y"), ""},
		{"a star stays within one word", "/a/deep/y", read("/a*y"), "file[/a/deep/y].text"},
		{"not granted", "/a/deep/y", read("/a/x"), "file[/a/deep/y].text"},
		{"a neighbour with the same beginning", "/a/deep/y", read("/a/dee"), "file[/a/deep/y].text"},
		{"granted link is what it leads to", "/link", read("/link"), ""},
		{"granted link to a directory", "/dir/deep/y", read("/dir"), ""},
		{"link below a granted directory stays a link", "/a/inner", read("/a"), ""},
		{"link whose end is not granted", "/a/inner", read("/a/in*") + "," + read("/a/x"), ""},
		{"home", "/home/ada/h", read("~/h"), ""},
		{"project", "/home/ada/train/p", read("./p"), ""},
		{"process", "/proc/self/limits", read("${process}/limits"), ""},
		{"variable", "/opt/v/o", read("$OPT/o"), ""},
		{"variable that is not set grants nothing", "/opt/v/o", read("$NOTSET/o"), "file[/opt/v/o].text"},
		{"overlapping grants", "/a/x", read("/a/x") + "," + read("/a"), ""},
		{"granted file that is absent", "/a/x", read("/a/x") + "," + read("/gone/*"), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := plugintest.Machine(t, files)
			m.Env = map[string]string{"OPT": "/opt/v"}
			said := watch(t, func(tb testing.TB) { plugintest.GrantsSuffice(tb, manifest(t, c.grants), m, reader(c.file)) })
			if (said == "") != (c.fails == "") || !strings.Contains(said, c.fails) {
				t.Errorf("said %q, want %q", said, c.fails)
			}
		})
	}
}

func TestGrantsOfVariables(t *testing.T) {
	for grants, want := range map[string]string{
		`{"kind": "env", "name": "WORD", "why": "w"}`:  "",
		`{"kind": "env", "name": "WO*", "why": "w"}`:   "",
		`{"kind": "env", "name": "WORDS", "why": "w"}`: "variable",
		``: "variable",
	} {
		m := plugintest.Machine(t, nil)
		m.Env["WORD"] = "said"
		if said := watch(t, func(tb testing.TB) { plugintest.GrantsSuffice(tb, manifest(t, grants), m, reader()) }); !strings.HasPrefix(said, want) || (want == "") != (said == "") {
			t.Errorf("%s: said %q, want %q", grants, said, want)
		}
	}
}

// TestFactsThroughGrantsOnly: what only the narrow view says differs as well.
func TestFactsThroughGrantsOnly(t *testing.T) {
	c := fact.Collector{Name: "absence", Facts: []fact.Description{{Address: "gone"}}}
	c.Collect = func(_ context.Context, t *fact.Target, r *fact.Recorder) error {
		if !t.Exists("/a") {
			r.Add("gone", true)
		}
		return nil
	}
	m := plugintest.Machine(t, map[string]string{"/a": ""})
	said := watch(t, func(tb testing.TB) { plugintest.GrantsSuffice(tb, manifest(t, ""), m, c) })
	if !strings.Contains(said, "gone is true through the grants only") {
		t.Errorf("said %q", said)
	}
}

func TestMalformedGrants(t *testing.T) {
	for _, grants := range []string{
		`{"kind": "read", "path": "/a"}`, `{"kind": "read", "why": "w"}`, `{"kind": "write", "path": "/a", "why": "w"}`,
		`{"kind": "env", "path": "/a", "why": "w"}`, `{"kind": "read", "path": "/a", "name": "A", "why": "w"}`,
		`{"kind": "read", "path": "/a", "why": "w"}, {"kind": "read", "path": "/a", "why": "again"}`,
	} {
		if said := watch(t, func(tb testing.TB) { plugintest.Grants(tb, manifest(t, grants)) }); !strings.Contains(said, "malformed or stands twice") {
			t.Errorf("%s: said %q", grants, said)
		}
	}
	if said := watch(t, func(tb testing.TB) { plugintest.Grants(tb, filepath.Join(t.TempDir(), "gone.json")) }); !strings.Contains(said, "gone.json") {
		t.Errorf("absent manifest: said %q", said)
	}
	if said := watch(t, func(tb testing.TB) { plugintest.Grants(tb, manifest(t, "{")) }); !strings.Contains(said, "manifest.json") {
		t.Errorf("manifest that is not JSON: said %q", said)
	}
}

// TestObserveKnowsWhatIsDescribed: keys do not matter, other addresses do.
func TestObserveKnowsWhatIsDescribed(t *testing.T) {
	c := reader("/a[1].b/x")
	m := plugintest.Machine(t, map[string]string{"/a[1].b/x": "text"})
	if said := watch(t, func(tb testing.TB) {
		if facts := plugintest.Observe(tb, m, c); len(facts) != 1 {
			t.Errorf("facts %v", facts)
		}
	}); said != "" {
		t.Errorf("said %q", said)
	}
	c.Facts = nil
	if said := watch(t, func(tb testing.TB) { plugintest.Observe(tb, m, c) }); !strings.Contains(said, "is not described") {
		t.Errorf("said %q", said)
	}
}

// TestDiagnose: findings come by code, made-up facts count, a panic ends the test.
func TestDiagnose(t *testing.T) {
	low := check.Check{Code: "x.low", Needs: []string{"free"}, Run: func(c *check.Context) {
		if n, _ := c.Facts.Int("free"); n < 10 {
			c.Report(check.Finding{Detail: "low"})
		}
	}}
	for free, want := range map[int]int{5: 1, 50: 0} {
		found := plugintest.Diagnose(t, plugintest.Facts(map[string]any{"free": free}), []check.Check{low}, nil)
		if len(found["x.low"]) != want {
			t.Errorf("%d free: %+v", free, found)
		}
	}
	if found := plugintest.Diagnose(t, nil, []check.Check{low}, nil); len(found) != 0 {
		t.Errorf("without the fact: %+v", found)
	}
	low.Run = func(*check.Context) { panic("broken") }
	said := watch(t, func(tb testing.TB) {
		plugintest.Diagnose(tb, plugintest.Facts(map[string]any{"free": 1}), []check.Check{low}, nil)
	})
	if !strings.Contains(said, "x.low") || !strings.Contains(said, "broken") {
		t.Errorf("said %q", said)
	}
}
